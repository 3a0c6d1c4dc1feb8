//! InvokeModel and its stream in the body shapes of the model families. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::AwsError;
use super::frames;
use super::openai;
use super::reply::{PacedFrame, Reply};
use super::text::{Answer, Prompt};

/// The body shape of a model family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `anthropic.claude*`: Messages API.
    Anthropic,
    /// `amazon.nova*`: like Converse.
    Nova,
    /// `amazon.titan*`: `inputText`.
    Titan,
    /// `amazon.titan-embed*`: `inputText`, answered with a vector.
    Embedding,
    /// `meta.llama*`: `prompt`.
    Llama,
    /// `openai.*` and others that speak Chat Completions.
    Chat,
}

/// Part of the ids of models that were imported: Bedrock does not count their tokens in headers.
const IMPORTED: &str = "imported-model";

impl Shape {
    /// The shape by model id, and by the body where the id hides the model (profiles).
    pub fn of(model: &str, body: &Value) -> Self {
        if model.contains("anthropic.claude") {
            Self::Anthropic
        } else if model.contains("amazon.nova") {
            Self::Nova
        } else if model.contains("amazon.titan-embed") {
            Self::Embedding
        } else if model.contains("amazon.titan") || body.get("inputText").is_some() {
            Self::Titan
        } else if model.contains("meta.llama") {
            Self::Llama
        } else if ["openai.", "qwen.", "deepseek.", "mistral."].iter().any(|maker| model.contains(maker)) {
            Self::Chat
        } else if body.get("anthropic_version").is_some() {
            Self::Anthropic
        } else {
            Self::Nova
        }
    }

    /// Reads a body of this shape.
    pub fn prompt(self, body: &Value) -> Result<Prompt, AwsError> {
        let required: &[&str] = match self {
            Self::Anthropic => &["anthropic_version", "max_tokens", "messages"],
            Self::Nova | Self::Chat => &["messages"],
            Self::Titan | Self::Embedding => &["inputText"],
            Self::Llama => &["prompt"],
        };
        if let Some(missing) = required.iter().find(|key| body.get(**key).is_none()) {
            return Err(AwsError::validation(format!(
                "Malformed input request: #: required key [{missing}] not found, please reformat your input and try again."
            )));
        }
        let mut prompt = Prompt::default();
        match self {
            Self::Titan | Self::Embedding => prompt.content(&body["inputText"]),
            Self::Llama => prompt.content(&body["prompt"]),
            Self::Anthropic | Self::Nova | Self::Chat => {
                prompt.content(&body["system"]);
                for message in body["messages"].as_array().into_iter().flatten() {
                    prompt.content(&message["content"]);
                }
            }
        }
        prompt.max_tokens = match self {
            Self::Anthropic => body["max_tokens"].as_u64(),
            Self::Nova => ["maxTokens", "max_new_tokens"].iter().find_map(|key| body["inferenceConfig"][key].as_u64()),
            Self::Titan => body["textGenerationConfig"]["maxTokenCount"].as_u64(),
            Self::Embedding => Some(0),
            Self::Llama => body["max_gen_len"].as_u64(),
            Self::Chat => openai::max_tokens(body),
        };
        Ok(prompt)
    }

    /// The reply of InvokeModel, with the counting headers Bedrock adds.
    pub fn whole(self, model: &str, answer: &Answer) -> Reply {
        let usage = answer.usage;
        let mut reply = Reply::json(&self.body(model, answer)).used(usage);
        if model.contains(IMPORTED) {
            return reply;
        }
        if self == Self::Embedding {
            reply.headers = vec![("x-amzn-bedrock-input-token-count", usage.input.to_string())];
            return reply;
        }
        reply.headers = vec![
            ("x-amzn-bedrock-invocation-latency", super::LATENCY_MS.to_string()),
            ("x-amzn-bedrock-input-token-count", usage.input.to_string()),
            ("x-amzn-bedrock-output-token-count", usage.output.to_string()),
            ("x-amzn-bedrock-cache-read-input-token-count", usage.cache_read.to_string()),
            ("x-amzn-bedrock-cache-write-input-token-count", usage.cache_write.to_string()),
        ];
        reply
    }

    /// The reply of InvokeModelWithResponseStream.
    pub fn stream(self, model: &str, answer: &Answer) -> Reply {
        let mut chunks = self.chunks(model, answer);
        if let Some((_, Value::Object(last))) = chunks.last_mut() {
            last.insert("amazon-bedrock-invocationMetrics".to_owned(), answer.usage.invocation_metrics());
        }
        let frames = chunks
            .into_iter()
            .map(|(paced, chunk)| {
                let payload = json!({ "bytes": STANDARD.encode(chunk.to_string()), "p": "abcdef" });
                let bytes = frames::event("chunk", &payload);
                PacedFrame { bytes, paced }
            })
            .collect();
        let mut reply = Reply::stream(frames).used(answer.usage);
        reply.headers = vec![("x-amzn-bedrock-content-type", "application/json".to_owned())];
        reply
    }

    fn body(self, model: &str, answer: &Answer) -> Value {
        match self {
            Self::Anthropic => json!({
                "id": "msg_bdrk_stub", "type": "message", "role": "assistant", "model": model,
                "content": [{ "type": "text", "text": answer.text() }],
                "stop_reason": answer.stop_reason(), "stop_sequence": null,
                "usage": anthropic_usage(answer, answer.usage.output),
            }),
            Self::Nova => json!({
                "output": { "message": { "role": "assistant", "content": [{ "text": answer.text() }] } },
                "stopReason": answer.stop_reason(),
                "usage": answer.usage.converse(),
            }),
            Self::Titan => json!({
                "inputTextTokenCount": answer.usage.input,
                "results": [{
                    "tokenCount": answer.usage.output,
                    "outputText": answer.text(),
                    "completionReason": titan_reason(answer),
                }],
            }),
            Self::Embedding => json!({ "embedding": [0.25, -0.5, 0.125], "inputTextTokenCount": answer.usage.input }),
            Self::Llama => json!({
                "generation": answer.text(),
                "prompt_token_count": answer.usage.input,
                "generation_token_count": answer.usage.output,
                "stop_reason": if answer.cut { "length" } else { "stop" },
            }),
            Self::Chat => openai::completion(model, answer),
        }
    }

    /// The chunks of a stream.
    fn chunks(self, model: &str, answer: &Answer) -> Vec<Chunk> {
        match self {
            Self::Anthropic => anthropic_chunks(model, answer),
            Self::Nova => nova_chunks(answer),
            Self::Titan | Self::Embedding => titan_chunks(answer),
            Self::Llama => llama_chunks(answer),
            Self::Chat => openai::chunks(model, answer, true),
        }
    }
}

/// A chunk and whether it is paced.
pub type Chunk = (bool, Value);

/// One chunk for each piece of the text.
pub fn deltas(answer: &Answer, wrap: impl Fn(String) -> Value) -> impl Iterator<Item = Chunk> {
    answer.pieces().enumerate().map(move |(at, text)| (at > 0, wrap(text)))
}

/// The events of an Anthropic stream, here and in the Messages API.
pub fn anthropic_chunks(model: &str, answer: &Answer) -> Vec<Chunk> {
    let message = json!({
        "id": "msg_bdrk_stub", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": anthropic_usage(answer, 1),
    });
    let block = json!({ "type": "text", "text": "" });
    let mut all = vec![
        (false, json!({ "type": "message_start", "message": message })),
        (false, json!({ "type": "content_block_start", "index": 0, "content_block": block })),
    ];
    all.extend(deltas(answer, |text| {
        let delta = json!({ "type": "text_delta", "text": text });
        json!({ "type": "content_block_delta", "index": 0, "delta": delta })
    }));
    let stop = json!({ "stop_reason": answer.stop_reason(), "stop_sequence": null });
    let usage = json!({ "output_tokens": answer.usage.output });
    all.extend([
        (false, json!({ "type": "content_block_stop", "index": 0 })),
        (false, json!({ "type": "message_delta", "delta": stop, "usage": usage })),
        (false, json!({ "type": "message_stop" })),
    ]);
    all
}

fn nova_chunks(answer: &Answer) -> Vec<Chunk> {
    let mut all = vec![(false, json!({ "messageStart": { "role": "assistant" } }))];
    all.extend(deltas(
        answer,
        |text| json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": text } } }),
    ));
    all.extend([
        (false, json!({ "contentBlockStop": { "contentBlockIndex": 0 } })),
        (false, json!({ "messageStop": { "stopReason": answer.stop_reason() } })),
        (false, json!({ "metadata": { "usage": answer.usage.converse(), "metrics": {} } })),
    ]);
    all
}

fn titan_chunks(answer: &Answer) -> Vec<Chunk> {
    let mut all: Vec<Chunk> = deltas(answer, |text| json!({ "index": 0, "outputText": text })).collect();
    let last = json!({
        "index": 0, "outputText": "", "completionReason": titan_reason(answer),
        "inputTextTokenCount": answer.usage.input,
        "totalOutputTextTokenCount": answer.usage.output,
    });
    all.push((false, last));
    all
}

fn llama_chunks(answer: &Answer) -> Vec<Chunk> {
    let mut all: Vec<Chunk> = deltas(answer, |text| json!({ "generation": text, "stop_reason": null })).collect();
    if let Some((_, first)) = all.first_mut() {
        first["prompt_token_count"] = answer.usage.input.into();
        first["generation_token_count"] = 1.into();
    }
    let last = json!({ "generation": "", "prompt_token_count": null, "generation_token_count": answer.usage.output, "stop_reason": "stop" });
    all.push((false, last));
    all
}

/// Anthropic's `usage` object.
pub fn anthropic_usage(answer: &Answer, output: u64) -> Value {
    let usage = answer.usage;
    json!({
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write - usage.cache_write_1h,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "input_tokens": answer.usage.input,
        "cache_creation_input_tokens": answer.usage.cache_write,
        "cache_read_input_tokens": answer.usage.cache_read,
        "output_tokens": output,
    })
}

fn titan_reason(answer: &Answer) -> &'static str {
    if answer.cut { "LENGTH" } else { "FINISH" }
}
