//! Delivers spans: a batch every few seconds, one request at a time. A collector that is away costs spans and one log line,
//! never the operator's work.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::encode::{Span, batch};
use super::{Settings, Spans};
use crate::https::{Https, Outgoing, Target, driven};

/// Between batches, the specification's default for them.
const EVERY: Duration = Duration::from_secs(5);
/// Most spans in a batch: a quarter of the specification's default, because the JSON of one is built in memory as a whole.
const MOST: usize = 128;
/// Bound on one request, the specification's default.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A collector's answer is small, and nobody reads it.
const LONGEST_ANSWER: usize = 64 * 1024;
const HTTP_PORT: u16 = 80;

/// Why a batch was not delivered. Never names a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("the URL or a header is not of the right form")]
    Malformed,
    #[error("no connection, no trust, or no answer in time")]
    NoAnswer,
    #[error("the collector answers {0}")]
    Refused(u16),
}

/// Sends what ends, until nothing more can end.
pub async fn deliver(settings: Settings, mut spans: Spans) {
    let https = Https::with_native_roots();
    let mut well = true;
    loop {
        let mut gathered = Vec::new();
        let Some(first) = spans.recv().await else { return };
        gathered.push(first);
        let due = Instant::now() + EVERY;
        while gathered.len() < MOST {
            tokio::select! {
                next = spans.recv() => match next {
                    Some(span) => gathered.push(span),
                    None => break,
                },
                () = sleep_until(due) => break,
            }
        }
        let sent = timeout(TIMEOUT, send(&https, &settings, &gathered)).await.unwrap_or(Err(Problem::NoAnswer));
        match (sent, well) {
            (Err(problem), true) => {
                tracing::warn!(endpoint = settings.endpoint, %problem, "traces cannot be delivered and are dropped");
                well = false;
            }
            (Ok(()), false) => {
                tracing::info!(endpoint = settings.endpoint, "traces are delivered again");
                well = true;
            }
            (Ok(()), true) | (Err(_), false) => {}
        }
    }
}

async fn send(https: &Https, settings: &Settings, spans: &[Span]) -> Result<(), Problem> {
    let body = batch(&settings.resource, spans).to_string();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &settings.headers {
        let name: HeaderName = name.parse().map_err(|_| Problem::Malformed)?;
        let mut value: HeaderValue = value.parse().map_err(|_| Problem::Malformed)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let status = if let Some(target) = Target::parse(&settings.endpoint) {
        let outgoing = Outgoing { method: Method::POST, headers, body: body.as_bytes() };
        https.exchange(&target, outgoing, LONGEST_ANSWER).await.map_err(|_| Problem::NoAnswer)?.status
    } else {
        plain(&settings.endpoint, headers, body).await?
    };
    if status.is_success() { Ok(()) } else { Err(Problem::Refused(status.as_u16())) }
}

/// Over plain HTTP: a collector is usually in the same cluster.
async fn plain(url: &str, headers: HeaderMap, body: String) -> Result<StatusCode, Problem> {
    let url: Uri = url.parse().map_err(|_| Problem::Malformed)?;
    let authority = url.authority().ok_or(Problem::Malformed)?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(HTTP_PORT))).await;
    let stream = stream.map_err(|_| Problem::NoAnswer)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Problem::NoAnswer)?;
    let request = Request::post(path).header(HOST, authority.as_str()).body(Full::new(Bytes::from(body)));
    let mut request = request.map_err(|_| Problem::Malformed)?;
    request.headers_mut().extend(headers);
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|_| Problem::NoAnswer)?;
        let status = answer.status();
        // Read, so that the collector does not see a broken connection.
        let _ = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
        Ok(status)
    };
    driven(connection, exchange).await
}
