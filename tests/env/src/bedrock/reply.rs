//! A reply as data: either one body or a list of event-stream frames, before faults and pacing are applied.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

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
}

impl Reply {
    /// A 200 with a JSON body.
    pub fn json(value: &Value) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), content: Content::Whole(value.to_string().into()) }
    }

    /// A 200 with a stream.
    pub fn stream(frames: Vec<PacedFrame>) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), content: Content::Stream(frames) }
    }
}
