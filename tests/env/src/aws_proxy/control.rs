//! The proxy's own endpoints under `/_proxy/`, which no AWS API uses.

use http::{Method, Response, StatusCode};
use serde_json::json;

use super::Proxy;
use super::fault::Rule;
use crate::net::wire::{self, Body};

/// Paths that start with this belong to the proxy itself.
pub const PREFIX: &str = "/_proxy/";

/// Answers a request to `/_proxy/…`.
pub fn answer(proxy: &Proxy, method: &Method, path: &str, query: &str, body: &[u8]) -> Response<Body> {
    let done = || wire::json(StatusCode::OK, &json!({}));
    let bad = |message: String| wire::json(StatusCode::BAD_REQUEST, &json!({ "message": message }));
    match (method.as_str(), path.strip_prefix(PREFIX).unwrap_or_default()) {
        ("GET", "health") => wire::json(StatusCode::OK, &json!({ "status": "ok" })),
        ("GET", "calls") => match since(query) {
            Ok(since) => wire::json(StatusCode::OK, &proxy.calls().since(since)),
            Err(text) => bad(format!("since={text} is not a number")),
        },
        ("DELETE", "calls") => {
            proxy.calls().clear();
            done()
        }
        ("GET", "faults") => wire::json(StatusCode::OK, &proxy.faults().list()),
        ("POST", "faults") => match serde_json::from_slice::<Rule>(body) {
            Ok(rule) => wire::json(StatusCode::CREATED, &json!({ "id": proxy.faults().add(rule) })),
            Err(error) => bad(error.to_string()),
        },
        ("DELETE", "faults") => {
            proxy.faults().clear();
            done()
        }
        _ => wire::json(StatusCode::NOT_FOUND, &json!({ "message": "no such control endpoint" })),
    }
}

fn since(query: &str) -> Result<u64, &str> {
    match query.split('&').find_map(|pair| pair.strip_prefix("since=")) {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| text),
    }
}
