//! Whether a body can get around the guardrail that is set beside it.
//!
//! A client can have a guardrail look at parts of a prompt only: by blocks of Converse, or by tags in the text of the other
//! APIs together with a member that names them (user guide, "Apply tags to user input"; AWS names that as the way around
//! an enforced guardrail). A body with any of those is refused, at any depth, as is one that has a member twice: which of
//! the two the guardrail reads, and which the model, would be up to them. The whole body is walked, and nothing of it kept.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use aigw_contract::guardrail::Guardrail;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::denial::Denial;

/// Member of a Converse block that alone is looked at where there is one.
const SELECTED: &str = "guardContent";
/// Member that names the tags, or has a stream sent before it was looked at.
const SETTINGS: &str = "amazon-bedrock-guardrailConfig";
/// Beginning of the tags, behind `<` or `</`.
const TAG: &str = "amazon-bedrock-guardrails-guardContent";

/// Why a body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// Not JSON.
    Malformed,
    /// An object has a member twice.
    Twice,
    /// It has the guardrail look at a part only.
    Selected,
    /// It has settings of a guardrail.
    Settings,
    /// It has tags.
    Tagged,
}

impl Problem {
    /// What the client is told; never quotes the body.
    pub fn denial(self, operation: &str, guardrail: &Guardrail) -> Denial {
        Denial::invalid(match self {
            Self::Malformed => format!("the body of {operation} must be a JSON object"),
            Self::Twice => format!(
                "an object in the body of {operation} has a member twice; calls carry guardrail {guardrail}, which might read \
                 the other one than the model"
            ),
            Self::Selected => format!(
                "calls carry guardrail {guardrail}, which looks at all of a prompt; leave out the member {SELECTED:?} in the \
                 body of {operation}, and put its text into a text block"
            ),
            Self::Settings => format!(
                "calls carry guardrail {guardrail}, which the gateway sets; leave out the member {SETTINGS:?} in the body of \
                 {operation}"
            ),
            Self::Tagged => format!(
                "calls carry guardrail {guardrail}, which looks at all of a prompt; leave out the tags {TAG} in the body of \
                 {operation}"
            ),
        })
    }
}

/// Checks a body; `blocks` says that it is Converse's.
pub(super) fn check(body: &[u8], blocks: bool) -> Result<(), Problem> {
    let mut problem = Problem::Malformed;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let walk = Walk { blocks, problem: &mut problem };
    let walked = walk.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    walked.map_err(|_| problem)
}

/// Goes through a value.
struct Walk<'a> {
    blocks: bool,
    problem: &'a mut Problem,
}

impl Walk<'_> {
    fn fail<T, E: Error>(&mut self, problem: Problem) -> Result<T, E> {
        *self.problem = problem;
        Err(E::custom("refused"))
    }

    fn again(&mut self) -> Walk<'_> {
        Walk { blocks: self.blocks, problem: self.problem }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        if text.contains(TAG) { self.fail(Problem::Tagged) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(self.again())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(Key(name)) = map.next_key()? {
            if name.eq_ignore_ascii_case(SETTINGS) {
                return self.fail(Problem::Settings);
            }
            if self.blocks && name.eq_ignore_ascii_case(SELECTED) {
                return self.fail(Problem::Selected);
            }
            if name.contains(TAG) {
                return self.fail(Problem::Tagged);
            }
            if !seen.insert(name) {
                return self.fail(Problem::Twice);
            }
            map.next_value_seed(self.again())?;
        }
        Ok(())
    }
}

/// A member's name: copied only where something in it is escaped.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_narrows_a_guardrail_is_found_at_any_depth_and_in_any_spelling() {
        let cases = [
            (r#"{"messages":[{"content":[{"guardContent":{"text":{"text":"x"}}}]}]}"#, Problem::Selected),
            (r#"{"system":[{"guardC\u006fntent":{}}]}"#, Problem::Selected),
            (r#"{"system":[{"GuardContent":{}}]}"#, Problem::Selected),
            (r#"{"amazon-bedrock-guardrailConfig":{"tagSuffix":"x"}}"#, Problem::Settings),
            (r#"{"amazon\u002dbedrock-guardrailConfig":null}"#, Problem::Settings),
            (r#"{"Amazon-Bedrock-GuardrailConfig":{}}"#, Problem::Settings),
            (r#"{"additionalModelRequestFields":{"amazon-bedrock-guardrailConfig":{}}}"#, Problem::Settings),
            (r#"{"prompt":"<amazon-bedrock-guardrails-guardContent_x>y"}"#, Problem::Tagged),
            (r#"{"prompt":"<\u0061mazon-bedrock-guardrails-guardContent_x>"}"#, Problem::Tagged),
            (r#"{"a":[["</amazon-bedrock-guardrails-guardContent_x>"]]}"#, Problem::Tagged),
            (r#"{"messages":[],"messages":[{}]}"#, Problem::Twice),
            (r#"{"messages":[{"content":"a","c\u006fntent":"b"}]}"#, Problem::Twice),
            (r#"{"messages":[]} {"messages":[]}"#, Problem::Malformed),
            ("\u{feff}{}", Problem::Malformed),
            ("", Problem::Malformed),
            ("not json", Problem::Malformed),
        ];
        for (body, problem) in cases {
            assert_eq!(check(body.as_bytes(), true), Err(problem), "{body}");
        }
        assert_eq!(check(b"{\"a\":\"\xff\"}", true), Err(Problem::Malformed));
        let deep = format!("{{\"x\":{}", "[".repeat(100_000));
        assert_eq!(check(deep.as_bytes(), true), Err(Problem::Malformed));
    }

    #[test]
    fn everything_else_passes() {
        let body = r#"{"messages":[{"role":"user","content":[{"text":"guardContent, guardrailConfig"}]}],"a":{"b":1.5,
                       "c":[true,null,-1,18446744073709551615]},"guardrailConfig":{"guardrailIdentifier":"x"}}"#;
        assert_eq!(check(body.as_bytes(), true), Ok(()));
        // A model's own body may have such a member.
        assert_eq!(check(br#"{"guardContent":1}"#, false), Ok(()));
    }
}
