//! The error of a reconcile: what went wrong before an outcome could be reported in the object's status.

use std::time::Duration;

use aigw_cloud::CloudError;
use aigw_plan::Class;

/// Why a reconcile ended without an outcome.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Kubernetes API refused or failed.
    #[error("kubernetes: cannot {action}")]
    Kube {
        /// What was tried, as a verb and its object: `write status`.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<kube::Error>,
    },
    /// An AWS call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The reconcile took too long.
    #[error("the reconcile did not finish within {} s", .0.as_secs())]
    Deadline(Duration),
    /// A value of our own could not be turned into JSON.
    #[error("cannot serialize {what}")]
    Serialize {
        /// Which value.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An invariant did not hold.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// For `map_err`: a failed Kubernetes call, with what was tried.
    pub fn kube(action: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Kube { action, source: Box::new(source) }
    }

    /// What kind of trouble this is; decides when to try again.
    pub fn class(&self) -> Class {
        match self {
            Self::Kube { source, .. } => kube_class(source),
            Self::Cloud(error) => error.class,
            Self::Deadline(_) => Class::Transient,
            Self::Serialize { .. } | Self::Internal(_) => Class::Bug,
        }
    }

    /// When AWS said to try again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Cloud(error) => error.retry_after,
            _ => None,
        }
    }

    /// This error and its sources on one line, leaving out what a parent already says.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// `error` and its sources on one line, leaving out what a parent already says, and credentials that a server repeated.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = text_of(error);
    let mut source = if refusal(error).is_some() { None } else { error.source() };
    while let Some(cause) = source {
        let cause_text = text_of(cause);
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = if refusal(cause).is_some() { None } else { cause.source() };
    }
    aigw_contract::redacted(&text).into_owned()
}

/// kube prints the whole status object with every refusal; its message and code say all there is.
fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    refusal(error).map_or_else(|| error.to_string(), |status| format!("{} ({})", status.message, status.code))
}

fn refusal<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a kube::core::Status> {
    let boxed = || error.downcast_ref::<Box<kube::Error>>().map(|boxed| &**boxed);
    match error.downcast_ref::<kube::Error>().or_else(boxed) {
        Some(kube::Error::Api(status)) => Some(&**status),
        _ => None,
    }
}

/// Whether somebody else changed the object in between: 409, or a JSON patch whose `test` did not hold. The apiserver
/// answers the latter with 422 and, unlike for an object that breaks its schema, names no causes.
pub fn is_conflict(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            let causes = status.details.as_ref().map_or(0, |details| details.causes.len());
            status.code == 409 || (status.code == 422 && causes == 0)
        }
        _ => false,
    }
}

fn kube_class(error: &kube::Error) -> Class {
    if is_conflict(error) {
        return Class::Conflict;
    }
    match error {
        kube::Error::Api(status) => match status.code {
            // The object went away under us; its watch will say so.
            404 => Class::Conflict,
            400 | 422 => Class::Bug,
            401 | 403 => Class::Denied,
            429 => Class::Throttled,
            _ => Class::Transient,
        },
        kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) => Class::Bug,
        _ => Class::Transient,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn api(code: u16, causes: usize) -> kube::Error {
        let causes = vec![json!({"reason": "FieldValueInvalid", "message": "bad", "field": "spec"}); causes];
        let status = json!({"code": code, "message": "refused", "details": {"causes": causes}});
        kube::Error::Api(serde_json::from_value(status).unwrap())
    }

    #[test]
    fn a_failed_test_of_a_json_patch_is_a_conflict_and_a_schema_error_is_ours() {
        assert!(is_conflict(&api(409, 0)));
        assert!(is_conflict(&api(422, 0)));
        assert!(!is_conflict(&api(422, 1)));
        assert_eq!(Error::kube("patch")(api(422, 1)).class(), Class::Bug);
        assert_eq!(Error::kube("patch")(api(503, 0)).class(), Class::Transient);
        assert_eq!(Error::kube("patch")(api(403, 0)).class(), Class::Denied);
    }

    #[test]
    fn a_chain_says_each_thing_once() {
        let text = Error::kube("write status")(api(409, 0)).chain();
        assert_eq!(text, "kubernetes: cannot write status: refused (409)");
    }
}
