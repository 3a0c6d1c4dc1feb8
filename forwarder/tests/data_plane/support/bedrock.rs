//! A fake Bedrock: records and verifies what arrives, answers as told.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use tokio::sync::{RwLock, mpsc};
use tokio_rustls::TlsAcceptor;

use super::http::{Body, full, spawn_behind};
use super::sigv4;

/// A request as it arrived.
pub struct Arrived {
    pub parts: Parts,
    pub body: Bytes,
    pub signed_headers: Vec<String>,
}

type Answer = Box<dyn FnOnce() -> Response<Body> + Send>;

#[derive(Clone)]
pub struct FakeBedrock {
    service: Arc<Mutex<&'static str>>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
    /// While held, requests are recorded and wait for their answer.
    pub held: Arc<RwLock<()>>,
}

/// Feeds a body that is sent while the test goes on. An `Err` breaks the connection.
pub type Feed = mpsc::UnboundedSender<Result<Bytes, io::Error>>;

impl FakeBedrock {
    pub fn new() -> Self {
        Self {
            service: Arc::new(Mutex::new("bedrock")),
            arrived: Arc::default(),
            answers: Arc::default(),
            held: Arc::default(),
        }
    }

    pub async fn spawn(&self, tls: Option<TlsAcceptor>) -> SocketAddr {
        let bedrock = self.clone();
        spawn_behind(tls, move |request| bedrock.clone().respond(request)).await
    }

    /// Service name that requests must be signed for from now on.
    pub fn expect_service(&self, name: &'static str) {
        *self.service.lock().unwrap() = name;
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

    async fn respond(self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let service = *self.service.lock().unwrap();
        let signed_headers = sigv4::verify(&parts, &body, service);
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

fn futures_body(mut receiver: mpsc::UnboundedReceiver<Result<Bytes, io::Error>>) -> Body {
    let stream = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    BodyExt::boxed(StreamBody::new(futures::StreamExt::map(stream, |chunk| chunk.map(Frame::data))))
}
