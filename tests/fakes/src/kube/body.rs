//! The body of an answer: some bytes, or the lines of a watch with its bookmarks and its end.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, Sleep, sleep_until};

use super::lock;
use super::server::{Server, Stream};
use super::watch::Message;

/// Between bookmarks of a watch.
const BOOKMARKS: Duration = Duration::from_mins(1);

/// Between the last bookmark and the end.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

/// The body of an answer.
pub struct Body(http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>);

impl Body {
    pub(super) fn full(bytes: Bytes) -> Self {
        Self(Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync())
    }

    pub(super) fn watch(server: Arc<Mutex<Server>>, stream: Stream) -> Self {
        let Stream { number, receiver, seconds, bookmarks } = stream;
        let now = Instant::now();
        let end = now + Duration::from_secs(seconds);
        let body = Lines {
            server,
            number,
            receiver,
            bookmark: bookmarks.then(|| Box::pin(sleep_until(next_bookmark(now, end)))),
            end: Box::pin(sleep_until(end)),
            dead: false,
        };
        Self(body.boxed_unsync())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }
}

/// One each minute, and one shortly before the end, so that the next watch begins at a fresh version.
fn next_bookmark(now: Instant, end: Instant) -> Instant {
    let last = end - LAST_BOOKMARK.min(end.saturating_duration_since(now));
    if now < last { last.min(now + BOOKMARKS) } else { now + BOOKMARKS }
}

struct Lines {
    server: Arc<Mutex<Server>>,
    number: u64,
    receiver: UnboundedReceiver<Message>,
    bookmark: Option<Pin<Box<Sleep>>>,
    end: Pin<Box<Sleep>>,
    /// A connection that died without a word: nothing comes, and nothing ends it.
    dead: bool,
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.dead {
            return Poll::Pending;
        }
        self.bookmark_when_due(context);
        match self.receiver.poll_recv(context) {
            Poll::Ready(Some(Message::Line(line))) => Poll::Ready(Some(Ok(Frame::data(line)))),
            Poll::Ready(Some(Message::Break)) => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            Poll::Ready(Some(Message::Die)) => {
                self.dead = true;
                Poll::Pending
            }
            Poll::Ready(Some(Message::End) | None) => Poll::Ready(None),
            Poll::Pending => self.end.as_mut().poll(context).map(|()| None),
        }
    }
}

impl Lines {
    /// Through the channel, so that no bookmark overtakes a change it speaks of.
    fn bookmark_when_due(&mut self, context: &mut Context<'_>) {
        let Some(timer) = &mut self.bookmark else { return };
        while timer.as_mut().poll(context).is_ready() {
            timer.as_mut().reset(next_bookmark(Instant::now(), self.end.deadline()));
            let server = lock(&self.server);
            server.watches.bookmark(self.number, server.store.revision);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        lock(&self.server).watches.close(self.number);
    }
}
