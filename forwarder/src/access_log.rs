//! One line of JSON per call on standard output, which Lambda ships to CloudWatch Logs.
//!
//! Written after the response and before the next invocation is asked for, so it costs no client any time and is
//! never lost to a freeze. Lines name tenant and credential by id and hold no prompt, no answer, no secret.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Where lines go.
pub struct AccessLog {
    gateway: String,
    out: Mutex<Box<dyn Write + Send>>,
}

/// What one call comes down to.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    /// Which function writes: `call` or `authorize`.
    pub event: &'static str,
    /// Lambda's request id.
    pub request_id: &'a str,
    /// What became of it, one of a few words.
    pub outcome: &'static str,
    /// Tenant id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a str>,
    /// Credential id within the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<&'a str>,
    /// Bedrock family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<&'a str>,
    /// HTTP status the client got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bedrock's own request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bedrock_request_id: Option<&'a str>,
    /// Why, where the outcome alone does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'a str>,
    /// From the invocation to the end of the response.
    pub duration_ms: f64,
    /// Bytes of the request body as it came in the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<u64>,
    /// Bytes of the response body that were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Tagged<'a> {
    gateway: &'a str,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

impl AccessLog {
    /// Writes to standard output.
    pub fn stdout(gateway: impl Into<String>) -> Self {
        Self::to(gateway, std::io::stdout())
    }

    /// Writes to `out`.
    pub fn to(gateway: impl Into<String>, out: impl Write + Send + 'static) -> Self {
        Self { gateway: gateway.into(), out: Mutex::new(Box::new(out)) }
    }

    /// Writes one line in one piece. A log that cannot be written must not fail the call it is about.
    pub fn write(&self, line: &Line<'_>) {
        let Ok(mut text) = serde_json::to_vec(&Tagged { gateway: &self.gateway, line }) else { return };
        text.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(&text).and_then(|()| out.flush());
    }
}
