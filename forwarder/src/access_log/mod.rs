//! One line of JSON per call on standard output, which Lambda ships to CloudWatch Logs.
//!
//! Written after the response and before the next invocation is asked for, so it costs no client any time and is
//! never lost to a freeze. Lines name tenant and credential by id and hold no prompt, no answer, no secret. Those of
//! the forwarder are metrics as well ([`call`]).

mod call;
mod emf;

use std::borrow::Cow;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

pub use call::{Call, Outcome};

/// What a gateway without an identity is called: a metric's dimension must not be empty.
const NAMELESS: &str = "unknown";

/// Where lines go.
pub struct AccessLog {
    gateway: String,
    out: Mutex<Box<dyn Write + Send>>,
}

/// What one authorization comes down to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    /// Which function writes: `authorize`.
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
    /// Why, where the outcome alone does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'a str>,
    /// From the invocation to the end of the response.
    pub duration_ms: f64,
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
        let gateway = Some(gateway.into()).filter(|gateway| !gateway.is_empty());
        Self { gateway: gateway.unwrap_or_else(|| NAMELESS.to_owned()), out: Mutex::new(Box::new(out)) }
    }

    /// Writes the line of one authorization.
    pub fn write(&self, line: &Line<'_>) {
        self.print(&Tagged { gateway: &self.gateway, line });
    }

    /// Writes the line of one call.
    pub fn call(&self, call: &Call) {
        self.print(&call.line(&self.gateway, crate::clock::unix_millis()));
    }

    /// Writes one line in one piece. A log that cannot be written must not fail the call it is about.
    fn print(&self, line: &impl Serialize) {
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(&text).and_then(|()| out.flush());
    }
}

/// The beginning of a text whose length others decide: at most `limit` bytes, cut between characters.
fn bounded(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}
