//! JSON as a full decode sees it: what the readers that skip and scan are held against.
//!
//! Objects keep their order, their repeated keys and the raw text of their values.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Matches every key and every element.
const ANY: &str = "*";

/// One level of a JSON text.
pub enum Level<'a> {
    /// An object's members.
    Object(Vec<(String, &'a RawValue)>),
    /// An array's elements.
    Array(Vec<&'a RawValue>),
    /// A string.
    Text(String),
    /// `null`.
    Null,
    /// A number or boolean.
    Other,
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

impl<'a> Level<'a> {
    /// The outermost level of a text; `None` where it is no JSON.
    pub fn of(text: &'a [u8]) -> Option<Self> {
        let raw: &RawValue = serde_json::from_slice(text).ok()?;
        let text = raw.get();
        match text.as_bytes().first()? {
            b'{' => serde_json::from_str(text).ok().map(|Members(members)| Self::Object(members)),
            b'[' => serde_json::from_str(text).ok().map(Self::Array),
            b'"' => serde_json::from_str(text).ok().map(Self::Text),
            b'n' => Some(Self::Null),
            _ => Some(Self::Other),
        }
    }
}

/// Every value at one of the paths, with the path's number, in the order of the text; `None` where a level on the way
/// is no JSON a decoder takes.
pub fn values(text: &[u8], paths: &[&[&str]]) -> Option<Vec<(usize, Vec<u8>)>> {
    let mut found = Vec::new();
    let open: Vec<usize> = (0..paths.len()).collect();
    if matches!(Level::of(text)?, Level::Object(_) | Level::Array(_)) {
        walk(text, paths, &open, 0, &mut found)?;
    }
    Some(found)
}

/// Walks a value that the paths of the numbers `open` lead to, having used up `depth` of their keys.
fn walk(text: &[u8], paths: &[&[&str]], open: &[usize], depth: usize, found: &mut Vec<(usize, Vec<u8>)>) -> Option<()> {
    if let Some(path) = open.iter().find(|path| paths[**path].len() == depth) {
        found.push((*path, text.to_vec()));
        return Some(());
    }
    if open.is_empty() {
        return Some(());
    }
    let below = |key: Option<&str>| -> Vec<usize> {
        let fits = |path: &&usize| paths[**path][depth] == ANY || Some(paths[**path][depth]) == key;
        open.iter().filter(fits).copied().collect()
    };
    match Level::of(text)? {
        Level::Object(members) => members
            .into_iter()
            .try_for_each(|(key, value)| walk(value.get().as_bytes(), paths, &below(Some(&key)), depth + 1, found)),
        Level::Array(elements) => elements
            .into_iter()
            .try_for_each(|value| walk(value.get().as_bytes(), paths, &below(None), depth + 1, found)),
        Level::Text(_) | Level::Null | Level::Other => Some(()),
    }
}
