//! Which Bedrock family a request is for.
//!
//! First the mount segment, which is what an SDK's endpoint URL carries; else the `aws-endpoint-prefix` header of
//! AWS's sample gateway; else the path, where it occurs in one family only. Guessing would send a call, signed with
//! the gateway's role, to a service the client did not mean: whatever is unclear is 400.

use std::str::FromStr;

use aigw_contract::{Family, operations};
use http::{HeaderMap, HeaderName, Method};

use crate::denial::Denial;
use crate::sign::TARGET;

/// Header that names the family.
pub(super) const ENDPOINT_PREFIX: HeaderName = HeaderName::from_static("aws-endpoint-prefix");

/// A request's destination.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// The family.
    pub family: Family,
    /// The path there: what came, without the mount segment.
    pub path: &'a str,
}

/// Paths that one family alone has: leading segments, `*` for any one.
const UNAMBIGUOUS: &[(&str, Family)] = &[
    ("model/*", Family::BedrockRuntime),
    ("openai/v1", Family::BedrockRuntime),
    ("anthropic/v1", Family::BedrockRuntime),
    ("guardrail/*/version/*/apply", Family::BedrockRuntime),
    ("guardrail-checks/invoke", Family::BedrockRuntime),
    ("async-invoke", Family::BedrockRuntime),
    ("foundation-models", Family::Bedrock),
    ("inference-profiles", Family::Bedrock),
    ("guardrails", Family::Bedrock),
    ("knowledgebases/*/retrieve", Family::BedrockAgentRuntime),
    ("retrieveAndGenerate", Family::BedrockAgentRuntime),
    ("retrieveAndGenerateStream", Family::BedrockAgentRuntime),
    ("agenticRetrieveStream", Family::BedrockAgentRuntime),
    ("optimize-prompt", Family::BedrockAgentRuntime),
    ("rerank", Family::BedrockAgentRuntime),
    ("generateQuery", Family::BedrockAgentRuntime),
    ("runtimes/*/invocations", Family::BedrockAgentcore),
];

/// Finds the family of a request whose path was checked.
pub(super) fn resolve<'a>(method: &Method, path: &'a str, headers: &HeaderMap) -> Result<Route<'a>, Denial> {
    if let Some(route) = by_mount(path) {
        return Ok(route);
    }
    if let Some(family) = by_header(headers)? {
        return Ok(Route { family, path });
    }
    by_path(method, path, headers).map(|family| Route { family, path }).ok_or_else(unknown)
}

fn by_mount(path: &str) -> Option<Route<'_>> {
    let rest = path.strip_prefix('/')?;
    let (mount, rest) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    Some(Route { family: Family::from_str(mount).ok()?, path: rest })
}

fn by_header(headers: &HeaderMap) -> Result<Option<Family>, Denial> {
    let mut values = headers.get_all(ENDPOINT_PREFIX).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Denial::invalid("the header aws-endpoint-prefix must be given once"));
    }
    match value.to_str().ok().and_then(|value| Family::from_str(value.trim()).ok()) {
        Some(family) => Ok(Some(family)),
        None => Err(Denial::invalid(format!("the header aws-endpoint-prefix must be one of {}", known()))),
    }
}

fn by_path(method: &Method, path: &str, headers: &HeaderMap) -> Option<Family> {
    // The only family that speaks AWS JSON.
    let aws_json = Family::BedrockDataAutomationRuntime;
    let target = headers.get(TARGET).zip(operations::target_prefix(aws_json));
    let is_target = target.is_some_and(|(value, prefix)| value.as_bytes().starts_with(prefix.as_bytes()));
    if path == "/" && method == Method::POST && is_target {
        return Some(aws_json);
    }
    let matching = UNAMBIGUOUS.iter().find(|(pattern, _)| matches(pattern, path));
    matching.map(|(_, family)| *family)
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    pattern.split('/').all(|expected| match segments.next() {
        Some(segment) => !segment.is_empty() && (expected == "*" || expected == segment),
        None => false,
    })
}

fn unknown() -> Denial {
    Denial::invalid(format!(
        "the path does not tell which Bedrock service is meant; begin it with one of {}, or send the header \
         aws-endpoint-prefix",
        known()
    ))
}

fn known() -> String {
    Family::ALL.map(Family::endpoint_prefix).join(", ")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn route(method: &Method, path: &'static str, header: Option<&'static str>) -> Option<(Family, &'static str)> {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(ENDPOINT_PREFIX, HeaderValue::from_static(value));
        }
        resolve(method, path, &headers).ok().map(|route| (route.family, route.path))
    }

    #[test]
    fn the_mount_segment_decides_first_and_is_removed() {
        for family in Family::ALL {
            let path: &'static str = format!("/{family}/model/a%2Fb/").leak();
            let rest = &path[family.endpoint_prefix().len() + 1..];
            assert_eq!(route(&Method::POST, path, Some("bedrock-agentcore")), Some((family, rest)));
        }
        let bare = route(&Method::POST, "/bedrock-data-automation-runtime", None);
        assert_eq!(bare, Some((Family::BedrockDataAutomationRuntime, "/")));
    }

    #[test]
    fn then_the_header_then_the_path() {
        let cases = [
            ("/model/m/converse", Some("bedrock"), Some(Family::Bedrock)),
            ("/agents/x", Some(" bedrock-agent "), Some(Family::BedrockAgent)),
            ("/model/m/converse", Some("s3"), None),
            ("/model/m/converse", Some("evil.example/#"), None),
            ("/model/m/converse", None, Some(Family::BedrockRuntime)),
            ("/openai/v1/chat/completions", None, Some(Family::BedrockRuntime)),
            ("/anthropic/v1/messages", None, Some(Family::BedrockRuntime)),
            ("/guardrail/g/version/1/apply", None, Some(Family::BedrockRuntime)),
            ("/guardrails", None, Some(Family::Bedrock)),
            ("/foundation-models/m", None, Some(Family::Bedrock)),
            ("/knowledgebases/k/retrieve", None, Some(Family::BedrockAgentRuntime)),
            ("/knowledgebases/k", None, None),
            ("/runtimes/arn%3Aaws/invocations", None, Some(Family::BedrockAgentcore)),
            ("/agents/x", None, None),
            ("/flows/f/aliases/a", None, None),
            ("/tags/x", None, None),
            ("/model", None, None),
            ("/model/", None, None),
            ("/models/x", None, None),
            ("/", None, None),
            ("/bedrock%2Druntime/model/x", None, None),
            ("/s3/bucket", None, None),
        ];
        for (path, header, expected) in cases {
            assert_eq!(route(&Method::POST, path, header).map(|found| found.0), expected, "{path} {header:?}");
        }
    }

    #[test]
    fn two_headers_are_one_too_many() {
        let mut headers = HeaderMap::new();
        headers.append(ENDPOINT_PREFIX, HeaderValue::from_static("bedrock"));
        headers.append(ENDPOINT_PREFIX, HeaderValue::from_static("bedrock"));
        assert!(resolve(&Method::GET, "/model/m/converse", &headers).is_err());
    }

    #[test]
    fn data_automation_at_the_root_is_known_by_its_target() {
        let mut headers = HeaderMap::new();
        headers
            .insert(TARGET, HeaderValue::from_static("AmazonBedrockKeystoneRuntimeService.InvokeDataAutomationAsync"));
        let found = resolve(&Method::POST, "/", &headers).unwrap();
        assert_eq!(found, Route { family: Family::BedrockDataAutomationRuntime, path: "/" });
        assert!(resolve(&Method::GET, "/", &headers).is_err());
    }
}
