//! A stub of Amazon Bedrock's data plane: verifies signatures like AWS, answers the inference operations in their wire
//! shapes (event streams and server-sent events included), misbehaves on order, and remembers what it was asked.
//!
//! It stands where `bedrock-runtime.<region>.amazonaws.com` would, for the forwarder's tests and the local
//! environment. Answers are deterministic (see `text`), and the record of a request says what it really used. It holds no state worth keeping and listens where it is told.
//!
//! Control endpoints: `GET|DELETE /_stub/requests`, `GET|POST|DELETE /_stub/faults`, `POST /_stub/credentials`,
//! `GET /_stub/health`.

mod agent;
mod control;
mod converse;
mod error;
mod events;
mod fault;
mod frames;
mod invoke;
mod messages;
mod openai;
mod play;
mod record;
mod reply;
mod route;
mod sigv4;
mod state;
mod text;

#[cfg(test)]
mod tests;

pub use fault::{Cut, FAULT_HEADER, Fault, Match, Rule};
pub use record::{BODY_KEPT, End, KEPT, Record, now_us};
pub use sigv4::Secret;
pub use state::Stub;
pub use text::Usage;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::net::wire::{self, Body};
use crate::net::{ResetSwitch, Running, accept_loop};

/// Bodies above this are refused; the largest a client can send through Lambda is 6 MB.
const MAX_BODY: usize = 32 * 1024 * 1024;
/// The latency every answer claims.
const LATENCY_MS: u64 = 42;

/// How a stub is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The region requests have to be signed for.
    pub region: String,
    /// Known access keys; more can be added while it runs.
    pub credentials: HashMap<String, Secret>,
    /// Pause between two text chunks of a stream.
    pub chunk_interval: Duration,
    /// How far the date of a request may be off.
    pub max_skew: Duration,
    /// Serves HTTPS with this configuration; ALPN should offer `http/1.1` only.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

impl Config {
    /// AWS's defaults for a region, 150 ms between chunks, plain HTTP and no known keys.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            credentials: HashMap::new(),
            chunk_interval: Duration::from_millis(150),
            max_skew: Duration::from_mins(5),
            tls: None,
        }
    }

    /// Makes an access key known.
    #[must_use]
    pub fn with_credential(mut self, access_key: &str, secret_key: &str, session_token: Option<&str>) -> Self {
        let secret = Secret { secret_key: secret_key.to_owned(), session_token: session_token.map(str::to_owned) };
        self.credentials.insert(access_key.to_owned(), secret);
        self
    }
}

/// A stub running in this process; dropping it stops it.
#[derive(Debug)]
pub struct Handle {
    stub: Arc<Stub>,
    running: Running,
    scheme: &'static str,
}

impl Handle {
    /// Its state: recorded requests and scripted faults.
    pub fn stub(&self) -> &Arc<Stub> {
        &self.stub
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr())
    }

    /// Stops it and closes its connections.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// Starts a stub as a task of the current runtime.
pub fn spawn(listener: TcpListener, config: Config) -> io::Result<Handle> {
    let tls = config.tls.clone();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let stub = Arc::new(Stub::new(config));
    let shared = Arc::clone(&stub);
    let running = Running::start(listener, |listener| run(listener, shared, tls))?;
    Ok(Handle { stub, running, scheme })
}

/// Serves a stub until the future is dropped.
pub async fn serve(listener: TcpListener, config: Config) {
    let tls = config.tls.clone();
    run(listener, Arc::new(Stub::new(config)), tls).await;
}

async fn run(listener: TcpListener, stub: Arc<Stub>, tls: Option<Arc<rustls::ServerConfig>>) {
    let tls = tls.map(TlsAcceptor::from);
    accept_loop(listener, move |socket| {
        let (stub, tls) = (Arc::clone(&stub), tls.clone());
        async move {
            let reset = socket.reset_switch();
            match tls {
                None => connection(socket, stub, reset).await,
                Some(tls) => match tls.accept(socket).await {
                    Ok(stream) => connection(stream, stub, reset).await,
                    Err(error) => tracing::debug!(%error, "TLS handshake with the stub failed"),
                },
            }
        }
    })
    .await;
}

async fn connection<S>(stream: S, stub: Arc<Stub>, reset: ResetSwitch)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request| exchange(Arc::clone(&stub), request, reset.clone()));
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the stub ended early");
    }
}

async fn exchange(
    stub: Arc<Stub>,
    request: Request<Incoming>,
    reset: ResetSwitch,
) -> Result<Response<Body>, Infallible> {
    let received_us = now_us();
    let (parts, body) = request.into_parts();
    Ok(match wire::collect(body, MAX_BODY).await {
        Ok(body) => stub.answer(parts, body, received_us, reset).await,
        Err(error) => error::AwsError::validation(format!("cannot read the body: {error}")).response(),
    })
}
