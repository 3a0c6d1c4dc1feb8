//! Sends a reply: applies the parts of a fault that concern the answer, paces streams and notes what was sent when.
//!
//! A cut waits a moment before it breaks the connection, because the HTTP server drops bytes it has not flushed.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;

use super::events;
use super::fault::{Cut, Fault};
use super::frames;
use super::record::{End, Trace};
use super::reply::{Content, PacedFrame, Reply};
use crate::net::ResetSwitch;
use crate::net::wire::{self, Body, BoxError};

/// Time for the bytes before a cut to leave.
const FLUSH: Duration = Duration::from_millis(20);

/// What plays the body of an answer.
struct Player {
    frames: VecDeque<PacedFrame>,
    interval: Duration,
    before_first: Duration,
    cut: Option<Cut>,
    reset: ResetSwitch,
    trace: Trace,
}

impl Player {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, BoxError>, Self)> {
        tokio::time::sleep(std::mem::take(&mut self.before_first)).await;
        let Some(frame) = self.frames.pop_front() else {
            return self.finish().await;
        };
        if frame.paced {
            tokio::time::sleep(self.interval).await;
        }
        self.trace.sent();
        if self.frames.is_empty() && self.cut.is_none() {
            // Noted with the last frame: a client that has everything may be gone before the body is polled again.
            self.trace.end(End::Complete);
        }
        Some((Ok(Frame::data(frame.bytes)), self))
    }

    async fn finish(self) -> Option<(Result<Frame<Bytes>, BoxError>, Self)> {
        let Some(cut) = self.cut else {
            self.trace.end(End::Complete);
            return None;
        };
        self.trace.end(End::Cut);
        if cut == Cut::End {
            return None;
        }
        tokio::time::sleep(FLUSH).await;
        if cut == Cut::Reset {
            self.reset.arm();
        }
        Some((Err("cut by a scripted fault".into()), self))
    }
}

/// Turns a reply into the response, with `fault` applied to it.
pub fn response(reply: Reply, fault: &Fault, interval: Duration, reset: ResetSwitch, trace: Trace) -> Response<Body> {
    let (content_type, length, mut frames) = match reply.content {
        Content::Whole(text) => ("application/json", Some(text.len()), vec![PacedFrame::prompt(text)]),
        Content::Stream(frames) => ("application/vnd.amazon.eventstream", None, frames),
        Content::Events(events) => (events::CONTENT_TYPE, None, events),
    };
    let mut cut = fault.cut;
    if length.is_some() {
        if cut.is_some() {
            halve(&mut frames);
        }
    } else if let Some(name) = &fault.exception {
        cut = None;
        frames.truncate(fault.after_frames);
        let text = fault.message.as_deref().unwrap_or("scripted by the stub");
        let last = if content_type == events::CONTENT_TYPE {
            events::named("error", &json!({ "type": "error", "error": { "type": name, "message": text } }))
        } else {
            frames::exception(name, text)
        };
        frames.push(PacedFrame::prompt(last));
    } else if cut.is_some() {
        let partial = frames.get(fault.after_frames).filter(|_| fault.inside_frame);
        let partial = partial.map(|frame| PacedFrame::prompt(frame.bytes.slice(..frame.bytes.len() / 2)));
        frames.truncate(fault.after_frames);
        frames.extend(partial);
    }
    trace.update(|record| {
        record.status = reply.status.as_u16();
        record.usage = reply.usage;
    });
    let player = Player {
        frames: frames.into(),
        interval: fault.chunk_ms.map_or(interval, Duration::from_millis),
        before_first: Duration::from_millis(fault.first_byte_ms.unwrap_or(0)),
        cut,
        reset,
        trace,
    };
    let mut response = Response::new(wire::streamed(StreamBody::new(Box::pin(stream::unfold(player, Player::next)))));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // A well-formed early end cannot announce the full length.
    if let Some(length) = length.filter(|_| cut != Some(Cut::End)) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

/// The reply a fault scripts verbatim.
pub fn scripted(fault: &Fault) -> Option<Reply> {
    let body = fault.body.clone()?;
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    let content = Content::Whole(body.into());
    Some(Reply { status: status.unwrap_or(StatusCode::OK), headers: Vec::new(), content, usage: None })
}

/// Leaves the first half of the first frame.
fn halve(frames: &mut Vec<PacedFrame>) {
    frames.truncate(1);
    for frame in frames {
        frame.bytes.truncate(frame.bytes.len() / 2);
    }
}
