//! How IAM decides, as far as our documents go: statements that allow or deny, wildcards, three condition operators.
//!
//! What is not understood is an error, never a guess. Sources: "IAM JSON policy elements reference" and "Policy evaluation
//! logic" in the IAM user guide, read in November 2026.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Outcome;

/// One right, asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// `service:Action`.
    pub action: String,
    /// ARN of what it is about, or `*`.
    pub resource: String,
    /// Condition keys that the request has.
    pub context: BTreeMap<String, String>,
}

/// Whether a document allows a request: a statement does, and none denies it.
pub fn allows(document: &Value, request: &Request) -> Outcome<bool> {
    let mut allowed = false;
    for statement in document["Statement"].as_array().ok_or("a policy without statements")? {
        if applies(statement, request)? {
            match statement["Effect"].as_str() {
                Some("Allow") => allowed = true,
                Some("Deny") => return Ok(false),
                other => return Err(format!("unknown effect {other:?}").into()),
            }
        }
    }
    Ok(allowed)
}

fn applies(statement: &Value, request: &Request) -> Outcome<bool> {
    let members = statement.as_object().ok_or("a statement that is no object")?;
    for name in members.keys() {
        if !["Sid", "Effect", "Action", "Resource", "Condition"].contains(&name.as_str()) {
            return Err(format!("{name} of a statement is not understood").into());
        }
    }
    let action = request.action.to_ascii_lowercase();
    let about = texts(&statement["Action"]).any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
        && texts(&statement["Resource"]).any(|pattern| matches(pattern, &request.resource));
    Ok(about && holds(statement["Condition"].as_object(), &request.context)?)
}

fn holds(conditions: Option<&Map<String, Value>>, context: &BTreeMap<String, String>) -> Outcome<bool> {
    for (operator, keys) in conditions.into_iter().flatten() {
        for (key, wanted) in keys.as_object().ok_or("a condition without keys")? {
            let found = context.get(key);
            let fits = match operator.as_str() {
                "StringEquals" => found.is_some_and(|found| texts(wanted).any(|wanted| wanted == found)),
                "StringLike" => found.is_some_and(|found| texts(wanted).any(|wanted| matches(wanted, found))),
                _ => return Err(format!("condition operator {operator} is not understood").into()),
            };
            if !fits {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// A text, or the texts of a list.
pub fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(list.iter().filter_map(Value::as_str))
}

/// `*` stands for any text, slashes and colons included, `?` for one character.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&letter) if letter == '?' || letter == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((begin, matched)) = star else { return false };
                star = Some((begin, matched + 1));
                (at, read) = (begin + 1, matched + 1);
            }
        }
    }
    pattern[at..].iter().all(|&letter| letter == '*')
}
