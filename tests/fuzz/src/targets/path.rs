//! Path, family, headers, query and rules of a request: what would be sent to Bedrock, and whether it may be.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use aigw_contract::Family;
use aigw_contract::access::ModelRules;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::GatewayConfig;
use aigw_forwarder::rules::{self, Call};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderName, Uri};
use serde_json::json;

use crate::request::Request;
use crate::{headers, path, query, route};

/// Headers of a client that must not reach Bedrock, and beginnings of such names. Written out again on purpose.
const NEVER: &[&str] = &[
    "host",
    "authorization",
    "x-api-key",
    "cookie",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "aws-endpoint-prefix",
    "x-http-method-override",
    "forwarded",
    "via",
    "x-real-ip",
];
const NEVER_PREFIXES: &[&str] = &["proxy-", "x-forwarded-", "cloudfront-"];
/// Parameters of a presigned URL, which are dropped.
const PRESIGNED: &str = "x-amz-";

/// The hosts of every family in every Region, as botocore resolves them.
static HOSTS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let table = include_str!("../../../../forwarder/contract/endpoints.csv");
    table.lines().skip(1).filter_map(|line| line.split(',').nth(5)).collect()
});
const REGIONS: [&str; 4] = ["eu-central-1", "us-gov-west-1", "cn-north-1", "us-east-1"];

/// Every setting that lets more through than the default, and rules for one provider's models.
static LAX: LazyLock<(GatewayConfig, TenantPolicy)> = LazyLock::new(|| {
    let config = json!({
        "restApiId": "r", "stages": ["v1"], "families": Family::ALL, "region": "eu-central-1",
        "accountId": "111122223333", "unmetered": "Allow",
    });
    let policy = json!({ "namespace": "team-a", "name": "chat", "tier": "bronze", "usageKey": "u" });
    let rules = ModelRules { granted: vec!["anthropic.*".into()], ..ModelRules::default() };
    let policy =
        serde_json::from_value(policy).map(|policy: TenantPolicy| TenantPolicy { models: Some(rules), ..policy });
    (serde_json::from_value(config).expect("a configuration"), policy.expect("a policy"))
});

/// Judges a request as the proxy does.
pub fn run(data: &[u8]) {
    let Some(request) = Request::read(data) else { return };
    if path::check(request.path).is_err() {
        return;
    }
    assert_unambiguous(request.path);
    let Ok(found) = route::resolve(&request.method, request.path, &request.headers) else { return };
    let mount = request.path.strip_suffix(found.path).unwrap_or(request.path);
    assert!(found.path.starts_with('/'), "the path sent begins with a slash");
    let prefix = found.family.endpoint_prefix();
    assert!(mount.is_empty() || mount.strip_prefix('/') == Some(prefix), "nothing but the family is taken off");
    assert_unambiguous(found.path);
    let hosts = REGIONS.map(|region| found.family.host(region));
    assert!(hosts.iter().any(|host| HOSTS.contains(host.as_str())), "a host of the table: {hosts:?}");

    let encoded = query::encode(request.query.iter().copied());
    assert_query(&request.query, &encoded);
    let target = if encoded.is_empty() { found.path.to_owned() } else { format!("{}?{encoded}", found.path) };
    if let Ok(uri) = Uri::try_from(&target) {
        assert_eq!(uri.path(), found.path, "what is sent is what was judged");
        assert_eq!(uri.query().unwrap_or_default(), encoded, "the query stays one");
        assert!(uri.authority().is_none(), "no host comes from a client");
    }
    let Ok(sent) = headers::to_upstream(request.headers.clone()) else { return };
    assert_headers(&request.headers, &sent);
    assert_model(&request, found.family, found.path, &encoded, &sent);
}

/// No reader may see another path: no empty segment, no dot segment, encoded or not.
fn assert_unambiguous(path: &str) {
    assert!(!path.contains("//"), "an empty segment");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte)), "a byte no path has");
    let decoded = decoded(path).expect("a path that decodes");
    for segment in decoded.split(['/', '\\']) {
        assert!(!matches!(segment, "." | ".."), "a dot segment");
    }
    assert!(!decoded.contains(|letter: char| letter.is_ascii_control()), "a control character");
}

/// Decoded once, by another decoder than the product's.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn assert_query(pairs: &[(&str, &str)], encoded: &str) {
    let kept = |name: &str| !name.to_ascii_lowercase().starts_with(PRESIGNED);
    for (name, _) in pairs.iter().filter(|(name, _)| kept(name)) {
        let expected: Vec<&str> = pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect();
        let found: Vec<Cow<'_, str>> = query::values(encoded, name).collect();
        assert_eq!(found, expected, "values come back as they were");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%=&".contains(&byte);
    assert!(encoded.bytes().all(allowed), "a query of unreserved characters and escapes");
}

fn assert_headers(received: &HeaderMap, sent: &HeaderMap) {
    let lists = received.get_all("connection").iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        lists.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    let never = |name: &HeaderName| {
        NEVER.contains(&name.as_str())
            || NEVER_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
            || named.contains(name)
    };
    for name in sent.keys().filter(|name| **name != ACCEPT_ENCODING) {
        assert!(!never(name), "{name} was passed on");
        assert!(received.get_all(name).iter().eq(sent.get_all(name)), "{name} was changed");
    }
    assert_eq!(sent.get_all(ACCEPT_ENCODING).iter().collect::<Vec<_>>(), ["identity"]);
    for name in ["content-type", "x-amzn-bedrock-trace", "x-amz-client-token"].map(HeaderName::from_static) {
        assert!(sent.contains_key(&name) == (received.contains_key(&name) && !named.contains(&name)), "{name} is lost");
    }
}

/// A path with a model that passes names, to any reader, one the rules allow.
fn assert_model(request: &Request<'_>, family: Family, path: &str, query: &str, sent: &HeaderMap) {
    let (config, policy) = &*LAX;
    let Ok(operation) = rules::identify(family, &request.method, path, sent) else { return };
    let call = Call { family, operation, path, query, body: request.body, encoded: rules::is_encoded(sent) };
    if rules::judge(&call, policy, config).is_err() || family != Family::BedrockRuntime {
        return;
    }
    let mut text = path.to_owned();
    while let Some(once) = decoded(&text).filter(|once| *once != text) {
        text = once;
    }
    let mut segments = text.split('/').skip(1);
    if segments.next().is_some_and(|first| first.eq_ignore_ascii_case("model")) {
        let rest: Vec<&str> = segments.collect();
        assert!(rest.join("/").contains("anthropic."), "a model that is not allowed: {text}");
    }
}

/// Requests as SDKs send them, and as attackers do.
pub fn seeds() -> Vec<Vec<u8>> {
    let model = "anthropic.claude-3-haiku-20240307-v1%3A0";
    let arn = "arn%3Aaws%3Abedrock%3Aeu-central-1%3A111122223333%3Ainference-profile%2Feu.anthropic.claude-v1%3A0";
    let mut seeds = vec![
        format!("POST /bedrock-runtime/model/{model}/converse\ncontent-type: application/json\n\n{{}}"),
        format!(
            "POST /model/{arn}/invoke\nX-Amzn-Bedrock-Trace: ENABLED\nconnection: close, x-amz-client-token\n\n{{}}"
        ),
        format!("POST /model/{model}/converse-stream?a=1&a=%2F&b\nauthorization: Bearer x\nx-forwarded-for: ::1\n\n"),
        "POST /openai/v1/chat/completions\ncontent-type: application/json\n\n{\"model\":\"anthropic.claude\"}".into(),
        "POST /anthropic/v1/messages\nhost: evil.example\n\n{\"model\":\"amazon.nova\"}".into(),
        "GET /guardrails?maxResults=5&X-Amz-Signature=x\naws-endpoint-prefix: bedrock\n\n".into(),
        "POST /agents/\naws-endpoint-prefix: bedrock-agent\n\n".into(),
        "POST /\nx-amz-target: AmazonBedrockKeystoneRuntimeService.InvokeDataAutomationAsync\n\n{}".into(),
        "POST /runtimes/arn%3Aaws/invocations\nx-amz-security-token: t\nx-amz-client-token: c\n\n".into(),
        "POST /knowledgebases/K/retrieve\nproxy-authorization: x\nvia: y\n\n{}".into(),
        "POST /model/%61mazon%252enova/%2563onverse\n\n".into(),
        "POST /model/..;/x/%2e%2E/%5c..%2f\n\n".into(),
        "POST //evil.example/@x:y\n\n".into(),
    ];
    seeds.extend(Family::ALL.map(|family| format!("PUT /{family}/x/y%20z\nexpect: 100-continue\nte: trailers\n\n")));
    seeds.into_iter().map(String::into_bytes).collect()
}
