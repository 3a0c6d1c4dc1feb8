//! Signatures held against those of the SDK's signer, and against AWS's own example of a derived key.

use std::time::Duration;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use proptest::prelude::*;

use super::*;
use crate::query;

const HOST_NAME: &str = "bedrock-runtime.eu-central-1.amazonaws.com";

fn credentials(session_token: Option<&str>) -> Credentials {
    Credentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: session_token.map(str::to_owned),
    }
}

/// The `authorization` header by the SDK's signer.
fn reference(signable: &Signable<'_>, credentials: &Credentials, headers: &HeaderMap, now: SystemTime) -> String {
    let Credentials { access_key, secret_key, session_token } = credentials.clone();
    let identity = aws_credential_types::Credentials::new(access_key, secret_key, session_token, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name(signable.service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let named = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let uri = format!("https://{}{}", signable.host, signable.path_and_query);
    let body = SignableBody::Bytes(signable.body);
    let request =
        SignableRequest::new(signable.method.as_str(), uri, named.chain([("host", signable.host)]), body).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    instructions.headers().find(|(name, _)| *name == "authorization").unwrap().1.to_owned()
}

fn path() -> impl Strategy<Value = String> {
    "(/([a-zA-Z0-9_~:@!$&'()*+,;=-]|%[0-9A-F]{2}){1,8}){1,4}/?"
}

fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec(("[a-c &=é-]{1,3}", "[ -~é]{0,4}"), 0..4)
}

proptest! {
    #[test]
    fn signatures_are_those_of_the_sdk(
        path in path(), parameters in parameters(), body in proptest::collection::vec(any::<u8>(), 0..200),
        content_type in proptest::option::of("[!-~]([ -~]{0,20}[!-~])?"), target in proptest::option::of("[A-Za-z.]{1,20}"),
        token in proptest::option::of("[A-Za-z0-9+/=]{1,40}"), seconds in 0_u64..4_000_000_000,
        dynamodb in any::<bool>(),
    ) {
        let credentials = credentials(token.as_deref());
        let signer = Signer::new(credentials.clone(), "eu-central-1");
        let query = query::encode(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let path_and_query = if query.is_empty() { path } else { format!("{path}?{query}") };
        let service = if dynamodb { "dynamodb" } else { "bedrock" };
        let signable = Signable {
            service, method: &Method::POST, host: HOST_NAME, path_and_query: &path_and_query, body: &body,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in [(CONTENT_TYPE, content_type), (TARGET, target)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        let expected = reference(&signable, &credentials, &headers, now);
        // Twice: the second time with the key that was kept.
        for _ in 0..2 {
            let mut headers = headers.clone();
            signer.sign(&signable, &mut headers, now).unwrap();
            prop_assert_eq!(headers[AUTHORIZATION].to_str().unwrap(), &expected);
        }
    }
}

#[test]
fn a_key_is_of_one_day_and_one_service() {
    let credentials = credentials(None);
    let signer = Signer::new(credentials.clone(), "eu-central-1");
    let noon = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let day = Duration::from_hours(24);
    for (service, now) in [("bedrock", noon), ("dynamodb", noon), ("bedrock", noon + day), ("bedrock", noon)] {
        let signable = Signable { service, method: &Method::GET, host: HOST_NAME, path_and_query: "/", body: b"" };
        let mut headers = HeaderMap::new();
        signer.sign(&signable, &mut headers, now).unwrap();
        let expected = reference(&signable, &credentials, &HeaderMap::new(), now);
        assert_eq!(headers[AUTHORIZATION].to_str().unwrap(), expected);
        let kept = signer.keys.lock().unwrap();
        assert!(kept.iter().all(|key| basic_format(now).starts_with(&key.date)));
    }
}

#[test]
fn secrets_are_not_shown() {
    let signer = Signer::new(credentials(Some("the-token")), "eu-central-1");
    let signable =
        Signable { service: "bedrock", method: &Method::GET, host: HOST_NAME, path_and_query: "/", body: b"" };
    let mut headers = HeaderMap::new();
    signer.sign(&signable, &mut headers, UNIX_EPOCH).unwrap();
    let shown = format!("{headers:?} {:?}", credentials(Some("the-token")));
    assert!(!shown.contains("the-token") && !shown.contains("EXAMPLEKEY") && !shown.contains("Signature"), "{shown}");
}
