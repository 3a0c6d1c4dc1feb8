//! Bedrock's response body on its way through.
//!
//! Bytes pass as they come, read by the meter. When Bedrock breaks off, or the time is over, the end must not look
//! like a good one. A stream that stands between two events gets a last one that SDKs raise as an error: an
//! event-stream exception, or an `error` event of server-sent events. Anything else is reported to the transport,
//! which ends its own response visibly incomplete.
//!
//! The call is settled before its last bytes are passed on: once a response has ended the function may be frozen, and a
//! client that has all of it may call again at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::charge::Charge;
use crate::amount::Amount;
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
    charge: Charge,
    /// Bytes that were there together with those before them.
    ahead: Option<Bytes>,
    /// What follows once the call is settled: the last bytes, and how the body broke.
    last: Last,
}

#[derive(Default)]
struct Last {
    bytes: Option<Bytes>,
    broken: Option<Broken>,
}

impl UpstreamStream {
    pub(super) fn new(meter: Meter, body: ReplyBody, deadline: Instant, charge: Charge) -> Self {
        let patience = Box::pin(tokio::time::sleep_until(deadline));
        let (armed, broken, ahead, last) = (false, None, None, Last::default());
        Self { body: Some(body), meter, deadline, patience, armed, broken, charge, ahead, last }
    }

    /// The first bytes, while the response head has not been sent: a stream that breaks now has no last word, since
    /// an honest status is still possible.
    pub(super) fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        self.poll_bytes(context)
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

    /// Settles the call although nobody wants the rest of the response.
    pub async fn settle(&mut self) {
        self.abandon();
        poll_fn(|context| self.charge.poll_settled(context)).await;
    }

    /// The same for who cannot wait.
    pub fn abandon(&mut self) {
        let metered = self.metered();
        self.charge.close(&metered);
    }

    /// What the call is charged, once that is known.
    pub fn charged(&self) -> Option<Amount> {
        self.charge.charged()
    }

    /// Why the call could not be settled, if so.
    pub fn unsettled(&self) -> Option<&str> {
        self.charge.unsettled()
    }

    /// Whether the body has come to its end, and all that is left waits for the settlement.
    pub(super) fn is_ending(&self) -> bool {
        self.body.is_none()
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        if self.body.is_some() {
            let bytes = match self.ahead.take() {
                Some(bytes) => Some(bytes),
                None => ready!(self.poll_body(context)),
            };
            if let Some(bytes) = bytes {
                // Whether these are the last, if that is known already.
                match self.poll_source(context) {
                    Poll::Pending => return Poll::Ready(Some(Ok(bytes))),
                    Poll::Ready(Some(ahead)) => {
                        self.ahead = Some(ahead);
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    Poll::Ready(None) => self.last.bytes = Some(bytes),
                }
            }
        }
        ready!(self.charge.poll_settled(context));
        Poll::Ready(match std::mem::take(&mut self.last) {
            Last { bytes: Some(bytes), broken } => {
                self.last.broken = broken;
                Some(Ok(bytes))
            }
            Last { bytes: None, broken } => broken.map(Err),
        })
    }

    /// The next bytes of the body, or its end, also by silence.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Poll::Ready(next) = self.poll_source(context) {
            return Poll::Ready(next);
        }
        let broken = ready!(self.poll_patience(context));
        self.end(Some(broken));
        Poll::Ready(None)
    }

    /// The next bytes that have come, or the end of the body.
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match ready!(body.poll_chunk(context)) {
            Some(Ok(bytes)) => {
                self.armed = false;
                self.meter.push(&bytes);
                return Poll::Ready(Some(bytes));
            }
            Some(Err(_)) => self.end(Some(Broken::Upstream)),
            None if self.meter.position() == Position::InsideFrame => self.end(Some(Broken::Truncated)),
            None => self.end(None),
        }
        Poll::Ready(None)
    }

    fn end(&mut self, broken: Option<Broken>) {
        self.body = None;
        (self.broken, self.last.broken) = (broken, broken);
        self.abandon();
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
