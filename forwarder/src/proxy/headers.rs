//! Which headers pass, in both directions.
//!
//! A list of what is dropped and not of what is kept, so that headers of new Bedrock operations pass. Dropped are:
//! what belongs to one connection, the client's own authentication, everything a signature is made of, and what
//! proxies add about the client. Operations bind `x-amz-client-token`, `x-amz-source-arn`, `x-amzn-trace-id` and
//! all `x-amzn-bedrock-*`, so `x-amz*` is not dropped wholesale.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::denial::Denial;
use crate::sign::TARGET;

/// Bedrock's request id under a name that API Gateway does not replace with its own.
pub const BEDROCK_REQUEST_ID: HeaderName = HeaderName::from_static("x-bedrock-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Headers that end with a connection, in requests and responses.
const HOP_BY_HOP: &[&str] =
    &["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "content-length"];

/// Request headers that do not reach Bedrock.
const DROPPED: &[&str] = &[
    // Ours to set.
    "host",
    "accept-encoding",
    "expect",
    // The client's authentication.
    "authorization",
    "x-api-key",
    "cookie",
    // What signatures are made of.
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "x-amz-region-set",
    // Routing and method override.
    "aws-endpoint-prefix",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    // Left behind by proxies.
    "forwarded",
    "via",
    "x-real-ip",
    "x-amz-cf-id",
    "x-amzn-cipher-suite",
    "x-amzn-tls-version",
    "x-apigw-api-id",
];

/// First characters of request headers that do not reach Bedrock.
const DROPPED_PREFIXES: &[&str] = &["proxy-", "x-forwarded-", "cloudfront-", "x-amzn-vpc"];

/// What Bedrock gets of a client's headers.
///
/// # Errors
/// [`Denial`] where a header that is signed came more than once: signer and server could read it differently.
pub(super) fn to_upstream(mut headers: HeaderMap) -> Result<HeaderMap, Denial> {
    for name in [header::CONTENT_TYPE, TARGET] {
        if headers.get_all(&name).iter().count() > 1 {
            return Err(Denial::invalid(format!("the header {name} must be given once")));
        }
    }
    drop_connection_headers(&mut headers, |name| {
        DROPPED.contains(&name) || DROPPED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    });
    // Bodies pass as they are, and a later meter must be able to read them.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// What a client gets of Bedrock's headers.
pub(super) fn to_client(mut headers: HeaderMap) -> HeaderMap {
    drop_connection_headers(&mut headers, |name| header::PROXY_AUTHENTICATE == name);
    if let Some(id) = headers.get(REQUEST_ID).cloned() {
        headers.insert(BEDROCK_REQUEST_ID, id);
    }
    headers
}

/// Drops what belongs to one connection, including what its `Connection` header names, and what else is to go.
fn drop_connection_headers(headers: &mut HeaderMap, also: impl Fn(&str) -> bool) {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = named.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok());
    let listed = headers.keys().filter(|name| HOP_BY_HOP.contains(&name.as_str()) || also(name.as_str())).cloned();
    let dropped: Vec<HeaderName> = named.chain(listed).collect();
    for name in dropped {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_bedrock_must_not_see_is_dropped() {
        let dropped = [
            "Host",
            "Authorization",
            "X-Api-Key",
            "Cookie",
            "X-Amz-Date",
            "X-Amz-Security-Token",
            "X-Amz-Content-Sha256",
            "X-Amz-Region-Set",
            "aws-endpoint-prefix",
            "X-HTTP-Method-Override",
            "Forwarded",
            "Via",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Port",
            "CloudFront-Viewer-Country",
            "X-Amz-Cf-Id",
            "Connection",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "HTTP2-Settings",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Expect",
            "Content-Length",
            "X-Amzn-Vpce-Id",
        ];
        let pairs: Vec<(&str, &str)> = dropped.iter().map(|name| (*name, "x")).collect();
        let left = to_upstream(map(&pairs)).unwrap();
        assert_eq!(left, map(&[("accept-encoding", "identity")]));
    }

    #[test]
    fn what_operations_bind_is_kept_with_every_value() {
        let kept = [
            ("content-type", "application/json"),
            ("accept", "*/*"),
            ("user-agent", "u"),
            ("x-amz-user-agent", "u"),
            ("amz-sdk-invocation-id", "i"),
            ("amz-sdk-request", "attempt=1"),
            ("x-amz-client-token", "t"),
            ("x-amz-source-arn", "a"),
            ("x-amzn-trace-id", "r"),
            ("x-amz-target", "T.Op"),
            ("x-amzn-bedrock-accept", "*/*"),
            ("x-amzn-bedrock-guardrailidentifier", "g"),
            ("x-amzn-bedrock-service-tier", "flex"),
            ("anthropic-beta", "a"),
            ("anthropic-beta", "b"),
            ("x-amzn-bedrock-agentcore-runtime-session-id", "s"),
            ("traceparent", "00"),
        ];
        let expected = map(&[&kept[..], &[("accept-encoding", "identity")]].concat());
        let sent = map(&[&kept[..], &[("accept-encoding", "gzip")]].concat());
        assert_eq!(to_upstream(sent).unwrap(), expected);
        assert!(to_upstream(map(&[("content-type", "a/b"), ("content-type", "c/d")])).is_err());
    }

    #[test]
    fn headers_named_by_connection_go_with_it() {
        let sent = map(&[("connection", "close, X-Secret"), ("x-secret", "1"), ("x-other", "2")]);
        let left = to_upstream(sent).unwrap();
        assert_eq!(left, map(&[("x-other", "2"), ("accept-encoding", "identity")]));
    }

    #[test]
    fn clients_get_bedrocks_request_id_under_a_second_name() {
        let passed = to_client(map(&[
            ("x-amzn-requestid", "r1"),
            ("x-amzn-errortype", "ThrottlingException"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("connection", "keep-alive"),
        ]));
        let expected =
            [("x-amzn-requestid", "r1"), ("x-amzn-errortype", "ThrottlingException"), ("x-bedrock-request-id", "r1")];
        assert_eq!(passed, map(&expected));
    }
}
