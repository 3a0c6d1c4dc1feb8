//! The log of AWS calls: in memory for assertions, and as JSON lines in a file for people. No bodies but what they name, no
//! headers, no query strings: those carry policies, keys and tokens.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::named::Named;

/// Calls kept in memory.
pub const KEPT: usize = 50_000;

/// One AWS call. Numbered when it was over, so that "all after N" misses none.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Call {
    /// Number, from 1.
    pub seq: u64,
    /// When it came in (RFC 3339).
    pub time: String,
    /// Signing name of the service.
    pub service: String,
    /// Operation, or method and path template.
    pub operation: String,
    /// Raw path without the query.
    pub resource: String,
    /// What the body names.
    #[serde(default)]
    pub named: Named,
    /// Region of the credential scope.
    pub region: String,
    /// Access key of the credential scope.
    pub caller: String,
    /// First product and application name of the user agent.
    pub agent: String,
    /// Whether it changes something.
    pub is_write: bool,
    /// Status the caller got; 0 when the connection was dropped.
    pub status: u16,
    /// Error code the caller got.
    pub error_code: Option<String>,
    /// Milliseconds until the response's headers.
    pub duration_ms: u64,
    /// Whether a fault was injected.
    pub injected: bool,
    /// Whether the service answered it.
    pub reached: bool,
}

/// A page of the log.
#[derive(Debug, Deserialize, Serialize)]
pub struct Page {
    /// Calls with a number above the one asked for, oldest first.
    pub calls: Vec<Call>,
    /// What to ask for next.
    pub next: u64,
}

/// The log.
#[derive(Debug)]
pub struct CallLog {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    last: u64,
    calls: VecDeque<Call>,
    file: Option<File>,
}

impl CallLog {
    /// A log; `path` is appended to, created when missing.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Self { inner: Mutex::new(Inner { last: 0, calls: VecDeque::new(), file }) })
    }

    /// Adds a call and gives it its number.
    pub fn add(&self, mut call: Call) {
        let mut inner = self.lock();
        inner.last += 1;
        call.seq = inner.last;
        inner.write(&call);
        if inner.calls.len() == KEPT {
            inner.calls.pop_front();
        }
        inner.calls.push_back(call);
    }

    /// Calls after number `since`.
    pub fn since(&self, since: u64) -> Page {
        let inner = self.lock();
        Page { calls: inner.calls.iter().filter(|call| call.seq > since).cloned().collect(), next: inner.last }
    }

    /// Forgets the calls in memory; numbers go on, the file stays.
    pub fn clear(&self) {
        self.lock().calls.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self, call: &Call) {
        let Some(file) = &mut self.file else { return };
        let Ok(mut line) = serde_json::to_vec(call) else {
            return;
        };
        line.push(b'\n');
        if let Err(error) = file.write_all(&line) {
            tracing::warn!(%error, "cannot write the log of AWS calls; only memory keeps them from now on");
            self.file = None;
        }
    }
}
