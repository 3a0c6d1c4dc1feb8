//! A fake Bedrock: records and verifies what arrives, answers as told.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::{RwLock, mpsc};
use tokio_rustls::TlsAcceptor;

use super::http::{Body, full, json as respond, spawn_behind};
use super::sigv4;

/// Where client programs look up what arrived, and make the fake forget it.
const REQUESTS: &str = "/_stub/requests";

/// A request as it arrived.
pub struct Arrived {
    pub parts: Parts,
    pub body: Bytes,
    pub signed_headers: Vec<String>,
}

/// Where a request led.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    pub method: String,
    pub path: String,
    pub host: String,
}

type Answer = Box<dyn FnOnce() -> Response<Body> + Send>;

#[derive(Clone)]
pub struct FakeBedrock {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    destinations: Arc<Mutex<BTreeSet<Destination>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
    /// While held, requests are recorded and wait for their answer.
    pub held: Arc<RwLock<()>>,
}

/// Feeds a body that is sent while the test goes on. An `Err` breaks the connection.
pub type Feed = mpsc::UnboundedSender<Result<Bytes, io::Error>>;

impl FakeBedrock {
    pub fn new() -> Self {
        Self { arrived: Arc::default(), destinations: Arc::default(), answers: Arc::default(), held: Arc::default() }
    }

    pub async fn spawn(&self, tls: Option<TlsAcceptor>) -> SocketAddr {
        let bedrock = self.clone();
        spawn_behind(tls, move |request| bedrock.clone().respond(request)).await
    }

    /// Answers the next request this way; without any the answer is `{"ok":true}`.
    pub fn answer(&self, response: Response<Body>) {
        self.answers.lock().unwrap().push(Box::new(move || response));
    }

    /// Answers the next request with a body that the test feeds.
    pub fn answer_fed(&self, content_type: &'static str) -> Feed {
        let (feed, receiver) = mpsc::unbounded_channel::<Result<Bytes, io::Error>>();
        let stream = futures_body(receiver);
        self.answer(Response::builder().header("content-type", content_type).body(stream).unwrap());
        feed
    }

    /// Waits until a request has arrived.
    pub async fn arrival(&self) {
        while self.arrived.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub fn take_arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }

    /// Every distinct destination since the beginning.
    pub fn destinations(&self) -> BTreeSet<Destination> {
        self.destinations.lock().unwrap().clone()
    }

    /// What arrived, in the form of the local environment's Bedrock stub.
    fn show(&self, method: &Method) -> Response<Body> {
        if method == Method::DELETE {
            self.take_arrived();
        }
        respond(200, &self.arrived.lock().unwrap().iter().map(record).collect())
    }

    async fn respond(self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if parts.uri.path() == REQUESTS {
            return self.show(&parts.method);
        }
        let signed_headers = sigv4::verify(&parts, &body, service(&parts));
        self.destinations.lock().unwrap().insert(Destination {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            host: parts.headers["host"].to_str().unwrap().to_owned(),
        });
        self.arrived.lock().unwrap().push(Arrived { parts, body, signed_headers });
        drop(self.held.read().await);
        let mut answers = self.answers.lock().unwrap();
        if answers.is_empty() {
            let response = Response::builder().header("content-type", "application/json");
            return response.header("x-amzn-requestid", "bedrock-1").body(full(r#"{"ok":true}"#)).unwrap();
        }
        answers.remove(0)()
    }
}

/// Service name a request must be signed for.
fn service(parts: &Parts) -> &'static str {
    let agentcore = parts.headers["host"].to_str().unwrap().starts_with("bedrock-agentcore");
    if agentcore { "bedrock-agentcore" } else { "bedrock" }
}

fn record(arrived: &Arrived) -> Value {
    let Arrived { parts, body, signed_headers: _ } = arrived;
    let mut headers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in &parts.headers {
        headers.entry(name.as_str()).or_default().push(value.to_str().unwrap());
    }
    json!({
        "method": parts.method.as_str(), "target": parts.uri.path_and_query().unwrap().as_str(),
        "host": headers["host"][0], "headers": headers, "body": std::str::from_utf8(body).unwrap(), "signature": "ok",
    })
}

fn futures_body(mut receiver: mpsc::UnboundedReceiver<Result<Bytes, io::Error>>) -> Body {
    let stream = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    BodyExt::boxed(StreamBody::new(futures::StreamExt::map(stream, |chunk| chunk.map(Frame::data))))
}
