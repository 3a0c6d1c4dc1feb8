//! A plan: what to do now, and what is being waited for.

use std::fmt;
use std::time::Duration;

/// Steps in order, each idempotent, and at most one thing waited for. Empty and waiting for nothing means: in sync.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan<S> {
    /// What to do, in this order; the first failure ends the pass.
    pub steps: Vec<S>,
    /// Why the plan cannot be complete yet.
    pub wait: Option<Wait>,
    /// When to look again although nothing is wrong: something is due then.
    pub recheck: Option<Duration>,
}

/// Something that passes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for; constant for a constant cause, because it ends in a condition.
    pub message: String,
    /// When to look again.
    pub after: Duration,
}

impl<S> Default for Plan<S> {
    fn default() -> Self {
        Self { steps: Vec::new(), wait: None, recheck: None }
    }
}

impl<S> Plan<S> {
    /// Whether nothing is to be done and nothing waited for.
    pub fn in_sync(&self) -> bool {
        self.steps.is_empty() && self.wait.is_none()
    }

    /// Adds a step.
    pub fn step(&mut self, step: S) {
        self.steps.push(step);
    }

    /// Notes what is waited for; the first one stays.
    pub fn wait(&mut self, message: impl Into<String>, after: Duration) {
        self.wait.get_or_insert_with(|| Wait { message: message.into(), after });
    }
}

impl<S> Plan<S> {
    /// Asks to look again after `due` at the latest.
    pub fn recheck(&mut self, due: Duration) {
        self.recheck = Some(self.recheck.map_or(due, |earlier| earlier.min(due)));
    }
}

impl<S: fmt::Display> fmt::Display for Plan<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.in_sync() {
            return formatter.write_str("in sync\n");
        }
        for step in &self.steps {
            writeln!(formatter, "{step}")?;
        }
        match &self.wait {
            Some(wait) => writeln!(formatter, "wait: {}", wait.message),
            None => Ok(()),
        }
    }
}
