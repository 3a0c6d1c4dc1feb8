//! The one way to call AWS: limiter, then the call, then metrics, log line and error class.
//!
//! Adapters hold a [`Service`], not an SDK client, so none of the four can be forgotten.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aigw_cloud::CloudError;
use aigw_plan::Class;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::classify::{Failure, Stage, classify, is_absent};
use crate::limiter::Limiter;
use crate::stable_text::stable;

/// A finished call, for metrics.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Service and operation, for example `apigateway:CreateRestApi`.
    pub operation: &'static str,
    /// `OK`, or the error's code.
    pub outcome: &'a str,
    /// Time AWS took, the SDK's own retries included; zero for a call the limiter held back.
    pub duration: Duration,
    /// Time the limiter took.
    pub waited: Duration,
}

/// Is told of every call.
pub trait Observer: Send + Sync {
    /// A call ended.
    fn called(&self, call: &Call<'_>);
}

/// Observes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn called(&self, _: &Call<'_>) {}
}

/// An SDK client behind the one way to use it.
pub struct Service<C> {
    client: C,
    limiter: Option<Arc<Limiter>>,
    observer: Arc<dyn Observer>,
}

impl<C> Service<C> {
    /// A service whose calls pass `limiter`, if there is one.
    pub fn new(client: C, limiter: Option<Arc<Limiter>>, observer: Arc<dyn Observer>) -> Self {
        Self { client, limiter, observer }
    }

    /// Makes one call. `operation` names it, for example `iam:GetRole`; `send` starts it.
    pub async fn call<T, E, F>(&self, operation: &'static str, send: impl FnOnce(&C) -> F) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        T: RequestId,
    {
        // An SDK call does nothing before it is polled.
        let call = Box::pin(send(&self.client));
        let waited = match &self.limiter {
            Some(limiter) => match limiter.acquire(operation).await {
                Ok(waited) => waited,
                Err(error) => {
                    self.observer.called(&Call {
                        operation,
                        outcome: &error.code,
                        duration: Duration::ZERO,
                        waited: Duration::ZERO,
                    });
                    tracing::debug!(operation, retry_after = ?error.retry_after, "call held back by the limiter");
                    return Err(error);
                }
            },
            None => Duration::ZERO,
        };
        let start = Instant::now();
        let result = call.await;
        let duration = start.elapsed();
        match result {
            Ok(answer) => {
                self.observer.called(&Call { operation, outcome: "OK", duration, waited });
                tracing::debug!(operation, request_id = answer.request_id(), ?duration, ?waited, "called aws");
                Ok(answer)
            }
            Err(error) => {
                let error = translate(operation, &error);
                if let (Some(limiter), Class::Throttled) = (&self.limiter, error.class) {
                    limiter.throttled(operation, error.retry_after);
                }
                self.observer.called(&Call { operation, outcome: &error.code, duration, waited });
                tracing::debug!(operation, request_id = error.request_id, ?duration, ?waited, %error, class = ?error.class, "call to aws failed");
                Err(error)
            }
        }
    }
}

/// The port's error for the SDK's.
pub fn translate<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let (stage, own_code) = match error {
        _ if credentials_failed(error) => (Stage::Signed, "NoCredentials"),
        SdkError::ConstructionFailure(_) => (Stage::Built, "RequestNotBuilt"),
        SdkError::TimeoutError(_) => (Stage::Sent, "Timeout"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => (Stage::Sent, "Timeout"),
        SdkError::DispatchFailure(failure) if failure.is_user() => (Stage::Built, "RequestNotBuilt"),
        SdkError::DispatchFailure(_) => (Stage::Sent, "ConnectionFailed"),
        SdkError::ServiceError(_) => (Stage::Understood, "UnknownError"),
        _ => (Stage::Answered, "AnswerNotUnderstood"),
    };
    let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
    let code = metadata.and_then(|metadata| metadata.code()).unwrap_or(own_code);
    let message = match (metadata, stage) {
        (Some(metadata), _) => stable(metadata.message().unwrap_or_default()),
        // The innermost cause says it all; the layers around it repeat each other, and print differently per release.
        (None, _) => stable(&innermost(error)),
    };
    let response = error.raw_response();
    let failure = Failure {
        operation,
        stage,
        code,
        message: &message,
        status: response.map(|response| response.status().as_u16()),
        retry_after: response.and_then(retry_after),
    };
    let class = classify(&failure);
    let retry_after = failure.retry_after;
    let (code, request_id) = (code.to_owned(), error.request_id().map(str::to_owned));
    CloudError { request_id, retry_after, ..CloudError::new(operation, class, code, message) }
}

/// `Retry-After` in seconds: API Gateway's `retryAfterSeconds` is that header. Other services use the second name, in
/// milliseconds.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let number = |name: &str| response.headers().get(name)?.trim().parse::<u64>().ok();
    number("retry-after").map(Duration::from_secs).or_else(|| number("x-amz-retry-after").map(Duration::from_millis))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Whether there is nothing to sign with. A time-out of the credentials' source is a time-out like any other.
fn credentials_failed(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<CredentialsError>())
        .any(|cause| !matches!(cause, CredentialsError::ProviderTimedOut(_)))
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// A request the SDK's own types refuse.
pub fn not_built(operation: &'static str, error: &dyn Error) -> CloudError {
    CloudError::new(operation, Class::Bug, "RequestNotBuilt", error.to_string())
}

/// Something AWS's answer must have and does not.
pub fn incomplete(operation: &'static str, missing: &str) -> CloudError {
    CloudError::new(operation, Class::Transient, "AnswerIncomplete", format!("the answer has no {missing}"))
}

/// Turns "there is no such object" into a value.
pub trait Absence<T> {
    /// `None` for an absent object.
    fn absent_as_none(self) -> Result<Option<T>, CloudError>;
    /// Success for an absent object, for deletions.
    fn absent_is_done(self) -> Result<(), CloudError>;
}

impl<T> Absence<T> for Result<T, CloudError> {
    fn absent_as_none(self) -> Result<Option<T>, CloudError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_absent(&error.code) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn absent_is_done(self) -> Result<(), CloudError> {
        self.absent_as_none().map(drop)
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
