//! What a model's own request body calls the longest answer and the number of answers.
//!
//! `InvokeModel` passes the body on, so names are the model's. Sources: "Inference request parameters and response fields
//! for foundation models" of the Bedrock user guide, one page per provider (Anthropic Messages and Text Completions,
//! Titan Text, Meta Llama, Mistral, DeepSeek, Cohere Command, AI21 Jamba and Jurassic-2, Writer Palmyra, OpenAI: "create
//! chat completion"), and "Complete request schema" of the Nova user guide: `inferenceConfig.maxTokens`, in older examples
//! `max_new_tokens`. The newer open-weight models (Qwen, Kimi, GLM, MiniMax, Gemma, Nemotron) take OpenAI's body.

use aigw_contract::model::{ModelId, Named};

/// A member of a body, perhaps in an object of the outermost one.
pub(super) type Path = &'static [&'static str];

/// All names of the longest answer. Whatever model is called, all are read and lowered, so that one it honours and does
/// not document is not missed.
pub(super) const LENGTHS: &[Path] = &[
    &["max_tokens"],
    &["max_tokens_to_sample"],
    &["max_completion_tokens"],
    &["max_new_tokens"],
    &["max_output_tokens"],
    &["max_gen_len"],
    &["maxTokens"],
    &["maxTokenCount"],
    &["maxOutputTokens"],
    &["inferenceConfig", "maxTokens"],
    &["inferenceConfig", "max_new_tokens"],
    &["inferenceConfig", "max_tokens"],
    &["textGenerationConfig", "maxTokenCount"],
];

/// All names of the number of answers.
pub(super) const COUNTS: &[Path] = &[&["n"], &["num_generations"], &["numResults"], &["best_of"]];

/// What a model answers with, as far as it matters to what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// Text, whose longest has one of these names; the first is written where there is none.
    Text(&'static [Path]),
    /// Numbers: no output tokens, and input tokens as long as it is text.
    Embedding,
    /// Pictures, films, speech, ranks: nothing that is paid for by tokens.
    Other,
    /// Nobody knows.
    Unknown,
}

const OPENAI: &[Path] = &[&["max_completion_tokens"], &["max_tokens"]];
const PLAIN: &[Path] = &[&["max_tokens"]];

impl Answers {
    /// What this model answers with. Geography makes no difference, and an opaque id tells nothing.
    pub fn of(model: Option<ModelId<'_>>) -> Self {
        let Some(ModelId::Named(Named { model, .. })) = model else { return Self::Unknown };
        let (provider, name) = model.split_once('.').unwrap_or((model, ""));
        let has = |part: &str| name.contains(part);
        if has("embed") {
            return Self::Embedding;
        }
        if has("rerank") || has("image") || has("canvas") || has("reel") || has("sonic") || has("pegasus") {
            return Self::Other;
        }
        match provider {
            "anthropic" => Self::Text(&[&["max_tokens"], &["max_tokens_to_sample"]]),
            "amazon" if has("nova") => {
                Self::Text(&[&["inferenceConfig", "maxTokens"], &["inferenceConfig", "max_new_tokens"]])
            }
            "amazon" if has("titan") => Self::Text(&[&["textGenerationConfig", "maxTokenCount"]]),
            "meta" => Self::Text(&[&["max_gen_len"]]),
            "ai21" if name.starts_with("j2") => Self::Text(&[&["maxTokens"]]),
            "openai" => Self::Text(OPENAI),
            "mistral" | "deepseek" | "cohere" | "ai21" | "writer" | "qwen" | "moonshot" | "moonshotai" | "zai"
            | "minimax" | "google" | "nvidia" => Self::Text(PLAIN),
            "stability" | "luma" | "twelvelabs" => Self::Other,
            _ => Self::Unknown,
        }
    }
}

/// Whether prompts are cached, and paid for as such, although nothing in the request asks for it. Anthropic's and Amazon's
/// models charge for a cache only where a cache point says so ("Prompt caching" of the Bedrock user guide).
pub(super) fn caches_unasked(model: Option<ModelId<'_>>) -> bool {
    let Some(ModelId::Named(Named { model, .. })) = model else { return true };
    !(model.starts_with("anthropic.") || model.starts_with("amazon."))
}

/// Whether the id is that of a stored prompt, whose text is not in the request and whose settings a request cannot change
/// (`modelId` of Converse).
pub(super) fn is_prompt(model: Option<ModelId<'_>>) -> bool {
    matches!(model, Some(ModelId::Opaque(text)) if text.contains(":prompt/"))
}
