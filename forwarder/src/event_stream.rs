//! AWS event-stream frames (`application/vnd.amazon.eventstream`): reading them as they pass, writing an exception.
//!
//! A frame is `total length, headers length, CRC of these two, headers, payload, CRC of everything before`, all
//! numbers 32-bit big-endian. Frames that lie whole in a chunk are looked at where they are; only one that is cut
//! between two chunks is copied, and one too long to be of interest is skipped. So a stream costs nanoseconds per
//! frame. Checksums are not verified on the way: the client's SDK does that. Written frames carry both.

use bytes::{BufMut, Bytes, BytesMut};

/// Content type of a response that consists of frames.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const CHECKSUM: usize = 4;
/// Prelude and final checksum.
const OVERHEAD: usize = PRELUDE + CHECKSUM;
/// Longest frame AWS services send is 24 MB with its headers; more means that we lost track.
const MAX_FRAME: usize = 25 << 20;
/// Longest frame that is kept when it is cut between chunks. Those with usage have a few kilobytes.
const MAX_KEPT: usize = 256 << 10;
/// Header value type of a string.
const STRING: u8 = 7;

/// Follows frames through chunks cut anywhere.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// The beginning of a frame that is not complete yet.
    partial: Vec<u8>,
    /// What is left of a frame that is skipped.
    skip: usize,
    lost: bool,
}

/// A frame, without its checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    headers: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

impl FrameReader {
    /// Takes the next bytes of the stream; calls `visit` with each frame that is complete, but for skipped ones.
    pub fn push(&mut self, mut bytes: &[u8], mut visit: impl FnMut(Frame<'_>)) {
        while !bytes.is_empty() && !self.lost {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
            } else if self.partial.is_empty() && bytes.len() >= PRELUDE {
                bytes = self.begin(bytes, &mut visit);
            } else {
                bytes = self.complete(bytes, &mut visit);
            }
        }
    }

    /// Whether everything so far was whole frames, so that one of ours may follow.
    pub fn at_boundary(&self) -> bool {
        !self.lost && self.skip == 0 && self.partial.is_empty()
    }

    /// Whether the stream is no event stream, or not any more: nothing can be said of it then.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Takes a frame that begins with its whole prelude in `bytes`; returns what follows.
    fn begin<'a>(&mut self, bytes: &'a [u8], visit: &mut impl FnMut(Frame<'_>)) -> &'a [u8] {
        let Some((total, headers)) = self.lengths(bytes) else { return &[] };
        if let Some((frame, rest)) = bytes.split_at_checked(total) {
            visit(Frame::cut(frame, headers));
            return rest;
        }
        if total > MAX_KEPT {
            self.skip = total - bytes.len();
        } else {
            self.partial.reserve(total);
            self.partial.extend_from_slice(bytes);
        }
        &[]
    }

    /// Goes on with a frame whose beginning is kept; returns what follows.
    fn complete<'a>(&mut self, bytes: &'a [u8], visit: &mut impl FnMut(Frame<'_>)) -> &'a [u8] {
        let bytes = self.fill(bytes, PRELUDE);
        if self.partial.len() < PRELUDE {
            return bytes;
        }
        let prelude = std::mem::take(&mut self.partial);
        let lengths = self.lengths(&prelude);
        self.partial = prelude;
        let Some((total, headers)) = lengths else { return &[] };
        if total > MAX_KEPT {
            self.skip = total - self.partial.len();
            self.partial.clear();
            return bytes;
        }
        let bytes = self.fill(bytes, total);
        if self.partial.len() == total {
            visit(Frame::cut(&self.partial, headers));
            self.partial.clear();
        }
        bytes
    }

    /// Moves bytes to the kept beginning until that has `length`; returns the rest.
    fn fill<'a>(&mut self, bytes: &'a [u8], length: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(length.saturating_sub(self.partial.len()).min(bytes.len()));
        self.partial.extend_from_slice(taken);
        rest
    }

    /// Lengths of the frame and of its headers. Where they are none a frame can have, the track is lost for good.
    fn lengths(&mut self, prelude: &[u8]) -> Option<(usize, usize)> {
        let total = number(prelude, 0).filter(|total| (OVERHEAD..=MAX_FRAME).contains(total));
        let headers = number(prelude, 4).filter(|headers| total.is_some_and(|total| *headers <= total - OVERHEAD));
        self.lost = headers.is_none();
        total.zip(headers)
    }
}

impl<'a> Frame<'a> {
    fn cut(frame: &'a [u8], headers: usize) -> Self {
        let end = frame.len() - CHECKSUM;
        Self { headers: &frame[PRELUDE..PRELUDE + headers], payload: &frame[PRELUDE + headers..end] }
    }

    /// Value of a header that is a string.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut rest = self.headers;
        loop {
            let (&length, after) = rest.split_first()?;
            let (found, after) = after.split_at_checked(length.into())?;
            let (&kind, after) = after.split_first()?;
            let (size, value) = match kind {
                0 | 1 => (0, after),
                2 => (1, after),
                3 => (2, after),
                4 => (4, after),
                5 | 8 => (8, after),
                9 => (16, after),
                6 | STRING => {
                    let (size, value) = after.split_first_chunk::<2>()?;
                    (u16::from_be_bytes(*size).into(), value)
                }
                _ => return None,
            };
            let (value, after) = value.split_at_checked(size)?;
            if kind == STRING && found == name.as_bytes() {
                return Some(value);
            }
            rest = after;
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
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
    let total = OVERHEAD + encoded.len() + payload.len();
    let mut frame = BytesMut::with_capacity(total);
    frame.put_u32(u32::try_from(total).unwrap_or(u32::MAX));
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
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame for the tests of other modules.
    pub(crate) fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
        frame(headers, payload)
    }

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

    #[test]
    fn headers_are_found_behind_those_of_other_types() {
        let mut headers = vec![1, b'a', 4, 0, 0, 0, 9, 1, b'b', 0, 1, b'c', 6, 0, 2, 1, 2];
        headers.extend(b"\x0b:event-type\x07\0\x08metadata");
        let frame = Frame { headers: &headers, payload: b"" };
        assert_eq!(frame.header(":event-type"), Some(&b"metadata"[..]));
        assert_eq!(frame.header("a"), None);
        assert_eq!(Frame { headers: &headers[..headers.len() - 1], payload: b"" }.header(":event-type"), None);
    }

    proptest! {
        #[test]
        fn reading_finds_the_frames_of_a_full_decode(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
            cuts in prop::collection::vec(1_usize..64, 1..200),
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|bytes| frame(&[(":event-type", "chunk")], bytes)).collect();
            let ends = decode(&stream);
            let mut reader = FrameReader::default();
            let mut found = Vec::new();
            let (mut at, mut cuts) = (0, cuts.iter().cycle());
            prop_assert!(reader.at_boundary());
            while at < stream.len() {
                let next = (at + cuts.next().unwrap()).min(stream.len());
                reader.push(&stream[at..next], |frame| {
                    assert_eq!(frame.header(":event-type"), Some(&b"chunk"[..]));
                    found.push(frame.payload.to_vec());
                });
                at = next;
                prop_assert_eq!(reader.at_boundary(), ends.contains(&at), "at {}", at);
            }
            prop_assert_eq!(found, payloads);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, headers: Vec<u8>) {
            FrameReader::default().push(&bytes, |_| {});
            Frame { headers: &headers, payload: b"" }.header(":event-type");
        }
    }

    #[test]
    fn a_long_frame_is_skipped_unless_it_lies_whole_in_a_chunk() {
        let stream = [frame(&[], &vec![1; MAX_KEPT]), frame(&[], b"after")].concat();
        for (chunk, expected) in [(stream.len(), vec![MAX_KEPT, 5]), (MAX_KEPT - 1, vec![5]), (5, vec![5])] {
            let (mut reader, mut found) = (FrameReader::default(), Vec::new());
            for bytes in stream.chunks(chunk) {
                reader.push(bytes, |frame| found.push(frame.payload.len()));
                assert!(reader.partial.len() <= MAX_KEPT);
            }
            assert_eq!(found, expected);
            assert!(reader.at_boundary());
        }
    }

    #[test]
    fn a_length_no_frame_can_have_is_never_a_boundary_again() {
        for prelude in [[0, 0, 0, 15, 0, 0, 0, 0], [0, 0, 0, 20, 0, 0, 0, 5], [255; 8]] {
            let mut reader = FrameReader::default();
            reader.push(&prelude, |_| {});
            assert!(!reader.at_boundary());
            reader.push(&frame(&[], b""), |_| panic!("a frame of a stream that was lost"));
            assert!(!reader.at_boundary());
        }
    }
}
