//! Event-stream frames as Bedrock sends them, written by hand so that the function's own reader has no part in them.

use bytes::Bytes;
use serde_json::Value;

/// Type of a header whose value is a string.
const STRING: u8 = 7;
/// Bytes of a frame beside headers and payload: both lengths and two checksums.
const OVERHEAD: usize = 16;

/// A frame with string headers.
pub fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(u8::try_from(name.len()).unwrap());
        encoded.extend(name.as_bytes());
        encoded.push(STRING);
        encoded.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        encoded.extend(value.as_bytes());
    }
    let total = u32::try_from(OVERHEAD + encoded.len() + payload.len()).unwrap();
    let mut frame = [total.to_be_bytes(), u32::try_from(encoded.len()).unwrap().to_be_bytes()].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(encoded);
    frame.extend(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.into()
}

/// The frame of an event.
pub fn event(event_type: &str, payload: &Value) -> Bytes {
    let headers = [(":event-type", event_type), (":message-type", "event")];
    frame(&headers, payload.to_string().as_bytes())
}
