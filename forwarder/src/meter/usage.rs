//! Token counts in the one form the gateway reckons in, and what each API's wire form means in it.
//!
//! The four counters do not overlap, because each has its own price. Bedrock and Anthropic report them so; OpenAI's
//! shapes count cached tokens into the input as well, so there they are subtracted. Names are those of botocore
//! 1.44's `TokenUsage`, of Anthropic's Messages API, and of OpenAI's Chat Completions and Responses APIs.

use serde::Deserialize;

/// Tokens of one call. `None` is "not reported", which is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input that was neither read from a cache nor written to one.
    pub input: Option<u64>,
    /// Output, with what a model spent on reasoning.
    pub output: Option<u64>,
    /// Input read from a prompt cache.
    pub cache_read: Option<u64>,
    /// Input written to a prompt cache, for whatever time.
    pub cache_write: Option<u64>,
    /// The part of `cache_write` that is kept for an hour, which costs more than five minutes do.
    pub cache_write_1h: Option<u64>,
}

/// Whose names and whose rules a usage object follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Converse, AgentCore's harness, agents' traces, Nova's own body.
    Bedrock,
    /// `amazon-bedrock-invocationMetrics`.
    Metrics,
    /// Messages.
    Anthropic,
    /// Chat Completions.
    ChatCompletions,
    /// Responses.
    Responses,
    /// Any of them, by its names: the body of an `InvokeModel` is the model's own.
    Any,
}

impl Usage {
    /// Reads a usage object. One that is `null` or not to be understood reports nothing.
    pub fn read(dialect: Dialect, json: &[u8]) -> Self {
        fn parse<'a, T: Deserialize<'a> + Into<Usage>>(json: &'a [u8]) -> Usage {
            serde_json::from_slice::<Option<T>>(json).ok().flatten().map(Into::into).unwrap_or_default()
        }
        match dialect {
            Dialect::Bedrock => parse::<Bedrock>(json),
            Dialect::Metrics => parse::<Metrics>(json),
            Dialect::Anthropic => parse::<Anthropic>(json),
            Dialect::ChatCompletions => parse::<ChatCompletions>(json),
            Dialect::Responses => parse::<Responses>(json),
            Dialect::Any => {
                let dialect = match serde_json::from_slice(json) {
                    Ok(Names { input_tokens_details: Some(_), .. }) => Dialect::Responses,
                    Ok(Names { prompt_tokens: Some(_), .. }) => Dialect::ChatCompletions,
                    Ok(Names { input_tokens: None, .. }) => Dialect::Bedrock,
                    Ok(_) | Err(_) => Dialect::Anthropic,
                };
                Self::read(dialect, json)
            }
        }
    }

    /// Takes over what `later` reports: counts of a stream are cumulative, the last of each is right.
    pub fn update(&mut self, later: Self) {
        let Self { input, output, cache_read, cache_write, cache_write_1h } = later;
        self.input = input.or(self.input);
        self.output = output.or(self.output);
        self.cache_read = cache_read.or(self.cache_read);
        self.cache_write = cache_write.or(self.cache_write);
        self.cache_write_1h = cache_write_1h.or(self.cache_write_1h);
    }

    /// Adds what another model invocation of the same call reports.
    pub fn add(&mut self, other: Self) {
        fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
            match (one, other) {
                (Some(one), Some(other)) => Some(one.saturating_add(other)),
                (one, other) => one.or(other),
            }
        }
        let Self { input, output, cache_read, cache_write, cache_write_1h } = other;
        self.input = sum(self.input, input);
        self.output = sum(self.output, output);
        self.cache_read = sum(self.cache_read, cache_read);
        self.cache_write = sum(self.cache_write, cache_write);
        self.cache_write_1h = sum(self.cache_write_1h, cache_write_1h);
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All input, cached or not, where the uncached part is known: what OpenTelemetry calls input tokens.
    pub fn total_input(&self) -> Option<u64> {
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        self.input.map(|input| input.saturating_add(cached))
    }
}

/// The names by which dialects differ.
#[derive(Deserialize)]
struct Names {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    input_tokens_details: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bedrock {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    // Nova's own body says `…TokenCount`.
    #[serde(alias = "cacheReadInputTokenCount")]
    cache_read_input_tokens: Option<u64>,
    #[serde(alias = "cacheWriteInputTokenCount")]
    cache_write_input_tokens: Option<u64>,
    #[serde(default)]
    cache_details: Option<Vec<CacheDetail>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CacheDetail {
    ttl: Option<String>,
    input_tokens: Option<u64>,
}

impl From<Bedrock> for Usage {
    fn from(wire: Bedrock) -> Self {
        let Bedrock { input_tokens, output_tokens, cache_read_input_tokens, cache_write_input_tokens, cache_details } =
            wire;
        let hour = |details: Vec<CacheDetail>| {
            let kept = details.iter().filter(|detail| detail.ttl.as_deref() == Some("1h"));
            kept.filter_map(|detail| detail.input_tokens).fold(0, u64::saturating_add)
        };
        Self {
            input: input_tokens,
            output: output_tokens,
            cache_read: cache_read_input_tokens,
            cache_write: cache_write_input_tokens,
            cache_write_1h: cache_details.map(hour),
        }
    }
}

#[derive(Deserialize)]
struct Metrics {
    #[serde(rename = "inputTokenCount")]
    input: Option<u64>,
    #[serde(rename = "outputTokenCount")]
    output: Option<u64>,
    #[serde(rename = "cacheReadInputTokenCount")]
    cache_read: Option<u64>,
    #[serde(rename = "cacheWriteInputTokenCount")]
    cache_write: Option<u64>,
}

impl From<Metrics> for Usage {
    fn from(wire: Metrics) -> Self {
        let Metrics { input, output, cache_read, cache_write } = wire;
        Self { input, output, cache_read, cache_write, cache_write_1h: None }
    }
}

#[derive(Deserialize)]
struct Anthropic {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
}

#[derive(Deserialize)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<u64>,
}

impl From<Anthropic> for Usage {
    fn from(wire: Anthropic) -> Self {
        Self {
            input: wire.input_tokens,
            output: wire.output_tokens,
            cache_read: wire.cache_read_input_tokens,
            cache_write: wire.cache_creation_input_tokens,
            cache_write_1h: wire.cache_creation.and_then(|split| split.ephemeral_1h_input_tokens),
        }
    }
}

#[derive(Deserialize)]
struct ChatCompletions {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<CachedDetails>,
}

#[derive(Deserialize)]
struct Responses {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<CachedDetails>,
}

/// Parts of OpenAI's input tokens.
#[derive(Deserialize)]
struct CachedDetails {
    cached_tokens: Option<u64>,
    /// Since GPT-5.6 writing to the cache has a price.
    cache_write_tokens: Option<u64>,
}

impl From<ChatCompletions> for Usage {
    fn from(wire: ChatCompletions) -> Self {
        openai(wire.prompt_tokens, wire.completion_tokens, wire.prompt_tokens_details)
    }
}

impl From<Responses> for Usage {
    fn from(wire: Responses) -> Self {
        openai(wire.input_tokens, wire.output_tokens, wire.input_tokens_details)
    }
}

fn openai(input: Option<u64>, output: Option<u64>, details: Option<CachedDetails>) -> Usage {
    let (cache_read, cache_write) =
        details.map_or((None, None), |details| (details.cached_tokens, details.cache_write_tokens));
    let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
    let input = input.map(|input| input.saturating_sub(cached));
    Usage { input, output, cache_read, cache_write, cache_write_1h: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, output: u64, cache_read: u64, cache_write: u64, hour: impl Into<Option<u64>>) -> Usage {
        Usage {
            input: Some(input),
            output: Some(output),
            cache_read: Some(cache_read),
            cache_write: Some(cache_write),
            cache_write_1h: hour.into(),
        }
    }

    #[test]
    fn every_dialect_comes_to_the_same_four_counters() {
        let cases: &[(Dialect, &str, Usage)] = &[
            (
                Dialect::Bedrock,
                r#"{"inputTokens":10,"outputTokens":5,"totalTokens":45,"cacheReadInputTokens":20,"cacheWriteInputTokens":10,
                    "cacheDetails":[{"ttl":"1h","inputTokens":4},{"ttl":"5m","inputTokens":6}]}"#,
                usage(10, 5, 20, 10, 4),
            ),
            (
                Dialect::Any,
                r#"{"inputTokens":10,"outputTokens":5,"cacheReadInputTokenCount":20,"cacheWriteInputTokenCount":10}"#,
                usage(10, 5, 20, 10, None),
            ),
            (
                Dialect::Metrics,
                r#"{"inputTokenCount":10,"outputTokenCount":5,"invocationLatency":1,"cacheReadInputTokenCount":20,
                    "cacheWriteInputTokenCount":10}"#,
                usage(10, 5, 20, 10, None),
            ),
            (
                Dialect::Anthropic,
                r#"{"input_tokens":10,"cache_creation_input_tokens":10,"cache_read_input_tokens":20,"output_tokens":5,
                    "cache_creation":{"ephemeral_5m_input_tokens":6,"ephemeral_1h_input_tokens":4},"service_tier":"x"}"#,
                usage(10, 5, 20, 10, 4),
            ),
            (
                Dialect::ChatCompletions,
                r#"{"prompt_tokens":40,"completion_tokens":5,"total_tokens":45,
                    "prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":10}}"#,
                usage(10, 5, 20, 10, None),
            ),
            (
                Dialect::Responses,
                r#"{"input_tokens":40,"input_tokens_details":{"cached_tokens":20,"cache_write_tokens":10},
                    "output_tokens":5,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":45}"#,
                usage(10, 5, 20, 10, None),
            ),
        ];
        for (dialect, json, expected) in cases {
            assert_eq!(Usage::read(*dialect, json.as_bytes()), *expected, "{dialect:?}");
            if *dialect != Dialect::Metrics {
                assert_eq!(Usage::read(Dialect::Any, json.as_bytes()), *expected, "{dialect:?} by its names");
            }
        }
    }

    #[test]
    fn what_is_not_reported_is_not_zero() {
        let read = |json: &str| Usage::read(Dialect::Anthropic, json.as_bytes());
        assert_eq!(read(r#"{"output_tokens":3}"#), Usage { output: Some(3), ..Usage::default() });
        for nothing in ["null", "{}", "[]", "3", r#"{"input_tokens":-1}"#, "{", ""] {
            assert!(read(nothing).is_empty(), "{nothing}");
            assert!(Usage::read(Dialect::Any, nothing.as_bytes()).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn more_cached_tokens_than_input_do_not_wrap_around() {
        let json = br#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}"#;
        assert_eq!(Usage::read(Dialect::ChatCompletions, json).input, Some(0));
    }

    #[test]
    fn later_reports_replace_and_other_invocations_add() {
        let mut total = usage(10, 1, 20, 10, 4);
        total.update(Usage { output: Some(7), ..Usage::default() });
        assert_eq!(total, usage(10, 7, 20, 10, 4));
        total.add(Usage { input: Some(1), output: Some(1), ..Usage::default() });
        assert_eq!(total, usage(11, 8, 20, 10, 4));
        assert_eq!(total.total_input(), Some(41));
    }
}
