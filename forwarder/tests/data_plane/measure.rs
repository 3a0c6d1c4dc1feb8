//! Not a test: it prints what the meter costs alone. What a whole call costs is for `make bench`.
//!
//! `cargo test --release -p aigw-forwarder --test data_plane measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use aigw_forwarder::meter::{Meter, Reading, Shape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::support::frames;

/// Events of a stream of ordinary length.
const EVENTS: usize = 500;
/// What a read from a socket usually brings.
const READ: usize = 8 << 10;

fn text(number: usize) -> String {
    format!("some words of answer number {number}, as a model writes them; ").repeat(2)
}

fn stream(event: &str, payloads: impl Iterator<Item = Value>) -> Vec<u8> {
    payloads.flat_map(|payload| frames::event(event, &payload)).collect()
}

/// Meters `body` in reads of the usual size, often enough; returns the time for one.
fn time(shape: Shape, content_type: &'static str, body: &[u8]) -> Duration {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", content_type.parse().unwrap());
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let started = Instant::now();
        let mut meter = Meter::new(shape, StatusCode::OK, &headers);
        for read in body.chunks(READ) {
            meter.push(read);
        }
        let metered = meter.read(true);
        best = best.min(started.elapsed());
        assert_eq!((metered.reading, metered.usage.output), (Reading::Complete, Some(7)));
    }
    best
}

#[test]
#[ignore = "a measurement, not a check"]
fn measure_the_meter() {
    let bedrock = json!({ "inputTokens": 5, "outputTokens": 7 });
    let deltas = || (0..EVENTS).map(|at| json!({ "contentBlockIndex": 0, "delta": { "text": text(at) }, "p": "abcd" }));
    let mut converse = stream("contentBlockDelta", deltas());
    converse.extend(frames::event("metadata", &json!({ "usage": bedrock })));
    let chunk = |payload: Value| json!({ "bytes": STANDARD.encode(payload.to_string()) });
    let mut invoke = stream("chunk", deltas().map(chunk));
    let metrics = json!({ "amazon-bedrock-invocationMetrics": { "inputTokenCount": 5, "outputTokenCount": 7 } });
    invoke.extend(frames::event("chunk", &chunk(metrics)));
    let chat = |content: String| json!({ "choices": [{ "index": 0, "delta": { "content": content } }], "usage": null });
    let events = |chunk: &dyn Fn(usize) -> Value| -> String {
        (0..EVENTS).map(|at| chunk(at).to_string()).fold(String::new(), |all, data| all + "data: " + &data + "\n\n")
    };
    let last = json!({ "usage": { "prompt_tokens": 5, "completion_tokens": 7 } });
    let with_null = events(&|at| chat(text(at))) + &format!("data: {last}\n\n");
    let delta = json!({ "usage": { "input_tokens": 5, "output_tokens": 7 } });
    let without = events(&|at| json!({ "delta": { "text": text(at) } })) + &format!("data: {delta}\n\n");
    let whole =
        json!({ "output": { "message": { "content": [{ "text": text(0).repeat(8_000) }] } }, "usage": bedrock });
    let whole = whole.to_string();
    for (name, shape, content_type, body) in [
        ("ConverseStream", Shape::Converse, "application/vnd.amazon.eventstream", &converse[..]),
        ("invoke stream", Shape::Invoke, "application/vnd.amazon.eventstream", &invoke),
        ("Messages", Shape::Messages, "text/event-stream", without.as_bytes()),
        ("Chat Completions", Shape::ChatCompletions, "text/event-stream", with_null.as_bytes()),
    ] {
        let time = time(shape, content_type, body);
        let each = time.as_nanos() / EVENTS as u128;
        println!("{name}: {EVENTS} events of {} bytes, {time:?}, {each} ns each", body.len() / EVENTS);
    }
    println!("Converse: {} bytes in {:?}", whole.len(), time(Shape::Converse, "application/json", whole.as_bytes()));
}
