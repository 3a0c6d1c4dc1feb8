//! Which AWS call a request is: service, operation, caller and protocol, from its head (and the form body of the query
//! protocol). Pure and total: what is not recognised gets a name made of method and path.

use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};

use super::rest;

/// The wire protocols that differ in how they report errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// REST with JSON bodies: API Gateway, Lambda.
    RestJson,
    /// JSON with `X-Amz-Target`: DynamoDB, CloudWatch Logs.
    AwsJson,
    /// Forms in, XML out: IAM, STS.
    Query,
}

/// A recognised call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Signing name of the service; `unknown` when nothing tells.
    pub service: String,
    /// Operation, or method and path template.
    pub operation: String,
    /// Access key of the credential scope; empty without one.
    pub caller: String,
    /// Region of the credential scope; empty without one.
    pub region: String,
    /// Protocol.
    pub protocol: Protocol,
    /// Whether the call changes something.
    pub is_write: bool,
}

/// Prefixes of operations that only read.
const READS: &[&str] = &[
    "Get",
    "List",
    "Describe",
    "Query",
    "Scan",
    "BatchGet",
    "TransactGet",
    "Head",
    "Filter",
    "Lookup",
    "Simulate",
    "Test",
    "Search",
    "Decode",
    "AssumeRole",
];

/// Whether the body has to be read to tell the operation.
pub fn needs_body(headers: &HeaderMap) -> bool {
    text(headers, CONTENT_TYPE.as_str()).starts_with("application/x-www-form-urlencoded")
}

/// Recognises a call. `form` is the body when [`needs_body`] says so.
pub fn identify(method: &str, path: &str, query: &str, headers: &HeaderMap, form: &[u8]) -> Identity {
    let mut scope = credential(text(headers, AUTHORIZATION.as_str())).split('/');
    let caller = scope.next().unwrap_or_default();
    let region = scope.nth(1).unwrap_or_default();
    let signed_for = scope.next().unwrap_or_default();
    let target = text(headers, "x-amz-target");
    let action = form_action(&String::from_utf8_lossy(form)).or_else(|| form_action(query));
    let (service, operation, protocol) = if let Some((prefix, operation)) = target.rsplit_once('.') {
        (or(signed_for, service_of_target(prefix)), Some(operation.to_owned()), Protocol::AwsJson)
    } else if let Some(action) = action {
        // Only STS has operations that need no signature.
        (or(signed_for, "sts"), Some(action), Protocol::Query)
    } else {
        let operation = rest::operation(signed_for, method, path, query).map(str::to_owned);
        (or(signed_for, "unknown"), operation, Protocol::RestJson)
    };
    let is_write = match &operation {
        Some(operation) => !READS.iter().any(|prefix| operation.starts_with(prefix)),
        None => !matches!(method, "GET" | "HEAD" | "OPTIONS"),
    };
    Identity {
        service: service.to_owned(),
        operation: operation.unwrap_or_else(|| rest::template(method, path)),
        caller: caller.to_owned(),
        region: region.to_owned(),
        protocol,
        is_write,
    }
}

/// A user agent's first product and the application name, which is all that tells callers apart.
pub fn short_agent(headers: &HeaderMap) -> String {
    let agent = text(headers, USER_AGENT.as_str());
    let mut products = agent.split_whitespace();
    let first = products.next().unwrap_or_default();
    match products.find(|product| product.starts_with("app/")) {
        Some(app) => format!("{first} {app}"),
        None => first.to_owned(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn or<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.is_empty() { second } else { first }
}

fn credential(authorization: &str) -> &str {
    authorization.split_once("Credential=").map_or("", |(_, rest)| rest.split([',', ' ']).next().unwrap_or_default())
}

fn service_of_target(prefix: &str) -> &str {
    match prefix.split('_').next() {
        Some("DynamoDB") => "dynamodb",
        Some("Logs") => "logs",
        _ => "unknown",
    }
}

/// The `Action` parameter; names of operations need no decoding.
fn form_action(form: &str) -> Option<String> {
    let value = form.split('&').find_map(|pair| pair.strip_prefix("Action="))?;
    let plain = !value.is_empty() && value.len() < 128 && value.chars().all(|c| c.is_ascii_alphanumeric());
    plain.then(|| value.to_owned())
}

#[cfg(test)]
#[path = "identify_tests.rs"]
mod tests;
