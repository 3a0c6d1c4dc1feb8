//! What a scripted fault can do to one request, and the two ways to order it: a rule sent to the control endpoint
//! (JSON) or the request header [`FAULT_HEADER`] (`name=value` pairs), with the same names in both.

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::AwsError;
use crate::net::rules;

/// The request header that orders a fault for this request, for example `status=429;retry_after=1`.
///
/// Its name lies in the set a forwarder passes through to Bedrock.
pub const FAULT_HEADER: &str = "x-amzn-bedrock-stub-fault";

/// A rule of the control endpoint: `{"match": {…}, "nth": 1, "times": 1, "fault": {…}}`.
pub type Rule = rules::Rule<Match, Fault>;

/// Which requests a rule is for; what is left out matches everything.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Part of the raw path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// Part of the decoded model id; requests without a model do not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_contains: Option<String>,
    /// A header that the request lacks, as IAM denies a call that does not carry a guardrail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks_header: Option<String>,
}

impl Match {
    /// Whether the rule is for a request with this raw path, decoded model id and these headers.
    pub fn matches(&self, path: &str, model: Option<&str>, headers: &HeaderMap) -> bool {
        let path_fits = self.path_contains.as_deref().is_none_or(|part| path.contains(part));
        let model_fits =
            self.model_contains.as_deref().is_none_or(|part| model.is_some_and(|model| model.contains(part)));
        let header_fits = self.lacks_header.as_deref().is_none_or(|name| !headers.contains_key(name));
        path_fits && model_fits && header_fits
    }
}

/// How a response ends early.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// TCP reset.
    Reset,
    /// Connection closed in the middle of the transfer.
    Close,
    /// A well-formed end of the transfer, with frames missing.
    End,
}

/// A fault; all parts can be combined.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Answer with this status; an error unless `body` is given.
    pub status: Option<u16>,
    /// `x-amzn-errortype`; the default follows the status.
    pub error_type: Option<String>,
    /// The error's message.
    pub message: Option<String>,
    /// `retry-after` header in seconds.
    pub retry_after: Option<u64>,
    /// Verbatim body to answer with (JSON), with `status` or 200.
    pub body: Option<String>,
    /// Milliseconds before the response headers.
    pub latency_ms: Option<u64>,
    /// Milliseconds between the headers and the first byte of the body.
    pub first_byte_ms: Option<u64>,
    /// Milliseconds between two chunks of a stream, instead of the configured interval.
    pub chunk_ms: Option<u64>,
    /// Ends the response after `after_frames` frames, or in the middle of a body that is not a stream.
    pub cut: Option<Cut>,
    /// Sends this exception frame (for example `throttlingException`) after `after_frames` frames and ends the stream.
    pub exception: Option<String>,
    /// Frames sent before `cut` or `exception`.
    pub after_frames: usize,
    /// `cut` sends the first half of the next frame too.
    pub inside_frame: bool,
}

impl rules::Compose for Fault {
    /// A fault of the stub says everything about its call.
    fn add(&mut self, _: &Self) -> bool {
        false
    }
}

impl Fault {
    /// Reads the value of [`FAULT_HEADER`].
    pub fn from_header(value: &str) -> Result<Self, AwsError> {
        let mut map = Map::new();
        for pair in value.split([';', ',']).map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, text) = pair
                .split_once('=')
                .ok_or_else(|| AwsError::validation(format!("{FAULT_HEADER}: {pair:?} is not name=value")))?;
            let value = match (text.parse::<u64>(), text) {
                (Ok(number), _) => Value::from(number),
                (Err(_), "true") => Value::Bool(true),
                (Err(_), "false") => Value::Bool(false),
                (Err(_), text) => Value::from(text),
            };
            map.insert(name.trim().to_owned(), value);
        }
        serde_json::from_value(Value::Object(map))
            .map_err(|error| AwsError::validation(format!("{FAULT_HEADER}: {error}")))
    }

    /// The error to answer with instead of an answer, when the fault is one.
    pub fn error(&self) -> Option<AwsError> {
        let status = self.status.filter(|_| self.body.is_none())?;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = self.error_type.as_deref().unwrap_or(default_type(status));
        let text = self.message.as_deref().unwrap_or("scripted by the stub");
        Some(AwsError::new(status, code, text))
    }
}

fn default_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "ValidationException",
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_json_have_the_same_names() {
        let header = Fault::from_header("cut=reset; after_frames=3,inside_frame=true;chunk_ms=5").unwrap();
        let json = r#"{"cut":"reset","after_frames":3,"inside_frame":true,"chunk_ms":5}"#;
        assert_eq!(header, serde_json::from_str(json).unwrap());
        assert_eq!(Fault::from_header("").unwrap(), Fault::default());
        assert!(Fault::from_header("statsu=429").is_err());
        assert!(Fault::from_header("429").is_err());
    }

    #[test]
    fn error_types_follow_the_status() {
        for (status, code) in
            [(429, "ThrottlingException"), (424, "ModelErrorException"), (502, "InternalServerException")]
        {
            let fault = Fault { status: Some(status), ..Fault::default() };
            assert_eq!(fault.error().unwrap().code, code);
        }
        let scripted = Fault { status: Some(200), body: Some("{}".into()), ..Fault::default() };
        assert_eq!(scripted.error(), None);
    }

    #[test]
    fn a_model_matcher_needs_a_model() {
        let matcher = Match { model_contains: Some("haiku".into()), ..Match::default() };
        assert!(matcher.matches("/x", Some("claude-haiku"), &HeaderMap::new()));
        assert!(!matcher.matches("/haiku", None, &HeaderMap::new()));
    }

    #[test]
    fn a_header_can_be_what_a_request_lacks() {
        let matcher = Match { lacks_header: Some("x-guard".into()), ..Match::default() };
        assert!(matcher.matches("/x", None, &HeaderMap::new()));
        let has = HeaderMap::from_iter([("x-guard".parse().unwrap(), "1".parse().unwrap())]);
        assert!(!matcher.matches("/x", None, &has));
    }
}
