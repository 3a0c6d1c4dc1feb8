//! Conditions as the plan decides them: without times, which the shell keeps or sets when it writes the status.

use aigw_api::conditions::{kind, reason};

/// One condition of a status to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionSpec {
    /// Type.
    pub type_: &'static str,
    /// `Some(true)` → True, `Some(false)` → False, `None` → Unknown.
    pub status: Option<bool>,
    /// Reason.
    pub reason: &'static str,
    /// Message: constant for a constant cause.
    pub message: String,
}

impl ConditionSpec {
    /// A condition.
    pub fn new(
        type_: &'static str,
        status: impl Into<Option<bool>>,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { type_, status: status.into(), reason, message: message.into() }
    }
}

/// How far an object is; decides the kstatus conditions (`Ready`, `Reconciling`, `Stalled`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// All observed in place.
    Ready(String),
    /// Goes on by itself.
    Working {
        /// Reason of the conditions.
        reason: &'static str,
        /// Message of the conditions.
        message: String,
        /// Whether it was ready for this generation before and still serves, as during the repair of drift.
        serving: bool,
    },
    /// Needs a person.
    Stalled {
        /// Reason of the conditions.
        reason: &'static str,
        /// Message of the conditions.
        message: String,
    },
}

impl Progress {
    /// `Ready`, `Reconciling` and `Stalled`.
    pub fn summary(&self) -> [ConditionSpec; 3] {
        let idle = |type_| ConditionSpec::new(type_, false, reason::IDLE, "");
        match self {
            Self::Ready(message) => [
                ConditionSpec::new(kind::READY, true, reason::READY, message),
                idle(kind::RECONCILING),
                idle(kind::STALLED),
            ],
            Self::Working { reason, message, serving } => [
                ConditionSpec::new(kind::READY, *serving, reason, message),
                ConditionSpec::new(kind::RECONCILING, true, reason, message),
                idle(kind::STALLED),
            ],
            Self::Stalled { reason, message } => [
                ConditionSpec::new(kind::READY, false, reason, message),
                idle(kind::RECONCILING),
                ConditionSpec::new(kind::STALLED, true, reason, message),
            ],
        }
    }
}

/// Conditions of an object that is being deleted. `stalled` says that a person has to act first.
pub fn deleting(reason: &'static str, message: &str, stalled: bool) -> Vec<ConditionSpec> {
    let message = message.to_owned();
    let progress = if stalled {
        Progress::Stalled { reason, message: message.clone() }
    } else {
        Progress::Working { reason, message: message.clone(), serving: false }
    };
    let mut specs = vec![ConditionSpec::new(kind::PROGRAMMED, false, reason, message)];
    specs.extend(progress.summary());
    specs
}
