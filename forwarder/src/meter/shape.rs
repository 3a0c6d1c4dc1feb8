//! Which API a call speaks, and with it where its usage is to be found.
//!
//! Decided by family, method and path, all as they came. What a request's path only resembles (an escaped action,
//! say) is no shape we know: its usage is unknown then, never zero.

use std::borrow::Cow;

use aigw_contract::Family;
use http::Method;

use super::scan::Scanner;
use crate::query::percent_decoded;

/// An API as far as metering is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Converse and ConverseStream; AgentCore's harness, whose stream has the same last event.
    Converse,
    /// InvokeModel and InvokeModelWithResponseStream: the body is the model's own.
    Invoke,
    /// OpenAI's Chat Completions.
    ChatCompletions,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Messages,
    /// Agents: usage only in their traces, and only where the client asked for traces.
    Agent,
    /// AgentCore's Evaluate: one usage object per result.
    Evaluate,
    /// Spends tokens or other units and reports no tokens.
    Unreported,
    /// Spends no tokens: control plane, counting, sessions.
    Free,
}

impl Shape {
    /// The shape of a request whose path is `path` within `family`.
    pub fn of(family: Family, method: &Method, path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        match family {
            Family::BedrockRuntime => runtime(method, path),
            Family::BedrockAgentRuntime => agent_runtime(method, path),
            Family::BedrockAgentcore => agentcore(method, path),
            Family::BedrockDataAutomationRuntime => Self::Unreported,
            Family::Bedrock
            | Family::BedrockAgent
            | Family::BedrockDataAutomation
            | Family::BedrockAgentcoreControl => Self::Free,
        }
    }

    /// OpenTelemetry's `gen_ai.operation.name`, where it has a word for it.
    pub fn operation_name(self) -> Option<&'static str> {
        match self {
            Self::Converse | Self::Invoke | Self::ChatCompletions | Self::Responses | Self::Messages => Some("chat"),
            Self::Agent => Some("invoke_agent"),
            Self::Evaluate | Self::Unreported | Self::Free => None,
        }
    }
}

fn runtime(method: &Method, path: &str) -> Shape {
    if method == Method::GET {
        return Shape::Free;
    }
    if let Some(rest) = path.strip_prefix("/model/") {
        // An ARN's slash may come unescaped: the action is the last segment.
        return match rest.rsplit_once('/') {
            Some((_, "converse" | "converse-stream")) => Shape::Converse,
            Some((_, "invoke" | "invoke-with-response-stream")) => Shape::Invoke,
            Some((_, "count-tokens")) => Shape::Free,
            _ => Shape::Unreported,
        };
    }
    match path {
        "/openai/v1/chat/completions" => Shape::ChatCompletions,
        "/openai/v1/responses" => Shape::Responses,
        "/anthropic/v1/messages" => Shape::Messages,
        "/anthropic/v1/messages/count_tokens" => Shape::Free,
        _ => Shape::Unreported,
    }
}

fn agent_runtime(method: &Method, path: &str) -> Shape {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match (method, segments.as_slice()) {
        (&Method::POST, ["agents", _] | ["agents", _, "agentAliases", _, "sessions", _, "text"]) => Shape::Agent,
        (&Method::POST, ["sessions" | "tags", ..])
        | (&Method::GET | &Method::PUT | &Method::PATCH | &Method::DELETE, _) => Shape::Free,
        // Retrieval, generation from a knowledge base, flows, and what is new.
        _ => Shape::Unreported,
    }
}

fn agentcore(method: &Method, path: &str) -> Shape {
    match path {
        "/harnesses/invoke" => Shape::Converse,
        _ if path.starts_with("/evaluations/evaluate/") => Shape::Evaluate,
        _ if method == Method::GET => Shape::Free,
        _ => Shape::Unreported,
    }
}

/// The model a request names, for the log: decoded from the path, or the `model` of an OpenAI or Anthropic body.
pub fn model<'a>(shape: Shape, path: &'a str, body: &[u8]) -> Option<Cow<'a, str>> {
    match shape {
        Shape::ChatCompletions | Shape::Responses | Shape::Messages => model_in_body(body).map(Cow::Owned),
        _ => {
            let (model, _) = path.strip_prefix("/model/")?.trim_end_matches('/').rsplit_once('/')?;
            Some(percent_decoded(model))
        }
    }
}

/// Bytes of a body looked at between two looks at whether the model was found. SDKs write it first.
const STEP: usize = 1 << 10;

fn model_in_body(body: &[u8]) -> Option<String> {
    let mut scanner = Scanner::new(&[&["model"]]);
    let mut model = None;
    for piece in body.chunks(STEP) {
        scanner.push(piece, &mut |_, raw| model = serde_json::from_slice(raw).ok());
        if model.is_some() {
            break;
        }
    }
    model
}

#[cfg(test)]
mod tests {
    use aigw_contract::operations::{self, Class};

    use super::*;

    #[test]
    fn paths_tell_the_shape() {
        use Family::{Bedrock, BedrockAgentRuntime, BedrockAgentcore, BedrockRuntime};
        let cases = [
            (BedrockRuntime, "POST", "/model/m/converse", Shape::Converse),
            (BedrockRuntime, "POST", "/model/arn:aws:x/y/converse-stream", Shape::Converse),
            (BedrockRuntime, "POST", "/model/arn%3Ax%2Fy/invoke", Shape::Invoke),
            (BedrockRuntime, "POST", "/model/m/invoke-with-response-stream/", Shape::Invoke),
            (BedrockRuntime, "POST", "/model/m/count-tokens", Shape::Free),
            (BedrockRuntime, "POST", "/model/m/conver%73e", Shape::Unreported),
            (BedrockRuntime, "POST", "/model/m/something-new", Shape::Unreported),
            (BedrockRuntime, "POST", "/openai/v1/chat/completions", Shape::ChatCompletions),
            (BedrockRuntime, "POST", "/openai/v1/responses", Shape::Responses),
            (BedrockRuntime, "GET", "/openai/v1/responses/resp_1", Shape::Free),
            (BedrockRuntime, "POST", "/anthropic/v1/messages", Shape::Messages),
            (BedrockRuntime, "POST", "/guardrail/g/version/1/apply", Shape::Unreported),
            (BedrockRuntime, "POST", "/async-invoke", Shape::Unreported),
            (BedrockRuntime, "GET", "/async-invoke", Shape::Free),
            (BedrockAgentRuntime, "POST", "/agents/a/agentAliases/b/sessions/s/text", Shape::Agent),
            (BedrockAgentRuntime, "POST", "/agents/s", Shape::Agent),
            (BedrockAgentRuntime, "POST", "/retrieveAndGenerateStream", Shape::Unreported),
            (BedrockAgentRuntime, "PUT", "/sessions/", Shape::Free),
            (BedrockAgentcore, "POST", "/harnesses/invoke", Shape::Converse),
            (BedrockAgentcore, "POST", "/runtimes/arn%3Aaws/invocations", Shape::Unreported),
            (Bedrock, "GET", "/foundation-models", Shape::Free),
        ];
        for (family, method, path, expected) in cases {
            assert_eq!(Shape::of(family, &method.parse().unwrap(), path), expected, "{method} {path}");
        }
    }

    /// The gateway classifies by the table of operations, the meter by the path: what the one admits as inference the
    /// other must know where to read.
    #[test]
    fn operations_that_report_tokens_have_the_shape_of_their_class() {
        let mut compared = 0;
        for family in Family::ALL {
            for operation in operations::of(family) {
                let label = |segment: &str| if segment.starts_with('{') { "x".to_owned() } else { segment.to_owned() };
                let path = operation.path.split('/').map(label).collect::<Vec<_>>().join("/");
                let found = Shape::of(family, &operation.verb.as_str().parse().unwrap(), &path);
                let expected = match operation.class {
                    Class::Inference(operations::Shape::Converse) => Shape::Converse,
                    Class::Inference(operations::Shape::InvokeModel) => Shape::Invoke,
                    Class::Inference(operations::Shape::ChatCompletions) => Shape::ChatCompletions,
                    Class::Inference(operations::Shape::Responses) => Shape::Responses,
                    Class::Inference(operations::Shape::Messages) => Shape::Messages,
                    // A harness calls models and is granted as a resource.
                    Class::Stateful(_) if operation.name == "InvokeHarness" => Shape::Converse,
                    Class::Free | Class::FixedPrice | Class::Stateful(_) | Class::Forbidden(_) => {
                        let others = [Shape::Agent, Shape::Evaluate, Shape::Unreported, Shape::Free];
                        assert!(others.contains(&found), "{family} {}: {found:?}", operation.name);
                        continue;
                    }
                };
                assert_eq!(found, expected, "{family} {}", operation.name);
                compared += 1;
            }
        }
        assert!(compared > 0);
    }

    #[test]
    fn models_come_from_path_or_body() {
        let body = br#"{"messages":[{"model":"no"}],"model":"openai.gpt-oss-20b"}"#;
        assert_eq!(model(Shape::ChatCompletions, "/x", body).unwrap(), "openai.gpt-oss-20b");
        assert_eq!(model(Shape::Messages, "/x", br#"{"model":5}"#), None);
        assert_eq!(model(Shape::Converse, "/model/a.b-v1%3A0/converse", body).unwrap(), "a.b-v1:0");
        assert_eq!(model(Shape::Invoke, "/model/arn:x/y/invoke/", body).unwrap(), "arn:x/y");
        assert_eq!(model(Shape::Invoke, "/model/%ff%4/invoke", body).unwrap(), "%ff%4");
        assert_eq!(model(Shape::Free, "/foundation-models", body), None);
    }
}
