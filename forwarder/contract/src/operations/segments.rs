//! Segments of raw paths, compared and decoded without a copy where nothing is encoded. Queries are decoded alike.

use std::borrow::Cow;

/// The segments of a path; a leading and a trailing slash add none.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

/// Whether a raw segment is this literal once decoded.
pub(super) fn equals(raw: &str, literal: &str) -> bool {
    raw == literal || (raw.len() > literal.len() && raw.contains('%') && Decoded(raw.as_bytes()).eq(literal.bytes()))
}

/// Percent-decoded text; `None` where it is not UTF-8. A percent sign that begins no escape stands for itself.
pub fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('%') {
        return Some(Cow::Borrowed(raw));
    }
    String::from_utf8(Decoded(raw.as_bytes()).collect()).ok().map(Cow::Owned)
}

/// Percent-decoded bytes.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if let (b'%', [high, low, rest @ ..]) = (first, rest)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            self.0 = rest;
            return Some(high << 4 | low);
        }
        self.0 = rest;
        Some(*first)
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
