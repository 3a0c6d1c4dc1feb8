//! What the doctor tells: what is wrong and what to do next, what could not be asked, and what was looked at. Pure.

use std::fmt::Write as _;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What.
    pub(super) what: String,
    /// What to do about it.
    pub(super) next: String,
}

impl Finding {
    pub(super) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }
}

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Worst first.
    pub(super) findings: Vec<Finding>,
    /// What nobody knows now, and why. Nothing is said to be wrong by it.
    pub(super) unknown: Vec<String>,
    /// What was looked at and is fine.
    pub(super) fine: Vec<String>,
}

impl Report {
    pub(super) fn add(&mut self, other: Self) {
        let Self { findings, unknown, fine } = other;
        self.findings.extend(findings);
        self.unknown.extend(unknown);
        self.fine.extend(fine);
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Finding { what, next } in &self.findings {
            let _ = writeln!(text, "- {what}\n  next: {next}");
        }
        if self.findings.is_empty() {
            text.push_str("nothing is wrong, as far as was looked\n");
        }
        for line in &self.fine {
            let _ = writeln!(text, "fine: {line}");
        }
        for line in &self.unknown {
            let _ = writeln!(text, "not known: {line}");
        }
        text
    }
}
