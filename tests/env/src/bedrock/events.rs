//! Encoder for server-sent events (`text/event-stream`).

use bytes::Bytes;
use serde_json::Value;

/// Content type of a response that consists of them.
pub const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";

/// An event with a name.
pub fn named(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// An event without one.
pub fn data(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

/// The last event of a Chat Completions stream.
pub fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}
