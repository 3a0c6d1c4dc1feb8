//! A fake Lambda Runtime API: hands out events, records what is posted frame by frame.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::{Mutex, RwLock, mpsc};

use super::http::{Body, full, spawn};

/// Something the function did.
#[derive(Debug)]
pub enum Seen {
    /// A POST began.
    Post { path: String, headers: HeaderMap },
    /// A frame of its body came.
    Data(Bytes),
    /// Trailers came.
    Trailers(HeaderMap),
    /// The body ended well.
    End,
    /// The body broke off.
    Broken,
}

#[derive(Clone)]
pub struct FakeRuntimeApi {
    events: mpsc::UnboundedSender<(Bytes, Duration)>,
    queue: Arc<Mutex<mpsc::UnboundedReceiver<(Bytes, Duration)>>>,
    seen: mpsc::UnboundedSender<Seen>,
    pub observed: Arc<Mutex<mpsc::UnboundedReceiver<Seen>>>,
    served: Arc<AtomicUsize>,
    /// Answers to `/response` at once with this status, without reading the body.
    pub refuse_responses: Arc<std::sync::Mutex<Option<StatusCode>>>,
    /// While held, bodies are not read.
    pub held: Arc<RwLock<()>>,
}

/// A whole streamed response.
#[derive(Debug)]
pub struct Streamed {
    pub prelude: Value,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
    pub headers: HeaderMap,
    pub first_frame: Bytes,
}

impl FakeRuntimeApi {
    pub fn new() -> Self {
        let (events, queue) = mpsc::unbounded_channel();
        let (seen, observed) = mpsc::unbounded_channel();
        Self {
            events,
            queue: Arc::new(Mutex::new(queue)),
            seen,
            observed: Arc::new(Mutex::new(observed)),
            served: Arc::default(),
            refuse_responses: Arc::default(),
            held: Arc::default(),
        }
    }

    pub async fn spawn(&self) -> SocketAddr {
        let api = self.clone();
        spawn(move |request| api.clone().answer(request)).await
    }

    pub fn push(&self, event: &Value, lasts: Duration) {
        self.push_bytes(event.to_string(), lasts);
    }

    /// Pushes what may be no event at all.
    pub fn push_bytes(&self, event: impl Into<Bytes>, lasts: Duration) {
        self.events.send((event.into(), lasts)).unwrap();
    }

    pub async fn next_seen(&self) -> Seen {
        let mut observed = self.observed.lock().await;
        tokio::time::timeout(Duration::from_secs(20), observed.recv()).await.expect("nothing happened").unwrap()
    }

    /// The next POST with all of its body.
    pub async fn posted(&self) -> (String, HeaderMap, Vec<Bytes>, Option<HeaderMap>) {
        let Seen::Post { path, headers } = self.next_seen().await else { panic!("no POST") };
        let (mut frames, mut trailers) = (Vec::new(), None);
        loop {
            match self.next_seen().await {
                Seen::Data(bytes) => frames.push(bytes),
                Seen::Trailers(map) => trailers = Some(map),
                Seen::End => return (path, headers, frames, trailers),
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// The next POST as a streamed response.
    pub async fn streamed(&self) -> Streamed {
        let (path, headers, frames, trailers) = self.posted().await;
        assert!(path.ends_with("/response"), "{path}");
        let all = frames.concat();
        let delimiter = all.windows(8).position(|window| window == [0; 8]).expect("no delimiter");
        let prelude = serde_json::from_slice(&all[..delimiter]).unwrap();
        let body = Bytes::copy_from_slice(&all[delimiter + 8..]);
        Streamed { prelude, body, trailers, headers, first_frame: frames[0].clone() }
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if path == "/2018-06-01/runtime/invocation/next" {
            return self.next().await;
        }
        let refused = *self.refuse_responses.lock().unwrap();
        if let Some(status) = refused.filter(|_| path.ends_with("/response")) {
            return Response::builder().status(status).header("connection", "close").body(full("")).unwrap();
        }
        let (parts, mut body) = request.into_parts();
        let _ = self.seen.send(Seen::Post { path, headers: parts.headers });
        drop(self.held.read().await);
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                let _ = self.seen.send(Seen::Broken);
                return Response::new(full(""));
            };
            let seen = match frame.into_data() {
                Ok(bytes) => Seen::Data(bytes),
                Err(frame) => Seen::Trailers(frame.into_trailers().unwrap()),
            };
            let _ = self.seen.send(seen);
        }
        let _ = self.seen.send(Seen::End);
        Response::builder().status(202).body(full(r#"{"status":"OK"}"#)).unwrap()
    }

    async fn next(&self) -> Response<Body> {
        let Some((event, lasts)) = self.queue.lock().await.recv().await else { std::future::pending().await };
        let number = self.served.fetch_add(1, Ordering::Relaxed);
        let deadline = (SystemTime::now() + lasts).duration_since(UNIX_EPOCH).unwrap().as_millis();
        Response::builder()
            .header("lambda-runtime-aws-request-id", format!("request-{number}"))
            .header("lambda-runtime-invocation-id", format!("invocation-{number}"))
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .body(full(event))
            .unwrap()
    }
}
