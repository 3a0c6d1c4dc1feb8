//! The query string, encoded again from the decoded parameters API Gateway hands over.
//!
//! Strict RFC 3986: only unreserved characters stay as they are, which is also what the signature demands, so what
//! is sent and what is signed cannot differ.

use std::borrow::Cow;

use aigw_contract::operations;

/// Parameters of a presigned URL: a client's own signature means nothing to Bedrock behind the gateway.
const PRESIGNED: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
];

/// `name=value` pairs in their order, joined by `&`; empty where there are none.
pub fn encode<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut encoded = String::new();
    for (name, value) in pairs {
        if PRESIGNED.iter().any(|dropped| dropped.eq_ignore_ascii_case(name)) {
            continue;
        }
        if !encoded.is_empty() {
            encoded.push('&');
        }
        push(&mut encoded, name);
        encoded.push('=');
        push(&mut encoded, value);
    }
    encoded
}

/// The decoded values of a parameter in an encoded query.
pub fn values<'a>(encoded: &'a str, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> + 'a {
    let pairs = encoded.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(move |(found, _)| percent_decoded(found) == name).map(|(_, value)| percent_decoded(value))
}

/// A name or value of a query as API Gateway decodes it: `+` is a space. What is not UTF-8 then stays as it came.
#[cfg(feature = "serve")]
pub fn decode(text: &str) -> Cow<'_, str> {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    match percent_decoded(&spaced) {
        Cow::Owned(decoded) => Cow::Owned(decoded),
        Cow::Borrowed(_) => spaced,
    }
}

/// The text behind percent escapes; what is not UTF-8 then stays as it came, as do escapes that are none.
pub fn percent_decoded(text: &str) -> Cow<'_, str> {
    operations::decode(text).unwrap_or(Cow::Borrowed(text))
}

fn push(encoded: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        let pairs = [("a b", "c+d"), ("e", "~-._/"), ("e", ""), ("\u{e9}", "=&%;")];
        assert_eq!(encode(pairs.into_iter()), "a%20b=c%2Bd&e=~-._%2F&e=&%C3%A9=%3D%26%25%3B");
        assert_eq!(encode([].into_iter()), "");
    }

    #[test]
    fn values_are_read_back() {
        let encoded = encode([("a b", "c+d/\u{e9}"), ("x", ""), ("a b", "2")].into_iter());
        assert_eq!(values(&encoded, "a b").collect::<Vec<_>>(), ["c+d/\u{e9}", "2"]);
        assert_eq!(values(&encoded, "x").collect::<Vec<_>>(), [""]);
        assert_eq!(values("", "x").count(), 0);
    }

    #[test]
    fn presigned_parameters_are_dropped() {
        let pairs = [("X-Amz-Signature", "s"), ("maxResults", "1"), ("x-amz-date", "d")];
        assert_eq!(encode(pairs.into_iter()), "maxResults=1");
    }
}
