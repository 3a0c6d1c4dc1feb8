//! Bodies in both directions: what we send, and a reply that hands its connection back once it is read to its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::client::{Client, Connection};

/// Largest reply that [`ReplyBody::collect`] reserves memory for in advance; Lambda events end at 6 MB.
const MAX_RESERVE: u64 = 8 << 20;

/// A request body.
#[derive(Debug)]
pub enum OutgoingBody {
    /// All of it; the length is declared.
    Full(Option<Bytes>),
    /// Frames as they come, chunked. The end of the channel is the end of the body.
    Frames(mpsc::Receiver<Frame<Bytes>>),
}

impl OutgoingBody {
    /// A body that is complete.
    pub fn full(bytes: Bytes) -> Self {
        Self::Full(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Frames(frames) => frames.poll_recv(context).map(|frame| frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Frames(_) => SizeHint::default(),
        }
    }
}

/// A reply's body. Read to its end it returns the connection for reuse; dropped before, it closes it.
pub struct ReplyBody {
    incoming: Incoming,
    home: Option<(Arc<Client>, Connection)>,
}

impl ReplyBody {
    pub(super) fn new(incoming: Incoming, client: Arc<Client>, connection: Connection) -> Self {
        let mut body = Self { incoming, home: Some((client, connection)) };
        if body.incoming.is_end_stream() {
            body.release();
        }
        body
    }

    /// The next bytes; `None` at the end. Trailers of the reply are read over.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    /// The same for who polls by hand.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            match ready!(Pin::new(&mut self.incoming).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data()
                        && !bytes.is_empty()
                    {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Some(Err(error)) => {
                    self.home = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.release();
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// All of the body as one contiguous buffer, in one copy at most where the length was declared.
    ///
    /// # Errors
    /// Whatever ended the body early.
    pub async fn collect(mut self) -> Result<Bytes, hyper::Error> {
        let expected = self.incoming.size_hint().lower();
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        if first.len() as u64 == expected {
            while self.chunk().await.transpose()?.is_some() {}
            return Ok(first);
        }
        let reserve = usize::try_from(expected.min(MAX_RESERVE)).unwrap_or(0);
        let mut all = BytesMut::with_capacity(reserve.max(first.len()));
        all.extend_from_slice(&first);
        while let Some(chunk) = self.chunk().await.transpose()? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    fn release(&mut self) {
        if let Some((client, connection)) = self.home.take() {
            client.release(connection);
        }
    }
}
