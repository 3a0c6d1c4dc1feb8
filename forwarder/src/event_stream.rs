//! AWS event-stream frames (`application/vnd.amazon.eventstream`): where one ends, and how to write an exception.
//!
//! A frame is `total length, headers length, CRC of these two, headers, payload, CRC of everything before`, all
//! numbers 32-bit big-endian. To know the boundaries only the total length is read and the rest skipped, so a
//! stream costs nanoseconds per frame. Written frames carry both checksums, which SDKs verify.

use bytes::{BufMut, Bytes, BytesMut};

/// Content type of a response that consists of frames.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

const LENGTH_BYTES: usize = 4;
/// Prelude (12 bytes) and final checksum.
const OVERHEAD: u32 = 16;
/// Longest frame AWS services send is 24 MB with its headers; more means that we lost track.
const MAX_FRAME: u32 = 25 << 20;
/// Header value type of a string.
const STRING: u8 = 7;

/// Follows frame boundaries through chunks cut anywhere.
#[derive(Debug, Default)]
pub struct FrameHopper {
    length: [u8; LENGTH_BYTES],
    length_read: usize,
    remaining: usize,
    lost: bool,
}

impl FrameHopper {
    /// Takes the next bytes of the stream.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.lost {
            if self.remaining > 0 {
                let skipped = self.remaining.min(bytes.len());
                self.remaining -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = (LENGTH_BYTES - self.length_read).min(bytes.len());
            self.length[self.length_read..self.length_read + taken].copy_from_slice(&bytes[..taken]);
            self.length_read += taken;
            bytes = &bytes[taken..];
            if self.length_read == LENGTH_BYTES {
                let total = u32::from_be_bytes(self.length);
                self.lost = !(OVERHEAD..=MAX_FRAME).contains(&total);
                self.remaining = (total as usize).saturating_sub(LENGTH_BYTES);
                self.length_read = 0;
            }
        }
    }

    /// Whether everything so far was whole frames, so that one of ours may follow.
    pub fn at_boundary(&self) -> bool {
        !self.lost && self.remaining == 0 && self.length_read == 0
    }
}

/// A frame that makes an SDK raise `exception` with `message`.
pub fn exception(exception: &str, message: &str) -> Bytes {
    let headers =
        [(":exception-type", exception), (":content-type", "application/json"), (":message-type", "exception")];
    let payload = serde_json::json!({ "message": message }).to_string();
    frame(&headers, payload.as_bytes())
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut encoded = BytesMut::new();
    for (name, value) in headers {
        encoded.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        encoded.put_slice(name.as_bytes());
        encoded.put_u8(STRING);
        encoded.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        encoded.put_slice(value.as_bytes());
    }
    let lengths = OVERHEAD as usize + encoded.len() + payload.len();
    let mut frame = BytesMut::with_capacity(lengths);
    frame.put_u32(u32::try_from(lengths).unwrap_or(u32::MAX));
    frame.put_u32(u32::try_from(encoded.len()).unwrap_or(u32::MAX));
    frame.put_u32(crc32(&frame));
    frame.put_slice(&encoded);
    frame.put_slice(payload);
    frame.put_u32(crc32(&frame));
    frame.freeze()
}

/// CRC-32 as gzip and zlib compute it. Bit by bit: it runs over one short frame per broken stream.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = (crc >> 1) ^ (0xEDB8_8320 * carry);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The published vector of an empty message, and the check value every CRC-32 is known by.
    #[test]
    fn checksums_match_published_vectors() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(frame(&[], b"")[..], [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff]);
    }

    /// Decodes whole frames, checking both checksums; returns the offsets at which frames end.
    fn decode(stream: &[u8]) -> Vec<usize> {
        let number = |at: usize| u32::from_be_bytes(stream[at..at + 4].try_into().unwrap());
        let mut ends = vec![0];
        while let Some(&start) = ends.last()
            && start < stream.len()
        {
            let end = start + number(start) as usize;
            assert_eq!(crc32fast::hash(&stream[start..start + 8]), number(start + 8));
            assert_eq!(crc32fast::hash(&stream[start..end - 4]), number(end - 4));
            ends.push(end);
        }
        ends
    }

    #[test]
    fn an_exception_frame_names_its_type_and_decodes() {
        let frame = exception("internalServerException", "gone");
        assert_eq!(decode(&frame), [0, frame.len()]);
        let text = String::from_utf8_lossy(&frame);
        assert!(text.contains(":exception-type") && text.contains("internalServerException"));
        assert!(text.contains(r#"{"message":"gone"}"#));
    }

    proptest! {
        #[test]
        fn hopping_finds_the_boundaries_of_a_full_decode(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
            cuts in prop::collection::vec(1_usize..64, 1..200),
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|bytes| frame(&[(":event-type", "chunk")], bytes)).collect();
            let ends = decode(&stream);
            let mut hopper = FrameHopper::default();
            let (mut at, mut cuts) = (0, cuts.iter().cycle());
            prop_assert!(hopper.at_boundary());
            while at < stream.len() {
                let next = (at + cuts.next().unwrap()).min(stream.len());
                hopper.push(&stream[at..next]);
                at = next;
                prop_assert_eq!(hopper.at_boundary(), ends.contains(&at), "at {}", at);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            FrameHopper::default().push(&bytes);
        }
    }

    #[test]
    fn a_length_no_frame_can_have_is_never_a_boundary_again() {
        let mut hopper = FrameHopper::default();
        hopper.push(&[0, 0, 0, 15]);
        assert!(!hopper.at_boundary());
        hopper.push(&frame(&[], b""));
        assert!(!hopper.at_boundary());
    }
}
