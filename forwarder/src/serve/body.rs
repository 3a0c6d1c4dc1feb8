//! A response body as the server sends it, and the log line when it is done with.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::access_log::{AccessLog, Call};
use crate::proxy::{Broken, UpstreamStream};

/// The first bytes, then Bedrock's as they come. A broken body fails, which breaks the transfer. The call is logged
/// when the server drops this: at the end, or when the client is gone.
pub(super) struct ServedBody {
    first: Bytes,
    rest: Option<Box<UpstreamStream>>,
    ended: bool,
    call: Call,
    log: Arc<AccessLog>,
}

impl ServedBody {
    pub(super) fn new(first: Bytes, rest: Option<Box<UpstreamStream>>, call: Call, log: Arc<AccessLog>) -> Self {
        let ended = rest.is_none();
        Self { first, rest, ended, call, log }
    }
}

impl Body for ServedBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let body = self.get_mut();
        if !body.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut body.first)))));
        }
        let Some(rest) = body.rest.as_mut().filter(|_| !body.ended) else { return Poll::Ready(None) };
        let next = ready!(rest.poll_next(context));
        match &next {
            Some(Ok(bytes)) => body.call.sent(bytes.len()),
            Some(Err(_)) | None => body.ended = true,
        }
        Poll::Ready(next.map(|next| next.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.ended
    }

    fn size_hint(&self) -> SizeHint {
        if self.ended { SizeHint::with_exact(self.first.len() as u64) } else { SizeHint::default() }
    }
}

impl Drop for ServedBody {
    fn drop(&mut self) {
        let gone = (!self.ended).then(|| "the client went away".to_owned());
        let mut rest = self.rest.take();
        if let Some(rest) = &mut rest {
            rest.abandon();
        }
        self.call.ended(rest, gone);
        self.log.call(&self.call);
    }
}
