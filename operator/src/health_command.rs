//! `health`: asks an operator's health over HTTP and ends by the answer. What `helm test` runs, because the image holds
//! nothing else that could.

use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// A Service without an endpoint swallows connections; nobody else takes as long.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Between attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Why an operator is not healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The URL is not one of plain HTTP.
    #[error("--url: '{0}' is not a URL such as http://aigw-operator-metrics.aigw-system.svc:8080/readyz")]
    Url(String),
    /// No good answer came in time.
    #[error("{url}: {last}; no other answer within {patience:?}")]
    Unhealthy {
        /// What was asked.
        url: String,
        /// The last answer, or why there was none.
        last: String,
        /// How long it was asked.
        patience: Duration,
    },
}

/// Asks until the answer is 200, for at most `patience`.
///
/// # Errors
/// [`HealthError`] for a URL that cannot be asked, or the last answer.
pub async fn health(url: &str, patience: Duration) -> Result<(), HealthError> {
    let uri: Uri = url.parse().map_err(|_| HealthError::Url(url.to_owned()))?;
    if uri.scheme_str() != Some("http") || uri.host().is_none() {
        return Err(HealthError::Url(url.to_owned()));
    }
    let end = Instant::now() + patience;
    loop {
        let last = match timeout(ATTEMPT, ask(&uri)).await {
            Ok(Ok(200)) => return Ok(()),
            Ok(Ok(status)) => format!("answers {status}"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "does not answer".to_owned(),
        };
        if Instant::now() >= end {
            return Err(HealthError::Unhealthy { url: url.to_owned(), last, patience });
        }
        sleep(PAUSE).await;
    }
}

/// One GET; gives the status.
async fn ask(uri: &Uri) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let host = uri.host().unwrap_or_default();
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let request = Request::get(path).header("host", authority).body(Empty::<Bytes>::new())?;
    let status = sender.send_request(request).await?.status().as_u16();
    connection.abort();
    Ok(status)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Metrics;
    use crate::http::{Health, Server};

    #[tokio::test]
    async fn the_answer_decides() {
        let state = Arc::new(Health::default());
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(address, state.clone(), Arc::new(Metrics::default())).await.unwrap();
        let url = format!("http://{}/readyz", server.address().unwrap());
        let serving = tokio::spawn(server.serve());
        let message = health(&url, Duration::ZERO).await.unwrap_err().to_string();
        assert!(message.contains("answers 503"), "{message}");
        state.set_ready(true);
        health(&url, Duration::ZERO).await.unwrap();
        serving.abort();
        let _ = serving.await;
        assert!(health(&url, Duration::ZERO).await.is_err());
        for wrong in ["https://aigw/readyz", "readyz", "http:///readyz"] {
            assert!(matches!(health(wrong, Duration::ZERO).await, Err(HealthError::Url(_))), "{wrong}");
        }
    }
}
