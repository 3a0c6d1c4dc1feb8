//! Anthropic's Messages API: the body of an `InvokeModel` with the model in it, streamed as server-sent events. Pure.

use serde_json::{Value, json};

use super::error::AwsError;
use super::events;
use super::invoke::{anthropic_chunks, anthropic_usage};
use super::reply::{PacedFrame, Reply};
use super::text::{Answer, Prompt};

/// Reads a body.
pub fn prompt(body: &Value) -> Result<Prompt, AwsError> {
    if let Some(missing) = ["model", "max_tokens", "messages"].iter().find(|key| body.get(**key).is_none()) {
        return Err(AwsError::validation(format!("{missing}: Field required")));
    }
    let mut prompt = Prompt::default();
    prompt.content(&body["system"]);
    for message in body["messages"].as_array().into_iter().flatten() {
        prompt.content(&message["content"]);
    }
    prompt.max_tokens = body["max_tokens"].as_u64();
    Ok(prompt)
}

/// The answer, streamed where the body asks for it.
pub fn reply(body: &Value, model: &str, answer: &Answer) -> Reply {
    if body["stream"] != true {
        let message = json!({
            "id": "msg_bdrk_stub", "type": "message", "role": "assistant", "model": model,
            "content": [{ "type": "text", "text": answer.text() }],
            "stop_reason": answer.stop_reason(), "stop_sequence": null,
            "usage": anthropic_usage(answer, answer.usage.output),
        });
        return Reply::json(&message).used(answer.usage);
    }
    let events = anthropic_chunks(model, answer).into_iter().map(|(paced, chunk)| {
        let bytes = events::named(chunk["type"].as_str().unwrap_or_default(), &chunk);
        PacedFrame { bytes, paced }
    });
    Reply::events(events.collect()).used(answer.usage)
}
