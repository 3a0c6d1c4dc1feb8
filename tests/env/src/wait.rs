//! Waiting for a process to get ready: polls a check, and gives up when the process ends or time is over.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::error::{Error, Result};
use crate::net::wire::{self, HttpClient};
use crate::process::{Process, tail};

/// Pause between two checks.
const POLL: Duration = Duration::from_millis(50);
/// How long one request of a check may take.
const REQUEST: Duration = Duration::from_secs(5);
/// Answers of health endpoints are small.
const MAX_BODY: usize = 1024 * 1024;

/// Polls `check` until it succeeds; its error text tells what is still missing.
// Not `AsyncFn`: futures that lend from their closure are not `Send` to today's compiler, once spawned.
pub async fn until_ready<T, F, Fut>(process: &Process, limit: Duration, check: F) -> Result<T>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let started = Instant::now();
    loop {
        process.check()?;
        let last = match tokio::time::timeout(REQUEST, check()).await {
            Ok(Ok(ready)) => return Ok(ready),
            Ok(Err(last)) => last,
            Err(_) => "no answer".to_owned(),
        };
        if started.elapsed() > limit {
            return Err(Error::NotReady {
                name: process.name().to_owned(),
                after: limit,
                last,
                log: process.log().to_owned(),
                tail: tail(process.log()),
            });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A plain GET; the error is text for [`until_ready`].
pub async fn get(client: &HttpClient, url: &str) -> Result<(StatusCode, Bytes), String> {
    let request = Request::get(url).body(wire::full("")).map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = wire::collect(response.into_body(), MAX_BODY).await.map_err(|error| error.to_string())?;
    Ok((status, body))
}
