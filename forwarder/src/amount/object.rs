//! The members of a JSON object that are asked for, with their places in the text, so that one can be replaced and all
//! else stays byte for byte.
//!
//! serde_json reads the text, piece by piece: where a value begins and ends is its word, not that of a lexer of ours. As
//! in `rules::body`, what another reader might take for something else is an error: an asked-for name that comes twice,
//! also escaped, or that differs only in case.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::BodyProblem;

/// A member's name: copied only where something in it is escaped.
#[derive(Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// An object, as far as it was asked for.
#[derive(Debug)]
pub(crate) struct Object {
    /// Right after the opening brace.
    start: usize,
    empty: bool,
    members: Vec<(&'static str, Range<usize>)>,
}

impl Object {
    /// Reads the object that begins at `at`, and where it ends. Linear in its length.
    pub fn read(text: &[u8], at: usize, names: &[&'static str]) -> Result<(Self, usize), BodyProblem> {
        let mut at = skip(text, at, b'{')?;
        let mut object = Self { start: at, empty: false, members: Vec::new() };
        if let Ok(end) = skip(text, at, b'}') {
            return Ok((Self { empty: true, ..object }, end));
        }
        loop {
            let (Name(name), end) = parse::<Name<'_>>(text, at)?;
            let value = blank(text, skip(text, end, b':')?);
            let (IgnoredAny, end) = parse(text, value)?;
            object.note(&name, names, value..end)?;
            match skip(text, end, b',') {
                Ok(next) => at = next,
                Err(_) => return Ok((object, skip(text, end, b'}')?)),
            }
        }
    }

    fn note(&mut self, found: &str, names: &[&'static str], value: Range<usize>) -> Result<(), BodyProblem> {
        let Some(name) = names.iter().find(|name| name.eq_ignore_ascii_case(found)) else { return Ok(()) };
        if *name != found {
            return Err(BodyProblem::Case(name));
        }
        if self.members.iter().any(|(other, _)| other == name) {
            return Err(BodyProblem::Twice(name));
        }
        self.members.push((name, value));
        Ok(())
    }

    /// Where the value of a member is.
    pub fn get(&self, name: &str) -> Option<Range<usize>> {
        self.members.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone())
    }

    /// The edit after which a member that was asked for has this value.
    pub fn set(&self, name: &str, value: &str) -> Edit {
        match self.get(name) {
            Some(at) => Edit { at, with: value.to_owned() },
            None => self.insert(name, value),
        }
    }

    /// The edit that adds a member in front of all others.
    pub fn insert(&self, name: &str, value: &str) -> Edit {
        let comma = if self.empty { "" } else { "," };
        Edit { at: self.start..self.start, with: format!("\"{name}\":{value}{comma}") }
    }
}

/// A change of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// What is replaced; empty where something is inserted.
    pub at: Range<usize>,
    /// By what.
    pub with: String,
}

/// Whether nothing but white space follows.
pub(crate) fn ends(text: &[u8], at: usize) -> bool {
    blank(text, at) == text.len()
}

fn blank(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Behind this byte, which is next but for white space.
fn skip(text: &[u8], at: usize, expected: u8) -> Result<usize, BodyProblem> {
    let at = blank(text, at);
    if text.get(at) == Some(&expected) { Ok(at + 1) } else { Err(BodyProblem::Malformed) }
}

/// The next value, and where it ends.
fn parse<'a, T: Deserialize<'a>>(text: &'a [u8], at: usize) -> Result<(T, usize), BodyProblem> {
    let rest = text.get(at..).ok_or(BodyProblem::Malformed)?;
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
    match values.next() {
        Some(Ok(value)) => Ok((value, at + values.byte_offset())),
        Some(Err(_)) | None => Err(BodyProblem::Malformed),
    }
}

/// The text with the edits made, which must not overlap.
pub(crate) fn edited(text: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    edits.sort_by_key(|edit| edit.at.start);
    let mut result = Vec::with_capacity(text.len() + edits.iter().map(|edit| edit.with.len()).sum::<usize>());
    let mut from = 0;
    for Edit { at, with } in edits {
        result.extend_from_slice(&text[from..at.start]);
        result.extend_from_slice(with.as_bytes());
        from = at.end;
    }
    result.extend_from_slice(&text[from..]);
    result
}
