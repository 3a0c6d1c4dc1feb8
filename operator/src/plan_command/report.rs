//! What the command found out, as data: printed as text or as JSON, and turned into an exit code.

use std::time::Duration;

use aigw_plan::Violation;
use serde::Serialize;

use super::calls::{Calls, add};
use crate::pace::minimum_time;

/// In sync, or a plan was printed.
const FINE: i32 = 0;
/// AWS or the cluster could not be asked, or what is there needs a person.
const BLOCKED: i32 = 1;
/// A manifest was refused.
const REFUSED: i32 = 2;
/// With `--detailed-exitcode`: there is something to change.
const CHANGES: i32 = 3;

/// The whole answer.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// What was assumed for all objects.
    pub(super) notes: Vec<String>,
    /// One entry per object of the manifests, gateways first.
    pub(super) objects: Vec<ObjectReport>,
    /// All calls together.
    pub(super) calls: Calls,
    /// What they take at least.
    pub(super) minimum_time: MinimumTime,
}

/// Seconds that the quotas imply.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MinimumTime {
    /// At the account's full rates.
    pub(super) seconds: f64,
    /// At the share the operator takes.
    pub(super) seconds_at_share: f64,
    /// That share.
    pub(super) share: f64,
}

/// One object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectReport {
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
    /// What was assumed, and what the reader should know.
    pub(super) notes: Vec<String>,
    /// Why the manifest is refused.
    pub(super) violations: Vec<Refusal>,
    /// Why no plan can be made although the manifest is fine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) blocked: Option<Block>,
    /// What would be done, round by round. Empty: in sync.
    pub(super) rounds: Vec<Round>,
}

/// A broken rule.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    pub(super) path: String,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// What a person has to decide first.
#[derive(Debug, Serialize)]
pub(super) struct Block {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// One round of looking, planning and executing.
#[derive(Debug, Serialize)]
pub(super) struct Round {
    pub(super) steps: Vec<Step>,
    /// What is waited for after the steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wait: Option<String>,
}

/// One step.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) text: String,
    pub(super) calls: Calls,
}

impl From<Violation> for Refusal {
    fn from(Violation { path, reason, message }: Violation) -> Self {
        Self { path, reason, message }
    }
}

impl ObjectReport {
    pub(super) fn new(kind: &'static str, namespace: &str, name: &str) -> Self {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let (notes, violations, rounds) = (Vec::new(), Vec::new(), Vec::new());
        Self { kind, namespace, name, notes, violations, blocked: None, rounds }
    }

    pub(super) fn block(&mut self, reason: &'static str, message: impl Into<String>) {
        self.blocked = Some(Block { reason, message: message.into() });
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl Report {
    /// Adds up the calls of all objects.
    pub(super) fn add_up(&mut self, share: f64) {
        let steps = self.objects.iter().flat_map(|object| &object.rounds).flat_map(|round| &round.steps);
        let mut calls = Calls::new();
        steps.for_each(|step| add(&mut calls, &step.calls));
        let seconds = |share| minimum_time(&calls, share).as_secs_f64();
        self.minimum_time = MinimumTime { seconds: seconds(1.0), seconds_at_share: seconds(share), share };
        self.calls = calls;
    }

    /// The exit code, as `--help` says it.
    pub(super) fn exit_code(&self, detailed: bool) -> i32 {
        if self.objects.iter().any(|object| !object.violations.is_empty()) {
            REFUSED
        } else if self.objects.iter().any(|object| object.blocked.is_some()) {
            BLOCKED
        } else if detailed && self.objects.iter().any(|object| !object.rounds.is_empty()) {
            CHANGES
        } else {
            FINE
        }
    }

    /// As JSON, for programs.
    pub(super) fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// As text, for people.
    pub(super) fn text(&self) -> String {
        let mut lines: Vec<String> = self.notes.iter().map(|note| format!("note: {note}")).collect();
        for object in &self.objects {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(object.lines());
        }
        if !self.calls.is_empty() {
            let MinimumTime { seconds, seconds_at_share, share } = self.minimum_time;
            lines.push(format!("\ncalls: {}", calls_text(&self.calls)));
            lines.push(if seconds > 0.0 {
                let (all, part) = (time_text(seconds), time_text(seconds_at_share));
                format!("time: at least {all} by AWS's quotas, {part} at the share of {share} that the operator takes")
            } else {
                "time: no quota of AWS binds".to_owned()
            });
        }
        lines.join("\n") + "\n"
    }
}

impl ObjectReport {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} {}/{}", self.kind, self.namespace, self.name)];
        lines.extend(self.notes.iter().map(|note| format!("  note: {note}")));
        let violations = self.violations.iter();
        lines.extend(
            violations.map(|Refusal { path, reason, message }| format!("  refused: {path}: {reason}: {message}")),
        );
        lines.extend(self.blocked.iter().map(|Block { reason, message }| format!("  blocked: {reason}: {message}")));
        for (number, round) in self.rounds.iter().enumerate() {
            lines.push(format!("  round {}{}", number + 1, if number == 0 { "" } else { ", after the above" }));
            for Step { text, calls } in &round.steps {
                lines.push(if calls.is_empty() {
                    format!("    {text}")
                } else {
                    format!("    {text}  [{}]", calls_text(calls))
                });
            }
            lines.extend(round.wait.iter().map(|wait| format!("    wait: {wait}")));
        }
        if self.violations.is_empty() && self.blocked.is_none() && self.rounds.is_empty() {
            lines.push("  in sync".into());
        }
        lines
    }
}

fn calls_text(calls: &Calls) -> String {
    calls.iter().map(|(operation, count)| format!("{operation} ×{count}")).collect::<Vec<_>>().join(", ")
}

/// Rounded up: a bound that is told too low is none.
fn time_text(seconds: f64) -> String {
    let seconds = Duration::from_secs_f64(seconds.ceil()).as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
