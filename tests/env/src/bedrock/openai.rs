//! OpenAI's Chat Completions and Responses, whole and as server-sent events. Pure.
//!
//! Input tokens include cached ones here. What OpenAI's models cache by themselves is cached here only up to a marker,
//! `cache_control` in a content block, so that a test can say what it expects.

use serde_json::{Value, json};

use super::error::AwsError;
use super::events;
use super::invoke::{Chunk, deltas};
use super::reply::{PacedFrame, Reply};
use super::text::{Answer, Prompt, Usage};

/// Reads a Chat Completions body.
pub fn chat_prompt(body: &Value) -> Result<Prompt, AwsError> {
    let mut prompt = Prompt::default();
    for message in required(body, "messages")?.as_array().into_iter().flatten() {
        prompt.content(&message["content"]);
    }
    prompt.max_tokens = max_tokens(body);
    Ok(prompt)
}

/// Reads a Responses body.
pub fn responses_prompt(body: &Value) -> Result<Prompt, AwsError> {
    let mut prompt = Prompt::default();
    prompt.content(&body["instructions"]);
    match required(body, "input")? {
        Value::Array(items) => items.iter().for_each(|item| prompt.content(&item["content"])),
        text => prompt.content(text),
    }
    prompt.max_tokens = body["max_output_tokens"].as_u64();
    Ok(prompt)
}

/// The most tokens a Chat Completions body allows.
pub fn max_tokens(body: &Value) -> Option<u64> {
    ["max_completion_tokens", "max_tokens"].iter().find_map(|key| body[key].as_u64())
}

fn required<'a>(body: &'a Value, member: &str) -> Result<&'a Value, AwsError> {
    body["model"].as_str().ok_or_else(|| AwsError::validation("you must provide a model parameter"))?;
    body.get(member).ok_or_else(|| AwsError::validation(format!("missing required parameter: '{member}'")))
}

/// The answer of Chat Completions, streamed where the body asks for it; a stream has usage only where asked for too.
pub fn chat(body: &Value, model: &str, answer: &Answer) -> Reply {
    if body["stream"] != true {
        return Reply::json(&completion(model, answer)).used(answer.usage);
    }
    let chunks = chunks(model, answer, body["stream_options"]["include_usage"] == true);
    let mut all: Vec<PacedFrame> =
        chunks.into_iter().map(|(paced, chunk)| PacedFrame { bytes: events::data(&chunk), paced }).collect();
    all.push(PacedFrame::prompt(events::done()));
    Reply::events(all).used(answer.usage)
}

/// A whole completion.
pub fn completion(model: &str, answer: &Answer) -> Value {
    let message = json!({ "role": "assistant", "content": answer.text() });
    let choice = json!({ "index": 0, "message": message, "finish_reason": finish_reason(answer) });
    json!({
        "id": "chatcmpl-stub", "object": "chat.completion", "created": 1, "model": model, "choices": [choice],
        "usage": chat_usage(answer.usage),
    })
}

/// The chunks of a stream.
pub fn chunks(model: &str, answer: &Answer, usage: bool) -> Vec<Chunk> {
    let chunk = |choices: Value| {
        let mut chunk = json!({
            "id": "chatcmpl-stub", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices,
        });
        if usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    };
    let choice = |delta: Value, reason: Value| json!([{ "index": 0, "delta": delta, "finish_reason": reason }]);
    let mut all: Vec<Chunk> = vec![(false, chunk(choice(json!({ "role": "assistant", "content": "" }), Value::Null)))];
    all.extend(deltas(answer, |text| chunk(choice(json!({ "content": text }), Value::Null))));
    all.push((false, chunk(choice(json!({}), finish_reason(answer).into()))));
    if usage {
        let mut last = chunk(json!([]));
        last["usage"] = chat_usage(answer.usage);
        all.push((false, last));
    }
    all
}

/// The answer of Responses, streamed where the body asks for it.
pub fn responses(body: &Value, model: &str, answer: &Answer) -> Reply {
    let text = json!({ "type": "output_text", "text": answer.text(), "annotations": [] });
    let message = json!({
        "id": "msg_stub", "type": "message", "role": "assistant", "status": "completed", "content": [text],
    });
    let response = |status: &str, output: Value, usage: Value| {
        json!({
            "id": "resp_stub", "object": "response", "created_at": 1, "status": status, "model": model, "error": null,
            "incomplete_details": null, "instructions": null, "metadata": {}, "parallel_tool_calls": true, "tools": [],
            "tool_choice": "auto", "output": output, "usage": usage,
        })
    };
    let whole = response("completed", json!([message]), responses_usage(answer.usage));
    if body["stream"] != true {
        return Reply::json(&whole).used(answer.usage);
    }
    let begun = response("in_progress", json!([]), Value::Null);
    let place = json!({ "item_id": "msg_stub", "output_index": 0, "content_index": 0 });
    let mut all: Vec<(bool, &str, Value)> = vec![
        (false, "response.created", json!({ "response": begun })),
        (false, "response.in_progress", json!({ "response": begun })),
    ];
    all.extend(
        deltas(answer, |text| {
            let mut delta = place.clone();
            delta["delta"] = text.into();
            delta
        })
        .map(|(paced, delta)| (paced, "response.output_text.delta", delta)),
    );
    all.push((false, "response.completed", json!({ "response": whole })));
    let events = all.into_iter().enumerate().map(|(number, (paced, name, mut event))| {
        event["type"] = name.into();
        event["sequence_number"] = number.into();
        PacedFrame { bytes: events::named(name, &event), paced }
    });
    Reply::events(events.collect()).used(answer.usage)
}

fn chat_usage(usage: Usage) -> Value {
    let input = usage.input + usage.cache_read + usage.cache_write;
    json!({
        "prompt_tokens": input,
        "completion_tokens": usage.output,
        "total_tokens": input + usage.output,
        "prompt_tokens_details": { "cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write },
        "completion_tokens_details": { "reasoning_tokens": 0 },
    })
}

fn responses_usage(usage: Usage) -> Value {
    let input = usage.input + usage.cache_read + usage.cache_write;
    json!({
        "input_tokens": input,
        "input_tokens_details": { "cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": input + usage.output,
    })
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.cut { "length" } else { "stop" }
}
