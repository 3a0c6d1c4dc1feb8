//! A fake Lambda Runtime API for one function: hands out events, takes answers, streamed or not, and notes when each
//! piece of the client's body came.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use crate::Outcome;
use crate::net::{Answer, serve};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
/// Ends the prelude of a streamed answer.
const DELIMITER: [u8; 8] = [0; 8];
const LASTS: Duration = Duration::from_mins(5);

/// The harness's end of it.
pub struct RuntimeApi {
    /// Where the function finds it.
    pub address: SocketAddr,
    events: mpsc::UnboundedSender<Bytes>,
    polled: mpsc::UnboundedReceiver<Instant>,
    answers: mpsc::UnboundedReceiver<Answered>,
}

/// The function's end of it.
#[derive(Clone)]
struct Served {
    events: Arc<Mutex<mpsc::UnboundedReceiver<Bytes>>>,
    polled: mpsc::UnboundedSender<Instant>,
    answers: mpsc::UnboundedSender<Answered>,
}

/// The body a client would have got.
#[derive(Debug, Default)]
pub struct Answered {
    /// When how many bytes had come.
    pub arrivals: Vec<(Instant, usize)>,
    /// The bytes.
    pub body: Vec<u8>,
    /// HTTP status.
    pub status: u64,
}

impl RuntimeApi {
    /// Starts one.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start() -> Outcome<Self> {
        let (events, queue) = mpsc::unbounded_channel();
        let (polls, polled) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let served = Served { events: Arc::new(Mutex::new(queue)), polled: polls, answers: answered };
        let address = serve(None, move |request| served.clone().answer(request)).await?;
        Ok(Self { address, events, polled, answers })
    }

    /// Waits until the function asks for an invocation; returns when it did.
    ///
    /// # Errors
    /// Where the fake is gone.
    pub async fn ready(&mut self) -> Outcome<Instant> {
        self.polled.recv().await.ok_or_else(|| "the fake Runtime API ended".into())
    }

    /// Hands out an event to the function that asked for one, and waits for the whole answer.
    ///
    /// # Errors
    /// Where the function answers with an error or with something else than Lambda takes.
    pub async fn invoke(&mut self, event: Bytes) -> Outcome<Answered> {
        self.events.send(event)?;
        self.answers.recv().await.ok_or_else(|| "the fake Runtime API ended".into())
    }
}

impl Served {
    async fn answer(self, request: Request<Incoming>) -> Response<Answer> {
        if request.uri().path() == NEXT {
            return self.next().await;
        }
        let path = request.uri().path().to_owned();
        let streamed = request.headers().contains_key("lambda-runtime-function-response-mode");
        let answered = if path.ends_with("/response") {
            take(request.into_body(), streamed).await.unwrap_or_default()
        } else {
            failed(request.into_body()).await
        };
        let _ = self.answers.send(answered);
        let mut response = Response::new(Answer::whole(r#"{"status":"OK"}"#));
        *response.status_mut() = http::StatusCode::ACCEPTED;
        response
    }

    async fn next(self) -> Response<Answer> {
        let _ = self.polled.send(Instant::now());
        let Some(event) = self.events.lock().await.recv().await else { return std::future::pending().await };
        let deadline = (SystemTime::now() + LASTS).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:111122223333:function:f")
            .header("lambda-runtime-trace-id", "Root=1-69249c3c-0123456789abcdef01234567;Sampled=0")
            .header("content-type", "application/json");
        response.body(Answer::whole(event)).unwrap_or_else(|_| Response::new(Answer::whole("")))
    }
}

/// An error in place of an answer: what it says in place of a body, and no arrival of it.
async fn failed(body: Incoming) -> Answered {
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Answered { body: body.to_vec(), ..Answered::default() }
}

/// Takes an answer; `None` where Lambda would not.
async fn take(mut body: Incoming, streamed: bool) -> Option<Answered> {
    let mut answered = Answered::default();
    let mut head: Option<Vec<u8>> = streamed.then(Vec::new);
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.ok()?.into_data() else { continue };
        let now = Instant::now();
        match &mut head {
            None => answered.body.extend_from_slice(&bytes),
            Some(begun) => {
                begun.extend_from_slice(&bytes);
                let Some(end) = begun.windows(DELIMITER.len()).position(|window| window == DELIMITER) else { continue };
                answered.body = begun.split_off(end + DELIMITER.len());
                begun.truncate(end);
                let prelude: Value = serde_json::from_slice(begun).ok()?;
                answered.status = prelude["statusCode"].as_u64()?;
                head = None;
            }
        }
        if !answered.body.is_empty() {
            answered.arrivals.push((now, answered.body.len()));
        }
    }
    if streamed { Some(answered) } else { buffered(&answered.body) }
}

/// A buffered answer is one JSON document, of which a client gets nothing before its end.
fn buffered(document: &[u8]) -> Option<Answered> {
    let end = Instant::now();
    let document: Value = serde_json::from_slice(document).ok()?;
    let text = document["body"].as_str()?;
    let body = match document["isBase64Encoded"].as_bool() {
        Some(true) => STANDARD.decode(text).ok()?,
        _ => text.as_bytes().to_vec(),
    };
    let status = document["statusCode"].as_u64()?;
    Some(Answered { arrivals: vec![(end, body.len())], body, status })
}
