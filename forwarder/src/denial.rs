//! Refusals, in the shape AWS services answer with, so that every SDK classifies them as it would Bedrock's own.
//!
//! Each message says what was refused, whose setting did it and who can change it. 403 where retrying is pointless,
//! 429 and 503 where it is not, 400 where the request itself is wrong.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Response header from which SDKs take the type of an error.
pub const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Characters of what a client chose that a message repeats: a client can send thousands.
const SHOWN: usize = 200;

/// A request that is answered by the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// HTTP status.
    pub status: StatusCode,
    /// AWS error type, for example `AccessDeniedException`.
    pub error_type: &'static str,
    /// For the client's developer.
    pub message: Cow<'static, str>,
    /// Seconds after which the same request may pass.
    pub retry_after: Option<i64>,
}

/// Why the body of a request cannot be read in one way only, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyProblem {
    /// Not JSON, or not an object.
    Malformed,
    /// The member comes twice.
    Twice(&'static str),
    /// A member differs from this one only in case.
    Case(&'static str),
    /// The member is of another type than the API's.
    Type(&'static str),
    /// The member is no positive whole number.
    Number(&'static str),
}

impl BodyProblem {
    /// What the client is told; never quotes the body.
    pub fn denial(self, operation: &str) -> Denial {
        Denial::invalid(match self {
            Self::Malformed => format!("the body of {operation} must be a JSON object"),
            Self::Twice(member) => format!("the body of {operation} has the member {member:?} twice"),
            Self::Case(member) => {
                format!("the body of {operation} has a member that differs from {member:?} only in case")
            }
            Self::Type(member) => {
                format!("the member {member:?} in the body of {operation} is not of the type it should be")
            }
            Self::Number(member) => {
                format!("the member {member:?} in the body of {operation} must be a whole number above zero")
            }
        })
    }
}

/// The beginning of what a client chose, for a message.
pub fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// A denial, and what the client is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the client is told.
    pub denial: Denial,
    /// What the log says instead, where the denial is not the whole story. Holds no content of the call.
    pub cause: Option<String>,
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self { denial, cause: None }
    }
}

impl Refusal {
    /// A denial for a reason that is ours alone to know.
    pub fn because(denial: Denial, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { denial, cause: Some(crate::describe(error)) }
    }
}

impl Denial {
    /// The request is wrong: 400.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationException", message)
    }

    /// The credential is not, or not any more, valid: 401, as API Gateway answers to one the authorizer refuses.
    pub fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UnrecognizedClientException", message)
    }

    /// The request body is too long: 413.
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message)
    }

    /// The caller may not do this: 403.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDeniedException", message)
    }

    /// The caller has to wait this many seconds: 429, which SDKs repeat.
    pub fn throttled(message: impl Into<Cow<'static, str>>, seconds: i64) -> Self {
        let denial = Self::new(StatusCode::TOO_MANY_REQUESTS, "ThrottlingException", message);
        Self { retry_after: Some(seconds), ..denial }
    }

    /// The gateway has nothing there: 404.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
    }

    /// The gateway cannot answer now: 503.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", message)
    }

    /// Bedrock did not answer in time: 504.
    pub fn timed_out(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "ServiceUnavailableException", message)
    }

    /// The gateway is at fault: 500.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException", message)
    }

    /// Headers of the response.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ERROR_TYPE, HeaderValue::from_static(self.error_type));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        headers
    }

    /// Body of the response.
    pub fn body(&self) -> Bytes {
        serde_json::json!({ "message": self.message }).to_string().into()
    }

    fn new(status: StatusCode, error_type: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error_type, message: message.into(), retry_after: None }
    }
}
