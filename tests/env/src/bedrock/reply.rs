//! A reply as data: one body, or a list of event-stream frames or of server-sent events, before faults and pacing are applied.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::text::Usage;

/// One frame of a stream.
#[derive(Clone, Debug)]
pub struct PacedFrame {
    /// The encoded message.
    pub bytes: Bytes,
    /// Whether the interval of the stream passes before it.
    pub paced: bool,
}

impl PacedFrame {
    /// A frame sent right after the one before.
    pub fn prompt(bytes: Bytes) -> Self {
        Self { bytes, paced: false }
    }

    /// A frame sent an interval after the one before.
    pub fn paced(bytes: Bytes) -> Self {
        Self { bytes, paced: true }
    }
}

/// What is sent after the headers.
#[derive(Clone, Debug)]
pub enum Content {
    /// A JSON text.
    Whole(Bytes),
    /// Event-stream frames.
    Stream(Vec<PacedFrame>),
    /// Server-sent events.
    Events(Vec<PacedFrame>),
}

/// A reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers besides content type and request id.
    pub headers: Vec<(&'static str, String)>,
    /// Content.
    pub content: Content,
    /// What the call used, whether or not the content says so; nothing where no model was asked.
    pub usage: Option<Usage>,
}

impl Reply {
    /// A 200 with a JSON body.
    pub fn json(value: &Value) -> Self {
        Self::of(Content::Whole(value.to_string().into()))
    }

    /// A 200 with a stream.
    pub fn stream(frames: Vec<PacedFrame>) -> Self {
        Self::of(Content::Stream(frames))
    }

    /// A 200 with server-sent events.
    pub fn events(events: Vec<PacedFrame>) -> Self {
        Self::of(Content::Events(events))
    }

    /// The same with what the call used.
    #[must_use]
    pub fn used(self, usage: Usage) -> Self {
        Self { usage: Some(usage), ..self }
    }

    fn of(content: Content) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), content, usage: None }
    }
}
