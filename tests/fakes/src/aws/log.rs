//! What was called: every call, or only how often each.

use std::collections::BTreeMap;
use std::time::Duration;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// When it was decided, since the fake's beginning.
    pub at: Duration,
    /// Who called.
    pub actor: String,
    /// Service and operation.
    pub operation: &'static str,
    /// Whether it may change anything.
    pub write: bool,
    /// What it was about.
    pub target: String,
    /// `OK`, the error's code, or `(no answer)` for a call that hangs: what the caller saw.
    pub outcome: String,
}

/// Outcome of a call that never gets an answer.
pub(crate) const NO_ANSWER: &str = "(no answer)";

/// All calls since the beginning or the last copy.
#[derive(Debug, Default)]
pub(crate) struct Log {
    records: Vec<CallRecord>,
    counts: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// Writes among them.
    pub writes: usize,
    /// Whether only counts are kept.
    pub counts_only: bool,
}

impl Log {
    pub fn add(&mut self, record: CallRecord) {
        self.writes += usize::from(record.write);
        let outcomes = self.counts.entry(record.operation).or_default();
        match outcomes.get_mut(&record.outcome) {
            Some(count) => *count += 1,
            None => drop(outcomes.insert(record.outcome.clone(), 1)),
        }
        if !self.counts_only {
            self.records.push(record);
        }
    }

    /// Forgets everything but what is to be kept.
    pub fn clear(&mut self) {
        self.records.clear();
        self.counts.clear();
        self.writes = 0;
    }

    pub fn records(&self) -> Vec<CallRecord> {
        self.records.clone()
    }

    pub fn counts(&self) -> BTreeMap<(&'static str, String), usize> {
        let each = |(operation, outcomes): (&&'static str, &BTreeMap<String, usize>)| {
            let operation = *operation;
            outcomes.iter().map(move |(outcome, count)| ((operation, outcome.clone()), *count)).collect::<Vec<_>>()
        };
        self.counts.iter().flat_map(each).collect()
    }
}
