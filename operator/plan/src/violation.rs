//! What is wrong with a spec, said so that its author can mend it.

use std::fmt;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Field that breaks the rule, for example `spec.tier`.
    pub path: String,
    /// Condition reason.
    pub reason: &'static str,
    /// What is wrong and what to do about it, without the path.
    pub message: String,
}

impl Violation {
    /// A violation of `path`.
    pub fn new(path: impl Into<String>, reason: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.into(), reason, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.message)
    }
}
