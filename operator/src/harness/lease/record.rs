//! What the lease's content means and what is written into it. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

use super::timing;

/// What a released lease promises. The field must be positive; nobody holds the lease, so it is not waited for.
const RELEASED_SECONDS: i32 = 1;
/// The smallest step of the times in a lease.
const TICK: SignedDuration = SignedDuration::from_micros(1);

/// What a candidate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Take it: released, or its holder is gone.
    Free,
    /// Go on with it: it is held in this candidate's name.
    Ours,
    /// Wait.
    Theirs,
}

/// The lease as seen, and since when it has not changed on our own clock.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Observation {
    spec: LeaseSpec,
    since: Instant,
}

impl Observation {
    /// What is known after the lease was seen to hold `spec` at `now`.
    pub(super) fn next(previous: Option<Self>, spec: LeaseSpec, now: Instant) -> Self {
        match previous {
            Some(previous) if previous.spec == spec => previous,
            _ => Self { spec, since: now },
        }
    }

    /// What `candidate` may do at `now`.
    pub(super) fn claim(&self, candidate: &str, now: Instant) -> Claim {
        match holder(Some(&self.spec)) {
            None => Claim::Free,
            Some(holder) if holder == candidate => Claim::Ours,
            Some(_) if now.saturating_duration_since(self.since) >= promised(&self.spec) => Claim::Free,
            Some(_) => Claim::Theirs,
        }
    }
}

/// Who holds the lease. An empty name is how a lease is released.
pub(super) fn holder(spec: Option<&LeaseSpec>) -> Option<&str> {
    spec?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// How long its holder may be silent: what it wrote itself, so that replicas of two versions agree.
fn promised(spec: &LeaseSpec) -> Duration {
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.filter(|seconds| *seconds > 0).map_or(timing::LEASE_DURATION, Duration::from_secs)
}

/// `current` taken or renewed by `candidate`.
pub(super) fn held(current: &LeaseSpec, candidate: &str, now: Timestamp) -> LeaseSpec {
    let renews = holder(Some(current)) == Some(candidate);
    let now = later(current, now);
    LeaseSpec {
        holder_identity: Some(candidate.to_owned()),
        lease_duration_seconds: i32::try_from(timing::LEASE_DURATION.as_secs()).ok(),
        renew_time: Some(MicroTime(now)),
        acquire_time: current.acquire_time.clone().filter(|_| renews).or(Some(MicroTime(now))),
        lease_transitions: Some(match current.lease_transitions {
            Some(transitions) if renews => transitions,
            Some(transitions) => transitions.saturating_add(1),
            None => 0,
        }),
        ..current.clone()
    }
}

/// `current` given back.
pub(super) fn released(current: &LeaseSpec, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(RELEASED_SECONDS),
        renew_time: Some(MicroTime(later(current, now))),
        ..current.clone()
    }
}

/// `now`, but after what the lease says already: with a clock that stands still or was set back, a renewal would change
/// nothing and look like silence.
fn later(current: &LeaseSpec, now: Timestamp) -> Timestamp {
    let floor = current.renew_time.as_ref().and_then(|MicroTime(renewed)| renewed.checked_add(TICK).ok());
    floor.map_or(now, |floor| floor.max(now))
}

/// Whether trouble is to be told of again.
pub(super) fn due(said: Option<Instant>, now: Instant) -> bool {
    said.is_none_or(|said| now.saturating_duration_since(said) >= timing::LEASE_REMINDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(holder: Option<&str>, seconds: Option<i32>) -> LeaseSpec {
        LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: seconds,
            lease_transitions: Some(3),
            renew_time: Some(MicroTime(at(100))),
            acquire_time: Some(MicroTime(at(50))),
            ..LeaseSpec::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_lease_is_free_when_released_or_silent_for_as_long_as_promised() {
        let seen = Instant::now();
        for (holder, seconds, silent, expected) in [
            (None, Some(15), 0, Claim::Free),
            (Some(""), Some(15), 0, Claim::Free),
            (Some("me"), Some(15), 0, Claim::Ours),
            (Some("me"), Some(15), 60, Claim::Ours),
            (Some("other"), Some(15), 0, Claim::Theirs),
            (Some("other"), Some(15), 14, Claim::Theirs),
            (Some("other"), Some(15), 15, Claim::Free),
            (Some("other"), Some(60), 59, Claim::Theirs),
            (Some("other"), Some(60), 60, Claim::Free),
            (Some("other"), None, 14, Claim::Theirs),
            (Some("other"), Some(0), 14, Claim::Theirs),
            (Some("other"), Some(-5), 15, Claim::Free),
        ] {
            let observation = Observation::next(None, spec(holder, seconds), seen);
            let claim = observation.claim("me", seen + Duration::from_secs(silent));
            assert_eq!(claim, expected, "{holder:?} {seconds:?} silent for {silent} s");
        }
    }

    #[test]
    fn only_a_change_of_the_lease_is_a_sign_of_life() {
        let began = Instant::now();
        let later = began + Duration::from_secs(9);
        let first = Observation::next(None, spec(Some("other"), Some(15)), began);
        let same = Observation::next(Some(first.clone()), spec(Some("other"), Some(15)), later);
        assert_eq!(same.since, began);
        let renewed = LeaseSpec { renew_time: Some(MicroTime(at(1))), ..first.spec.clone() };
        assert_eq!(Observation::next(Some(first), renewed, later).since, later, "also a time of the past is a change");
    }

    #[test]
    fn taking_counts_a_transition_and_renewing_does_not() {
        let taken = held(&spec(Some("other"), Some(60)), "me", at(200));
        assert_eq!(taken.holder_identity.as_deref(), Some("me"));
        assert_eq!((taken.lease_transitions, taken.lease_duration_seconds), (Some(4), Some(15)));
        assert_eq!(
            (taken.acquire_time.clone(), taken.renew_time.clone()),
            (Some(at(200).into()), Some(at(200).into()))
        );
        let renewed = held(&taken, "me", at(210));
        assert_eq!(renewed.lease_transitions, Some(4));
        assert_eq!((renewed.acquire_time, renewed.renew_time), (Some(at(200).into()), Some(at(210).into())));
        let first = held(&LeaseSpec::default(), "me", at(1));
        assert_eq!((first.lease_transitions, first.acquire_time), (Some(0), Some(at(1).into())));
    }

    #[test]
    fn a_renewal_is_a_change_whatever_the_clock_says() {
        let current = held(&LeaseSpec::default(), "me", at(100));
        for now in [at(100), at(7)] {
            let renewed = held(&current, "me", now);
            assert!(renewed.renew_time > current.renew_time);
            assert!(released(&current, now).renew_time > current.renew_time);
        }
    }

    #[test]
    fn a_released_lease_is_free_for_everybody() {
        let given_back = released(&spec(Some("me"), Some(15)), at(300));
        assert_eq!(holder(Some(&given_back)), None);
        assert_eq!((given_back.lease_transitions, given_back.acquire_time.clone()), (Some(3), Some(at(50).into())));
        let now = Instant::now();
        assert_eq!(Observation::next(None, given_back, now).claim("other", now), Claim::Free);
    }

    #[test]
    fn trouble_is_told_at_once_and_then_each_minute() {
        let said = Instant::now();
        for (before, seconds, expected) in [(None, 0, true), (Some(said), 59, false), (Some(said), 60, true)] {
            assert_eq!(due(before, said + Duration::from_secs(seconds)), expected);
        }
    }
}
