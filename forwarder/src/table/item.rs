//! A DynamoDB item in its JSON form, as far as the table's contract uses it: strings, integers and booleans.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// One item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Item(BTreeMap<String, Attribute>);

/// One value. Types that are not listed stay unread: newer operators may write some.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Attribute {
    Text(String),
    Integer(i64),
    Flag(bool),
    Other,
}

/// A value as DynamoDB writes it.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "S", borrow)]
    text: Option<Text<'a>>,
    #[serde(rename = "N", borrow)]
    number: Option<Text<'a>>,
    #[serde(rename = "BOOL")]
    flag: Option<bool>,
}

/// A text that is copied only where something in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An item breaks the contract between operator and functions.
#[derive(Debug, thiserror::Error)]
pub enum MalformedItem {
    /// An attribute is missing or has another type.
    #[error("attribute {0:?} of a table item is missing or of another type")]
    Attribute(String),
    /// The JSON is not what was expected.
    #[error("a table item has unexpected content at line {line}, column {column}")]
    Json {
        /// Line within the document.
        line: usize,
        /// Column within the line.
        column: usize,
    },
}

impl MalformedItem {
    /// Keeps the place and drops the text: it may quote a key hash or a usage key.
    #[expect(clippy::needless_pass_by_value, reason = "used in map_err")]
    pub(super) fn json(error: serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column() }
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { text, number, flag } = Wire::deserialize(deserializer)?;
        let integer = number.and_then(|number| number.0.parse().ok());
        let value =
            text.map(|text| Self::Text(text.0.into_owned())).or(integer.map(Self::Integer)).or(flag.map(Self::Flag));
        Ok(value.unwrap_or(Self::Other))
    }
}

impl Item {
    /// A string attribute.
    ///
    /// # Errors
    /// [`MalformedItem`] where there is none of this name.
    pub fn text(&self, name: &str) -> Result<&str, MalformedItem> {
        match self.0.get(name) {
            Some(Attribute::Text(text)) => Ok(text),
            _ => Err(MalformedItem::Attribute(name.to_owned())),
        }
    }

    /// An integer attribute.
    ///
    /// # Errors
    /// [`MalformedItem`] where there is none of this name.
    pub fn integer(&self, name: &str) -> Result<i64, MalformedItem> {
        self.number(name)?.ok_or_else(|| MalformedItem::Attribute(name.to_owned()))
    }

    /// An integer attribute, if there is one of this name.
    ///
    /// # Errors
    /// [`MalformedItem`] where it has another type.
    pub fn number(&self, name: &str) -> Result<Option<i64>, MalformedItem> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Integer(number)) => Ok(Some(*number)),
            Some(_) => Err(MalformedItem::Attribute(name.to_owned())),
        }
    }

    /// A boolean attribute; absent is false.
    ///
    /// # Errors
    /// [`MalformedItem`] where it has another type.
    pub fn flag(&self, name: &str) -> Result<bool, MalformedItem> {
        match self.0.get(name) {
            None => Ok(false),
            Some(Attribute::Flag(flag)) => Ok(*flag),
            Some(_) => Err(MalformedItem::Attribute(name.to_owned())),
        }
    }

    /// All integer attributes.
    pub fn integers(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Attribute::Integer(number) => Some((name.as_str(), *number)),
            _ => None,
        })
    }

    /// Whether there is an attribute of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Gives an attribute an integer value.
    pub fn set(&mut self, name: &str, number: i64) {
        match self.0.get_mut(name) {
            Some(value) => *value = Attribute::Integer(number),
            None => drop(self.0.insert(name.to_owned(), Attribute::Integer(number))),
        }
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Bytes as DynamoDB counts them for write units: names and values in UTF-8, of a number a byte for two digits and
    /// one or two more.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    pub fn size(&self) -> usize {
        let value = |value: &Attribute| match value {
            Attribute::Text(text) => text.len(),
            Attribute::Integer(number) => {
                number.unsigned_abs().to_string().len().div_ceil(2) + 1 + usize::from(*number < 0)
            }
            Attribute::Flag(_) => 1,
            Attribute::Other => 0,
        };
        self.0.iter().map(|(name, content)| name.len() + value(content)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_by_type_and_unknown_types_are_left_alone() {
        let text = r#"{"a":{"S":"x"},"b":{"N":"7"},"c":{"BOOL":true},"d":{"M":{"e":{"SS":["1"]}}}}"#;
        let item: Item = serde_json::from_str(text).unwrap();
        assert_eq!(item.text("a").unwrap(), "x");
        assert_eq!(item.integer("b").unwrap(), 7);
        assert!(item.flag("c").unwrap());
        assert!(!item.flag("absent").unwrap());
        assert!(item.flag("a").is_err() && item.integer("a").is_err() && item.text("d").is_err());
        assert!(item.number("absent").unwrap().is_none() && item.number("d").is_err());
        assert_eq!(item.integers().collect::<Vec<_>>(), [("b", 7)]);
        // a + x, b + 2, c + 1, d alone.
        assert_eq!(item.size(), 8);
    }
}
