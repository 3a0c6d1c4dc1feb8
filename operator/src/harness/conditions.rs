//! Conditions: one per type, with a transition time that moves only when the status does.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::events::bounded;

/// Longest message. The schema allows 32 KiB, but people read these in a terminal.
pub const MESSAGE_LIMIT: usize = 1024;

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Holds.
    True,
    /// Does not hold.
    False,
    /// Not known yet.
    Unknown,
}

impl Status {
    /// As written in the object.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Status {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What a condition should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Type, one of [`aigw_api::conditions::kind`].
    pub kind: &'static str,
    /// Status.
    pub status: Status,
    /// Reason, one of [`aigw_api::conditions::reason`].
    pub reason: &'static str,
    /// For people; constant for a constant cause, or the controller triggers itself.
    pub message: String,
}

/// What setting a condition did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Reason, message or generation changed.
    Updated,
    /// The status changed, or the condition is new.
    Transitioned,
}

/// Sets one condition. `generation` is the one passed to the reconciler, not the newest.
pub fn set(conditions: &mut Vec<Condition>, desired: Desired, generation: Option<i64>, now: Timestamp) -> Change {
    let Desired { kind, status, reason, message } = desired;
    let (status, message) = (status.as_str(), bounded(message, MESSAGE_LIMIT));
    let Some(current) = conditions.iter_mut().find(|condition| condition.type_ == kind) else {
        conditions.push(Condition {
            last_transition_time: Time(whole_seconds(now)),
            message,
            observed_generation: generation,
            reason: reason.to_owned(),
            status: status.to_owned(),
            type_: kind.to_owned(),
        });
        return Change::Transitioned;
    };
    let transitioned = current.status != status;
    let same = !transitioned
        && current.reason == reason
        && current.message == message
        && current.observed_generation == generation;
    if same {
        return Change::None;
    }
    if transitioned {
        current.last_transition_time = Time(whole_seconds(now));
        status.clone_into(&mut current.status);
    }
    reason.clone_into(&mut current.reason);
    current.message = message;
    current.observed_generation = generation;
    if transitioned { Change::Transitioned } else { Change::Updated }
}

/// The condition of that type.
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// Whether the condition of that type is there and `True`.
pub fn holds(conditions: &[Condition], kind: &str) -> bool {
    find(conditions, kind).is_some_and(|condition| condition.status == Status::True.as_str())
}

/// Without fractions: the apiserver stores whole seconds, and a finer time would differ from the same condition read back.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(status: bool, message: &str) -> Desired {
        Desired { kind: "Ready", status: status.into(), reason: "Because", message: message.into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 999_000_000).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let mut conditions = Vec::new();
        assert_eq!(set(&mut conditions, desired(false, "a"), Some(1), at(10)), Change::Transitioned);
        assert_eq!(set(&mut conditions, desired(false, "a"), Some(1), at(20)), Change::None);
        assert_eq!(set(&mut conditions, desired(false, "b"), Some(2), at(30)), Change::Updated);
        assert_eq!(conditions[0].last_transition_time, Time(Timestamp::from_second(10).unwrap()));
        assert_eq!((conditions[0].message.as_str(), conditions[0].observed_generation), ("b", Some(2)));
        assert_eq!(set(&mut conditions, desired(true, "b"), Some(2), at(40)), Change::Transitioned);
        assert_eq!(conditions[0].last_transition_time, Time(Timestamp::from_second(40).unwrap()));
        assert!(conditions.len() == 1 && holds(&conditions, "Ready") && !holds(&conditions, "Accepted"));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut conditions = Vec::new();
        set(&mut conditions, desired(false, &"é".repeat(2000)), None, at(0));
        assert!(conditions[0].message.len() <= MESSAGE_LIMIT);
        assert!(conditions[0].message.ends_with('…'));
        assert_eq!(set(&mut conditions, desired(false, &"é".repeat(2000)), None, at(9)), Change::None);
    }
}
