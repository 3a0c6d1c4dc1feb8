//! A TLS front that plays the host of a deployed API: terminates TLS with a certificate of its own authority, speaks
//! HTTP/2 and HTTP/1.1 by ALPN (or HTTP/1.1 only, as private APIs do), and forwards to the emulator in plain HTTP/1.1.
//!
//! It is transparent: bodies stream both ways, raw paths and the case of HTTP/1.1 header names stay as they are, and an
//! upstream that breaks in the middle of a body breaks the client's transfer too.
//!
//! `GET /_front/health` answers without the upstream.

mod ca;
mod target;

#[cfg(test)]
mod tests;

pub use ca::{Ca, CaError};
pub use target::{CUSTOM_DOMAIN, EXECUTE_API};

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::net::wire::{self, Body, HttpClient};
use crate::net::{Running, Socket, accept_loop};

const H2: &str = "h2";
const HTTP1: &str = "http/1.1";
const HEALTH: &str = "/_front/health";

/// How a front is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The upstream's `host:port`, plain HTTP/1.1.
    pub upstream: Authority,
    /// Path put before `/{api}/{stage}/…`; empty to map nothing.
    pub prefix: String,
    /// Offer HTTP/1.1 only.
    pub http1_only: bool,
    /// Names the certificate is valid for besides 127.0.0.1 and localhost.
    pub names: Vec<String>,
}

impl Config {
    /// A front for an emulator: execute-api paths, HTTP/2 and HTTP/1.1, no names besides the local ones.
    pub fn new(upstream: Authority) -> Self {
        Self { upstream, prefix: EXECUTE_API.to_owned(), http1_only: false, names: Vec::new() }
    }
}

/// What a front has seen.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections with a finished TLS handshake.
    pub connections: AtomicU64,
    /// Requests that came by HTTP/1.1.
    pub http1_requests: AtomicU64,
    /// Requests that came by HTTP/2.
    pub http2_requests: AtomicU64,
}

/// A front running in this process; dropping it stops it.
#[derive(Debug)]
pub struct Handle {
    counters: Arc<Counters>,
    running: Running,
}

impl Handle {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("https://{}", self.addr())
    }

    /// What it has seen so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Stops it and closes its connections.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// Why a front could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The listener.
    #[error("the listener has no address")]
    Listener(#[from] io::Error),
}

/// Starts a front as a task of the current runtime, with a new certificate of `ca`.
pub fn spawn(listener: TcpListener, ca: &Ca, config: Config) -> Result<Handle, StartError> {
    let tls = tls(ca, &config)?;
    let counters = Arc::new(Counters::default());
    let shared = Arc::clone(&counters);
    let running = Running::start(listener, |listener| run(listener, tls, config, shared))?;
    Ok(Handle { counters, running })
}

/// Serves a front until the future is dropped; fails only before it serves.
pub async fn serve(listener: TcpListener, ca: &Ca, config: Config) -> Result<(), CaError> {
    let tls = tls(ca, &config)?;
    run(listener, tls, config, Arc::default()).await;
    Ok(())
}

fn tls(ca: &Ca, config: &Config) -> Result<Arc<ServerConfig>, CaError> {
    let alpn: &[&str] = if config.http1_only { &[HTTP1] } else { &[H2, HTTP1] };
    ca.server_config(&config.names, alpn)
}

/// What all connections share.
#[derive(Debug)]
struct Front {
    config: Config,
    client: HttpClient,
    counters: Arc<Counters>,
}

async fn run(listener: TcpListener, tls: Arc<ServerConfig>, config: Config, counters: Arc<Counters>) {
    let acceptor = TlsAcceptor::from(tls);
    let front = Arc::new(Front { config, client: wire::http_client(), counters });
    accept_loop(listener, move |socket| {
        let (acceptor, front) = (acceptor.clone(), Arc::clone(&front));
        async move {
            match acceptor.accept(socket).await {
                Ok(stream) => connection(stream, front).await,
                Err(error) => tracing::debug!(%error, "TLS handshake with the front failed"),
            }
        }
    })
    .await;
}

async fn connection(stream: TlsStream<Socket>, front: Arc<Front>) {
    front.counters.connections.fetch_add(1, Ordering::Relaxed);
    let h2 = stream.get_ref().1.alpn_protocol() == Some(H2.as_bytes());
    let io = TokioIo::new(stream);
    let service = service_fn(move |request| exchange(Arc::clone(&front), request));
    let served = if h2 {
        http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
    } else {
        http1::Builder::new().preserve_header_case(true).serve_connection(io, service).await
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the front ended early");
    }
}

async fn exchange(front: Arc<Front>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let counter = match request.version() {
        Version::HTTP_2 => &front.counters.http2_requests,
        _ => &front.counters.http1_requests,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    if request.uri().path() == HEALTH {
        return Ok(wire::json(StatusCode::OK, &json!({ "status": "ok" })));
    }
    let Some(request) = front.outgoing(request) else {
        return Ok(wire::json(StatusCode::FORBIDDEN, &json!({ "message": "Forbidden" })));
    };
    Ok(match front.client.request(request).await {
        Ok(mut response) => {
            wire::strip_hop_by_hop(response.headers_mut());
            *response.version_mut() = Version::HTTP_11;
            response.map(wire::streamed)
        }
        Err(error) => {
            tracing::warn!(%error, "the front cannot reach its upstream");
            wire::json(StatusCode::BAD_GATEWAY, &json!({ "message": format!("no answer from upstream: {error}") }))
        }
    })
}

impl Front {
    /// The request to the upstream; `None` when it addresses no API.
    fn outgoing(&self, request: Request<Incoming>) -> Option<Request<Body>> {
        let (mut parts, body) = request.into_parts();
        // HTTP/2 (and HTTP/1.1's absolute form) name the host in the request target.
        let named = parts.uri.authority().map(Authority::as_str).map(HeaderValue::from_str);
        let host = named.and_then(Result::ok).or_else(|| parts.headers.get(HOST).cloned())?;
        let raw = parts.uri.path_and_query()?.as_str();
        let target = target::target(&self.config.prefix, &self.config.upstream, host.to_str().ok()?, raw)?;
        wire::strip_hop_by_hop(&mut parts.headers);
        if target.own_host {
            let own = HeaderValue::from_str(self.config.upstream.as_str()).ok()?;
            parts.headers.insert("x-forwarded-host", host);
            parts.headers.insert(HOST, own);
        } else {
            parts.headers.insert(HOST, host);
        }
        parts.uri = target.uri;
        parts.version = Version::HTTP_11;
        Some(Request::from_parts(parts, wire::streamed(body)))
    }
}
