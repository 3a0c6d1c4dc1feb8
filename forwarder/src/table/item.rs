//! A DynamoDB item in its JSON form, as far as the table's contract uses it: strings, integers and booleans.

use std::collections::HashMap;

use serde::Deserialize;

/// One item.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Item(HashMap<String, Attribute>);

/// One value. Types that are not listed stay unread: newer operators may write some.
#[derive(Debug, Clone, Deserialize)]
struct Attribute {
    #[serde(rename = "S")]
    text: Option<String>,
    #[serde(rename = "N")]
    number: Option<String>,
    #[serde(rename = "BOOL")]
    flag: Option<bool>,
}

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

impl Item {
    /// A string attribute.
    ///
    /// # Errors
    /// [`MalformedItem`] where there is none of this name.
    pub fn text(&self, name: &str) -> Result<&str, MalformedItem> {
        self.attribute(name, |attribute| attribute.text.as_deref())
    }

    /// An integer attribute.
    ///
    /// # Errors
    /// [`MalformedItem`] where there is none of this name.
    pub fn integer(&self, name: &str) -> Result<i64, MalformedItem> {
        self.attribute(name, |attribute| attribute.number.as_deref()?.parse().ok())
    }

    /// A boolean attribute; absent is false.
    ///
    /// # Errors
    /// [`MalformedItem`] where it has another type.
    pub fn flag(&self, name: &str) -> Result<bool, MalformedItem> {
        if self.0.contains_key(name) { self.attribute(name, |attribute| attribute.flag) } else { Ok(false) }
    }

    fn attribute<'a, T>(
        &'a self,
        name: &str,
        read: impl FnOnce(&'a Attribute) -> Option<T>,
    ) -> Result<T, MalformedItem> {
        self.0.get(name).and_then(read).ok_or_else(|| MalformedItem::Attribute(name.to_owned()))
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
    }
}
