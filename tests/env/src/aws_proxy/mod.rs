//! A reverse proxy between the operator and the AWS emulator: logs every AWS call with its operation name, and injects
//! faults an emulator does not have (throttling, conflicts, lost responses, slowness).
//!
//! Plain HTTP/1.1 on both sides. Requests pass unchanged, Host included, because the signature covers it. A call that
//! has been forwarded is finished and logged even if its caller goes away: that is how AWS behaves, and what tests that
//! kill the operator rely on.
//!
//! Control endpoints: `GET|DELETE /_proxy/calls`, `GET|POST|DELETE /_proxy/faults`, `GET /_proxy/health`.

mod calls;
mod control;
mod fault;
mod identify;
mod named;
mod rest;

#[cfg(test)]
mod tests;

pub use calls::{Call, CallLog, KEPT, Page};
pub use fault::{Fault, Match, Rule};
pub use named::Named;
pub use rest::route;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;

use crate::net::rules::Rules;
use crate::net::wire::{self, Body, HttpClient};
use crate::net::{Running, Socket, accept_loop};
use identify::Identity;

/// Forms and error answers above this are refused, and of larger JSON bodies it is not read what they name; functions'
/// code, which is the largest, is half of it.
const MAX_SMALL_BODY: usize = 4 * 1024 * 1024;

/// How a proxy is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The emulator's `host:port`.
    pub upstream: Authority,
    /// File the calls are appended to, one JSON object per line.
    pub log: Option<PathBuf>,
}

impl Config {
    /// A proxy that keeps its log in memory only.
    pub fn new(upstream: Authority) -> Self {
        Self { upstream, log: None }
    }
}

/// The state of a proxy.
#[derive(Debug)]
pub struct Proxy {
    upstream: Authority,
    client: HttpClient,
    calls: CallLog,
    faults: Rules<Match, Fault>,
}

/// A proxy running in this process; dropping it stops it.
#[derive(Debug)]
pub struct Handle {
    proxy: Arc<Proxy>,
    running: Running,
}

impl Handle {
    /// Its state: logged calls and scripted faults.
    pub fn proxy(&self) -> &Arc<Proxy> {
        &self.proxy
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Stops it and closes its connections.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// Starts a proxy as a task of the current runtime; fails when the log cannot be opened.
pub fn spawn(listener: TcpListener, config: Config) -> io::Result<Handle> {
    let proxy = Arc::new(Proxy::new(config)?);
    let shared = Arc::clone(&proxy);
    let running = Running::start(listener, |listener| run(listener, shared))?;
    Ok(Handle { proxy, running })
}

/// Serves a proxy until the future is dropped; fails only when the log cannot be opened.
pub async fn serve(listener: TcpListener, config: Config) -> io::Result<()> {
    run(listener, Arc::new(Proxy::new(config)?)).await;
    Ok(())
}

async fn run(listener: TcpListener, proxy: Arc<Proxy>) {
    accept_loop(listener, move |socket| connection(socket, Arc::clone(&proxy))).await;
}

async fn connection(socket: Socket, proxy: Arc<Proxy>) {
    let service = service_fn(move |request| {
        // In a task of its own: it goes on when the connection ends.
        let call = tokio::spawn(exchange(Arc::clone(&proxy), request));
        async move { call.await.unwrap_or(Err(Dropped)) }
    });
    let served = http1::Builder::new().preserve_header_case(true).serve_connection(TokioIo::new(socket), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the AWS proxy ended early");
    }
}

/// Makes the HTTP server drop the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection dropped")]
struct Dropped;

/// Answers one request.
async fn exchange(proxy: Arc<Proxy>, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let path = request.uri().path();
    if path.starts_with(control::PREFIX) {
        let (parts, body) = request.into_parts();
        let body = wire::collect(body, MAX_SMALL_BODY).await.map_err(|_| Dropped)?;
        let query = parts.uri.query().unwrap_or_default();
        return Ok(control::answer(&proxy, &parts.method, parts.uri.path(), query, &body));
    }
    proxy.call(request).await
}

/// What the caller of one AWS call gets, and what the log says about it.
struct Outcome {
    status: StatusCode,
    error_code: Option<String>,
    reached: bool,
    /// `None` drops the connection.
    response: Option<Response<Body>>,
}

impl Proxy {
    fn new(config: Config) -> io::Result<Self> {
        Ok(Self {
            upstream: config.upstream,
            client: wire::http_client(),
            calls: CallLog::open(config.log.as_deref())?,
            faults: Rules::default(),
        })
    }

    /// The log.
    pub fn calls(&self) -> &CallLog {
        &self.calls
    }

    /// The scripted faults.
    pub fn faults(&self) -> &Rules<Match, Fault> {
        &self.faults
    }

    async fn call(&self, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
        let (time, started) = (Timestamp::now(), Instant::now());
        let (parts, body) = request.into_parts();
        let is_form = identify::needs_body(&parts.headers);
        let small = body.size_hint().upper().is_some_and(|size| size <= MAX_SMALL_BODY as u64);
        let (text, body) = if is_form || small {
            let text = wire::collect(body, MAX_SMALL_BODY).await.map_err(|_| Dropped)?;
            (text.clone(), wire::full(text))
        } else {
            (bytes::Bytes::new(), wire::streamed(body))
        };
        let named = Named::of(&text, is_form);
        let form = if is_form { text } else { bytes::Bytes::new() };
        let resource = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default();
        let call = identify::identify(parts.method.as_str(), &resource, query, &parts.headers, &form);
        let agent = identify::short_agent(&parts.headers);
        let fault = self.faults.take(|matcher| matcher.matches(&call, &agent, &resource));
        let injected = fault.is_some();
        let fault = fault.unwrap_or_default();
        let outcome = self.outcome(Request::from_parts(parts, body), &call, &fault).await;
        self.calls.add(Call {
            seq: 0,
            time: time.to_string(),
            service: call.service,
            operation: call.operation,
            resource,
            named,
            region: call.region,
            caller: call.caller,
            agent,
            is_write: call.is_write,
            status: if outcome.response.is_some() { outcome.status.as_u16() } else { 0 },
            error_code: outcome.error_code,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            injected,
            reached: outcome.reached,
        });
        outcome.response.ok_or(Dropped)
    }

    async fn outcome(&self, request: Request<Body>, call: &Identity, fault: &Fault) -> Outcome {
        if let Some(latency) = fault.latency_ms {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        let forwarded = if fault.forwards() { Some(self.forward(request).await) } else { None };
        let reached = forwarded.as_ref().is_some_and(|outcome| outcome.reached);
        if fault.drop {
            return Outcome {
                status: StatusCode::OK,
                error_code: Some("ConnectionDropped".to_owned()),
                reached,
                response: None,
            };
        }
        match (fault.error(call), forwarded) {
            (Some((status, code, response)), _) => {
                Outcome { status, error_code: Some(code), reached, response: Some(response) }
            }
            (None, Some(outcome)) => outcome,
            (None, None) => unreachable("a fault that neither forwards, drops nor answers"),
        }
    }

    async fn forward(&self, mut request: Request<Body>) -> Outcome {
        let raw = request.uri().path_and_query().cloned();
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.upstream.clone())
            .path_and_query(raw.unwrap_or(PathAndQuery::from_static("/")))
            .build();
        match uri {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => return unreachable(&error.to_string()),
        }
        wire::strip_hop_by_hop(request.headers_mut());
        *request.version_mut() = Version::HTTP_11;
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return unreachable(&error.to_string()),
        };
        let (mut parts, body) = response.into_parts();
        wire::strip_hop_by_hop(&mut parts.headers);
        let status = parts.status;
        if status.as_u16() < 400 {
            return Outcome {
                status,
                error_code: None,
                reached: true,
                response: Some(Response::from_parts(parts, wire::streamed(body))),
            };
        }
        match wire::collect(body, MAX_SMALL_BODY).await {
            Ok(body) => Outcome {
                status,
                error_code: fault::code_of(&parts, &body),
                reached: true,
                response: Some(Response::from_parts(parts, wire::full(body))),
            },
            Err(error) => unreachable(&error.to_string()),
        }
    }
}

/// The upstream gave no usable answer.
fn unreachable(why: &str) -> Outcome {
    tracing::warn!(why, "the AWS proxy got no answer from its upstream");
    Outcome {
        status: StatusCode::BAD_GATEWAY,
        error_code: Some("UpstreamUnreachable".to_owned()),
        reached: false,
        response: Some(wire::json(StatusCode::BAD_GATEWAY, &json!({ "message": why }))),
    }
}
