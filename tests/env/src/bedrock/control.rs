//! The stub's own endpoints under `/_stub/`, which no AWS API uses. They need no signature.

use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::fault::Rule;
use super::sigv4::Secret;
use super::state::Stub;
use crate::net::wire::{self, Body};

/// Paths that start with this belong to the stub itself.
pub const PREFIX: &str = "/_stub/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCredential {
    access_key: String,
    secret_key: String,
    #[serde(default)]
    session_token: Option<String>,
}

/// Answers a request to `/_stub/…`.
pub fn answer(stub: &Stub, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    let done = || wire::json(StatusCode::OK, &json!({}));
    match (method.as_str(), path.strip_prefix(PREFIX).unwrap_or_default()) {
        ("GET", "health") => wire::json(StatusCode::OK, &json!({ "status": "ok" })),
        ("GET", "requests") => wire::json(StatusCode::OK, &stub.requests()),
        ("DELETE", "requests") => {
            stub.clear_requests();
            done()
        }
        ("GET", "faults") => wire::json(StatusCode::OK, &stub.faults().list()),
        ("POST", "faults") => match serde_json::from_slice::<Rule>(body) {
            Ok(rule) => wire::json(StatusCode::CREATED, &json!({ "id": stub.faults().add(rule) })),
            Err(error) => bad(&error),
        },
        ("DELETE", "faults") => {
            stub.faults().clear();
            done()
        }
        ("POST", "credentials") => match serde_json::from_slice::<NewCredential>(body) {
            Ok(new) => {
                let secret = Secret { secret_key: new.secret_key, session_token: new.session_token };
                stub.add_credential(new.access_key, secret);
                wire::json(StatusCode::CREATED, &json!({}))
            }
            Err(error) => bad(&error),
        },
        _ => wire::json(StatusCode::NOT_FOUND, &json!({ "message": "no such control endpoint" })),
    }
}

fn bad(error: &serde_json::Error) -> Response<Body> {
    wire::json(StatusCode::BAD_REQUEST, &json!({ "message": error.to_string() }))
}
