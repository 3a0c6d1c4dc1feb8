//! Prompts, answers and token counts: deterministic, so that a test can say what it expects. One word is one token.
//!
//! The answer to `… text` is `echo of … text`; a prompt that starts with `<n> words` is answered with n words. Text
//! before a cache marker counts as written to the cache the first time a model sees it and as read after that.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most words a prompt can ask for.
const MAX_WORDS: usize = 20_000;

/// The text of a prompt, in the parts that count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// Text up to the last cache marker.
    pub cached: Vec<String>,
    /// Text after it.
    pub fresh: Vec<String>,
    /// Whether a marker asks for an hour in the cache; without one it is five minutes.
    pub hour: bool,
    /// The most tokens the answer may have.
    pub max_tokens: Option<u64>,
}

impl Prompt {
    /// Adds a piece of text.
    pub fn text(&mut self, text: &str) {
        self.fresh.push(text.to_owned());
    }

    /// Marks all text so far as cacheable.
    pub fn cache_point(&mut self) {
        self.cached.append(&mut self.fresh);
    }

    /// Adds content that is a string or a list of blocks, in Converse's, Nova's or Anthropic's form.
    pub fn content(&mut self, content: &Value) {
        match content {
            Value::String(text) => self.text(text),
            Value::Array(blocks) => {
                for block in blocks {
                    if let Some(text) = block["text"].as_str() {
                        self.text(text);
                    }
                    if let Some(marker) = block.get("cachePoint").or_else(|| block.get("cache_control")) {
                        self.hour |= marker["ttl"] == "1h";
                        self.cache_point();
                    }
                }
            }
            _ => {}
        }
    }

    /// Tokens before the cache marker.
    pub fn cached_tokens(&self) -> u64 {
        tokens(&self.cached)
    }

    /// Tokens after the cache marker.
    pub fn fresh_tokens(&self) -> u64 {
        tokens(&self.fresh)
    }

    /// The answer's words and whether it was cut short by `max_tokens`.
    pub fn answer(&self) -> (Vec<String>, bool) {
        let asked = self.fresh.last().or(self.cached.last()).map_or("", String::as_str);
        let mut words = words_for(asked);
        let limit = self.max_tokens.and_then(|limit| usize::try_from(limit).ok());
        let cut = limit.is_some_and(|limit| words.len() > limit);
        words.truncate(limit.unwrap_or(usize::MAX));
        (words, cut)
    }
}

fn tokens(texts: &[String]) -> u64 {
    texts.iter().map(|text| text.split_whitespace().count() as u64).sum()
}

fn words_for(prompt: &str) -> Vec<String> {
    let mut words = prompt.split_whitespace();
    let count = words.next().and_then(|first| first.parse::<usize>().ok());
    if let (Some(count), Some("words")) = (count, words.next()) {
        return (1..=count.min(MAX_WORDS)).map(|n| format!("word{n}")).collect();
    }
    ["echo", "of"].into_iter().chain(prompt.split_whitespace()).map(str::to_owned).collect()
}

/// The four token counts of a call.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Input without cached tokens.
    pub input: u64,
    /// Output.
    pub output: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to the cache.
    pub cache_write: u64,
    /// The part of it that was written for an hour.
    pub cache_write_1h: u64,
}

impl Usage {
    /// Converse's `usage` object.
    pub fn converse(self) -> Value {
        json!({
            "inputTokens": self.input,
            "outputTokens": self.output,
            "totalTokens": self.input + self.output + self.cache_read + self.cache_write,
            "cacheReadInputTokens": self.cache_read,
            "cacheWriteInputTokens": self.cache_write,
            "cacheDetails": self.cache_details(),
        })
    }

    /// What was written to the cache for how long, longest first; empty where nothing was.
    fn cache_details(self) -> Value {
        let written = [("1h", self.cache_write_1h), ("5m", self.cache_write - self.cache_write_1h)];
        let details = written.iter().filter(|(_, tokens)| *tokens > 0);
        details.map(|(ttl, tokens)| json!({ "ttl": ttl, "inputTokens": tokens })).collect()
    }

    /// The `amazon-bedrock-invocationMetrics` object at the end of an invoke stream.
    pub fn invocation_metrics(self) -> Value {
        json!({
            "inputTokenCount": self.input,
            "outputTokenCount": self.output,
            "invocationLatency": super::LATENCY_MS,
            "firstByteLatency": super::LATENCY_MS,
            "cacheReadInputTokenCount": self.cache_read,
            "cacheWriteInputTokenCount": self.cache_write,
        })
    }
}

/// A finished answer: what the shapes of all operations are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Words.
    pub words: Vec<String>,
    /// Whether `max_tokens` ended it.
    pub cut: bool,
    /// Token counts.
    pub usage: Usage,
}

impl Answer {
    /// The whole text.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    /// The text in the pieces a stream sends: one word each, with the space before it.
    pub fn pieces(&self) -> impl Iterator<Item = String> {
        self.words.iter().enumerate().map(|(at, word)| if at == 0 { word.clone() } else { format!(" {word}") })
    }

    /// `end_turn` or `max_tokens`.
    pub fn stop_reason(&self) -> &'static str {
        if self.cut { "max_tokens" } else { "end_turn" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_echoes_or_the_words_asked_for() {
        let mut prompt = Prompt::default();
        prompt.content(&json!([{"text": "be kind"}, {"cachePoint": {"type": "default"}}]));
        prompt.content(&json!("say  hello"));
        assert_eq!(prompt.answer(), (vec!["echo".into(), "of".into(), "say".into(), "hello".into()], false));
        assert_eq!((prompt.cached_tokens(), prompt.fresh_tokens()), (2, 2));
        prompt.max_tokens = Some(3);
        assert_eq!(prompt.answer().0.len(), 3);
        assert!(prompt.answer().1);
        prompt = Prompt::default();
        prompt.text("3 words please");
        let (words, cut) = prompt.answer();
        let answer = Answer { words, cut, usage: Usage::default() };
        assert_eq!(answer.text(), "word1 word2 word3");
        assert_eq!(answer.pieces().collect::<String>(), answer.text());
    }
}
