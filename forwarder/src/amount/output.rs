//! The longest answer of a call: what the request declares, lowered to the tenant's maximum, or its default written in.

use super::Question;
use super::family::{Answers, LENGTHS, Path};
use super::object::Edit;
use super::request::Request;
use crate::denial::{BodyProblem, Denial, shown};
use crate::meter::Shape;

const CONVERSE: &[Path] = &[&["inferenceConfig", "maxTokens"]];
const CHAT_COMPLETIONS: &[Path] = &[&["max_completion_tokens"], &["max_tokens"]];
const RESPONSES: &[Path] = &[&["max_output_tokens"]];
const MESSAGES: &[Path] = &[&["max_tokens"]];
const PROMPT_COMPLETIONS: &[Path] = &[&["max_tokens_to_sample"], &["max_tokens"]];

/// How long the answers of a call can be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Output {
    /// Tokens of all answers together.
    pub tokens: i64,
    /// What has to change in the request for it to be true.
    pub edits: Vec<Edit>,
}

/// Names of one request's longest answer.
struct Names {
    /// Those that the API or the model honours; the first is written where there is none. Empty where nobody knows.
    own: &'static [Path],
    /// Those that are read and lowered.
    read: &'static [Path],
}

impl Names {
    fn of(shape: Shape, answers: Answers, request: &Request<'_>) -> Self {
        let same = |own| Self { own, read: own };
        match shape {
            Shape::Converse => same(CONVERSE),
            Shape::ChatCompletions => same(CHAT_COMPLETIONS),
            Shape::Responses => same(RESPONSES),
            Shape::Messages => same(MESSAGES),
            _ => match answers {
                Answers::Text([["max_tokens"], ["max_tokens_to_sample"]]) if request.has_prompt() => {
                    Self { own: PROMPT_COMPLETIONS, read: LENGTHS }
                }
                Answers::Text(own) => Self { own, read: LENGTHS },
                Answers::Embedding | Answers::Other | Answers::Unknown => Self { own: &[], read: LENGTHS },
            },
        }
    }
}

/// Reads, lowers or writes the longest answer. `known` is the longest the model can give, where the price list has it.
pub(super) fn settle(
    question: &Question<'_>,
    answers: Answers,
    request: &Request<'_>,
    known: Option<i64>,
) -> Result<Output, Denial> {
    let denial = |problem: BodyProblem| problem.denial(question.operation());
    if let Some(name) = request.further_length() {
        return Err(Denial::invalid(format!(
            "additionalModelRequestFields has {name:?}; the length of an answer is limited for tenant {}, so give it as \
             inferenceConfig.maxTokens, and ask for one answer at a time",
            question.policy.tenant()
        )));
    }
    if request.has_prediction() {
        return Err(Denial::invalid(format!(
            "what a model rejects of a prediction is charged as an answer, beyond the longest one that is asked for, and \
             tenant {} has limits that need it; leave \"prediction\" out",
            question.policy.tenant()
        )));
    }
    let names = Names::of(question.shape, answers, request);
    let limits = question.policy.limits.max_output_tokens;
    let most = limits.max.unwrap_or(i64::MAX).max(1);
    let mut output = Output::default();
    let mut declared = false;
    for path in names.read {
        let Some(number) = request.number(path).map_err(denial)? else { continue };
        declared |= names.own.is_empty() || names.own.contains(path);
        output.tokens = output.tokens.max(number.min(most));
        if number > most {
            output.edits.extend(request.set(path, most));
        }
    }
    if !declared {
        let written = limits.default.or(known).or(limits.max).map(|tokens| tokens.clamp(1, most));
        let (Some(path), Some(tokens)) = (names.own.first(), written) else {
            return Err(undeclared(question, names.own.first().copied()));
        };
        output.tokens = output.tokens.max(tokens);
        output.edits.extend(request.set(path, tokens));
    }
    // Only where more than one can be asked for; elsewhere the name means nothing.
    if matches!(question.shape, Shape::ChatCompletions | Shape::Invoke) {
        output.tokens = output.tokens.saturating_mul(request.count().map_err(denial)?);
    }
    Ok(output)
}

/// The longest answer of a stored prompt, which the request cannot change.
pub(super) fn stored(question: &Question<'_>, known: Option<i64>) -> Result<Output, Denial> {
    let most = question.policy.limits.max_output_tokens.max;
    match known {
        Some(known) if most.is_none_or(|most| known <= most) => Ok(Output { tokens: known, edits: Vec::new() }),
        _ => Err(Denial::invalid(format!(
            "the length of the answers of tenant {} is limited, and a request cannot limit that of a stored prompt; send \
             the prompt's text to its model, or let the platform team give maxOutputTokens of {} in spec.models.prices \
             of the AIGateway, which must not be above the tenant's maximum",
            question.policy.tenant(),
            shown(&question.model())
        ))),
    }
}

fn undeclared(question: &Question<'_>, path: Option<Path>) -> Denial {
    let field = match path {
        Some(path) => path.join("."),
        None => "the longest answer by the name the model has for it (such as max_tokens)".to_owned(),
    };
    Denial::invalid(format!(
        "the length of the answer is not limited, and tenant {} has limits that need it: give {field}, or let the platform \
         team set maxOutputTokens.default in its tier",
        question.policy.tenant()
    ))
}
