//! What a call used, from Bedrock's wire to the line in the log. Every detail of every shape is a case of the meter's
//! own tests; here one of each goes the whole way, whole and broken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::support::frames;
use crate::support::http::full;
use crate::support::runtime_api::Seen;
use crate::support::world::{World, event};

const FRAMES: &str = "application/vnd.amazon.eventstream";
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// A response in the pieces in which it is sent, and what is to be logged of it.
struct Case {
    path: &'static str,
    body: &'static str,
    content_type: &'static str,
    pieces: Vec<Bytes>,
    /// `usage`, then all input, output, read from the cache, written to it.
    whole: (&'static str, [u64; 4]),
    /// The same after the first piece alone; zeros stand for what must be absent.
    first: (&'static str, [u64; 4]),
}

const UNKNOWN: (&str, [u64; 4]) = ("unknown", [0; 4]);

fn chunk(payload: &Value) -> Bytes {
    frames::event("chunk", &json!({ "bytes": STANDARD.encode(payload.to_string()) }))
}

fn sse(payload: &Value) -> Bytes {
    format!("data: {payload}\n\n").into()
}

fn cases() -> Vec<Case> {
    let bedrock =
        json!({ "inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 2 });
    let anthropic = json!({
        "input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2,
    });
    let chat = json!({ "prompt_tokens": 15, "completion_tokens": 5, "prompt_tokens_details": { "cached_tokens": 3 } });
    let responses = json!({ "input_tokens": 15, "output_tokens": 5, "input_tokens_details": { "cached_tokens": 3 } });
    let metrics = json!({
        "inputTokenCount": 10, "outputTokenCount": 5, "cacheReadInputTokenCount": 3, "cacheWriteInputTokenCount": 2,
    });
    let begun = json!({ "type": "message_start", "message": { "usage": anthropic } });
    let delta = json!({ "type": "message_delta", "usage": { "output_tokens": 5 } });
    let case = |path, body, content_type, pieces, whole, first| Case {
        path,
        body,
        content_type,
        pieces,
        whole: ("complete", whole),
        first,
    };
    vec![
        case(
            "/model/m1/converse",
            "{}",
            JSON,
            vec!["{\"output\":1,".into(), format!("\"usage\":{bedrock}}}").into()],
            [15, 5, 3, 2],
            UNKNOWN,
        ),
        case(
            "/model/m1/converse-stream",
            "{}",
            FRAMES,
            vec![frames::event("messageStart", &json!({})), frames::event("metadata", &json!({ "usage": bedrock }))],
            [15, 5, 3, 2],
            UNKNOWN,
        ),
        case(
            "/model/m1/invoke-with-response-stream",
            "{}",
            FRAMES,
            vec![
                chunk(&begun),
                chunk(&delta),
                chunk(&json!({ "type": "message_stop", "amazon-bedrock-invocationMetrics": metrics })),
            ],
            [15, 5, 3, 2],
            ("partial", [15, 1, 3, 2]),
        ),
        case(
            "/openai/v1/chat/completions",
            r#"{"model":"m1"}"#,
            EVENTS,
            vec![sse(&json!({ "choices": [1], "usage": null })), sse(&json!({ "choices": [], "usage": chat }))],
            [15, 5, 3, 0],
            UNKNOWN,
        ),
        case(
            "/openai/v1/responses",
            r#"{"model":"m1"}"#,
            EVENTS,
            vec![
                sse(&json!({ "response": { "usage": null } })),
                sse(&json!({ "type": "response.completed", "response": { "usage": responses } })),
            ],
            [15, 5, 3, 0],
            UNKNOWN,
        ),
        case(
            "/anthropic/v1/messages",
            r#"{"model":"m1"}"#,
            EVENTS,
            vec![sse(&begun), sse(&delta)],
            [15, 5, 3, 2],
            ("partial", [15, 1, 3, 2]),
        ),
    ]
}

fn request(case: &Case) -> Value {
    let mut event = event("POST", &format!("/bedrock-runtime{}", case.path));
    event["body"] = case.body.into();
    event
}

fn check(case: &Case, line: &Value, expected: (&str, [u64; 4]), zeros_are_absent: bool) {
    assert_eq!(line["usage"], expected.0, "{}: {line}", case.path);
    assert_eq!(line["gen_ai.request.model"], "m1");
    let names = ["input_tokens", "output_tokens", "cache_read.input_tokens", "cache_creation.input_tokens"];
    for (name, count) in names.into_iter().zip(expected.1) {
        let found = line.get(format!("gen_ai.usage.{name}")).and_then(Value::as_u64);
        let expected = Some(count).filter(|count| *count > 0 || !zeros_are_absent);
        assert_eq!(found, expected, "{name} of {}", case.path);
    }
}

#[tokio::test]
async fn every_shape_is_metered_and_passes_byte_for_byte() {
    for case in cases() {
        let world = World::new().await;
        let feed = world.bedrock.answer_fed(case.content_type);
        world
            .forwarder(async {
                for piece in &case.pieces {
                    feed.send(Ok(piece.clone())).unwrap();
                }
                drop(feed);
                let response = world.call(&request(&case)).await;
                assert_eq!(response.body, case.pieces.concat());
                let line = &world.log.lines(1).await[0];
                check(&case, line, case.whole, false);
                assert_eq!(line["outcome"], "complete");
                let directive = &line["_aws"]["CloudWatchMetrics"][0];
                assert_eq!(directive["Dimensions"], json!([["gateway", "family", "outcome"]]));
            })
            .await;
    }
}

#[tokio::test]
async fn a_response_that_breaks_half_way_keeps_what_was_reported() {
    for case in cases() {
        let world = World::new().await;
        let feed = world.bedrock.answer_fed(case.content_type);
        world
            .forwarder(async {
                let first = case.pieces[0].clone();
                feed.send(Ok(first.clone())).unwrap();
                world.begin(&request(&case));
                while !matches!(world.api.next_seen().await, Seen::Data(bytes) if bytes.ends_with(&first)) {}
                feed.send(Err(std::io::Error::other("broken on purpose"))).unwrap();
                let line = &world.log.lines(1).await[0];
                check(&case, line, case.first, true);
                assert_eq!((&line["outcome"], &line["unknownUsage"]), (&json!("broken"), &json!(1)));
            })
            .await;
    }
}

#[tokio::test]
async fn token_headers_are_read_and_reach_the_client() {
    let world = World::new().await;
    let response = Response::builder().header("content-type", JSON).header("x-amzn-bedrock-input-token-count", "10");
    let response = response.header("x-amzn-bedrock-output-token-count", "5").body(full("{}")).unwrap();
    world.bedrock.answer(response);
    world
        .forwarder(async {
            let response = world.call(&event("POST", "/bedrock-runtime/model/a%3Ab/invoke")).await;
            assert_eq!(response.prelude["multiValueHeaders"]["x-amzn-bedrock-input-token-count"], json!(["10"]));
            let line = &world.log.lines(1).await[0];
            assert_eq!((&line["usage"], &line["gen_ai.usage.input_tokens"]), (&json!("complete"), &json!(10)));
            assert_eq!(line["gen_ai.request.model"], "a:b");
        })
        .await;
}

#[tokio::test]
async fn what_bedrock_refuses_used_nothing() {
    let world = World::new().await;
    let response = Response::builder().status(429).header("x-amzn-errortype", "ThrottlingException:http://x");
    world.bedrock.answer(response.body(full("{}")).unwrap());
    world
        .forwarder(async {
            world.call(&event("POST", "/bedrock-runtime/model/m/converse")).await;
            let line = &world.log.lines(1).await[0];
            assert_eq!((&line["outcome"], &line["usage"]), (&json!("rejected"), &json!("free")));
            assert_eq!((&line["error.type"], &line["status"]), (&json!("ThrottlingException"), &json!(429)));
        })
        .await;
}
