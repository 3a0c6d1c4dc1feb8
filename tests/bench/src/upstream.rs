//! A fake Bedrock: takes what is signed, answers as the work says, and notes when it sent each frame.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;

use crate::net::{Answer, serve};
use crate::work::{Response as Told, Work};
use crate::{Outcome, sigv4};

/// How closely a request is looked at. Its path and body are compared always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Check {
    /// Not for a signature: the client is the subject.
    Unsigned,
    /// It has to have one.
    #[default]
    Signed,
    /// It is computed again and compared, which costs the harness time: for calls that are not measured.
    Verified,
}

/// The fake; clones are the same one.
#[derive(Clone, Default)]
pub struct Upstream(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    work: Option<Work>,
    check: Check,
    sent: Vec<Instant>,
    problem: Option<String>,
}

impl Upstream {
    /// Serves on a port of its own.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn serve(&self, tls: Option<TlsAcceptor>) -> Outcome<SocketAddr> {
        let upstream = self.clone();
        Ok(serve(tls, move |request| upstream.clone().answer(request)).await?)
    }

    /// Expects this work from now on.
    pub fn expect(&self, work: &Work, check: Check) {
        let mut state = self.state();
        state.work = Some(work.clone());
        state.check = check;
    }

    /// When each frame of the last stream was sent.
    pub fn take_sent(&self) -> Vec<Instant> {
        std::mem::take(&mut self.state().sent)
    }

    /// Fails if a request was not what it should be.
    ///
    /// # Errors
    /// What was wrong with the first one.
    pub fn check(&self) -> Outcome<()> {
        self.state().problem.take().map_or(Ok(()), |problem| Err(problem.into()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let (work, check) = {
            let state = self.state();
            (state.work.clone(), state.check)
        };
        let Some(work) = work else { return status(StatusCode::NOT_FOUND) };
        if let Err(problem) = inspect(&parts.headers, parts.uri.path(), &body, &work, check) {
            self.state().problem = Some(problem);
            return status(StatusCode::BAD_REQUEST);
        }
        if check == Check::Verified {
            // Panics where the signature differs; the connection breaks then and the call fails.
            self.state().problem = Some("the signature is wrong, see above".to_owned());
            sigv4::verify(&parts, &body, "bedrock");
            self.state().problem = None;
        }
        let response = Response::builder().header("x-amzn-requestid", "6f3c1d8e-0d0f-4a65-9ac7-2f2b1a0c7d11");
        let (content_type, answer) = match work.response {
            Told::Document(body) => ("application/json", Answer::whole(body)),
            Told::Stream { frames, pace } => {
                let (pieces, receiver) = mpsc::unbounded_channel();
                tokio::spawn(self.send(frames, pace, pieces));
                ("application/vnd.amazon.eventstream", Answer::Pieces(receiver))
            }
        };
        response.header("content-type", content_type).body(answer).unwrap_or_else(|_| status(StatusCode::BAD_GATEWAY))
    }

    async fn send(self, frames: Vec<Bytes>, pace: std::time::Duration, pieces: mpsc::UnboundedSender<Bytes>) {
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.state().sent.clear();
        for frame in frames {
            ticks.tick().await;
            self.state().sent.push(Instant::now());
            if pieces.send(frame).is_err() {
                return;
            }
        }
    }
}

fn status(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Whether a request is the one of the work, byte for byte, and signed where it has to be.
fn inspect(headers: &HeaderMap, path: &str, body: &Bytes, work: &Work, check: Check) -> Result<(), String> {
    let signed = headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256 "));
    if !signed && check != Check::Unsigned {
        return Err("a request arrived that is not signed".to_owned());
    }
    if path != work.path {
        return Err(format!("path {path} arrived in place of {}", work.path));
    }
    if *body != work.request {
        return Err(format!("a body of {} bytes arrived in place of the {} sent", body.len(), work.request.len()));
    }
    Ok(())
}
