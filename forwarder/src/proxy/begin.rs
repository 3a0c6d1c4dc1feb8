//! The moment a response begins: what its head says can be decided once.
//!
//! The first bytes of Bedrock's body are waited for very briefly, so that they leave together with the head; a body
//! that breaks before its first byte is still answered with an honest status.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{Answer, AnswerBody, Broken, UpstreamStream};
use crate::denial::Denial;

/// How long a response head waits for the first body bytes, so that both leave in one write.
const FIRST_BYTES_GRACE: Duration = Duration::from_millis(2);

/// A response whose head and first bytes are ready to be sent.
#[derive(Debug)]
pub struct Begun {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The first bytes of the body: all of it where nothing follows, maybe none where more does.
    pub first: Bytes,
    /// The rest of Bedrock's body; nothing comes of it where it broke already.
    pub rest: Option<Box<UpstreamStream>>,
}

impl Answer {
    /// Begins the response.
    pub async fn begin(self) -> Begun {
        let Self { status, headers, body, .. } = self;
        let mut stream = match body {
            AnswerBody::Own(first) => return Begun { status, headers, first, rest: None },
            AnswerBody::Upstream(stream) => stream,
        };
        let mut grace = pin!(tokio::time::sleep(FIRST_BYTES_GRACE));
        let first = poll_fn(|context| match stream.poll_first(context) {
            // All of the body is there, and only its settlement is waited for.
            Poll::Pending if stream.is_ending() => Poll::Pending,
            Poll::Pending => grace.as_mut().poll(context).map(|()| None),
            ready @ Poll::Ready(_) => ready,
        });
        match first.await {
            Some(Err(broken)) => Begun::refused(broken, stream),
            Some(Ok(first)) => Begun { status, headers, first, rest: Some(stream) },
            None => Begun { status, headers, first: Bytes::new(), rest: Some(stream) },
        }
    }
}

impl Begun {
    fn refused(broken: Broken, stream: Box<UpstreamStream>) -> Self {
        let message = format!("{broken} before its first byte; try again");
        let denial = match broken {
            Broken::Deadline => Denial::timed_out(message),
            Broken::Upstream | Broken::Truncated | Broken::Silence => Denial::unavailable(message),
        };
        let headers = denial.headers();
        Self { status: denial.status, headers, first: denial.body(), rest: Some(stream) }
    }
}
