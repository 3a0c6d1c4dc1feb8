//! DynamoDB: tables that come and go slowly, and items written under conditions.

mod items;
mod port;
mod tables;

pub(crate) use port::TablesPort;

use std::collections::BTreeMap;

use aigw_contract::table::TTL;
use aigw_plan::gateway::observed::Tags;

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// ARN.
    pub arn: String,
    /// Whether it can be used.
    pub status: TableStatus,
    /// Whether time to live is on.
    pub time_to_live: bool,
    /// Whether point-in-time recovery is on.
    pub point_in_time_recovery: bool,
    /// Whether deletion is refused.
    pub deletion_protection: bool,
    /// Tags.
    pub tags: Tags,
    /// Items by partition and sort key.
    pub items: BTreeMap<(String, String), Item>,
}

/// What a table is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableStatus {
    /// Being created, for so many more looks.
    Creating(u32),
    /// Can be used.
    Active,
    /// Being deleted, for so many more looks.
    Deleting(u32),
}

/// An item's attributes, without its keys.
pub type Item = BTreeMap<String, Attribute>;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Text.
    Text(String),
    /// A number; the operator writes whole ones only.
    Number(i64),
    /// Yes or no.
    Bool(bool),
}

impl Attribute {
    /// The number, if it is one.
    pub fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl Table {
    /// Does what time to live does some day: takes away items that expired before `unix_time`. Until then they are read
    /// like any other. Returns how many went.
    pub fn expire_items(&mut self, unix_time: i64) -> usize {
        let before = self.items.len();
        if self.time_to_live {
            self.items.retain(|_, item| item.get(TTL).and_then(Attribute::number).is_none_or(|end| end >= unix_time));
        }
        before - self.items.len()
    }
}
