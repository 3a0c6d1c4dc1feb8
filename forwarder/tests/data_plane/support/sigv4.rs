//! Signature Version 4 written down a second time, from AWS's description and with another crypto library.

use bytes::Bytes;
use http::request::Parts;
use ring::{digest, hmac};

pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// Where requests are signed for whose host names no Region: those to the table.
pub const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];
pub const SESSION_TOKEN: &str = "the-session-token";

/// Recomputes the signature of a request as it arrived; returns the names of the signed headers.
pub fn verify(parts: &Parts, body: &Bytes, service: &str) -> Vec<String> {
    let text = |name: &str| parts.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap();
    assert_eq!(parts.headers.get_all("host").iter().count(), 1);
    assert_eq!(text("x-amz-security-token"), SESSION_TOKEN);

    let authorization = text("authorization").strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
    let field = |name: &str| {
        let mut fields = authorization.split(", ").filter_map(|field| field.split_once('='));
        fields.find(|(found, _)| *found == name).unwrap().1
    };
    let (access_key, scope) = field("Credential").split_once('/').unwrap();
    assert_eq!(access_key, ACCESS_KEY);
    let scope_parts: Vec<&str> = scope.split('/').collect();
    let named = text("host").strip_suffix(".amazonaws.com").and_then(|host| host.split_once('.'));
    assert!(named.map_or(REGIONS.contains(&scope_parts[1]), |(_, region)| region == scope_parts[1]), "{scope}");
    assert_eq!(scope_parts[2..], [service, "aws4_request"]);

    let signed: Vec<&str> = field("SignedHeaders").split(';').collect();
    let headers: Vec<String> = signed.iter().map(|name| format!("{name}:{}\n", text(name).trim())).collect();
    let headers = headers.concat();
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        parts.method,
        encode(parts.uri.path()),
        canonical_query(parts.uri.query().unwrap_or_default()),
        field("SignedHeaders"),
        sha256(body),
    );
    let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", text("x-amz-date"), sha256(canonical.as_bytes()));
    let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
    for part in scope_parts {
        key = sign(&key, part.as_bytes());
    }
    assert_eq!(hex::encode(sign(&key, to_sign.as_bytes())), field("Signature"), "signature of\n{canonical}");
    signed.into_iter().map(str::to_owned).collect()
}

/// Encodes what arrived once more: `%3A` becomes `%253A`.
fn encode(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}
