//! One conditional write of a meter item, as a value: what must hold, and what changes.
//!
//! DynamoDB gets it as expressions ([`super::update_item`]); a table from a file, and the model in the tests, evaluate it here.
//! Both mean the same: an absent count is zero, all guards are held against the item before any change, and changes read
//! the item as it was.

use std::borrow::Cow;

use super::{Item, MalformedItem};

/// Name of an attribute.
pub type Name = Cow<'static, str>;

/// A conditional write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Write {
    /// All of them must hold.
    pub guards: Vec<Guard>,
    /// None names an attribute that another one names.
    pub changes: Vec<Change>,
}

/// A condition on the item before the write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The attribute has exactly this value.
    Is(Name, i64),
    /// There is no such attribute.
    Absent(Name),
    /// The count is not above this.
    AtMost(Name, i64),
    /// The flag is not set.
    Unset(Name),
}

/// A change of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Gives it this value.
    Set(Name, i64),
    /// Adds to the count, which may be negative.
    Add(Name, i64),
    /// Gives the first the value that the second, a count, had before the write.
    Copy(Name, Name),
    /// Takes it away.
    Remove(Name),
}

impl Write {
    /// Adds a condition.
    pub fn guard(&mut self, guard: Guard) {
        self.guards.push(guard);
    }

    /// Adds a change; adding nothing is none.
    pub fn change(&mut self, change: Change) {
        if !matches!(change, Change::Add(_, 0)) {
            self.changes.push(change);
        }
    }

    /// Applies the write, if its guards hold; says whether they did.
    ///
    /// # Errors
    /// [`MalformedItem`] where a count is no number; nothing is changed then.
    pub fn apply(&self, item: &mut Item) -> Result<bool, MalformedItem> {
        for guard in &self.guards {
            if !guard.holds(item)? {
                return Ok(false);
            }
        }
        let mut values = Vec::with_capacity(self.changes.len());
        for change in &self.changes {
            values.push(match change {
                Change::Set(name, value) => (name, Some(*value)),
                Change::Add(name, value) => (name, Some(count(item, name)?.saturating_add(*value))),
                Change::Copy(name, from) => (name, Some(count(item, from)?)),
                Change::Remove(name) => (name, None),
            });
        }
        for (name, value) in values {
            match value {
                Some(value) => item.set(name, value),
                None => item.remove(name),
            }
        }
        Ok(true)
    }
}

impl Guard {
    fn holds(&self, item: &Item) -> Result<bool, MalformedItem> {
        Ok(match self {
            Self::Is(name, value) => item.number(name)? == Some(*value),
            Self::Absent(name) => !item.has(name),
            Self::AtMost(name, value) => item.number(name)?.is_none_or(|count| count <= *value),
            Self::Unset(name) => !item.flag(name)?,
        })
    }
}

fn count(item: &Item, name: &str) -> Result<i64, MalformedItem> {
    Ok(item.number(name)?.unwrap_or(0))
}
