//! Faults of the control plane: what they match, and errors in the shape each protocol's SDK understands. Pure.

use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::identify::{Identity, Protocol};
use crate::net::rules;
use crate::net::wire::{self, Body};

/// A rule of the control endpoint: `{"match": {…}, "nth": 1, "times": 1, "fault": {…}}`, or by chance
/// `{"match": {…}, "times": 0, "percent": 10, "seed": 1, "fault": {…}}`.
pub type Rule = rules::Rule<Match, Fault>;

/// Which calls a rule is for; what is left out matches everything.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Signing name of the service.
    pub service: Option<String>,
    /// Name of the operation.
    pub operation: Option<String>,
    /// Access key of the caller.
    pub caller: Option<String>,
    /// Part of the caller's user agent, as the log of calls has it.
    pub agent_contains: Option<String>,
    /// Part of the raw path.
    pub resource_contains: Option<String>,
    /// Only calls that change something (`true`) or only others (`false`).
    pub is_write: Option<bool>,
}

impl Match {
    /// Whether the rule is for a call.
    pub fn matches(&self, call: &Identity, agent: &str, resource: &str) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        is(&self.service, &call.service)
            && is(&self.operation, &call.operation)
            && is(&self.caller, &call.caller)
            && self.agent_contains.as_deref().is_none_or(|part| agent.contains(part))
            && self.resource_contains.as_deref().is_none_or(|part| resource.contains(part))
            && self.is_write.is_none_or(|wanted| wanted == call.is_write)
    }
}

/// A fault. Latency can be combined with the others; `drop` wins over `status`.
///
/// - `{"status": 429, "retry_after": 2}`: refused, nothing happened
/// - `{"status": 500, "after_effect": true}`: done, but reported as failed
/// - `{"drop": true}`: connection closed before the call reached the service
/// - `{"drop": true, "after_effect": true}`: done, response lost
/// - `{"latency_ms": 300}`: slow
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Milliseconds before anything else.
    pub latency_ms: Option<u64>,
    /// Answer with this error status.
    pub status: Option<u16>,
    /// The error's code; the default follows protocol and status.
    pub code: Option<String>,
    /// The error's message.
    pub message: Option<String>,
    /// `Retry-After` header in seconds.
    pub retry_after: Option<u64>,
    /// Close the connection without an answer.
    pub drop: bool,
    /// The call takes effect first.
    pub after_effect: bool,
}

impl rules::Compose for Fault {
    fn add(&mut self, other: &Self) -> bool {
        let slows = self.latency_ms.is_none() && other.latency_ms.is_some();
        let latency_ms = self.latency_ms.or(other.latency_ms);
        let fails = !self.fails() && other.fails();
        if fails {
            *self = other.clone();
        }
        self.latency_ms = latency_ms;
        slows || fails
    }
}

impl Fault {
    /// Whether it is more than a delay.
    fn fails(&self) -> bool {
        self.drop || self.status.is_some()
    }

    /// Whether the call reaches the service.
    pub fn forwards(&self) -> bool {
        self.after_effect || (!self.drop && self.status.is_none())
    }

    /// The injected error's status, code and response.
    pub fn error(&self, call: &Identity) -> Option<(StatusCode, String, Response<Body>)> {
        let status = StatusCode::from_u16(self.status?).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = self.code.as_deref().unwrap_or(default_code(call, status));
        let text = self.message.as_deref().unwrap_or("injected by the fault proxy");
        let mut response = error_response(call.protocol, status, code, text);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
        }
        Some((status, code.to_owned(), response))
    }
}

fn error_response(protocol: Protocol, status: StatusCode, code: &str, text: &str) -> Response<Body> {
    let mut response = match protocol {
        Protocol::RestJson => wire::json(status, &json!({ "message": text })),
        Protocol::AwsJson => wire::json(status, &json!({ "__type": code, "message": text })),
        Protocol::Query => {
            let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
            let xml = format!(
                "<ErrorResponse><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
                 <RequestId>injected</RequestId></ErrorResponse>",
                escaped(code),
                escaped(text)
            );
            let mut response = Response::new(wire::full(xml));
            *response.status_mut() = status;
            response
        }
    };
    let headers = response.headers_mut();
    match protocol {
        Protocol::RestJson => {
            if let Ok(code) = HeaderValue::from_str(code) {
                headers.insert("x-amzn-errortype", code);
            }
        }
        Protocol::AwsJson => {
            headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.0"));
        }
        Protocol::Query => {
            headers.insert("content-type", HeaderValue::from_static("text/xml"));
        }
    }
    headers.insert("x-amzn-requestid", HeaderValue::from_static("injected"));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn default_code(call: &Identity, status: StatusCode) -> &'static str {
    match (call.protocol, status.as_u16()) {
        (Protocol::RestJson, 400) if call.service == "lambda" => "InvalidParameterValueException",
        (Protocol::RestJson, 404) if call.service == "lambda" => "ResourceNotFoundException",
        (Protocol::RestJson, 409) if call.service == "lambda" => "ResourceConflictException",
        (Protocol::RestJson, 500) if call.service == "lambda" => "ServiceException",
        (Protocol::RestJson, 429) => "TooManyRequestsException",
        (Protocol::RestJson, 400) => "BadRequestException",
        (Protocol::RestJson, 404) => "NotFoundException",
        (Protocol::RestJson, 409) => "ConflictException",
        (Protocol::RestJson, 503) => "ServiceUnavailableException",
        (Protocol::AwsJson, 400 | 429) => "ThrottlingException",
        (Protocol::AwsJson, 404) => "ResourceNotFoundException",
        (Protocol::AwsJson, 500) => "InternalServerError",
        (Protocol::Query, 400 | 429) => "Throttling",
        (Protocol::Query, 404) => "NoSuchEntity",
        (Protocol::Query, 409) => "EntityAlreadyExists",
        (Protocol::Query, 503) => "ServiceUnavailable",
        (Protocol::Query, 403) => "AccessDenied",
        (_, 403) => "AccessDeniedException",
        _ => "InternalFailure",
    }
}

/// The error code of a service's answer: from the header, a JSON body or an XML body.
pub fn code_of(response: &http::response::Parts, body: &[u8]) -> Option<String> {
    let header = response.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let text = String::from_utf8_lossy(body);
    let json = || {
        let body: serde_json::Value = serde_json::from_slice(body).ok()?;
        let code = body["__type"].as_str().or(body["code"].as_str())?;
        Some(code.to_owned())
    };
    let xml = || {
        let (_, rest) = text.split_once("<Code>")?;
        Some(rest.split_once("</Code>")?.0.to_owned())
    };
    let code = header.map(str::to_owned).or_else(json).or_else(xml)?;
    // `Name:http://…` and `com.amazonaws.service#Name` are both in use.
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    (!code.is_empty()).then(|| code.chars().take(128).collect())
}
