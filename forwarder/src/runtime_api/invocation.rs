//! One invocation: its event and what the Runtime API says about it in headers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::RuntimeApiError;
use crate::http_client::ReplyBody;

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
pub(super) const INVOCATION_ID: &str = "lambda-runtime-invocation-id";
const DEADLINE: &str = "lambda-runtime-deadline-ms";
/// What an invocation may last whose deadline the API did not say; Lambda's own maximum.
const UNKNOWN_DEADLINE: Duration = Duration::from_mins(15);

/// An invocation to be answered.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's request id: names the invocation in answers and log lines.
    pub request_id: String,
    /// Distinguishes attempts of one request id; echoed, because the API refuses answers to an older attempt.
    pub invocation_id: Option<String>,
    /// The event as it came.
    pub event: Bytes,
    deadline: SystemTime,
}

impl Invocation {
    pub(super) async fn read(response: Response<ReplyBody>) -> Result<Self, RuntimeApiError> {
        let (parts, body) = response.into_parts();
        let request_id = text(&parts.headers, REQUEST_ID).ok_or(RuntimeApiError::Incomplete(REQUEST_ID))?;
        let deadline = text(&parts.headers, DEADLINE)
            .and_then(|value| value.parse().ok())
            .map_or_else(|| SystemTime::now() + UNKNOWN_DEADLINE, |millis| UNIX_EPOCH + Duration::from_millis(millis));
        let invocation_id = text(&parts.headers, INVOCATION_ID);
        Ok(Self { request_id, invocation_id, deadline, event: body.collect().await? })
    }

    /// Time left until Lambda kills the environment.
    pub fn remaining(&self) -> Duration {
        self.deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
