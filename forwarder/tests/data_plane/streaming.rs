//! Responses pass as they arrive, and an incomplete one never looks complete.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::support::runtime_api::Seen;
use crate::support::world::{World, converse, error};

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// An event-stream frame without headers.
fn frame(payload: &[u8]) -> Bytes {
    let total = u32::try_from(16 + payload.len()).unwrap();
    let mut frame = [total.to_be_bytes(), [0; 4]].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.into()
}

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
            let whole = frame(b"{\"p\":1}");
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
    for (content_type, sent) in [(EVENT_STREAM, frame(b"{}").slice(..9)), ("application/json", "{\"a\":".into())] {
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
    let world = World::new().await;
    let feed = world.bedrock.answer_fed("application/json");
    world
        .forwarder(async {
            world.begin(&converse());
            while world.bedrock.take_arrived().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            feed.send(Err(broken())).unwrap();
            // The break races with the head: an error response, or a prelude and trailers; never a good end.
            let response = world.api.streamed().await;
            match response.trailers {
                Some(_) => assert!(response.body.is_empty()),
                None => assert_eq!(error(&response).0, 503, "{response:?}"),
            }
        })
        .await;
}

#[tokio::test]
async fn the_deadline_ends_a_stream_before_lambda_does() {
    let world = World::new().await;
    let feed = world.bedrock.answer_fed(EVENT_STREAM);
    world
        .forwarder(async {
            feed.send(Ok(frame(b"{}"))).unwrap();
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
