//! What a probe means for the conditions of an object.

use aigw_api::conditions::{kind, reason};
use aigw_api::{EndpointType, ProbeMode};

use super::answer::Finding;
use super::schedule::Memo;
use crate::conditions::{ConditionSpec, Progress};

/// Reasons that a person has to do something about: nothing the operator repairs would help.
const FOR_PEOPLE: [&str; 7] = [
    reason::PERMISSION_MISSING,
    reason::PLAN_NOT_ATTACHED,
    reason::CREDENTIAL_REFUSED,
    reason::ROLE_DENIED,
    reason::MODEL_DENIED,
    reason::NOT_REFUSED,
    reason::GUARDRAIL_NOT_ENFORCED,
];

/// Everything is as it should be in AWS, and yet a probe does not show that calls go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// Condition reason.
    pub reason: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// Whether a person has to act.
    pub stalled: bool,
}

impl Unproven {
    /// As conditions tell it; `serving` says that the object counts as ready meanwhile.
    pub fn progress(&self, serving: bool) -> Progress {
        let (reason, message) = (self.reason, self.message.clone());
        if self.stalled {
            Progress::Stalled { reason, message }
        } else {
            Progress::Working { reason, message, serving }
        }
    }
}

/// What decides how a finding binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What probes are for.
    pub mode: ProbeMode,
    /// Type of the gateway's endpoint: of a private one it is usual that the operator cannot reach it.
    pub endpoint: EndpointType,
    /// Whether the object was ready for this generation before.
    pub was_ready: bool,
}

/// The condition, and what keeps the object from being ready, with whether it counts as ready all the same for now.
pub fn conclude(terms: Terms, memo: &Memo, now: i64) -> (ConditionSpec, Option<(Unproven, bool)>) {
    let persists = memo.persists(now);
    let (condition, unproven) = match &memo.finding {
        Finding::Passed(message) => (condition(Some(true), reason::PROBE_PASSED, message), None),
        Finding::Failed { reason, message } => {
            let stalled = persists && FOR_PEOPLE.contains(reason);
            let status = persists.then_some(false);
            (condition(status, reason, message), Some(Unproven { reason, message: message.clone(), stalled }))
        }
        Finding::Unknown { reason, message } => {
            let binds = *reason == reason::UNREACHABLE && terms.endpoint == EndpointType::Regional;
            let message_with_fix = if binds {
                format!("{message}; give it a way there, or set spec.probe.mode to Report")
            } else {
                message.clone()
            };
            let unproven = Unproven { reason, message: message_with_fix.clone(), stalled: false };
            (condition(None, reason, &message_with_fix), binds.then_some(unproven))
        }
        Finding::Unclear(message) => {
            let (reason, message) = (reason::PROBING, message.clone());
            (condition(None, reason, &message), Some(Unproven { reason, message, stalled: false }))
        }
    };
    let binding = unproven.filter(|_| terms.mode == ProbeMode::Required);
    // One bad answer does not take Ready away from what was: it is asked again first.
    (condition, binding.map(|unproven| (unproven, terms.was_ready && !persists)))
}

fn condition(status: Option<bool>, reason: &'static str, message: &str) -> ConditionSpec {
    ConditionSpec::new(kind::PROBED, status, reason, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const REQUIRED: Terms = Terms { mode: ProbeMode::Required, endpoint: EndpointType::Regional, was_ready: false };

    fn memo(finding: Finding) -> Memo {
        Memo::record(None, finding, Duration::from_hours(1), 0, 0.5)
    }

    fn unreachable() -> Finding {
        Finding::Unknown { reason: reason::UNREACHABLE, message: "no way".into() }
    }

    #[test]
    fn a_failure_is_a_matter_of_seconds_before_it_is_one_for_people() {
        let failing = memo(Finding::failed(reason::ROLE_DENIED, "no"));
        let (condition, unproven) = conclude(REQUIRED, &failing, 59);
        assert_eq!((condition.status, unproven.clone().unwrap().0.stalled), (None, false));
        assert!(!unproven.unwrap().1);
        let (condition, unproven) = conclude(REQUIRED, &failing, 60);
        assert_eq!((condition.status, condition.reason), (Some(false), reason::ROLE_DENIED));
        assert!(unproven.unwrap().0.stalled);
        // What passes by itself is nobody's to act on.
        let table = memo(Finding::failed(reason::TABLE_UNREACHABLE, "no"));
        assert!(!conclude(REQUIRED, &table, 600).1.unwrap().0.stalled);
    }

    #[test]
    fn what_was_ready_stays_so_for_the_grace() {
        let terms = Terms { was_ready: true, ..REQUIRED };
        let failing = memo(Finding::failed(reason::ROLE_DENIED, "no"));
        assert!(conclude(terms, &failing, 59).1.unwrap().1);
        assert!(!conclude(terms, &failing, 60).1.unwrap().1);
    }

    #[test]
    fn who_cannot_be_reached_holds_up_only_what_is_public_and_required() {
        let binds = |mode, endpoint| {
            conclude(Terms { mode, endpoint, was_ready: false }, &memo(unreachable()), 600).1.is_some()
        };
        assert!(binds(ProbeMode::Required, EndpointType::Regional));
        assert!(!binds(ProbeMode::Required, EndpointType::Private));
        assert!(!binds(ProbeMode::Report, EndpointType::Regional));
        let elsewhere = Finding::Unknown { reason: reason::SOURCE_NOT_ALLOWED, message: String::new() };
        assert!(conclude(REQUIRED, &memo(elsewhere), 600).1.is_none());
    }

    #[test]
    fn reports_are_told_and_bind_nobody() {
        let terms = Terms { mode: ProbeMode::Report, ..REQUIRED };
        let (condition, unproven) = conclude(terms, &memo(Finding::failed(reason::MODEL_DENIED, "no")), 60);
        assert_eq!((condition.status, unproven), (Some(false), None));
    }
}
