//! What the description of the alias says: since when a version takes its share, and which one was sent back and why.
//!
//! It is written with the weights in one call, so both are always of one moment. Whatever else stands there, because
//! somebody wrote it, says nothing.

use serde::{Deserialize, Serialize};

/// What is remembered with an alias.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When the step under way began, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// The version that was sent back last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejected>,
}

/// A version that was sent back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its description, which stands for code and configuration.
    pub build: String,
    /// Its number.
    pub version: String,
    /// Percent of the calls it took.
    pub percent: u8,
    /// Why.
    pub cause: Cause,
    /// Calls that failed, or were slow.
    pub bad: u64,
    /// Calls of the step.
    pub calls: u64,
    /// What was allowed: percent of calls that fail, or milliseconds.
    pub bound: u64,
    /// When, in seconds since the Unix epoch.
    pub at: i64,
}

/// Why a version was sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Too many calls failed.
    Errors,
    /// Too many calls were slow.
    Latency,
    /// A person said so.
    Person,
}

impl Note {
    /// What a description says.
    pub fn read(description: &str) -> Self {
        // A list would be read as the fields in their order.
        let ours = description.starts_with('{');
        ours.then(|| serde_json::from_str(description).ok()).flatten().unwrap_or_default()
    }

    /// The description; empty where there is nothing to remember. Lambda takes 256 characters, and this has at most 190.
    pub fn text(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Rejected {
    /// What happened, for people.
    pub(super) fn told(&self) -> String {
        let Self { build: _, version: _, percent, cause, bad, calls, bound, at: _ } = self;
        match cause {
            Cause::Errors => format!("at {percent} % of the calls, {bad} of {calls} failed, and {bound} % may"),
            Cause::Latency => {
                format!("at {percent} % of the calls, {bad} of {calls} took longer than {bound} ms, and 1 % may")
            }
            Cause::Person => format!("at {percent} % of the calls, because the annotation says so"),
        }
    }
}
