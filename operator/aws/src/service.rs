//! An SDK client behind a gate, and the translation of the SDK's errors into the port's.
//!
//! Adapters hold a [`Service`], not an SDK client, so neither gate nor translation can be forgotten.

use std::error::Error;
use std::time::Duration;

use aigw_cloud::classify::{Failure, Stage, is_absent};
use aigw_cloud::{CloudError, Gate};
use aigw_plan::Class;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// An SDK client behind the one way to use it.
pub struct Service<C> {
    client: C,
    gate: Gate,
}

impl<C> Service<C> {
    /// A service whose calls pass `gate`.
    pub fn new(client: C, gate: Gate) -> Self {
        Self { client, gate }
    }

    /// Makes one call. `operation` names it, for example `iam:GetRole`; `send` starts it.
    pub async fn call<T, E, F>(&self, operation: &'static str, send: impl FnOnce(&C) -> F) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        T: RequestId,
    {
        // An SDK call does nothing before it is polled. Its future is large, hence the box.
        let call = Box::pin(send(&self.client));
        let translated = || async { call.await.map_err(|error| translate(operation, &error)) };
        self.gate.call_with_id(operation, T::request_id, translated).await
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
    // The innermost cause says it all; the layers around it repeat each other, and print differently per release.
    let message = metadata.map_or_else(|| innermost(error), |known| known.message().unwrap_or_default().to_owned());
    let response = error.raw_response();
    let failure = Failure {
        operation,
        stage,
        code,
        message: &message,
        status: response.map(|response| response.status().as_u16()),
        retry_after: response.and_then(retry_after),
    };
    CloudError { request_id: error.request_id().map(str::to_owned), ..failure.into_error() }
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
