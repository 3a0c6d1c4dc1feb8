//! Usage in event streams: in Converse's `metadata` event, in the chunks of an invoke stream, in an agent's traces.
//!
//! Which chunk of an invoke stream is the last is known only when no other comes, so the latest is kept and read at
//! the end. The first is read at once: it has the input of an Anthropic stream that breaks off later.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::report::{Report, Rules, Tally};
use super::scan::Scanner;
use super::shape::Shape;
use crate::event_stream::{Frame, FrameReader};

/// Type of the events whose payload is a text in base64.
const CHUNK: &[u8] = b"chunk";
/// Longest chunk that is kept as the latest; those with usage have a few hundred bytes.
const MAX_CHUNK: usize = 64 << 10;
/// Longest name of an exception that is remembered.
const MAX_NAME: usize = 64;

/// Follows one event stream.
#[derive(Debug)]
pub struct FrameScanner {
    reader: FrameReader,
    seen: Seen,
}

#[derive(Debug)]
struct Seen {
    /// Event type that usage comes in; none for a shape without usage in its frames.
    event: &'static [u8],
    tally: Tally,
    /// The latest chunk, unless it was the first.
    latest: Vec<u8>,
    first_read: bool,
    exception: Option<String>,
}

/// Payload of a `chunk` event.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
}

impl FrameScanner {
    /// Looks for what a stream of this shape reports.
    pub fn new(shape: Shape) -> Self {
        let event: &[u8] = match shape {
            Shape::Converse => b"metadata",
            Shape::Invoke => CHUNK,
            Shape::Agent => b"trace",
            _ => b"",
        };
        let seen = Seen {
            event,
            tally: Tally::new(Rules::frame(shape)),
            latest: Vec::new(),
            first_read: false,
            exception: None,
        };
        Self { reader: FrameReader::default(), seen }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let seen = &mut self.seen;
        self.reader.push(bytes, |frame| seen.frame(frame));
    }

    /// Whether everything so far was whole frames, so that one of ours may follow.
    pub fn at_boundary(&self) -> bool {
        self.reader.at_boundary()
    }

    /// Whether the stream could not be followed.
    pub fn is_lost(&self) -> bool {
        self.reader.is_lost()
    }

    /// The exception the stream ended with, if it did.
    pub fn exception(&self) -> Option<&str> {
        self.seen.exception.as_deref()
    }

    /// What was reported so far.
    pub fn report(&mut self) -> Report {
        let latest = std::mem::take(&mut self.seen.latest);
        self.seen.chunk(&latest);
        self.seen.tally.report
    }
}

impl Seen {
    fn frame(&mut self, frame: Frame<'_>) {
        match frame.header(":message-type") {
            Some(b"exception") => return self.failed(frame.header(":exception-type")),
            Some(b"error") => return self.failed(frame.header(":error-code")),
            _ => {}
        }
        if self.event.is_empty() || frame.header(":event-type") != Some(self.event) {
            return;
        }
        if self.event != CHUNK {
            self.scan(frame.payload);
        } else if self.first_read {
            // Whatever the first one said, it was not the last word.
            self.tally.report.closed = false;
            self.latest.clear();
            if frame.payload.len() <= MAX_CHUNK {
                self.latest.extend_from_slice(frame.payload);
            }
        } else {
            self.first_read = true;
            self.chunk(frame.payload);
        }
    }

    fn failed(&mut self, name: Option<&[u8]>) {
        let name = String::from_utf8_lossy(name.unwrap_or(b"an error"));
        self.exception = Some(name.chars().filter(|letter| !letter.is_control()).take(MAX_NAME).collect());
    }

    /// Reads the text in a chunk. What is not base64 reports nothing.
    fn chunk(&mut self, payload: &[u8]) {
        if let Ok(Chunk { bytes }) = serde_json::from_slice(payload)
            && let Ok(text) = STANDARD.decode(bytes.as_bytes())
        {
            self.scan(&text);
        }
    }

    fn scan(&mut self, json: &[u8]) {
        Scanner::new(self.tally.paths()).push(json, &mut |path, raw| self.tally.note(path, raw));
    }
}
