//! Kubernetes Events: one per transition of a condition, never holding up or failing a reconcile.
//!
//! One recorder for the whole process: it folds repeats of an Event into a series. It remembers every Event of the last
//! minutes for that, thousands when thousands of tenants are applied at once, so it is replaced now and then.

use std::sync::{Mutex, PoisonError};

use aigw_api::conditions::{kind, reason};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

use super::{error, timing};

/// Name Events are reported under.
const CONTROLLER: &str = "aigateway.dev/operator";
/// Longest note the apiserver takes, in bytes.
const NOTE_LIMIT: usize = 1024;
/// Every Event needs an action; ours all come from one.
const ACTION: &str = "Reconcile";

/// Events one recorder publishes: what it remembers stays below a megabyte.
const EVENTS_A_RECORDER: u32 = 256;

/// Publishes Events.
pub struct EventRecorder {
    client: Client,
    reporter: Reporter,
    current: Mutex<(Recorder, u32)>,
}

impl EventRecorder {
    /// A recorder that reports as `instance`, the pod's name.
    pub fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: CONTROLLER.to_owned(), instance };
        let first = Recorder::new(client.clone(), reporter.clone());
        Self { client, reporter, current: Mutex::new((first, 0)) }
    }

    /// The recorder to publish the next Event with.
    fn recorder(&self) -> Recorder {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1 >= EVENTS_A_RECORDER {
            *current = (Recorder::new(self.client.clone(), self.reporter.clone()), 0);
        }
        current.1 += 1;
        current.0.clone()
    }

    /// Publishes what changed from `previous` to `next`. Failures are logged and forgotten.
    pub async fn transitions<K>(&self, object: &K, previous: &[Condition], next: &[Condition])
    where
        K: Resource<DynamicType = ()> + Sync,
    {
        let events = transitions(previous, next);
        if events.is_empty() {
            return;
        }
        let reference = ObjectReference {
            // A version here would make every Event about the object a series of its own.
            resource_version: None,
            ..object.object_ref(&())
        };
        for event in events {
            self.publish(event, &reference).await;
        }
    }

    /// Publishes one Event that no condition stands for.
    pub async fn note<K>(&self, object: &K, warning: bool, reason: &'static str, note: String)
    where
        K: Resource<DynamicType = ()> + Sync,
    {
        let reference = ObjectReference { resource_version: None, ..object.object_ref(&()) };
        self.publish(event(warning, reason, note), &reference).await;
    }

    /// Publishes one Event about an object that is at hand by reference only.
    pub async fn about(&self, reference: &ObjectReference, warning: bool, reason: &'static str, note: String) {
        self.publish(event(warning, reason, note), reference).await;
    }

    async fn publish(&self, event: Event, reference: &ObjectReference) {
        match tokio::time::timeout(timing::EVENT_PUBLISH, self.recorder().publish(&event, reference)).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                tracing::warn!(reason = event.reason, error = error::chain(&failure), "cannot publish an event");
            }
            Err(_) => tracing::warn!(reason = event.reason, "publishing an event took too long"),
        }
    }
}

fn event(warning: bool, reason: &str, note: String) -> Event {
    Event {
        type_: if warning { EventType::Warning } else { EventType::Normal },
        reason: reason.to_owned(),
        note: Some(bounded(note, NOTE_LIMIT)).filter(|note| !note.is_empty()),
        action: ACTION.to_owned(),
        secondary: None,
    }
}

/// The Events for a change of conditions: one per distinct reason and message, since `Ready` repeats what the condition
/// it summarises says. `Reconciling` and `Stalled` are left out: they come and go with every pass.
fn transitions(previous: &[Condition], next: &[Condition]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for condition in next {
        if matches!(condition.type_.as_str(), kind::RECONCILING | kind::STALLED) || condition.status == "Unknown" {
            continue;
        }
        let before = previous.iter().find(|before| before.type_ == condition.type_);
        let same = before.is_some_and(|before| before.status == condition.status && before.reason == condition.reason);
        // Its warnings are Events of their own, one for each threshold; here is only that they are over.
        let budget = condition.type_ == kind::WITHIN_BUDGET;
        if budget && !(condition.status == "True" && before.is_some_and(|before| before.status == "False")) {
            continue;
        }
        // That nobody suspended a new tenant is no news.
        let first_and_neutral = before.is_none() && condition.type_ == kind::SUSPENDED && condition.status == "False";
        if same || first_and_neutral {
            continue;
        }
        let new = event(is_warning(condition), &condition.reason, condition.message.clone());
        if !events.iter().any(|event| event.reason == new.reason && event.note == new.note) {
            events.push(new);
        }
    }
    events
}

/// A condition that does not hold is a warning, unless it is only a matter of time or what somebody asked for.
fn is_warning(condition: &Condition) -> bool {
    let passes = [
        reason::PROGRESSING,
        reason::WAITING,
        reason::THROTTLED,
        reason::DELETING,
        reason::GATEWAY_NOT_READY,
        reason::API_KEYS_DISABLED,
        reason::ROLLING_OUT,
        reason::AWAITING_TURN,
        reason::SUSPENDED_BY_PLATFORM,
        reason::SUSPENDED_BY_TEAM,
    ];
    condition.type_ != kind::SUSPENDED && condition.status == "False" && !passes.contains(&condition.reason.as_str())
}

/// `text`, cut between characters to at most `limit` bytes, with an ellipsis where something is missing.
pub(super) fn bounded(mut text: String, limit: usize) -> String {
    const ELLIPSIS: char = '…';
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit.saturating_sub(ELLIPSIS.len_utf8())));
        text.push(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn condition(kind: &str, status: &str, reason: &str) -> Condition {
        Condition {
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
            message: format!("{reason} it is"),
            observed_generation: None,
            reason: reason.into(),
            status: status.into(),
            type_: kind.into(),
        }
    }

    #[test]
    fn a_summary_and_its_cause_make_one_event() {
        let next = [condition("Programmed", "False", "AccessDenied"), condition("Ready", "False", "AccessDenied")];
        let events = transitions(&[], &next);
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].type_, events[0].reason.as_str()), (EventType::Warning, "AccessDenied"));
        assert!(transitions(&next, &next).is_empty());
    }

    #[test]
    fn only_status_and_reason_make_news() {
        let before = condition("Ready", "False", "Waiting");
        let after = Condition { message: "another".into(), observed_generation: Some(4), ..before.clone() };
        assert!(transitions(std::slice::from_ref(&before), &[after]).is_empty());
        let ready = transitions(&[before], &[condition("Ready", "True", "Ready")]);
        assert_eq!(ready.iter().map(|event| event.type_).collect::<Vec<_>>(), [EventType::Normal]);
    }

    #[test]
    fn of_budgets_only_the_end_of_exhaustion_is_news() {
        let within = condition("WithinBudget", "True", "WithinBudget");
        let near = condition("WithinBudget", "True", "BudgetWarning");
        let over = condition("WithinBudget", "False", "BudgetExhausted");
        let events = |previous: &[Condition], next: &Condition| transitions(previous, std::slice::from_ref(next)).len();
        assert_eq!(events(&[], &within), 0);
        assert_eq!(events(std::slice::from_ref(&within), &near), 0);
        assert_eq!(events(std::slice::from_ref(&near), &over), 0);
        assert_eq!(events(&[over], &within), 1);
    }

    #[test]
    fn suspension_is_news_but_no_warning() {
        let active = condition("Suspended", "False", "Active");
        assert!(transitions(&[], std::slice::from_ref(&active)).is_empty());
        let events = transitions(&[active], &[condition("Suspended", "True", "SuspendedByPlatform")]);
        assert_eq!((events.len(), events[0].type_), (1, EventType::Normal));
    }
}
