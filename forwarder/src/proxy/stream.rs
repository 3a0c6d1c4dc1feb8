//! Bedrock's response body on its way through.
//!
//! Bytes pass as they come. When Bedrock breaks off, or the time is over, the end must not look like a good one: an
//! event stream that stands at a frame boundary gets one well-formed exception frame, which SDKs raise as a typed
//! error; anything else is reported to the transport, which ends its own response visibly incomplete.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tokio::time::Instant;

use crate::event_stream::{self, FrameHopper};
use crate::http_client::ReplyBody;

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
    frames: Option<FrameHopper>,
    deadline: Instant,
    broken: Option<Broken>,
}

impl UpstreamStream {
    pub(super) fn new(headers: &HeaderMap, body: ReplyBody, deadline: Instant) -> Self {
        let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let frames = content_type.starts_with(event_stream::CONTENT_TYPE.as_bytes()).then(FrameHopper::default);
        Self { body: Some(body), frames, deadline, broken: None }
    }

    /// The next bytes; `None` at the end, also after an exception frame of ours.
    pub async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        let body = self.body.as_mut()?;
        let silence = Instant::now() + MAX_SILENCE;
        let broken = match tokio::time::timeout_at(self.deadline.min(silence), body.chunk()).await {
            Ok(Some(Ok(bytes))) => {
                if let Some(frames) = &mut self.frames {
                    frames.push(&bytes);
                }
                return Some(Ok(bytes));
            }
            Ok(None) => {
                self.body = None;
                return None;
            }
            Ok(Some(Err(_))) => Broken::Upstream,
            Err(_) if self.deadline <= silence => Broken::Deadline,
            Err(_) => Broken::Silence,
        };
        self.body = None;
        self.broken = Some(broken);
        if self.frames.as_ref().is_some_and(FrameHopper::at_boundary) {
            return Some(Ok(event_stream::exception(EXCEPTION, &broken.to_string())));
        }
        Some(Err(broken))
    }

    /// Why the body is incomplete, if it is.
    pub fn broken(&self) -> Option<Broken> {
        self.broken
    }
}

impl std::fmt::Debug for UpstreamStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UpstreamStream").field("broken", &self.broken).finish_non_exhaustive()
    }
}
