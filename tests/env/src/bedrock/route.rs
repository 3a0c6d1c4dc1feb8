//! Which service family, operation and model a request addresses. Pure.
//!
//! All families come to one address, so the Host decides when it names one, else the path. Paths are compared as they
//! came; model ids are decoded for display and matching only.

use http::Method;

use crate::net::wire::percent_decoded;

/// The operations the stub answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST /model/{id}/converse`
    Converse,
    /// `POST /model/{id}/converse-stream`
    ConverseStream,
    /// `POST /model/{id}/invoke`
    InvokeModel,
    /// `POST /model/{id}/invoke-with-response-stream`
    InvokeModelWithResponseStream,
    /// `POST /model/{id}/count-tokens`
    CountTokens,
    /// `POST /openai/v1/chat/completions`
    ChatCompletions,
    /// `POST /openai/v1/responses`
    Responses,
    /// `POST /anthropic/v1/messages`
    Messages,
    /// `POST /guardrail/{id}/version/{version}/apply`
    ApplyGuardrail,
    /// `POST /knowledgebases/{id}/retrieve`
    Retrieve,
    /// `POST /retrieveAndGenerate`
    RetrieveAndGenerate,
    /// `POST /agents/{id}/agentAliases/{alias}/sessions/{session}/text`
    InvokeAgent,
    /// `GET /foundation-models`
    ListFoundationModels,
}

impl Operation {
    /// AWS's name of the operation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Converse => "Converse",
            Self::ConverseStream => "ConverseStream",
            Self::InvokeModel => "InvokeModel",
            Self::InvokeModelWithResponseStream => "InvokeModelWithResponseStream",
            Self::CountTokens => "CountTokens",
            Self::ChatCompletions => "ChatCompletions",
            Self::Responses => "Responses",
            Self::Messages => "Messages",
            Self::ApplyGuardrail => "ApplyGuardrail",
            Self::Retrieve => "Retrieve",
            Self::RetrieveAndGenerate => "RetrieveAndGenerate",
            Self::InvokeAgent => "InvokeAgent",
            Self::ListFoundationModels => "ListFoundationModels",
        }
    }

    fn family(self) -> &'static str {
        match self {
            Self::Retrieve | Self::RetrieveAndGenerate | Self::InvokeAgent => "bedrock-agent-runtime",
            Self::ListFoundationModels => "bedrock",
            _ => "bedrock-runtime",
        }
    }
}

/// What a request addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Endpoint family, for example `bedrock-runtime`; `unknown` when neither Host nor path tells.
    pub family: String,
    /// The operation; `None` for all the stub does not know and for those of another family.
    pub operation: Option<Operation>,
    /// The decoded model id.
    pub model: Option<String>,
}

impl Route {
    /// Reads the route from method, raw path and Host.
    pub fn of(method: &Method, path: &str, host: &str) -> Self {
        let (operation, model) = by_path(method, path);
        let family = family_of_host(host);
        Self {
            operation: operation.filter(|operation| family.is_none_or(|family| family == operation.family())),
            family: family.or(operation.map(Operation::family)).unwrap_or("unknown").to_owned(),
            model,
        }
    }

    /// The service name the family signs with.
    pub fn signing_name(&self) -> &'static str {
        match self.family.as_str() {
            "bedrock-agentcore" | "bedrock-agentcore-control" => "bedrock-agentcore",
            "bedrock-mantle" => "bedrock-mantle",
            _ => "bedrock",
        }
    }
}

fn family_of_host(host: &str) -> Option<&str> {
    let (label, _) = host.split_once('.')?;
    let family = label.strip_suffix("-fips").unwrap_or(label);
    (family == "bedrock" || family.starts_with("bedrock-")).then_some(family)
}

fn by_path(method: &Method, path: &str) -> (Option<Operation>, Option<String>) {
    if method == Method::GET && path == "/foundation-models" {
        return (Some(Operation::ListFoundationModels), None);
    }
    if let Some(rest) = path.strip_prefix("/model/") {
        // Clients may send the slash of an ARN unescaped: the last segment is the action, all before is the model.
        let Some((model, action)) = rest.rsplit_once('/') else {
            return (None, None);
        };
        let operation = match action {
            "converse" => Some(Operation::Converse),
            "converse-stream" => Some(Operation::ConverseStream),
            "invoke" => Some(Operation::InvokeModel),
            "invoke-with-response-stream" => Some(Operation::InvokeModelWithResponseStream),
            "count-tokens" => Some(Operation::CountTokens),
            _ => None,
        };
        return (operation.filter(|_| method == Method::POST), Some(percent_decoded(model)));
    }
    (by_segments(path).filter(|_| method == Method::POST), None)
}

/// Operations whose paths have no model in them.
fn by_segments(path: &str) -> Option<Operation> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    match segments.as_slice() {
        ["openai", "v1", "chat", "completions"] => Some(Operation::ChatCompletions),
        ["openai", "v1", "responses"] => Some(Operation::Responses),
        ["anthropic", "v1", "messages"] => Some(Operation::Messages),
        ["guardrail", _, "version", _, "apply"] => Some(Operation::ApplyGuardrail),
        ["knowledgebases", _, "retrieve"] => Some(Operation::Retrieve),
        ["retrieveAndGenerate"] => Some(Operation::RetrieveAndGenerate),
        ["agents", _, "agentAliases", _, "sessions", _, "text"] => Some(Operation::InvokeAgent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_operations_and_models() {
        for (path, operation, model) in [
            ("/model/a.b-v1%3A0/converse", Some(Operation::Converse), Some("a.b-v1:0")),
            ("/model/a.b-v1:0/converse-stream", Some(Operation::ConverseStream), Some("a.b-v1:0")),
            ("/model/arn%3Ax%2Fy/invoke", Some(Operation::InvokeModel), Some("arn:x/y")),
            (
                "/model/arn:x/y/invoke-with-response-stream",
                Some(Operation::InvokeModelWithResponseStream),
                Some("arn:x/y"),
            ),
            ("/model/m/count-tokens", Some(Operation::CountTokens), Some("m")),
            ("/model/m/dance", None, Some("m")),
            ("/model", None, None),
            ("/knowledgebases/KB/retrieve", Some(Operation::Retrieve), None),
            ("/knowledgebases/a/b/retrieve", None, None),
            ("/openai/v1/chat/completions", Some(Operation::ChatCompletions), None),
            ("/agents/a/agentAliases/b/sessions/c/text", Some(Operation::InvokeAgent), None),
            ("/agents/a/agentAliases//sessions/c/text", None, None),
        ] {
            let route = Route::of(&Method::POST, path, "127.0.0.1:1");
            assert_eq!((route.operation, route.model.as_deref()), (operation, model), "{path}");
            assert_eq!(Route::of(&Method::DELETE, path, "h").operation, None);
        }
    }

    #[test]
    fn the_host_decides_the_family() {
        let route = |host| Route::of(&Method::POST, "/model/m/converse", host);
        assert_eq!(route("bedrock-runtime-fips.us-gov-west-1.amazonaws.com").operation, Some(Operation::Converse));
        assert_eq!(route("localhost:1").family, "bedrock-runtime");
        let other = route("bedrock-agentcore.eu-central-1.amazonaws.com:443");
        assert_eq!((other.family.as_str(), other.operation), ("bedrock-agentcore", None));
        assert_eq!(other.signing_name(), "bedrock-agentcore");
        assert_eq!(Route::of(&Method::POST, "/", "127.0.0.1").family, "unknown");
    }
}
