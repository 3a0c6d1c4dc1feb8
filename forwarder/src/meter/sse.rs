//! Server-sent events as they pass: where an event ends, and the usage in their data.
//!
//! No event is kept. A line of data that lies whole in a chunk is searched for the word before it is scanned, so
//! the many events without usage cost next to nothing; any other is scanned piece by piece. Line ends are LF, CR or
//! CRLF, as the HTML standard has them.

use memchr::{memchr2, memmem};

use super::scan::{Path, Scanner};

const FIELD: &[u8] = b"data:";
/// Every path of every shape ends in, or leads through, this key. In a JSON string its quotes would be escaped.
const WORD: &[u8] = b"\"usage\"";

/// Follows one stream of events.
#[derive(Debug)]
pub struct EventScanner {
    scanner: Scanner,
    line: Line,
    /// The line before was empty, or there was none: an event of ours may begin here.
    between: bool,
    /// The last byte was CR: an LF now belongs to the same line end.
    after_cr: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// So many bytes of the field name have come.
    Begins(usize),
    /// After `data:`; `true` where the scanner has seen a part of the line already.
    Data(bool),
    Other,
}

impl EventScanner {
    /// Looks for `paths` in the data of every event.
    pub fn new(paths: &'static [Path]) -> Self {
        Self { scanner: Scanner::new(paths), line: Line::Begins(0), between: true, after_cr: false }
    }

    /// Whether everything so far was whole events, so that one of ours may follow.
    pub fn at_boundary(&self) -> bool {
        self.between && self.line == Line::Begins(0)
    }

    /// Takes the next bytes; calls `found` with the path's number and the raw value for each that is complete.
    pub fn push(&mut self, mut bytes: &[u8], found: &mut impl FnMut(usize, &[u8])) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            if let Line::Begins(matched) = self.line {
                bytes = self.begins(bytes, matched);
                continue;
            }
            let end = memchr2(b'\n', b'\r', bytes);
            let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if let Line::Data(scanned) = self.line {
                self.data(line, scanned, end.is_some(), found);
            }
            bytes = rest;
            if end.is_some() {
                bytes = self.ended(rest, false);
            }
        }
    }

    /// At the beginning of a line, of which `matched` bytes of the field's name have come.
    fn begins<'a>(&mut self, bytes: &'a [u8], matched: usize) -> &'a [u8] {
        match bytes[0] {
            b'\n' | b'\r' => return self.ended(bytes, matched == 0),
            byte if byte == FIELD[matched] && matched + 1 == FIELD.len() => {
                self.scanner.reset();
                self.line = Line::Data(false);
            }
            byte if byte == FIELD[matched] => self.line = Line::Begins(matched + 1),
            _ => self.line = Line::Other,
        }
        &bytes[1..]
    }

    fn data(&mut self, piece: &[u8], scanned: bool, whole: bool, found: &mut impl FnMut(usize, &[u8])) {
        if whole && !scanned && memmem::find(piece, WORD).is_none() {
            return;
        }
        self.scanner.push(piece, found);
        self.line = Line::Data(true);
    }

    /// Takes the line end at the beginning of `bytes`.
    fn ended<'a>(&mut self, bytes: &'a [u8], empty: bool) -> &'a [u8] {
        self.after_cr = bytes[0] == b'\r';
        self.between = empty;
        self.line = Line::Begins(0);
        &bytes[1..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATHS: &[Path] = &[&["usage"], &["response", "usage"]];

    fn scan(chunks: &[&[u8]]) -> (Vec<String>, bool) {
        let mut scanner = EventScanner::new(PATHS);
        let mut all = Vec::new();
        for chunk in chunks {
            scanner.push(chunk, &mut |_, raw| all.push(String::from_utf8_lossy(raw).into_owned()));
        }
        (all, scanner.at_boundary())
    }

    #[test]
    fn usage_is_found_in_data_only_and_events_end_with_an_empty_line() {
        for end in ["\n", "\r", "\r\n"] {
            let lines = [
                ": a comment",
                "event: usage",
                r#"data: {"x":"\"usage\":1"}"#,
                "",
                r#"id: {"usage":2}"#,
                r#"data:{"usage":{"a":3},"response":{"usage":4}}"#,
                "",
                "data: [DONE]",
                "",
            ];
            let text = lines.join(end) + end;
            let expected = vec![r#"{"a":3}"#.to_owned(), "4".to_owned()];
            assert_eq!(scan(&[text.as_bytes()]), (expected.clone(), true));
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(scan(&bytes), (expected, true), "{end:?}");
        }
    }

    #[test]
    fn only_the_end_of_an_event_is_a_boundary() {
        for (text, boundary) in [
            ("", true),
            ("d", false),
            ("data: {}", false),
            ("data: {}\n", false),
            ("data: {}\n\n", true),
            ("data: {}\r\n\r", true),
            ("data: {}\r\n", false),
            ("data: {}\n\nevent: x\n", false),
        ] {
            assert_eq!(scan(&[text.as_bytes()]).1, boundary, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_and_whole_are_read_alike(
            events in prop::collection::vec(
                prop_oneof![
                    "[ -~]{0,20}".prop_map(|text| serde_json::json!({"delta": text, "usage": null})),
                    any::<u32>().prop_map(|count| serde_json::json!({"usage": {"n": count}})),
                    any::<u32>().prop_map(|count| serde_json::json!({"response": {"usage": count, "output": "usage"}})),
                ],
                0..12,
            ),
            end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
            cuts in prop::collection::vec(1_usize..40, 1..60),
        ) {
            let mut text = String::new();
            let mut ends = vec![0];
            let mut expected = Vec::new();
            for event in &events {
                text += &["event: e", &format!("data: {event}"), "", ""].join(end);
                ends.push(text.len());
                let values = [event.get("usage"), event.get("response").and_then(|inner| inner.get("usage"))];
                expected.extend(values.into_iter().flatten().map(ToString::to_string));
            }
            let mut scanner = EventScanner::new(PATHS);
            let mut found = Vec::new();
            let (mut at, mut cuts) = (0, cuts.iter().cycle());
            while at < text.len() {
                let next = (at + cuts.next().unwrap()).min(text.len());
                let piece = &text.as_bytes()[at..next];
                scanner.push(piece, &mut |_, raw| found.push(String::from_utf8_lossy(raw).into_owned()));
                at = next;
                let crlf_begun = end == "\r\n" && ends.contains(&(at + 1));
                prop_assert_eq!(scanner.at_boundary(), ends.contains(&at) || crlf_begun, "at {}", at);
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            EventScanner::new(PATHS).push(&bytes, &mut |_, _| {});
        }
    }
}
