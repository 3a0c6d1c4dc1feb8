//! What a call used, read from the response as it passes.
//!
//! The shape says where to look ([`shape`]), the content type in which form: one JSON text, an event stream, or
//! server-sent events. Nothing is held back or buffered but the few values that are looked for, each within a bound,
//! and the bytes are not changed. What was not reported is unknown, never zero; of a stream that breaks half-way the
//! part that was reported counts as partial. Pure: no I/O, no clock.

mod frames;
mod report;
mod scan;
mod shape;
mod sse;
mod usage;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::event_stream;
use frames::FrameScanner;
use report::{Report, Rules, Tally};
use scan::Scanner;
use sse::EventScanner;

pub use shape::{Shape, model};
pub use usage::Usage;

const SERVER_SENT_EVENTS: &[u8] = b"text/event-stream";

/// How far a call's usage is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// Every counter is known.
    Complete,
    /// The response broke off, or reports a part only: the call used at least this.
    Partial,
    /// Nothing was reported of a call that used something.
    Unknown,
    /// The call used no tokens: a free operation, or one that Bedrock refused.
    Free,
}

/// What a call used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metered {
    /// The counters.
    pub usage: Usage,
    /// How far they are known.
    pub reading: Reading,
    /// The exception in the stream, where it ended with one although the status was 200.
    pub exception: Option<String>,
}

/// Where a stream stands, for who wants to add a last word to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Between two event-stream frames.
    BetweenFrames,
    /// Inside one: a stream that ends here is incomplete.
    InsideFrame,
    /// Between two server-sent events.
    BetweenEvents,
    /// Anywhere else: nothing can be added.
    Elsewhere,
}

/// Follows one response.
#[derive(Debug)]
pub struct Meter {
    shape: Shape,
    /// Whether Bedrock answered with success; it charges nothing else.
    success: bool,
    head: Report,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Whole { scanner: Scanner, tally: Tally },
    Frames(Box<FrameScanner>),
    Events { scanner: EventScanner, tally: Tally },
    Opaque,
}

impl Meter {
    /// A meter for the response with this head, as Bedrock sent it.
    pub fn new(shape: Shape, status: StatusCode, headers: &HeaderMap) -> Self {
        let success = status.is_success();
        let head = if shape == Shape::Invoke && success { Report::in_headers(headers) } else { Report::default() };
        Self { body: Body::new(shape, success, &head, headers), shape, success, head }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.body {
            Body::Whole { scanner, tally } => scanner.push(bytes, &mut |path, raw| tally.note(path, raw)),
            Body::Events { scanner, tally } => scanner.push(bytes, &mut |path, raw| tally.note(path, raw)),
            Body::Frames(frames) => frames.push(bytes),
            Body::Opaque => {}
        }
    }

    /// Where the body stands.
    pub fn position(&self) -> Position {
        match &self.body {
            Body::Frames(frames) if frames.at_boundary() => Position::BetweenFrames,
            Body::Frames(frames) if !frames.is_lost() => Position::InsideFrame,
            Body::Events { scanner, .. } if scanner.at_boundary() => Position::BetweenEvents,
            Body::Frames(_) | Body::Events { .. } | Body::Whole { .. } | Body::Opaque => Position::Elsewhere,
        }
    }

    /// What the call used as far as the body has come; `ended` says that this was all of it.
    pub fn read(&mut self, ended: bool) -> Metered {
        let (report, exception) = match &mut self.body {
            Body::Whole { tally, .. } => (Report { closed: ended || tally.report.closed, ..tally.report }, None),
            Body::Events { tally, .. } => (tally.report, None),
            Body::Frames(frames) => (frames.report(), frames.exception().map(str::to_owned)),
            Body::Opaque => (Report::default(), None),
        };
        let mut usage = report.usage;
        usage.update(self.head.usage);
        let closed = self.head.closed || report.closed;
        let reading = if self.shape == Shape::Free || !self.success {
            Reading::Free
        } else if closed && usage.input.is_some() && usage.output.is_some() {
            // Whoever reports input and output and says nothing of a cache has used none.
            usage.cache_read.get_or_insert(0);
            usage.cache_write.get_or_insert(0);
            Reading::Complete
        } else if usage.is_empty() {
            Reading::Unknown
        } else {
            Reading::Partial
        };
        Metered { usage, reading, exception }
    }
}

impl Body {
    fn new(shape: Shape, success: bool, head: &Report, headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let plain = headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
        if !plain {
            // Not asked for, and not to be read.
            return Self::Opaque;
        }
        if content_type.starts_with(event_stream::CONTENT_TYPE.as_bytes()) {
            return Self::Frames(Box::new(FrameScanner::new(shape)));
        }
        if content_type.starts_with(SERVER_SENT_EVENTS) {
            let tally = Tally::new(Rules::event(shape));
            return Self::Events { scanner: EventScanner::new(tally.paths()), tally };
        }
        let tally = Tally::new(Rules::whole(shape));
        // With the counts in the head, the body adds only how long a cache entry lives.
        let told = head.closed && head.usage.cache_write.is_none_or(|written| written == 0);
        if !success || told || tally.paths().is_empty() {
            return Self::Opaque;
        }
        Self::Whole { scanner: Scanner::new(tally.paths()), tally }
    }
}

#[cfg(test)]
mod tests;
