//! AWS Signature Version 4 over a minimal header set.
//!
//! Only `host`, `x-amz-date`, `x-amz-security-token`, `content-type` and `x-amz-target` are signed; everything else
//! is attached afterwards, so no proxy on the way can break a signature. The path is encoded twice, as every
//! service but S3 demands: bytes that came percent-encoded are signed as the client's own SDK would have.
//!
//! Own code because every call is signed three times: the SDK's signer derives its key anew each time and builds the
//! canonical request out of maps. Here a key is derived once a day and service. The tests hold each signature against
//! the SDK's. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aigw_contract::calendar;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::{digest, hmac};

/// Header by which AWS JSON services know the operation.
pub const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATION: &str = "aws4_request";
/// Length of the date within a time like `20260131T235959Z`.
const DATE_LENGTH: usize = 8;
/// Room for a canonical request with a session token, which alone has about a thousand bytes.
const CANONICAL_ROOM: usize = 2_048;

/// Credentials of the function's role. `Debug` hides the secrets.
#[derive(Clone)]
pub struct Credentials {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
    /// Session token, which temporary credentials have.
    pub session_token: Option<String>,
}

/// Signs with the credentials of the function's role, which Lambda fixes for the life of an environment.
pub struct Signer {
    credentials: Credentials,
    region: String,
    /// Keys of the day, one per service.
    keys: Mutex<Vec<DerivedKey>>,
}

/// The key of one day and service.
struct DerivedKey {
    date: String,
    service: String,
    key: hmac::Key,
}

/// What is signed.
pub struct Signable<'a> {
    /// Service name of the credential scope.
    pub service: &'a str,
    /// HTTP method.
    pub method: &'a Method,
    /// Host the request is meant for, whatever it is sent to.
    pub host: &'a str,
    /// Raw path, without dot or empty segments, and the query as `crate::query` encodes it.
    pub path_and_query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The request cannot be signed: host or session token are no text of a header.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed")]
pub struct SignError(#[from] InvalidHeaderValue);

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer for one Region.
    pub fn new(credentials: Credentials, region: impl Into<String>) -> Self {
        Self { credentials, region: region.into(), keys: Mutex::default() }
    }

    /// Signs and adds the signature headers, and `host`, to `headers`. Nothing in there may carry those names yet.
    ///
    /// # Errors
    /// [`SignError`] where a part of the request is not what HTTP allows.
    pub fn sign(&self, signable: &Signable<'_>, headers: &mut HeaderMap, now: SystemTime) -> Result<(), SignError> {
        let Signable { service, method, host, path_and_query, body } = signable;
        let time = basic_format(now);
        headers.insert(HOST, HeaderValue::from_str(host)?);
        headers.insert(DATE, HeaderValue::from_str(&time)?);
        if let Some(token) = &self.credentials.session_token {
            headers.insert(TOKEN, secret(token)?);
        }

        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut canonical = String::with_capacity(CANONICAL_ROOM);
        canonical.push_str(method.as_str());
        canonical.push('\n');
        push_encoded_path(&mut canonical, path);
        canonical.push('\n');
        push_sorted(&mut canonical, query);
        canonical.push('\n');
        // By name, as the canonical form has them.
        let mut names = String::with_capacity(64);
        for name in [CONTENT_TYPE, HOST, DATE, TOKEN, TARGET] {
            let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) else { continue };
            canonical.push_str(name.as_str());
            canonical.push(':');
            push_trimmed(&mut canonical, value);
            canonical.push('\n');
            names.push_str(if names.is_empty() { "" } else { ";" });
            names.push_str(name.as_str());
        }
        canonical.push('\n');
        canonical.push_str(&names);
        canonical.push('\n');
        push_hex(&mut canonical, digest::digest(&digest::SHA256, body).as_ref());

        let date = &time[..DATE_LENGTH];
        let scope = format!("{date}/{}/{service}/{TERMINATION}", self.region);
        let mut to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n");
        push_hex(&mut to_sign, digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let Credentials { access_key, .. } = &self.credentials;
        let mut authorization =
            format!("{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature=");
        push_hex(&mut authorization, self.tag(date, service, to_sign.as_bytes()).as_ref());
        headers.insert(AUTHORIZATION, secret(&authorization)?);
        Ok(())
    }

    /// Authenticates a text with the key of this day and service.
    fn tag(&self, date: &str, service: &str, text: &[u8]) -> hmac::Tag {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().find(|kept| kept.date == date && kept.service == service);
        if let Some(DerivedKey { key, .. }) = found {
            return hmac::sign(key, text);
        }
        keys.retain(|kept| kept.date == date);
        let key = self.derive(date, service);
        let tag = hmac::sign(&key, text);
        keys.push(DerivedKey { date: date.to_owned(), service: service.to_owned(), key });
        tag
    }

    fn derive(&self, date: &str, service: &str) -> hmac::Key {
        let initial = format!("AWS4{}", self.credentials.secret_key);
        let first = hmac::Key::new(hmac::HMAC_SHA256, initial.as_bytes());
        [date, &self.region, service, TERMINATION].into_iter().fold(first, |key, part| {
            let tag = hmac::sign(&key, part.as_bytes());
            hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref())
        })
    }
}

/// A header value that debug output leaves out.
fn secret(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A time as signatures have it: `20260131T235959Z`.
fn basic_format(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut text = calendar::rfc3339(i64::try_from(seconds).unwrap_or(i64::MAX));
    text.retain(|character| !matches!(character, '-' | ':'));
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.reserve(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Encodes a path that is encoded already once more.
fn push_encoded_path(canonical: &mut String, path: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            canonical.push(char::from(byte));
        } else {
            canonical.push('%');
            canonical.push(char::from(DIGITS[usize::from(byte >> 4)]));
            canonical.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// Puts the parameters of an encoded query in order: by name, then by value.
fn push_sorted(canonical: &mut String, query: &str) {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(&str, &str)> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    pairs.sort_unstable();
    for (position, (name, value)) in pairs.into_iter().enumerate() {
        if position > 0 {
            canonical.push('&');
        }
        canonical.push_str(name);
        canonical.push('=');
        canonical.push_str(value);
    }
}

/// A header's value without spaces around it, and with one where it has several in a row.
fn push_trimmed(canonical: &mut String, value: &str) {
    let mut spaced = true;
    for character in value.trim_matches(' ').chars() {
        if character != ' ' || !spaced {
            canonical.push(character);
        }
        spaced = character == ' ';
    }
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
