//! Converse, ConverseStream, CountTokens, Retrieve and ListFoundationModels: bodies in, replies out. Pure, apart from
//! the memory of cached prompts that the caller passes in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::AwsError;
use super::frames;
use super::invoke::Shape;
use super::reply::{PacedFrame, Reply};
use super::text::{Answer, Prompt};

/// Reads a Converse body.
pub fn prompt(body: &Value) -> Result<Prompt, AwsError> {
    let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| {
        AwsError::validation("1 validation error detected: Value at 'messages' failed to satisfy constraint: Member must not be null or empty")
    })?;
    let mut prompt = Prompt::default();
    prompt.content(&body["system"]);
    for message in messages {
        if !matches!(message["role"].as_str(), Some("user" | "assistant")) {
            return Err(AwsError::validation(
                "1 validation error detected: Value at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]",
            ));
        }
        if !message["content"].is_array() {
            return Err(AwsError::validation(
                "1 validation error detected: Value at 'messages.1.member.content' failed to satisfy constraint: Member must not be null",
            ));
        }
        prompt.content(&message["content"]);
    }
    prompt.max_tokens = body["inferenceConfig"]["maxTokens"].as_u64();
    Ok(prompt)
}

/// The answer of Converse.
pub fn whole(answer: &Answer) -> Reply {
    Reply::json(&json!({
        "metrics": { "latencyMs": super::LATENCY_MS },
        "output": { "message": { "role": "assistant", "content": [{ "text": answer.text() }] } },
        "stopReason": answer.stop_reason(),
        "usage": answer.usage.converse(),
    }))
    .used(answer.usage)
}

/// The frames of ConverseStream.
pub fn stream(answer: &Answer) -> Reply {
    let start = frames::event("messageStart", &json!({ "p": "abcd", "role": "assistant" }));
    let mut all = vec![PacedFrame::prompt(start)];
    for (at, text) in answer.pieces().enumerate() {
        let delta = json!({ "contentBlockIndex": 0, "delta": { "text": text }, "p": "abcdefgh" });
        let frame = frames::event("contentBlockDelta", &delta);
        all.push(if at == 0 { PacedFrame::prompt(frame) } else { PacedFrame::paced(frame) });
    }
    let metadata =
        json!({ "metrics": { "latencyMs": super::LATENCY_MS }, "p": "ab", "usage": answer.usage.converse() });
    for (name, payload) in [
        ("contentBlockStop", json!({ "contentBlockIndex": 0, "p": "abc" })),
        ("messageStop", json!({ "p": "abcde", "stopReason": answer.stop_reason() })),
        ("metadata", metadata),
    ] {
        all.push(PacedFrame::prompt(frames::event(name, &payload)));
    }
    Reply::stream(all).used(answer.usage)
}

/// CountTokens for a Converse or an InvokeModel input.
pub fn count_tokens(model: &str, body: &Value) -> Result<Reply, AwsError> {
    let input = &body["input"];
    let counted = if input.get("converse").is_some() {
        prompt(&input["converse"])?
    } else {
        let inner = input["invokeModel"]["body"]
            .as_str()
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .ok_or_else(|| AwsError::validation("1 validation error detected: Value at 'input' failed to satisfy constraint: Member must not be null"))?;
        Shape::of(model, &inner).prompt(&inner)?
    };
    Ok(Reply::json(&json!({ "inputTokens": counted.cached_tokens() + counted.fresh_tokens() })))
}

/// Retrieve of a knowledge base.
pub fn retrieve(body: &Value) -> Result<Reply, AwsError> {
    let query = body["retrievalQuery"]["text"].as_str().ok_or_else(|| {
        AwsError::validation("1 validation error detected: Value at 'retrievalQuery' failed to satisfy constraint: Member must not be null")
    })?;
    let result = |rank: u32, score: f64| {
        json!({
            "content": { "text": format!("passage {rank} about {query}"), "type": "TEXT" },
            "location": { "s3Location": { "uri": format!("s3://stub/{rank}.txt") }, "type": "S3" },
            "score": score,
        })
    };
    Ok(Reply::json(&json!({ "retrievalResults": [result(1, 0.75), result(2, 0.5)] })))
}

/// ListFoundationModels: two models.
pub fn list_models(region: &str) -> Reply {
    let model = |id: &str| {
        json!({
            "modelId": id,
            "modelArn": format!("arn:aws:bedrock:{region}::foundation-model/{id}"),
            "inputModalities": ["TEXT"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": true,
        })
    };
    let ids = ["anthropic.claude-3-haiku-20240307-v1:0", "amazon.nova-lite-v1:0"];
    Reply::json(&json!({ "modelSummaries": ids.map(model) }))
}
