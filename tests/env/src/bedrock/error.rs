//! Errors in the shape AWS's REST-JSON services answer them.

use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::net::wire::{self, Body};

/// An error answer: status, error type and message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct AwsError {
    /// HTTP status.
    pub status: StatusCode,
    /// What `x-amzn-errortype` says.
    pub code: String,
    /// The `message` member.
    pub message: String,
}

impl AwsError {
    /// An error of any status.
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// A 403 of the signature check.
    pub fn forbidden(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// A 400 `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationException", message)
    }

    /// The answer, without `x-amzn-requestid`, which every answer gets.
    pub fn response(&self) -> Response<Body> {
        let mut response = wire::json(self.status, &json!({ "message": self.message }));
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        response
    }
}
