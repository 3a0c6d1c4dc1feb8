//! How a reconcile ended, and when to look at the object again.

use std::time::Duration;

use aigw_cloud::CloudError;
use aigw_plan::Class;
use kube::runtime::controller::Action;

/// How a reconcile ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Observed to match. Looked at again within `requeue` (jittered down to half of it) to find drift.
    Done {
        /// Longest time until the next look.
        requeue: Duration,
    },
    /// Nothing failed, but something has to pass first. Not counted as a failure.
    Waiting {
        /// Time until the next look.
        after: Duration,
    },
    /// Nothing more to do until the object changes; its finalizer is gone, or it never was ours.
    Finished,
    /// Something failed, and the status says so already. Counted; the class decides when to try again.
    Failed {
        /// What kind of trouble.
        class: Class,
        /// When AWS said to try again.
        retry_after: Option<Duration>,
        /// What failed, for the log.
        message: String,
    },
}

impl Outcome {
    /// The outcome of a failed AWS call.
    pub fn failed(error: &CloudError) -> Self {
        // The request id is for people who ask AWS support; status never carries it.
        let message = match &error.request_id {
            Some(id) => format!("{error} (request {id})"),
            None => error.to_string(),
        };
        Self::Failed { class: error.class, retry_after: error.retry_after, message }
    }

    /// Value of the label `outcome` in metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Waiting { .. } => "waiting",
            Self::Finished => "finished",
            Self::Failed { class, .. } => failure_label(*class),
        }
    }
}

/// Value of the label `outcome` for a failure. A conflict or a throttle is ordinary and must not raise an alert.
pub const fn failure_label(class: Class) -> &'static str {
    match class {
        Class::Conflict => "conflict",
        Class::Throttled => "throttled",
        Class::Waiting | Class::Eventual => "waiting",
        Class::Invalid | Class::Quota | Class::Denied | Class::Transient | Class::Bug => "failed",
    }
}

/// The upper half of `delay`, at `jitter` in 0..1: objects that failed together do not come back together.
pub fn upper_half(delay: Duration, jitter: f64) -> Duration {
    delay.mul_f64(f64::midpoint(1.0, jitter.clamp(0.0, 1.0)))
}

/// When to try again after the `failures`-th failure in a row. AWS's own word is a floor, everything else a ceiling.
pub fn retry(class: Class, failures: u32, retry_after: Option<Duration>, jitter: f64) -> Action {
    let delay = class.requeue(failures, retry_after);
    Action::requeue(match (class, retry_after) {
        (Class::Throttled, Some(floor)) => floor + floor.mul_f64(jitter.clamp(0.0, 1.0) / 4.0),
        _ => upper_half(delay, jitter),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_in_the_upper_half() {
        let delay = Duration::from_secs(8);
        assert_eq!(upper_half(delay, 0.0), Duration::from_secs(4));
        assert_eq!(upper_half(delay, 1.0), delay);
        assert_eq!(upper_half(delay, 7.0), delay);
    }

    #[test]
    fn a_retry_never_comes_before_the_time_aws_named() {
        let floor = Duration::from_secs(20);
        for jitter in [0.0, 0.5, 1.0] {
            let action = retry(Class::Throttled, 1, Some(floor), jitter);
            assert!((20..=25).any(|seconds| action == Action::requeue(Duration::from_secs(seconds))
                || action == Action::requeue(Duration::from_millis(22_500))));
        }
        assert_eq!(retry(Class::Throttled, 1, Some(floor), 0.0), Action::requeue(floor));
    }

    #[test]
    fn a_request_id_reaches_the_log_only() {
        let mut error = CloudError::new("iam:GetRole", Class::Denied, "AccessDenied", "no");
        error.request_id = Some("r-1".into());
        let Outcome::Failed { message, .. } = Outcome::failed(&error) else { panic!() };
        assert!(message.ends_with("(request r-1)"));
        assert!(!error.to_string().contains("r-1"));
    }
}
