//! Classes of cloud errors: decided in the adapter, where the code is known; mapped to behaviour here.

use std::time::Duration;

use aigw_api::conditions::reason;

/// What kind of trouble a failed AWS call is in. The class alone decides condition and requeue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// AWS refuses the request itself; repeating it is useless until the spec or the operator changes.
    Invalid,
    /// Something in AWS is still on its way and will pass by itself.
    Waiting,
    /// AWS has not yet noticed an earlier change of ours, such as a new role.
    Eventual,
    /// Called too often.
    Throttled,
    /// Somebody else changed the object at the same time.
    Conflict,
    /// A quota of the account is used up.
    Quota,
    /// Credentials missing, expired or without the right.
    Denied,
    /// Server error, time-out, broken connection.
    Transient,
    /// A defect of ours.
    Bug,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::Invalid,
        Self::Waiting,
        Self::Eventual,
        Self::Throttled,
        Self::Conflict,
        Self::Quota,
        Self::Denied,
        Self::Transient,
        Self::Bug,
    ];

    /// Condition reason shown while an object is in this class.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Invalid => reason::REJECTED_BY_AWS,
            Self::Waiting | Self::Eventual | Self::Conflict => reason::WAITING,
            Self::Throttled => reason::THROTTLED,
            Self::Quota => reason::QUOTA_EXCEEDED,
            Self::Denied => reason::ACCESS_DENIED,
            Self::Transient => reason::CLOUD_ERROR,
            Self::Bug => reason::INTERNAL_ERROR,
        }
    }

    /// Whether a person has to act before it can go on.
    pub const fn stalls(self) -> bool {
        matches!(self, Self::Invalid | Self::Quota | Self::Denied | Self::Bug)
    }

    /// When to try again after the `failures`-th failure in a row (from 1), before jitter. `retry_after` is AWS's word.
    pub fn requeue(self, failures: u32, retry_after: Option<Duration>) -> Duration {
        let doubling = |first: u64, cap: u64| {
            Duration::from_secs(first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(cap))
        };
        match self {
            Self::Waiting => Duration::from_secs(2),
            Self::Eventual => doubling(2, 30),
            Self::Throttled => retry_after.unwrap_or_else(|| doubling(2, 60)),
            Self::Conflict => doubling(1, 30),
            Self::Quota => Duration::from_mins(15),
            Self::Denied => doubling(30, 5 * 60),
            Self::Invalid | Self::Bug => Duration::from_mins(10),
            Self::Transient => doubling(1, 5 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requeue_grows_and_stays_within_ten_to_fifteen_minutes() {
        for class in Class::ALL {
            let mut previous = Duration::ZERO;
            for failures in 1..200 {
                let next = class.requeue(failures, None);
                assert!(
                    next >= previous && next >= Duration::from_secs(1) && next <= Duration::from_mins(15),
                    "{class:?}"
                );
                previous = next;
            }
        }
    }

    #[test]
    fn the_word_of_aws_outranks_our_own_backoff() {
        assert_eq!(Class::Throttled.requeue(9, Some(Duration::from_secs(7))), Duration::from_secs(7));
    }
}
