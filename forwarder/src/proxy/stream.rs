//! Bedrock's response body on its way through.
//!
//! Bytes pass as they come, read by the meter. When Bedrock breaks off, or the time is over, the end must not look
//! like a good one. A stream that stands between two events gets a last one that SDKs raise as an error: an
//! event-stream exception, or an `error` event of server-sent events. Anything else is reported to the transport,
//! which ends its own response visibly incomplete.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use crate::event_stream;
use crate::http_client::ReplyBody;
use crate::meter::{Meter, Metered, Position};

/// Silence after which a response is given up. API Gateway gives up after five minutes, and a connection that died
/// without a word would hold its environment until the deadline.
const MAX_SILENCE: Duration = Duration::from_secs(290);
/// Exception that the event streams of all families declare.
const EXCEPTION: &str = "internalServerException";

/// Why a response is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Bedrock's connection broke.
    #[error("Bedrock broke off its response")]
    Upstream,
    /// The response ended well as HTTP goes, but in the middle of an event.
    #[error("Bedrock ended its response in the middle of an event")]
    Truncated,
    /// Nothing came for too long.
    #[error("Bedrock sent nothing for {} s", MAX_SILENCE.as_secs())]
    Silence,
    /// The function's time is over.
    #[error("the response took longer than the gateway allows")]
    Deadline,
}

/// A response body in progress.
pub struct UpstreamStream {
    body: Option<ReplyBody>,
    meter: Meter,
    deadline: Instant,
    /// Runs while nothing comes; armed by the first wait after bytes came, so a slow reader is not taken for silence.
    patience: Pin<Box<Sleep>>,
    armed: bool,
    broken: Option<Broken>,
}

impl UpstreamStream {
    pub(super) fn new(meter: Meter, body: ReplyBody, deadline: Instant) -> Self {
        let patience = Box::pin(tokio::time::sleep_until(deadline));
        Self { body: Some(body), meter, deadline, patience, armed: false, broken: None }
    }

    /// The first bytes, while the response head has not been sent: a stream that breaks now has no last word, since
    /// an honest status is still possible. Where this is cancelled no bytes are lost.
    pub(super) async fn first(&mut self) -> Option<Result<Bytes, Broken>> {
        poll_fn(|context| self.poll_bytes(context)).await
    }

    /// The next bytes; `None` at the end, also after a last word of ours.
    pub async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same for who polls by hand.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        self.poll_bytes(context).map(|next| match next {
            Some(Err(broken)) => Some(self.last_word(broken).ok_or(broken)),
            next => next,
        })
    }

    /// Why the body is incomplete, if it is.
    pub fn broken(&self) -> Option<Broken> {
        self.broken
    }

    /// What the call used, as far as it is known by now.
    pub fn metered(&mut self) -> Metered {
        self.meter.read(self.body.is_none() && self.broken.is_none())
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let broken = match body.poll_chunk(context) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.armed = false;
                self.meter.push(&bytes);
                return Poll::Ready(Some(Ok(bytes)));
            }
            Poll::Ready(None) if self.meter.position() != Position::InsideFrame => {
                self.body = None;
                return Poll::Ready(None);
            }
            Poll::Ready(None) => Broken::Truncated,
            Poll::Ready(Some(Err(_))) => Broken::Upstream,
            Poll::Pending => match self.poll_patience(context) {
                Poll::Ready(broken) => broken,
                Poll::Pending => return Poll::Pending,
            },
        };
        self.body = None;
        self.broken = Some(broken);
        Poll::Ready(Some(Err(broken)))
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<Broken> {
        if !self.armed {
            self.armed = true;
            self.patience.as_mut().reset(self.deadline.min(Instant::now() + MAX_SILENCE));
        }
        self.patience
            .as_mut()
            .poll(context)
            .map(|()| if self.patience.deadline() == self.deadline { Broken::Deadline } else { Broken::Silence })
    }

    fn last_word(&self, broken: Broken) -> Option<Bytes> {
        match self.meter.position() {
            Position::BetweenFrames => Some(event_stream::exception(EXCEPTION, &broken.to_string())),
            Position::BetweenEvents => Some(error_event(&broken.to_string())),
            Position::InsideFrame | Position::Elsewhere => None,
        }
    }
}

/// A server-sent event that the SDKs of OpenAI and Anthropic raise as an error: both look for the event's name or the
/// `error` object; the outer code and message are those of OpenAI's Responses API.
fn error_event(message: &str) -> Bytes {
    let error = serde_json::json!({ "type": "api_error", "code": "server_error", "message": message, "param": null });
    let data = serde_json::json!({
        "type": "error", "error": error, "code": "server_error", "message": message, "param": null,
    });
    Bytes::from(format!("event: error\ndata: {data}\n\n"))
}

impl std::fmt::Debug for UpstreamStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UpstreamStream").field("broken", &self.broken).finish_non_exhaustive()
    }
}
