//! Finds the values of a few paths in a JSON text that arrives in pieces, without keeping the text.
//!
//! A response may have megabytes and its usage object a hundred bytes. The scanner follows containers and strings,
//! compares keys only where a path may still match, and copies nothing but the values it was asked for. Paths are
//! exact, so what a model or a client wrote into the answer (the arguments of a tool call, say) is never taken for
//! usage. Text that is not JSON yields nothing or nonsense of the asked-for size, never a panic.

use memchr::memchr2;

/// Keys from the outermost object to a value; `*` matches every key and every element of an array.
pub type Path = &'static [&'static str];

/// Longest path.
const MAX_DEPTH: usize = 6;
/// Most paths: each is one bit of a mask.
const MAX_PATHS: usize = 8;
/// Longest key that is compared; longer ones match `*` only.
const MAX_KEY: usize = 64;
/// Longest value that is kept. A usage object with every detail has a few hundred bytes.
const MAX_VALUE: usize = 8 << 10;
const ANY: &str = "*";

/// Scans one JSON text.
#[derive(Debug)]
pub struct Scanner {
    paths: &'static [Path],
    state: State,
    /// Open containers.
    depth: usize,
    /// Per open container, up to the longest path: which paths lead into it, and whether it is an object.
    open: [Container; MAX_DEPTH + 1],
    /// Paths that the value to come may continue or complete.
    next: u8,
    key: Vec<u8>,
    value: Option<Capture>,
    kept: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside strings. A string that begins here is a key where `key` is true.
    Between { key: bool },
    /// Inside a string.
    Text { key: bool, escaped: bool },
}

#[derive(Debug, Clone, Copy, Default)]
struct Container {
    paths: u8,
    object: bool,
}

/// A value being kept.
#[derive(Debug, Clone, Copy)]
struct Capture {
    path: usize,
    /// Depth at which the value stands.
    depth: usize,
    scalar: bool,
}

impl Scanner {
    /// A scanner for at most eight paths of at most six keys, none of which leads into another.
    pub fn new(paths: &'static [Path]) -> Self {
        debug_assert!(paths.len() <= MAX_PATHS && paths.iter().all(|path| path.len() <= MAX_DEPTH));
        Self {
            paths,
            state: State::Between { key: false },
            depth: 0,
            open: [Container::default(); MAX_DEPTH + 1],
            next: 0,
            key: Vec::new(),
            value: None,
            kept: Vec::new(),
        }
    }

    /// Forgets the text so far: what comes is the beginning of another.
    pub fn reset(&mut self) {
        self.state = State::Between { key: false };
        self.depth = 0;
        self.next = 0;
        self.value = None;
    }

    /// Takes the next piece; calls `found` with the path's number and the raw value for each that is complete. Of one
    /// that is too long only the presence is told: it comes empty.
    pub fn push(&mut self, bytes: &[u8], found: &mut impl FnMut(usize, &[u8])) {
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Text { key, escaped } => at = self.text(bytes, at, key, escaped, found),
                State::Between { key } => {
                    self.between(bytes[at], key, found);
                    at += 1;
                }
            }
        }
    }

    /// Goes on inside a string from `at`; returns where to go on after it.
    fn text(
        &mut self,
        bytes: &[u8],
        at: usize,
        key: bool,
        escaped: bool,
        found: &mut impl FnMut(usize, &[u8]),
    ) -> usize {
        let rest = &bytes[at..];
        let stop = if escaped { Some(0) } else { memchr2(b'"', b'\\', rest) };
        let end = stop.map_or(rest.len(), |stop| stop + 1);
        self.keep(key, &rest[..end]);
        self.state = match stop {
            None => State::Text { key, escaped: false },
            Some(_) if escaped => State::Text { key, escaped: false },
            Some(stop) if rest[stop] == b'\\' => State::Text { key, escaped: true },
            Some(_) => {
                if key {
                    self.key_ended();
                } else {
                    self.value_ended(found);
                }
                State::Between { key: false }
            }
        };
        at + end
    }

    fn between(&mut self, byte: u8, key: bool, found: &mut impl FnMut(usize, &[u8])) {
        if self.value.is_some_and(|value| value.scalar) {
            if !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n') {
                return self.keep(false, &[byte]);
            }
            self.value_ended(found);
        }
        match byte {
            b'"' => {
                let key = key && self.depth <= MAX_DEPTH && self.open[self.depth].paths != 0;
                if key {
                    self.key.clear();
                } else {
                    self.value_begins(byte);
                }
                self.state = State::Text { key, escaped: false };
            }
            b'{' | b'[' => {
                self.value_begins(byte);
                self.opened(byte == b'{');
            }
            b'}' | b']' => {
                self.keep(false, &[byte]);
                self.depth = self.depth.saturating_sub(1);
                self.state = State::Between { key: false };
                self.value_ended(found);
            }
            b',' => {
                self.keep(false, &[byte]);
                self.separated();
            }
            b':' | b' ' | b'\t' | b'\r' | b'\n' => self.keep(false, &[byte]),
            _ => self.value_begins(byte),
        }
    }

    /// The first byte of a value. Begins to keep it where a path ends here.
    fn value_begins(&mut self, byte: u8) {
        if self.value.is_none() && self.next != 0 {
            let ends = |path: &usize| self.next & (1 << path) != 0 && self.paths[*path].len() == self.depth;
            if let Some(path) = (0..self.paths.len()).find(ends) {
                self.kept.clear();
                self.value = Some(Capture { path, depth: self.depth, scalar: !matches!(byte, b'"' | b'{' | b'[') });
            }
        }
        self.keep(false, &[byte]);
    }

    fn opened(&mut self, object: bool) {
        // Inside a value that is kept nothing else is looked for.
        let paths = if self.depth == 0 { self.all() } else { self.next };
        let paths = if self.value.is_some() { 0 } else { paths };
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            self.open[self.depth] = Container { paths, object };
        }
        self.next = 0;
        self.state = State::Between { key: object };
        if !object && self.depth <= MAX_DEPTH {
            self.next = self.matching(None);
        }
    }

    /// After a comma: a key in an object, an element in an array.
    fn separated(&mut self) {
        self.next = 0;
        let Some(container) = self.open.get(self.depth).copied() else { return };
        if container.object {
            self.state = State::Between { key: self.depth > 0 };
        } else {
            self.next = self.matching(None);
        }
    }

    fn key_ended(&mut self) {
        // The closing quote was kept with the key.
        self.key.pop();
        let key = std::mem::take(&mut self.key);
        self.next = self.matching(Some(&key));
        self.key = key;
    }

    /// Paths into the current container that go on with this key; without one, with an element of an array.
    fn matching(&self, key: Option<&[u8]>) -> u8 {
        if self.depth == 0 {
            return 0;
        }
        let mut matching = 0;
        for (number, path) in self.paths.iter().enumerate() {
            let expected = path.get(self.depth - 1);
            let fits = expected.is_some_and(|expected| {
                *expected == ANY || key.is_some_and(|key| key.len() < MAX_KEY && key == expected.as_bytes())
            });
            if fits && self.open[self.depth].paths & (1 << number) != 0 {
                matching |= 1 << number;
            }
        }
        matching
    }

    fn value_ended(&mut self, found: &mut impl FnMut(usize, &[u8])) {
        if let Some(value) = self.value
            && value.depth == self.depth
        {
            self.value = None;
            let complete = self.kept.len() <= MAX_VALUE;
            found(value.path, if complete { &self.kept } else { &[] });
        }
    }

    fn keep(&mut self, key: bool, bytes: &[u8]) {
        let (buffer, limit) = match (key, self.value) {
            (true, _) => (&mut self.key, MAX_KEY),
            (false, Some(_)) => (&mut self.kept, MAX_VALUE),
            (false, None) => return,
        };
        // One byte over the limit tells that there was more.
        let room = (limit + 1).saturating_sub(buffer.len());
        buffer.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    fn all(&self) -> u8 {
        u8::try_from((1_u16 << self.paths.len()) - 1).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const PATHS: &[Path] =
        &[&["usage"], &["message", "usage"], &["results", "*", "count"], &["*", "metadata", "inner"], &["count"]];

    fn scan(text: &[u8], cuts: &[usize]) -> Vec<(usize, Value)> {
        let mut found = Vec::new();
        let mut scanner = Scanner::new(PATHS);
        let (mut at, mut cuts) = (0, cuts.iter().cycle());
        while at < text.len() {
            let next = (at + cuts.next().unwrap()).min(text.len());
            scanner.push(&text[at..next], &mut |path, raw| {
                let value = if raw.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(raw) };
                found.push((path, value.unwrap_or_else(|_| panic!("{raw:?}"))));
            });
            at = next;
        }
        found
    }

    /// What a full decode finds, in the order of the text.
    fn decode(value: &Value, walked: &mut Vec<String>, found: &mut Vec<(usize, Value)>) {
        let fits = |path: &Path| {
            path.len() == walked.len() && path.iter().zip(walked.iter()).all(|(key, at)| *key == ANY || key == at)
        };
        if let Some(path) = PATHS.iter().position(fits) {
            found.push((path, value.clone()));
            return;
        }
        let children: Vec<(String, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
            // An index is no key of any path.
            Value::Array(list) => list.iter().map(|value| ("#".to_owned(), value)).collect(),
            _ => Vec::new(),
        };
        for (key, child) in children {
            walked.push(key);
            decode(child, walked, found);
            walked.pop();
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f32>().prop_map(Value::from),
            "[ -~\\n\u{e9}]{0,12}".prop_map(Value::from),
            Just(Value::from("\"usage\":{\\")),
        ];
        let key = prop_oneof![
            Just("usage".to_owned()),
            Just("message".to_owned()),
            Just("results".to_owned()),
            Just("metadata".to_owned()),
            Just("count".to_owned()),
            Just("inner".to_owned()),
            "[a-z\"]{0,3}",
        ];
        leaf.prop_recursive(8, 64, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(key.clone(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn scanning_in_pieces_finds_what_a_full_decode_finds(
            value in json(),
            pretty: bool,
            cuts in prop::collection::vec(1_usize..20, 1..50),
        ) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            // Decoded from the text: printing a float and reading it may change its last digit.
            let value: Value = serde_json::from_slice(&text).unwrap();
            let mut expected = Vec::new();
            if value.is_object() || value.is_array() {
                decode(&value, &mut Vec::new(), &mut expected);
            }
            prop_assert_eq!(scan(&text, &cuts), expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            Scanner::new(PATHS).push(&bytes, &mut |_, _| {});
        }

        #[test]
        fn arbitrary_json_punctuation_never_panics(text in "[\\[\\]{}\",:a1\\\\]{0,64}") {
            Scanner::new(PATHS).push(text.as_bytes(), &mut |_, _| {});
        }
    }

    #[test]
    fn what_a_model_wrote_is_not_taken_for_usage() {
        let text = br#"{"output":{"usage":1,"text":"\"usage\":2"},"list":[{"usage":3}],"usage":4,"x":{"message":{"usage":5}}}"#;
        assert_eq!(scan(text, &[7]), [(0, Value::from(4))]);
    }

    #[test]
    fn a_value_beyond_the_limit_comes_empty_and_the_next_is_found() {
        let text = format!(r#"{{"usage":"{}","count":7}}"#, "x".repeat(MAX_VALUE));
        assert_eq!(scan(text.as_bytes(), &[100]), [(0, Value::Null), (4, Value::from(7))]);
        let text = format!(r#"{{"{}":1,"count":7}}"#, "k".repeat(MAX_KEY * 3));
        assert_eq!(scan(text.as_bytes(), &[100]), [(4, Value::from(7))]);
    }

    #[test]
    fn after_a_reset_another_text_begins() {
        let mut scanner = Scanner::new(PATHS);
        let mut found = Vec::new();
        scanner.push(br#"{"usage":{"a":"#, &mut |path, raw| found.push((path, raw.to_vec())));
        scanner.reset();
        scanner.push(br#"{"usage":{}}"#, &mut |path, raw| found.push((path, raw.to_vec())));
        assert_eq!(found, [(0, b"{}".to_vec())]);
    }
}
