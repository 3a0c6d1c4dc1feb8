//! A request written as in HTTP: `METHOD path?query`, header lines, an empty line, the body.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::input::Input;

/// What a client sent.
pub struct Request<'a> {
    /// Method.
    pub method: Method,
    /// Raw path.
    pub path: &'a str,
    /// Parameters of the query, not decoded.
    pub query: Vec<(&'a str, &'a str)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads one; `None` where no server would have handed it over.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut input = Input::new(bytes);
        let line = str::from_utf8(input.until(b'\n')).ok()?;
        let (method, target) = line.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let mut headers = HeaderMap::new();
        while !input.is_empty() {
            let line = input.until(b'\n');
            if line.is_empty() {
                break;
            }
            let mut parts = line.splitn(2, |byte| *byte == b':');
            let (name, value) = (parts.next()?, parts.next()?.trim_ascii());
            headers.try_append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?).ok()?;
        }
        Some(Self { method: method.parse().ok()?, path, query, headers, body: input.rest() })
    }
}
