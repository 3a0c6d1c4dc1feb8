//! What a streamed response begins with: status and headers as JSON, then eight NUL bytes, then the body.
//!
//! API Gateway must find the NULs within the first 16 KB. Headers go into `multiValueHeaders` only, the one form in
//! which a repeated header is documented to survive.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

const DELIMITER: [u8; 8] = [0; 8];
/// Longest prelude; a little under 16 KB because how exactly the bytes are counted is not documented.
const MAX_LENGTH: usize = 16_000;
/// Headers that stay when others must go: without them SDKs cannot read the response.
const ESSENTIAL: [&str; 4] = ["content-type", "x-amzn-errortype", "x-amzn-requestid", "x-bedrock-request-id"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Prelude<'a> {
    status_code: u16,
    multi_value_headers: MultiValue<'a>,
}

struct MultiValue<'a>(&'a HeaderMap);

impl Serialize for MultiValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.keys_len()))?;
        for name in self.0.keys() {
            let values: Vec<_> =
                self.0.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            map.serialize_entry(name.as_str(), &values)?;
        }
        map.end()
    }
}

/// The prelude with its delimiter, and `first` right behind it: they leave in one write.
pub(super) fn encode(status: StatusCode, mut headers: HeaderMap, first: &[u8]) -> Bytes {
    let mut json = to_json(status, &headers);
    while json.len() + DELIMITER.len() > MAX_LENGTH {
        let Some(longest) = longest_dispensable(&headers) else { break };
        headers.remove(longest);
        json = to_json(status, &headers);
    }
    let mut head = BytesMut::with_capacity(json.len() + DELIMITER.len() + first.len());
    head.put_slice(&json);
    head.put_slice(&DELIMITER);
    head.put_slice(first);
    head.freeze()
}

fn to_json(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let prelude = Prelude { status_code: status.as_u16(), multi_value_headers: MultiValue(headers) };
    serde_json::to_vec(&prelude).unwrap_or_default()
}

fn longest_dispensable(headers: &HeaderMap) -> Option<HeaderName> {
    let length = |name: &HeaderName| headers.get_all(name).iter().map(http::HeaderValue::len).sum::<usize>();
    headers.keys().filter(|name| !ESSENTIAL.contains(&name.as_str())).max_by_key(|name| length(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_headers_become_lists_and_the_first_bytes_follow() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        let head = encode(StatusCode::OK, headers, b"body");
        let expected = b"{\"statusCode\":200,\"multiValueHeaders\":{\"x-a\":[\"1\",\"2\"]}}\0\0\0\0\0\0\0\0body";
        assert_eq!(head[..], expected[..]);
    }

    #[test]
    fn a_prelude_never_outgrows_its_limit() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        for number in 0..10 {
            let name: HeaderName = format!("x-long-{number}").parse().unwrap();
            headers.insert(name, "v".repeat(3_000).parse().unwrap());
        }
        let head = encode(StatusCode::OK, headers, b"");
        assert!(head.len() <= MAX_LENGTH && head.len() > MAX_LENGTH - 4_000);
        assert!(String::from_utf8_lossy(&head).contains("content-type"));
    }
}
