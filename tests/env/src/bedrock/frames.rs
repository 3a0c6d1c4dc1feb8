//! Encoder for `application/vnd.amazon.eventstream` messages, written against the format's description and not with
//! the SDK's code, so that the two can be checked against each other.
//!
//! A message is: total length, length of the headers, CRC of these eight bytes, headers, payload, CRC of all before.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;

/// Lengths, prelude CRC and message CRC.
const OVERHEAD: usize = 16;
/// The type number of a string header value.
const STRING: u8 = 7;

/// Encodes one message whose headers are all strings.
///
/// # Panics
///
/// When a header name is longer than 255 bytes or the message longer than the format allows: a mistake in this crate.
pub fn message(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut block = BytesMut::new();
    for (name, value) in headers {
        block.put_u8(u8::try_from(name.len()).expect("header names are short constants"));
        block.put_slice(name.as_bytes());
        block.put_u8(STRING);
        block.put_u16(u16::try_from(value.len()).expect("header values are short constants"));
        block.put_slice(value.as_bytes());
    }
    let total = OVERHEAD + block.len() + payload.len();
    let mut out = BytesMut::with_capacity(total);
    out.put_u32(u32::try_from(total).expect("bodies are limited to far less"));
    out.put_u32(u32::try_from(block.len()).expect("shorter than the total"));
    out.put_u32(crc32fast::hash(&out));
    out.put_slice(&block);
    out.put_slice(payload);
    out.put_u32(crc32fast::hash(&out));
    out.freeze()
}

/// An event frame with a JSON payload.
pub fn event(event_type: &str, payload: &Value) -> Bytes {
    let headers = [(":event-type", event_type), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, payload.to_string().as_bytes())
}

/// An exception frame: how a service reports an error after it has answered 200.
pub fn exception(exception_type: &str, text: &str) -> Bytes {
    let headers =
        [(":exception-type", exception_type), (":content-type", "application/json"), (":message-type", "exception")];
    let payload = serde_json::json!({ "message": text });
    message(&headers, payload.to_string().as_bytes())
}

#[cfg(test)]
pub mod tests {
    //! A decoder for the tests, and vectors published with the format.

    use super::*;

    /// A decoded message with string headers.
    #[derive(Debug, PartialEq)]
    pub struct Decoded {
        /// Headers in order.
        pub headers: Vec<(String, String)>,
        /// The payload.
        pub payload: Vec<u8>,
    }

    impl Decoded {
        /// The value of a header, or the empty string.
        pub fn header(&self, name: &str) -> &str {
            self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
        }

        /// The payload as JSON.
        pub fn json(&self) -> Value {
            serde_json::from_slice(&self.payload).unwrap()
        }
    }

    /// Decodes whole messages, checking both CRCs; what is left over is returned too.
    pub fn decode(mut bytes: &[u8]) -> (Vec<Decoded>, &[u8]) {
        let be = |b: &[u8]| u32::from_be_bytes(b.try_into().unwrap());
        let mut out = Vec::new();
        while bytes.len() >= OVERHEAD && bytes.len() >= be(&bytes[..4]) as usize {
            let (total, headers) = (be(&bytes[..4]) as usize, be(&bytes[4..8]) as usize);
            assert_eq!(be(&bytes[8..12]), crc32fast::hash(&bytes[..8]), "prelude CRC");
            assert_eq!(be(&bytes[total - 4..total]), crc32fast::hash(&bytes[..total - 4]));
            let mut block = &bytes[12..12 + headers];
            let mut list = Vec::new();
            while !block.is_empty() {
                let name_len = block[0] as usize;
                let name = String::from_utf8(block[1..=name_len].to_vec()).unwrap();
                assert_eq!(block[1 + name_len], STRING);
                let at = 4 + name_len;
                let len = usize::from(u16::from_be_bytes([block[at - 2], block[at - 1]]));
                list.push((name, String::from_utf8(block[at..at + len].to_vec()).unwrap()));
                block = &block[at + len..];
            }
            out.push(Decoded { headers: list, payload: bytes[12 + headers..total - 4].to_vec() });
            bytes = &bytes[total..];
        }
        (out, bytes)
    }

    #[test]
    fn equals_the_published_vectors() {
        assert_eq!(hex::encode(message(&[], b"")), "000000100000000005c248eb7d98c8ff");
        assert_eq!(
            hex::encode(message(&[], b"{'foo':'bar'}")),
            "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936"
        );
    }

    #[test]
    fn round_trip_of_an_event_and_an_exception() {
        let mut bytes = event("messageStart", &serde_json::json!({"role": "assistant"})).to_vec();
        bytes.extend(exception("throttlingException", "slow down"));
        bytes.extend([0, 0]);
        let (frames, rest) = decode(&bytes);
        assert_eq!(rest, [0, 0]);
        assert_eq!(frames[0].header(":event-type"), "messageStart");
        assert_eq!(frames[0].header(":message-type"), "event");
        assert_eq!(frames[0].json()["role"], "assistant");
        assert_eq!(frames[1].header(":exception-type"), "throttlingException");
        assert_eq!(frames[1].json()["message"], "slow down");
    }
}
