//! The check against signatures made by botocore, and each refusal.

use super::*;
use http::{Request, StatusCode};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const BODY: &[u8] = br#"{"messages":[]}"#;
const COLON: &str = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse";
const COLON_SIGNATURE: &str = "ccbf6a20e33b31280c35462be33bd150e86c1ccfdb13437aa62038993462ea61";

struct Signed {
    path: &'static str,
    scope: &'static str,
    signature: &'static str,
    token: Option<&'static str>,
    date: &'static str,
}

impl Default for Signed {
    fn default() -> Self {
        Self {
            path: COLON,
            scope: "AKIDEXAMPLE/20260314/eu-central-1/bedrock/aws4_request",
            signature: COLON_SIGNATURE,
            token: None,
            date: "20260314T150926Z",
        }
    }
}

impl Signed {
    fn parts(&self) -> Parts {
        let token_header = self.token.map_or("", |_| ";x-amz-security-token");
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}, SignedHeaders=content-type;host;x-amz-date{token_header}, Signature={}",
            self.scope, self.signature
        );
        let mut request = Request::post(self.path)
            .header("host", "bedrock-runtime.eu-central-1.amazonaws.com")
            .header("content-type", "application/json")
            .header("x-amz-date", self.date)
            .header("user-agent", "not signed")
            .header("authorization", authorization);
        if let Some(token) = self.token {
            request = request.header("x-amz-security-token", token);
        }
        request.body(()).unwrap().into_parts().0
    }
}

fn verify_at(now: &str, token: Option<&str>, parts: &Parts, body: &[u8]) -> Result<String, AwsError> {
    let secret = Secret { secret_key: SECRET.into(), session_token: token.map(str::to_owned) };
    Check {
        secrets: &HashMap::from([(KEY.to_owned(), secret)]),
        region: "eu-central-1",
        service: "bedrock",
        now: now.parse().unwrap(),
        max_skew: Duration::from_mins(5),
    }
    .verify(parts, body)
}

fn verify(token: Option<&str>, signed: &Signed) -> Result<String, AwsError> {
    verify_at("2026-03-14T15:10:00Z", token, &signed.parts(), BODY)
}

#[track_caller]
fn refused(result: Result<String, AwsError>, code: &str, text: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.status, StatusCode::FORBIDDEN);
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(text), "{error}");
}

#[test]
fn accepts_what_botocore_signs() {
    assert_eq!(verify(None, &Signed::default()).unwrap(), KEY);
    let literal_colon = Signed {
        path: "/model/anthropic.claude-3-haiku-20240307-v1:0/converse",
        signature: "10b8c8216974e80c68891c5eb5071b4f0d1b5dac8a6db27d4a23f444ee8bd780",
        ..Signed::default()
    };
    assert_eq!(verify(None, &literal_colon).unwrap(), KEY);
    let arn_with_token_and_query = Signed {
        path: "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.x/converse?b=2&a=1&a=0",
        signature: "fd36dffc3042e8d901a93d036fce6ce9f381386fdf29503461bf48300a2218e1",
        token: Some("the-token"),
        ..Signed::default()
    };
    assert_eq!(verify(Some("the-token"), &arn_with_token_and_query).unwrap(), KEY);
}

#[test]
fn refuses_missing_and_malformed_credentials() {
    let mut parts = Signed::default().parts();
    let original = parts.headers.remove("authorization").unwrap();
    refused(
        verify_at("2026-03-14T15:10:00Z", None, &parts, BODY),
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    parts.headers.insert("authorization", "Bearer abc".parse().unwrap());
    refused(verify_at("2026-03-14T15:10:00Z", None, &parts, BODY), "AccessDeniedException", "AWS4-HMAC-SHA256");
    parts.headers.insert("authorization", "AWS4-HMAC-SHA256 Credential=a/b".parse().unwrap());
    refused(verify_at("2026-03-14T15:10:00Z", None, &parts, BODY), "IncompleteSignatureException", "5 slash");
    parts.headers.insert("authorization", original.clone());
    parts.headers.append("authorization", original);
    refused(verify_at("2026-03-14T15:10:00Z", None, &parts, BODY), "IncompleteSignatureException", "more than one");
}

#[test]
fn refuses_unknown_keys_and_tokens() {
    let unknown = Signed { scope: "AKIDOTHER/20260314/eu-central-1/bedrock/aws4_request", ..Signed::default() };
    refused(verify(None, &unknown), "UnrecognizedClientException", INVALID_TOKEN);
    refused(verify(Some("wanted"), &Signed::default()), "UnrecognizedClientException", INVALID_TOKEN);
    let token = Signed { token: Some("unwanted"), ..Signed::default() };
    refused(verify(None, &token), "UnrecognizedClientException", INVALID_TOKEN);
}

#[test]
fn refuses_a_wrong_scope() {
    let region = Signed { scope: "AKIDEXAMPLE/20260314/us-east-1/bedrock/aws4_request", ..Signed::default() };
    refused(verify(None, &region), "InvalidSignatureException", "valid region, not 'us-east-1'");
    let service =
        Signed { scope: "AKIDEXAMPLE/20260314/eu-central-1/bedrock-runtime/aws4_request", ..Signed::default() };
    refused(verify(None, &service), "InvalidSignatureException", "correct service: 'bedrock'");
    let date = Signed { scope: "AKIDEXAMPLE/20260313/eu-central-1/bedrock/aws4_request", ..Signed::default() };
    refused(verify(None, &date), "InvalidSignatureException", "Date in Credential scope");
}

#[test]
fn refuses_skewed_clocks() {
    let parts = Signed::default().parts();
    refused(
        verify_at("2026-03-14T15:14:27Z", None, &parts, BODY),
        "InvalidSignatureException",
        "Signature expired: 20260314T150926Z is now earlier than 20260314T150927Z (20260314T151427Z - 5 min.)",
    );
    refused(
        verify_at("2026-03-14T15:04:25Z", None, &parts, BODY),
        "InvalidSignatureException",
        "Signature not yet current",
    );
    assert!(verify_at("2026-03-14T15:14:26Z", None, &parts, BODY).is_ok());
    let malformed = Signed { date: "2026-03-14", ..Signed::default() };
    refused(verify(None, &malformed), "IncompleteSignatureException", "ISO-8601");
}

#[test]
fn refuses_anything_changed_after_signing() {
    let now = "2026-03-14T15:10:00Z";
    let parts = Signed::default().parts();
    refused(verify_at(now, None, &parts, b"{}"), "InvalidSignatureException", "does not match the signature");
    let path = Signed { path: "/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse", ..Signed::default() };
    refused(verify(None, &path), "InvalidSignatureException", "does not match the signature");
    for name in ["host", "content-type"] {
        let mut parts = Signed::default().parts();
        parts.headers.insert(name, "changed".parse().unwrap());
        refused(verify_at(now, None, &parts, BODY), "InvalidSignatureException", "does not match the signature");
        parts.headers.remove(name);
        refused(verify_at(now, None, &parts, BODY), "InvalidSignatureException", "");
    }
    let signature = Signed { signature: "00", ..Signed::default() };
    refused(verify(None, &signature), "InvalidSignatureException", "does not match the signature");
}
