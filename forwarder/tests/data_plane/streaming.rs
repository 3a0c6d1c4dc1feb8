//! Responses pass as they arrive, and an incomplete one never looks complete.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;

use crate::support::frames::frame;
use crate::support::runtime_api::Seen;
use crate::support::world::{World, converse, error, event};

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

fn broken() -> io::Error {
    io::Error::other("broken on purpose")
}

async fn data(world: &World) -> Bytes {
    match world.api.next_seen().await {
        Seen::Data(bytes) => bytes,
        other => panic!("unexpected {other:?}"),
    }
}

#[tokio::test]
async fn chunks_are_passed_before_the_response_ends() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed("text/event-stream");
    world
        .forwarder(async {
            feed.send(Ok("one".into())).unwrap();
            world.begin(&converse());
            assert!(matches!(world.api.next_seen().await, Seen::Post { .. }));
            assert!(data(&world).await.ends_with(b"\0one"));
            for chunk in ["two", "three"] {
                feed.send(Ok(chunk.into())).unwrap();
                assert_eq!(data(&world).await, chunk);
            }
            drop(feed);
            assert!(matches!(world.api.next_seen().await, Seen::End));
        })
        .await;
}

#[tokio::test]
async fn prelude_and_first_bytes_leave_in_one_piece() {
    let world = World::new().await;
    world
        .forwarder(async {
            let response = world.call(&converse()).await;
            assert!(response.first_frame.starts_with(b"{\"statusCode\":200"));
            assert!(response.first_frame.ends_with(b"\0\0\0\0\0\0\0\0{\"ok\":true}"));
        })
        .await;
}

#[tokio::test]
async fn a_head_without_bytes_does_not_wait_for_them() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed(EVENT_STREAM);
    world
        .forwarder(async {
            world.begin(&converse());
            assert!(matches!(world.api.next_seen().await, Seen::Post { .. }));
            assert!(data(&world).await.ends_with(b"}\0\0\0\0\0\0\0\0"));
            drop(feed);
            assert!(matches!(world.api.next_seen().await, Seen::End));
        })
        .await;
}

#[tokio::test]
async fn an_event_stream_that_breaks_between_frames_ends_with_an_exception_frame() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed(EVENT_STREAM);
    world
        .forwarder(async {
            let whole = frame(&[], b"{\"p\":1}");
            feed.send(Ok(whole.slice(..5))).unwrap();
            feed.send(Ok(whole.slice(5..))).unwrap();
            world.begin(&converse());
            assert!(matches!(world.api.next_seen().await, Seen::Post { .. }));
            // Only what has arrived can be followed: break after the frame was passed.
            let mut passed = Vec::new();
            while !passed.ends_with(&whole) {
                passed.extend(data(&world).await);
            }
            feed.send(Err(broken())).unwrap();
            let exception = data(&world).await;
            assert!(matches!(world.api.next_seen().await, Seen::End));

            let end = exception.len() - 4;
            assert_eq!(exception[..4], u32::try_from(exception.len()).unwrap().to_be_bytes());
            assert_eq!(exception[8..12], crc32fast::hash(&exception[..8]).to_be_bytes());
            assert_eq!(exception[end..], crc32fast::hash(&exception[..end]).to_be_bytes());
            let text = String::from_utf8_lossy(&exception);
            assert!(text.contains("internalServerException") && text.contains("Bedrock broke off"), "{text}");
            assert_eq!(world.log.lines(1).await[0]["outcome"], "broken");
        })
        .await;
}

#[tokio::test]
async fn anything_else_that_breaks_ends_with_trailers() {
    let cases: [(&str, Bytes); 4] = [
        (EVENT_STREAM, frame(&[], b"{}").slice(..9)),
        ("application/json", "{\"a\":".into()),
        ("text/event-stream", "data: {\"a\":".into()),
        ("text/event-stream", "data: {}\n".into()),
    ];
    for (content_type, sent) in cases {
        let world = World::new().await;
        let feed = world.bedrock.answer_fed(content_type);
        world
            .forwarder(async {
                feed.send(Ok(sent.clone())).unwrap();
                world.begin(&converse());
                assert!(matches!(world.api.next_seen().await, Seen::Post { .. }));
                let mut passed = Vec::new();
                while !passed.ends_with(&sent) {
                    passed.extend(data(&world).await);
                }
                feed.send(Err(broken())).unwrap();
                let Seen::Trailers(trailers) = world.api.next_seen().await else { panic!("no trailers") };
                assert!(matches!(world.api.next_seen().await, Seen::End));

                assert_eq!(trailers["lambda-runtime-function-error-type"], "Gateway.ResponseIncomplete");
                let document = STANDARD.decode(&trailers["lambda-runtime-function-error-body"]).unwrap();
                let document: Value = serde_json::from_slice(&document).unwrap();
                assert_eq!(document["errorMessage"], "Bedrock broke off its response");
                assert_eq!(world.log.lines(1).await[0]["outcome"], "broken");
            })
            .await;
    }
}

#[tokio::test]
async fn a_response_without_a_single_byte_becomes_an_honest_error() {
    for content_type in ["application/json", EVENT_STREAM] {
        let world = World::new().await;
        let feed = world.bedrock.answer_fed(content_type);
        world
            .forwarder(async {
                world.begin(&converse());
                world.bedrock.arrival().await;
                feed.send(Err(broken())).unwrap();
                // The break races with the head: an error response, or what follows a head; never a good end.
                let response = world.api.streamed().await;
                if response.prelude["statusCode"] == 503 {
                    assert_eq!(error(&response).1, "ServiceUnavailableException");
                } else if content_type == EVENT_STREAM {
                    assert!(String::from_utf8_lossy(&response.body).contains("internalServerException"));
                } else {
                    assert!(response.body.is_empty() && response.trailers.is_some());
                }
                let line = &world.log.lines(1).await[0];
                assert_eq!((&line["outcome"], &line["usage"]), (&"broken".into(), &"unknown".into()));
            })
            .await;
    }
}

#[tokio::test]
async fn the_deadline_ends_a_stream_before_lambda_does() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed(EVENT_STREAM);
    world
        .forwarder(async {
            feed.send(Ok(frame(&[], b"{}"))).unwrap();
            world.api.push(&converse(), Duration::from_millis(2_300));
            let response = world.api.streamed().await;
            let text = String::from_utf8_lossy(&response.body);
            assert!(text.contains("internalServerException") && text.contains("longer than the gateway allows"));
        })
        .await;
}

#[tokio::test]
async fn a_deadline_before_the_head_is_a_504() {
    let world = World::new().await;
    world
        .forwarder(async {
            world.api.push(&converse(), Duration::ZERO);
            assert_eq!(error(&world.api.streamed().await).0, 504);
        })
        .await;
}

#[tokio::test]
async fn when_nobody_listens_any_more_bedrocks_response_is_dropped() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed(EVENT_STREAM);
    *world.api.refuse_responses.lock().unwrap() = Some(StatusCode::GONE);
    world
        .forwarder(async {
            world.begin(&converse());
            feed.closed().await;
            assert_eq!(world.log.lines(1).await[0]["outcome"], "gone");
            *world.api.refuse_responses.lock().unwrap() = None;
            assert_eq!(world.call(&converse()).await.prelude["statusCode"], 200);
        })
        .await;
}

/// Lets time pass for the function without waiting for it. Nothing may be under way but what waits for time.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn server_sent_events_that_break_between_two_end_with_an_error_event() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed("text/event-stream");
    world
        .forwarder(async {
            let sent = "data: {\"choices\":[]}\n\n";
            feed.send(Ok(sent.into())).unwrap();
            world.begin(&event("POST", "/bedrock-runtime/openai/v1/chat/completions"));
            assert!(matches!(world.api.next_seen().await, Seen::Post { .. }));
            assert!(data(&world).await.ends_with(sent.as_bytes()));
            feed.send(Err(broken())).unwrap();
            let last = data(&world).await;
            assert!(matches!(world.api.next_seen().await, Seen::End));

            let text = std::str::from_utf8(&last).unwrap();
            let json = text.strip_prefix("event: error\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
            let json: Value = serde_json::from_str(json).unwrap();
            assert_eq!((&json["type"], &json["error"]["type"]), (&"error".into(), &"api_error".into()));
            assert_eq!(json["error"]["message"], "Bedrock broke off its response");
            assert_eq!(world.log.lines(1).await[0]["outcome"], "broken");
        })
        .await;
}

#[tokio::test]
async fn a_transfer_that_ends_well_inside_a_frame_is_incomplete() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed(EVENT_STREAM);
    world
        .forwarder(async {
            feed.send(Ok(frame(&[], b"{}"))).unwrap();
            feed.send(Ok(frame(&[], b"{}").slice(..9))).unwrap();
            drop(feed);
            let response = world.call(&converse()).await;
            assert_eq!(response.body.len(), frame(&[], b"{}").len() + 9);
            assert_eq!(response.trailers.unwrap()["lambda-runtime-function-error-type"], "Gateway.ResponseIncomplete");
            let line = &world.log.lines(1).await[0];
            let expected = "Bedrock ended its response in the middle of an event";
            assert_eq!((&line["outcome"], &line["cause"]), (&"broken".into(), &expected.into()));
        })
        .await;
}

#[tokio::test]
async fn a_first_byte_may_take_minutes() {
    let world = World::new().await;
    world
        .forwarder(async {
            let hold = world.bedrock.held.write().await;
            world.api.push(&converse(), Duration::from_mins(15));
            world.bedrock.arrival().await;
            pass(Duration::from_mins(12)).await;
            drop(hold);
            assert_eq!(world.api.streamed().await.body, r#"{"ok":true}"#);
        })
        .await;
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_ended_before_api_gateway_does() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed(EVENT_STREAM);
    world
        .forwarder(async {
            world.api.push(&converse(), Duration::from_mins(15));
            for pause in [0, 280, 280, 291] {
                pass(Duration::from_secs(pause)).await;
                if pause < 290 {
                    feed.send(Ok(frame(&[], b"{}"))).unwrap();
                    while !matches!(world.api.next_seen().await, Seen::Data(bytes) if bytes.ends_with(&frame(&[], b"{}"))) {}
                }
            }
            let last = data(&world).await;
            assert!(String::from_utf8_lossy(&last).contains("Bedrock sent nothing for 290 s"));
            assert!(matches!(world.api.next_seen().await, Seen::End));
        })
        .await;
}

/// Sockets take some megabytes; beyond them nothing may be read ahead.
#[tokio::test]
async fn when_the_client_stops_reading_so_does_the_function() {
    const CHUNK: usize = 64 << 10;
    const CHUNKS: usize = 2_000;
    let world = World::new().await;
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let chunk = Bytes::from(vec![b' '; CHUNK]);
    let chunks = futures::stream::iter(0..CHUNKS).map(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, io::Error>(Frame::data(chunk.clone()))
    });
    world.bedrock.answer(Response::new(BodyExt::boxed(StreamBody::new(chunks))));
    world
        .forwarder(async {
            let hold = world.api.held.write().await;
            world.begin(&converse());
            let mut before = usize::MAX;
            while before != taken.load(Ordering::Relaxed) {
                before = taken.load(Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            assert!(before > 0 && before < CHUNKS / 3, "{before} chunks were taken");
            drop(hold);
            assert_eq!(world.api.streamed().await.body.len(), CHUNK * CHUNKS);
        })
        .await;
}
