//! Operations that use a model and hardly say how much: agents, generation from a knowledge base; and guardrails. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::AwsError;
use super::frames;
use super::reply::{PacedFrame, Reply};
use super::text::{Answer, Prompt};

/// Reads the body of InvokeAgent.
pub fn prompt(body: &Value) -> Result<Prompt, AwsError> {
    asked(&body["inputText"], "inputText")
}

/// Reads the body of RetrieveAndGenerate.
pub fn question(body: &Value) -> Result<Prompt, AwsError> {
    asked(&body["input"]["text"], "input")
}

fn asked(text: &Value, member: &str) -> Result<Prompt, AwsError> {
    let text = text.as_str().ok_or_else(|| {
        AwsError::validation(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })?;
    let mut prompt = Prompt::default();
    prompt.text(text);
    Ok(prompt)
}

/// The stream of InvokeAgent: traces with usage only where the body asks for traces.
pub fn invoke(body: &Value, answer: &Answer) -> Reply {
    let mut all = Vec::new();
    if body["enableTrace"] == true {
        let usage = json!({ "inputTokens": answer.usage.input, "outputTokens": answer.usage.output });
        let output = json!({ "modelInvocationOutput": { "metadata": { "usage": usage }, "traceId": "stub" } });
        let trace = json!({ "agentId": "stub", "sessionId": "stub", "trace": { "orchestrationTrace": output } });
        all.push(PacedFrame::prompt(frames::event("trace", &trace)));
    }
    for (at, text) in answer.pieces().enumerate() {
        let frame = frames::event("chunk", &json!({ "bytes": STANDARD.encode(text) }));
        all.push(if at == 0 { PacedFrame::prompt(frame) } else { PacedFrame::paced(frame) });
    }
    Reply::stream(all).used(answer.usage)
}

/// The answer of RetrieveAndGenerate.
pub fn generate(answer: &Answer) -> Reply {
    let output = json!({ "text": answer.text() });
    Reply::json(&json!({ "citations": [], "output": output, "sessionId": "stub" })).used(answer.usage)
}

/// ApplyGuardrail: nothing found, one unit of text each.
pub fn apply_guardrail() -> Reply {
    let usage = json!({ "topicPolicyUnits": 1, "contentPolicyUnits": 1, "wordPolicyUnits": 0 });
    Reply::json(&json!({ "action": "NONE", "assessments": [], "outputs": [], "usage": usage }))
}
