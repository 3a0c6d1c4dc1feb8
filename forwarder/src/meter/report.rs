//! What a response has reported so far: which paths of which shape say what, and how their values add up.

use http::HeaderMap;

use super::scan::Path;
use super::shape::Shape;
use super::usage::{Dialect, Usage};

/// What a found value is.
#[derive(Debug, Clone, Copy)]
pub enum Says {
    /// The call's usage.
    All(Dialect),
    /// Usage at the start of a stream; the end reports more.
    SoFar(Dialect),
    /// Usage of one of several model invocations of the call.
    OneOf(Dialect),
    /// A bare count of input tokens.
    Input,
    /// A bare count of output tokens.
    Output,
    /// A bare count of output tokens of one of several results.
    OutputOfOne,
    /// That the response is an embedding, which has no output tokens.
    NoOutput,
}

/// The paths to look for in one form of a shape's response, and what is there.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Paths.
    pub paths: &'static [Path],
    /// For each path, what its value says.
    pub says: &'static [Says],
}

impl Rules {
    const NONE: Self = Self { paths: &[], says: &[] };

    /// For a response that is one JSON text.
    pub fn whole(shape: Shape) -> Self {
        match shape {
            Shape::Converse => Self { paths: &[&["usage"]], says: &[Says::All(Dialect::Bedrock)] },
            Shape::ChatCompletions => Self { paths: &[&["usage"]], says: &[Says::All(Dialect::ChatCompletions)] },
            Shape::Responses => Self { paths: &[&["usage"]], says: &[Says::All(Dialect::Responses)] },
            Shape::Messages => Self { paths: &[&["usage"]], says: &[Says::All(Dialect::Anthropic)] },
            Shape::Invoke => INVOKE_WHOLE,
            Shape::Evaluate => {
                Self { paths: &[&["evaluationResults", "*", "tokenUsage"]], says: &[Says::OneOf(Dialect::Bedrock)] }
            }
            Shape::Agent | Shape::Unreported | Shape::Free => Self::NONE,
        }
    }

    /// For the data of a server-sent event. Every path has the key `usage` in it.
    pub fn event(shape: Shape) -> Self {
        match shape {
            Shape::ChatCompletions => Self::whole(shape),
            Shape::Responses => Self { paths: &[&["response", "usage"]], says: &[Says::All(Dialect::Responses)] },
            Shape::Messages => Self {
                paths: &[&["message", "usage"], &["usage"]],
                says: &[Says::SoFar(Dialect::Anthropic), Says::All(Dialect::Anthropic)],
            },
            Shape::Converse | Shape::Invoke | Shape::Evaluate | Shape::Agent | Shape::Unreported | Shape::Free => {
                Self::NONE
            }
        }
    }

    /// For the JSON in an event-stream frame: of `metadata`, of a decoded `chunk`, of a `trace`.
    pub fn frame(shape: Shape) -> Self {
        match shape {
            Shape::Converse => Self::whole(shape),
            Shape::Invoke => INVOKE_CHUNK,
            Shape::Agent => Self {
                paths: &[&["trace", "*", "modelInvocationOutput", "metadata", "usage"]],
                says: &[Says::OneOf(Dialect::Bedrock)],
            },
            Shape::ChatCompletions
            | Shape::Responses
            | Shape::Messages
            | Shape::Evaluate
            | Shape::Unreported
            | Shape::Free => Self::NONE,
        }
    }
}

/// InvokeModel without token headers: Anthropic, Nova and OpenAI-like models; Llama; Titan; embeddings.
const INVOKE_WHOLE: Rules = Rules {
    paths: &[
        &["usage"],
        &["prompt_token_count"],
        &["generation_token_count"],
        &["inputTextTokenCount"],
        &["results", "*", "tokenCount"],
        &["embedding"],
        &["embeddings"],
        &["embeddingsByType"],
    ],
    says: &[
        Says::All(Dialect::Any),
        Says::Input,
        Says::Output,
        Says::Input,
        Says::OutputOfOne,
        Says::NoOutput,
        Says::NoOutput,
        Says::NoOutput,
    ],
};

/// A chunk of InvokeModelWithResponseStream. The last has Bedrock's metrics; the others matter if it never comes, and
/// because only Anthropic's first one splits cache writes.
const INVOKE_CHUNK: Rules = Rules {
    paths: &[
        &["amazon-bedrock-invocationMetrics"],
        &["message", "usage"],
        &["usage"],
        &["metadata", "usage"],
        &["prompt_token_count"],
        &["generation_token_count"],
        &["inputTextTokenCount"],
        &["totalOutputTextTokenCount"],
    ],
    says: &[
        Says::All(Dialect::Metrics),
        Says::SoFar(Dialect::Anthropic),
        Says::All(Dialect::Any),
        Says::All(Dialect::Bedrock),
        Says::Input,
        Says::Output,
        Says::Input,
        Says::Output,
    ],
};

/// What was reported so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    /// The counters.
    pub usage: Usage,
    /// Whether the report that closes the call has come.
    pub closed: bool,
}

impl Report {
    /// What the head of an `InvokeModel` response says, which most models' do.
    pub fn in_headers(headers: &HeaderMap) -> Self {
        let count = |name: &str| headers.get(name)?.to_str().ok()?.parse().ok();
        let usage = Usage {
            input: count("x-amzn-bedrock-input-token-count"),
            output: count("x-amzn-bedrock-output-token-count"),
            cache_read: count("x-amzn-bedrock-cache-read-input-token-count"),
            cache_write: count("x-amzn-bedrock-cache-write-input-token-count"),
            cache_write_1h: None,
        };
        Self { closed: usage.input.is_some() && usage.output.is_some(), usage }
    }

    /// Takes a found value.
    fn take(&mut self, says: Says, raw: &[u8]) {
        let number = || serde_json::from_slice::<u64>(raw).ok();
        match says {
            Says::All(dialect) => {
                let usage = Usage::read(dialect, raw);
                self.closed |= !usage.is_empty();
                self.usage.update(usage);
            }
            Says::SoFar(dialect) => self.usage.update(Usage::read(dialect, raw)),
            Says::OneOf(dialect) => self.usage.add(Usage::read(dialect, raw)),
            Says::Input => self.usage.update(Usage { input: number(), ..Usage::default() }),
            Says::Output => self.usage.update(Usage { output: number(), ..Usage::default() }),
            Says::OutputOfOne => self.usage.add(Usage { output: number(), ..Usage::default() }),
            Says::NoOutput => self.usage.update(Usage { output: Some(0), ..Usage::default() }),
        }
    }
}

/// A report that is filled in by the rules of one form.
#[derive(Debug)]
pub struct Tally {
    rules: Rules,
    /// What was reported so far.
    pub report: Report,
}

impl Tally {
    /// Nothing reported yet.
    pub fn new(rules: Rules) -> Self {
        Self { rules, report: Report::default() }
    }

    /// The paths to look for.
    pub fn paths(&self) -> &'static [Path] {
        self.rules.paths
    }

    /// Takes the value found at the path of that number.
    pub fn note(&mut self, path: usize, raw: &[u8]) {
        self.report.take(self.rules.says[path], raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [Shape; 9] = [
        Shape::Converse,
        Shape::Invoke,
        Shape::ChatCompletions,
        Shape::Responses,
        Shape::Messages,
        Shape::Agent,
        Shape::Evaluate,
        Shape::Unreported,
        Shape::Free,
    ];

    #[test]
    fn every_path_says_something_and_leads_into_no_other() {
        for rules in
            SHAPES.into_iter().flat_map(|shape| [Rules::whole(shape), Rules::event(shape), Rules::frame(shape)])
        {
            assert_eq!(rules.paths.len(), rules.says.len());
            for path in rules.paths {
                assert!(rules.paths.iter().filter(|other| other.starts_with(path)).count() == 1, "{path:?}");
            }
        }
    }

    #[test]
    fn events_are_searched_for_a_word_that_every_path_has() {
        for path in SHAPES.into_iter().flat_map(|shape| Rules::event(shape).paths) {
            assert!(path.contains(&"usage"), "{path:?}");
        }
    }
}
