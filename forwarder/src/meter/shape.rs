//! Which API a call speaks, and with it where its usage is to be found.
//!
//! Decided by the operation that the rules found, so that both read a request alike, however its path is escaped. Of a
//! request that is no known operation, method and path tell what they can: its usage is unknown, never zero.

use std::borrow::Cow;

use aigw_contract::Family;
use aigw_contract::operations::{self, Class, Operation};
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
    /// The shape of a request for `operation`; where that is none we know, of one whose path is `path` within `family`.
    pub fn of(family: Family, operation: Option<&Operation>, method: &Method, path: &str) -> Self {
        let Some(operation) = operation else { return Self::by_path(family, method.as_str(), path) };
        match operation.class {
            Class::Inference(operations::Shape::Converse) => Self::Converse,
            Class::Inference(operations::Shape::InvokeModel) => Self::Invoke,
            Class::Inference(operations::Shape::ChatCompletions) => Self::ChatCompletions,
            Class::Inference(operations::Shape::Responses) => Self::Responses,
            Class::Inference(operations::Shape::Messages) => Self::Messages,
            Class::Free => Self::Free,
            Class::FixedPrice => Self::Unreported,
            // By its path in the service model, which nothing is escaped in.
            Class::Stateful(_) | Class::Forbidden(_) => Self::by_path(family, operation.verb.as_str(), operation.path),
        }
    }

    fn by_path(family: Family, method: &str, path: &str) -> Self {
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

fn runtime(method: &str, path: &str) -> Shape {
    if method == "GET" {
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

fn agent_runtime(method: &str, path: &str) -> Shape {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match (method, segments.as_slice()) {
        ("POST", ["agents", _] | ["agents", _, "agentAliases", _, "sessions", _, "text"]) => Shape::Agent,
        ("POST", ["sessions" | "tags", ..]) | ("GET" | "PUT" | "PATCH" | "DELETE", _) => Shape::Free,
        // Retrieval, generation from a knowledge base, flows, and what is new.
        _ => Shape::Unreported,
    }
}

fn agentcore(method: &str, path: &str) -> Shape {
    match path {
        "/harnesses/invoke" => Shape::Converse,
        _ if path.starts_with("/evaluations/evaluate/") => Shape::Evaluate,
        _ if method == "GET" => Shape::Free,
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
    use super::*;

    #[test]
    fn operations_and_paths_tell_the_shape() {
        use Family::{Bedrock, BedrockAgentRuntime, BedrockAgentcore, BedrockRuntime};
        let cases = [
            (BedrockRuntime, "POST", "/model/m/converse", Shape::Converse),
            (BedrockRuntime, "POST", "/model/arn:aws:x/y/converse-stream", Shape::Converse),
            (BedrockRuntime, "POST", "/model/arn%3Ax%2Fy/invoke", Shape::Invoke),
            (BedrockRuntime, "POST", "/model/m/invoke-with-response-stream/", Shape::Invoke),
            (BedrockRuntime, "POST", "/model/m/count-tokens", Shape::Free),
            (BedrockRuntime, "POST", "/model/m/conver%73e", Shape::Converse),
            (BedrockRuntime, "POST", "/openai/v1/%72esponses/", Shape::Responses),
            (BedrockRuntime, "POST", "/model/m/count%2Dtokens", Shape::Free),
            (BedrockRuntime, "POST", "/model/m/something-new", Shape::Unreported),
            (BedrockRuntime, "POST", "/openai/v1/chat/completions", Shape::ChatCompletions),
            (BedrockRuntime, "POST", "/openai/v1/responses", Shape::Responses),
            (BedrockRuntime, "GET", "/openai/v1/responses/resp_1", Shape::Free),
            (BedrockRuntime, "POST", "/anthropic/v1/messages", Shape::Messages),
            (BedrockRuntime, "POST", "/guardrail/g/version/1/apply", Shape::Unreported),
            (BedrockRuntime, "POST", "/async-invoke", Shape::Unreported),
            (BedrockRuntime, "GET", "/async-invoke", Shape::Free),
            (BedrockAgentRuntime, "POST", "/agents/a/agentAliases/b/sessions/s/text", Shape::Agent),
            (BedrockAgentRuntime, "POST", "/agents/a/agentAliases/b/s%65ssions/s/text", Shape::Agent),
            (BedrockAgentRuntime, "POST", "/agents/s", Shape::Agent),
            (BedrockAgentRuntime, "POST", "/retrieveAndGenerateStream", Shape::Unreported),
            (BedrockAgentRuntime, "PUT", "/sessions/", Shape::Free),
            (BedrockAgentcore, "POST", "/harnesses/invoke", Shape::Converse),
            (BedrockAgentcore, "POST", "/runtimes/arn%3Aaws/invocations", Shape::Unreported),
            (Bedrock, "GET", "/foundation-models", Shape::Free),
        ];
        for (family, method, path, expected) in cases {
            let operation = operations::find(family, method, path, None);
            assert_eq!(Shape::of(family, operation, &method.parse().unwrap(), path), expected, "{method} {path}");
        }
    }

    /// Whatever reports tokens and is not classified as inference is so by its path: a renamed path would go unnoticed.
    #[test]
    fn operations_beside_inference_keep_their_shapes() {
        let mut found: Vec<_> = Family::ALL
            .into_iter()
            .flat_map(|family| operations::of(family).iter().map(move |operation| (family, operation)))
            .filter(|(_, operation)| !matches!(operation.class, Class::Inference(_)))
            .map(|(family, operation)| (operation.name, Shape::of(family, Some(operation), &Method::POST, "/")))
            .filter(|(_, shape)| !matches!(shape, Shape::Free | Shape::Unreported))
            .collect();
        found.sort_by_key(|(name, _)| *name);
        let expected = [
            ("Evaluate", Shape::Evaluate),
            ("InvokeAgent", Shape::Agent),
            ("InvokeHarness", Shape::Converse),
            ("InvokeInlineAgent", Shape::Agent),
        ];
        assert_eq!(found, expected);
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
