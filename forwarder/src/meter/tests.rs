//! Every shape in every form, cut anywhere, against what a reader of the whole response would say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event_stream::tests::encode;

const JSON: &str = "application/json";
const FRAMES: &str = "application/vnd.amazon.eventstream";
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// A response as Bedrock would send it for known counts.
struct Sample {
    name: &'static str,
    shape: Shape,
    headers: Vec<(&'static str, String)>,
    /// Parts of the body between which a connection may break visibly.
    parts: Vec<Vec<u8>>,
    expected: Usage,
    reading: Reading,
}

/// Counts as the wire of most models can report them: input, output, cache read, written for 5 minutes, for an hour.
type Truth = [u32; 5];

fn usage(truth: Truth, hour: bool) -> Usage {
    let [input, output, read, five, one] = truth.map(u64::from);
    Usage {
        input: Some(input),
        output: Some(output),
        cache_read: Some(read),
        cache_write: Some(five + one),
        cache_write_1h: hour.then_some(one),
    }
}

fn uncached(truth: Truth) -> Usage {
    usage([truth[0], truth[1], 0, 0, 0], false)
}

fn sample(name: &'static str, shape: Shape, content_type: &str, parts: Vec<Vec<u8>>, expected: Usage) -> Sample {
    let headers = vec![("content-type", content_type.to_owned())];
    Sample { name, shape, headers, parts, expected, reading: Reading::Complete }
}

fn converse(truth: Truth) -> Value {
    let [input, output, read, five, one] = truth;
    json!({
        "inputTokens": input, "outputTokens": output, "totalTokens": 1, "cacheReadInputTokens": read,
        "cacheWriteInputTokens": u64::from(five) + u64::from(one),
        "cacheDetails": [{ "ttl": "1h", "inputTokens": one }, { "ttl": "5m", "inputTokens": five }],
    })
}

fn anthropic(truth: Truth, output: u32) -> Value {
    let [input, _, read, five, one] = truth;
    json!({
        "input_tokens": input, "output_tokens": output, "cache_read_input_tokens": read,
        "cache_creation_input_tokens": u64::from(five) + u64::from(one),
        "cache_creation": { "ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": one },
    })
}

fn chat(truth: Truth) -> Value {
    let [input, output, read, five, one] = truth.map(u64::from);
    json!({
        "prompt_tokens": input + read + five + one, "completion_tokens": output,
        "prompt_tokens_details": { "cached_tokens": read, "cache_write_tokens": five + one },
    })
}

fn responses(truth: Truth) -> Value {
    let [input, output, read, five, one] = truth.map(u64::from);
    json!({
        "input_tokens": input + read + five + one, "output_tokens": output,
        "input_tokens_details": { "cached_tokens": read, "cache_write_tokens": five + one },
        "output_tokens_details": { "reasoning_tokens": 0 },
    })
}

fn metrics(truth: Truth) -> Value {
    let [input, output, read, five, one] = truth.map(u64::from);
    json!({
        "inputTokenCount": input, "outputTokenCount": output, "invocationLatency": 1, "firstByteLatency": 1,
        "cacheReadInputTokenCount": read, "cacheWriteInputTokenCount": five + one,
    })
}

fn event(name: &str, payload: &Value) -> Vec<u8> {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    encode(&headers, payload.to_string().as_bytes()).to_vec()
}

fn chunk(payload: &Value) -> Vec<u8> {
    event("chunk", &json!({ "bytes": STANDARD.encode(payload.to_string()), "p": "abc" }))
}

fn sse(name: &str, payload: &Value) -> Vec<u8> {
    format!("event: {name}\ndata: {payload}\n\n").into_bytes()
}

/// A text that would be taken for usage by who only searches for it.
const TRAP: &str = r#"{"usage":{"inputTokens":1,"input_tokens":1,"prompt_tokens":1}}"#;

fn converse_samples(truth: Truth) -> Vec<Sample> {
    let call = json!({ "toolUse": { "input": { "usage": { "inputTokens": 1, "outputTokens": 1 } } } });
    let message = json!({ "message": { "content": [{ "text": TRAP }, call] } });
    let whole = json!({ "metrics": {}, "output": message, "usage": converse(truth) });
    let stream = vec![
        event("messageStart", &json!({ "role": "assistant" })),
        event("contentBlockDelta", &json!({ "delta": { "text": TRAP }, "usage": { "inputTokens": 1 } })),
        event("messageStop", &json!({})),
        event("metadata", &json!({ "p": "ab", "usage": converse(truth) })),
    ];
    vec![
        sample("converse", Shape::Converse, JSON, vec![whole.to_string().into()], usage(truth, true)),
        sample("converse stream", Shape::Converse, FRAMES, stream, usage(truth, true)),
    ]
}

fn invoke_samples(truth: Truth) -> Vec<Sample> {
    let [input, output, ..] = truth;
    let whole =
        |name, body: Value, expected| sample(name, Shape::Invoke, JSON, vec![body.to_string().into()], expected);
    let stream = |name, chunks: &[Value], expected| {
        let mut chunks = chunks.to_vec();
        chunks.last_mut().unwrap()["amazon-bedrock-invocationMetrics"] = metrics(truth);
        sample(name, Shape::Invoke, FRAMES, chunks.iter().map(chunk).collect(), expected)
    };
    let anthropic_chunks = [
        json!({ "type": "message_start", "message": { "usage": anthropic(truth, 1) } }),
        json!({ "type": "content_block_delta", "delta": { "text": TRAP } }),
        json!({ "type": "message_delta", "usage": { "output_tokens": output } }),
        json!({ "type": "message_stop" }),
    ];
    let nova_chunks = [
        json!({ "messageStart": {} }),
        json!({ "contentBlockDelta": { "delta": { "text": TRAP } } }),
        json!({ "metadata": { "usage": { "inputTokens": input, "outputTokens": output } } }),
    ];
    let llama_chunks = [
        json!({ "generation": "a", "prompt_token_count": input, "generation_token_count": 1 }),
        json!({ "generation": "", "prompt_token_count": null, "generation_token_count": output }),
    ];
    let titan_chunks = [
        json!({ "outputText": TRAP }),
        json!({ "outputText": "", "inputTextTokenCount": input, "totalOutputTextTokenCount": output }),
    ];
    let chat_chunks = [json!({ "choices": [] }), json!({ "choices": [], "usage": chat(truth) })];
    let results = json!([{ "tokenCount": output, "outputText": TRAP }, { "tokenCount": 0 }]);
    let mut all = vec![
        whole(
            "anthropic",
            json!({ "content": [{ "text": TRAP }], "usage": anthropic(truth, output) }),
            usage(truth, true),
        ),
        whole("nova", json!({ "output": {}, "usage": converse(truth) }), usage(truth, true)),
        whole("openai", json!({ "choices": [], "usage": chat(truth) }), usage(truth, false)),
        whole("llama", json!({ "prompt_token_count": input, "generation_token_count": output }), uncached(truth)),
        whole("titan", json!({ "inputTextTokenCount": input, "results": results }), uncached(truth)),
        whole(
            "embedding",
            json!({ "embedding": [0.5, 0.25], "inputTextTokenCount": input }),
            uncached([input, 0, 0, 0, 0]),
        ),
        stream("anthropic stream", &anthropic_chunks, usage(truth, true)),
        stream("nova stream", &nova_chunks, usage(truth, false)),
        stream("llama stream", &llama_chunks, usage(truth, false)),
        stream("titan stream", &titan_chunks, usage(truth, false)),
        stream("openai stream", &chat_chunks, usage(truth, false)),
    ];
    let mut told = whole("by headers", json!({ "text": TRAP, "usage": anthropic(truth, output) }), usage(truth, true));
    let [_, _, read, five, one] = truth.map(u64::from);
    told.headers.extend([
        ("x-amzn-bedrock-input-token-count", input.to_string()),
        ("x-amzn-bedrock-output-token-count", output.to_string()),
        ("x-amzn-bedrock-cache-read-input-token-count", read.to_string()),
        ("x-amzn-bedrock-cache-write-input-token-count", (five + one).to_string()),
    ]);
    if five + one == 0 {
        told.expected.cache_write_1h = None;
    }
    all.push(told);
    all
}

fn http_samples(truth: Truth) -> Vec<Sample> {
    let whole = |name, shape, usage_object: Value, hour| {
        let body = json!({ "text": TRAP, "tools": [{ "usage": 5 }], "usage": usage_object });
        sample(name, shape, JSON, vec![body.to_string().into()], usage(truth, hour))
    };
    let output = truth[1];
    let messages = vec![
        sse("message_start", &json!({ "message": { "usage": anthropic(truth, 1) } })),
        sse("content_block_delta", &json!({ "delta": { "text": TRAP, "usage": 1 } })),
        sse("message_delta", &json!({ "delta": {}, "usage": { "output_tokens": output } })),
        sse("message_stop", &json!({ "type": "message_stop" })),
    ];
    let chat_stream = |last: &[Value]| {
        let mut parts = vec![sse("x", &json!({ "choices": [{ "delta": { "content": TRAP } }], "usage": null }))];
        parts.extend(last.iter().map(|payload| sse("x", payload)));
        parts.push(b"data: [DONE]\n\n".to_vec());
        parts
    };
    let responses_stream = vec![
        sse("response.created", &json!({ "response": { "usage": null } })),
        sse("response.output_text.delta", &json!({ "delta": TRAP })),
        sse("response.completed", &json!({ "response": { "output": [TRAP], "usage": responses(truth) } })),
    ];
    let without = chat_stream(&[]);
    let mut unknown = sample("chat stream without usage", Shape::ChatCompletions, EVENTS, without, Usage::default());
    unknown.reading = Reading::Unknown;
    vec![
        whole("messages", Shape::Messages, anthropic(truth, output), true),
        whole("chat", Shape::ChatCompletions, chat(truth), false),
        whole("responses", Shape::Responses, responses(truth), false),
        sample("messages stream", Shape::Messages, EVENTS, messages, usage(truth, true)),
        sample(
            "chat stream",
            Shape::ChatCompletions,
            EVENTS,
            chat_stream(&[json!({ "choices": [], "usage": chat(truth) })]),
            usage(truth, false),
        ),
        sample("responses stream", Shape::Responses, EVENTS, responses_stream, usage(truth, false)),
        unknown,
    ]
}

fn other_samples(truth: Truth) -> Vec<Sample> {
    let [input, output, ..] = truth;
    let trace = |kind: &str| {
        let usage = json!({ "inputTokens": input, "outputTokens": output });
        let inner = json!({ "modelInvocationOutput": { "metadata": { "usage": usage }, "rawResponse": TRAP } });
        event("trace", &json!({ "agentId": "a", "trace": { kind: inner } }))
    };
    let traces =
        vec![trace("preProcessingTrace"), trace("orchestrationTrace"), event("chunk", &json!({ "bytes": "eA==" }))];
    let twice = Usage { input: Some(2 * u64::from(input)), output: Some(2 * u64::from(output)), ..Usage::default() };
    let silent = |name, shape, content_type: &str, part: Vec<u8>, reading| Sample {
        reading,
        ..sample(name, shape, content_type, vec![part], Usage::default())
    };
    vec![
        Sample { reading: Reading::Partial, ..sample("agent", Shape::Agent, FRAMES, traces, twice) },
        silent("silent agent", Shape::Agent, FRAMES, event("chunk", &json!({ "bytes": "eA==" })), Reading::Unknown),
        silent("generate", Shape::Unreported, JSON, br#"{"usage":{"inputTokens":1}}"#.to_vec(), Reading::Unknown),
        silent("count", Shape::Free, JSON, br#"{"inputTokens":9}"#.to_vec(), Reading::Free),
        silent("image", Shape::Invoke, "image/png", b"\x89PNG".to_vec(), Reading::Unknown),
    ]
}

fn samples(truth: Truth) -> Vec<Sample> {
    let mut all = converse_samples(truth);
    all.extend(invoke_samples(truth));
    all.extend(http_samples(truth));
    all.extend(other_samples(truth));
    all
}

impl Sample {
    fn meter(&self, status: StatusCode) -> Meter {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        Meter::new(self.shape, status, &headers)
    }

    fn read(&self, bytes: &[u8], cuts: &[usize], ended: bool) -> Metered {
        let mut meter = self.meter(StatusCode::OK);
        let (mut at, mut cuts) = (0, cuts.iter().cycle());
        while at < bytes.len() {
            let next = (at + cuts.next().unwrap()).min(bytes.len());
            meter.push(&bytes[at..next]);
            at = next;
        }
        meter.read(ended)
    }
}

const TRUTH: Truth = [11, 7, 500, 30, 20];

#[test]
fn every_shape_is_read_as_it_was_meant() {
    for truth in [TRUTH, [11, 7, 0, 0, 0]] {
        for sample in samples(truth) {
            let metered = sample.read(&sample.parts.concat(), &[usize::MAX >> 1], true);
            assert_eq!((metered.usage, metered.reading), (sample.expected, sample.reading), "{}", sample.name);
        }
    }
}

#[test]
fn what_bedrock_refused_used_nothing() {
    for sample in samples(TRUTH) {
        let mut meter = sample.meter(StatusCode::TOO_MANY_REQUESTS);
        meter.push(&sample.parts.concat());
        assert_eq!(meter.read(true).reading, Reading::Free, "{}", sample.name);
    }
}

/// Of a stream without its last part, what came before counts and no more is claimed.
#[test]
fn a_stream_broken_half_way_keeps_what_was_reported() {
    for sample in samples(TRUTH).into_iter().filter(|sample| sample.parts.len() > 1) {
        let known = |usage: Usage| (usage.input, usage.output, usage.cache_read);
        let first = sample.read(&sample.parts[0], &[5], false);
        let expected = match sample.name {
            "anthropic stream" | "messages stream" => (Reading::Partial, (Some(11), Some(1), Some(500))),
            "llama stream" => (Reading::Partial, (Some(11), Some(1), None)),
            "agent" => (Reading::Partial, (Some(11), Some(7), None)),
            _ => (Reading::Unknown, (None, None, None)),
        };
        assert_eq!((first.reading, known(first.usage)), expected, "{}", sample.name);
        let all = sample.parts.concat();
        for length in 0..all.len() {
            let metered = sample.read(&all[..length], &[64], false);
            let more = metered.usage.output > sample.expected.output;
            assert!(!more || sample.expected.output.is_none(), "{} at {length}: {metered:?}", sample.name);
        }
    }
}

#[test]
fn an_exception_in_the_stream_is_told() {
    let headers = [(":exception-type", "throttlingException"), (":message-type", "exception")];
    let sample = &converse_samples(TRUTH)[1];
    let stream = [&sample.parts[0][..], &encode(&headers, br#"{"message":"slow down"}"#)].concat();
    let metered = sample.read(&stream, &[10], true);
    assert_eq!((metered.reading, metered.exception.as_deref()), (Reading::Unknown, Some("throttlingException")));
}

/// Some imported models stream the way OpenAI does, with counts in every chunk and none of Bedrock's metrics.
#[test]
fn without_metrics_the_last_chunks_own_usage_closes_the_call() {
    let counts = |output: u32| chunk(&json!({ "usage": { "prompt_tokens": 11, "completion_tokens": output } }));
    let parts = vec![counts(1), counts(4), counts(7)];
    let sample = sample("imported", Shape::Invoke, FRAMES, parts, uncached(TRUTH));
    let whole = sample.read(&sample.parts.concat(), &[50], true);
    assert_eq!((whole.reading, whole.usage), (Reading::Complete, uncached(TRUTH)));
    let half = [&sample.parts[0][..], &chunk(&json!({ "choices": [] }))].concat();
    let half = sample.read(&half, &[50], false);
    assert_eq!((half.reading, half.usage.output), (Reading::Partial, Some(1)));
}

#[test]
fn positions_are_those_of_the_form() {
    let position = |name: &str, length: usize| {
        let sample = samples(TRUTH).into_iter().find(|sample| sample.name == name).unwrap();
        let mut meter = sample.meter(StatusCode::OK);
        meter.push(&sample.parts.concat()[..length]);
        meter.position()
    };
    assert_eq!(position("converse stream", 0), Position::BetweenFrames);
    assert_eq!(position("converse stream", 20), Position::InsideFrame);
    assert_eq!(position("chat stream", 0), Position::BetweenEvents);
    assert_eq!(position("chat stream", 20), Position::Elsewhere);
    assert_eq!(position("converse", 0), Position::Elsewhere);
}

#[test]
fn a_compressed_body_is_not_read() {
    let mut sample = samples(TRUTH).remove(0);
    sample.headers.push(("content-encoding", "gzip".to_owned()));
    assert_eq!(sample.read(&sample.parts.concat(), &[99], true).reading, Reading::Unknown);
}

proptest! {
    #[test]
    fn chunks_cut_anywhere_give_what_the_whole_gives(
        truth: [u32; 5],
        cuts in prop::collection::vec(1_usize..80, 1..40),
    ) {
        for sample in samples(truth) {
            let metered = sample.read(&sample.parts.concat(), &cuts, true);
            prop_assert_eq!((metered.usage, metered.reading), (sample.expected, sample.reading), "{}", sample.name);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        for sample in samples(TRUTH) {
            sample.read(&bytes, &[7], true);
        }
    }
}
