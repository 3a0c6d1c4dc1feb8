//! Health and metrics over HTTP/1: `/livez`, `/readyz`, `/metrics`. Nothing here needs a client's input.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::harness::timing;
use crate::harness::watch::Activity;
use crate::metrics::Metrics;

const NOT_STARTED: u8 = 0;
const RUNNING: u8 = 1;
const ENDED: u8 = 2;

/// What health is judged by. Needs no server: tests ask it directly. All of its time is tokio's.
#[derive(Debug, Default)]
pub struct Health {
    ready: AtomicBool,
    controllers: AtomicU8,
    watches: Mutex<Vec<Arc<Activity>>>,
}

impl Health {
    /// Whether the process can do its part, as leader or in waiting.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// The controllers run on these watches.
    pub fn controllers_started(&self, watches: Vec<Arc<Activity>>) {
        *self.watches.lock().unwrap_or_else(PoisonError::into_inner) = watches;
        self.controllers.store(RUNNING, Ordering::Relaxed);
    }

    /// The controllers ended.
    pub fn controllers_ended(&self) {
        self.controllers.store(ENDED, Ordering::Relaxed);
    }

    /// Watches under way.
    pub fn watches(&self) -> Vec<Arc<Activity>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the process should be started anew, if it should.
    pub fn dead(&self) -> Option<String> {
        match self.controllers.load(Ordering::Relaxed) {
            NOT_STARTED => return None,
            ENDED => return Some("the controllers have ended".to_owned()),
            _ => {}
        }
        let silent = |watch: &Arc<Activity>| watch.silence().is_some_and(|silence| silence > timing::WATCH_SILENCE);
        self.watches()
            .iter()
            .find(|watch| silent(watch))
            .map(|watch| format!("the watch of {} is silent", watch.kind()))
    }

    /// Whether the process may go on.
    pub fn live(&self) -> bool {
        self.dead().is_none()
    }

    /// Whether the process can do its part.
    pub fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

/// The server, bound but not yet serving.
pub struct Server {
    listener: TcpListener,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

impl Server {
    /// Binds `address`.
    pub async fn bind(address: SocketAddr, health: Arc<Health>, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, health, metrics })
    }

    /// Where it listens; useful after binding port 0.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until dropped.
    pub async fn serve(self) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: give others time to close some.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(timing::HTTP_ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (health, metrics) = (self.health.clone(), self.metrics.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let response = answer(request.method(), request.uri().path(), &health, &metrics);
                async move { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(async move {
                let served = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(timing::HTTP_HEADER_READ)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                if let Err(error) = served {
                    tracing::debug!(%error, "connection ended");
                }
            });
        }
    }
}

fn answer(method: &Method, path: &str, health: &Health, metrics: &Metrics) -> Response<Full<Bytes>> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    if !matches!(*method, Method::GET | Method::HEAD) {
        return respond(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "use GET\n".to_owned());
    }
    match path {
        "/livez" => match health.dead() {
            None => respond(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            Some(why) => respond(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why}\n")),
        },
        "/readyz" if health.ready() => respond(StatusCode::OK, PLAIN, "ok\n".to_owned()),
        "/readyz" => respond(StatusCode::SERVICE_UNAVAILABLE, PLAIN, "not ready\n".to_owned()),
        "/metrics" => match metrics.encode(&health.watches()) {
            Ok(text) => respond(StatusCode::OK, OPEN_METRICS, text),
            Err(_) => respond(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "cannot encode\n".to_owned()),
        },
        _ => respond(StatusCode::NOT_FOUND, PLAIN, "try /livez, /readyz or /metrics\n".to_owned()),
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status(path: &str, health: &Health) -> u16 {
        answer(&Method::GET, path, health, &Metrics::default()).status().as_u16()
    }

    #[tokio::test(start_paused = true)]
    async fn life_is_a_watch_that_gives_signs_and_controllers_that_run() {
        let health = Health::default();
        assert_eq!((status("/livez", &health), status("/readyz", &health)), (200, 503));
        let watch = Arc::new(Activity::new("tenants"));
        health.controllers_started(vec![watch.clone()]);
        health.set_ready(true);
        watch.mark();
        assert_eq!((status("/livez", &health), status("/readyz", &health)), (200, 200));
        tokio::time::advance(timing::WATCH_SILENCE + Duration::from_secs(1)).await;
        assert_eq!(status("/livez", &health), 503);
        watch.mark();
        assert_eq!(status("/livez", &health), 200);
        health.controllers_ended();
        assert_eq!(status("/livez", &health), 503);
    }

    #[test]
    fn anything_else_is_refused() {
        let health = Health::default();
        assert_eq!((status("/", &health), status("/metrics", &health)), (404, 200));
        assert_eq!(answer(&Method::POST, "/metrics", &health, &Metrics::default()).status(), 405);
    }
}
