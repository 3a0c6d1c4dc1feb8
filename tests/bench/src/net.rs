//! HTTP/1.1 over loopback sockets, both sides, for the fakes and for the client of the HTTP form.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::Outcome;

/// Largest buffer of a connection: fewer reads of a large body, as a good client and a good server would have it.
const BUFFER: usize = 1 << 20;

/// What a fake answers with: all at once, or piece by piece.
pub enum Answer {
    /// All there is; `None` once it was taken.
    Whole(Option<Bytes>),
    /// As the pieces come.
    Pieces(mpsc::UnboundedReceiver<Bytes>),
}

impl Answer {
    /// An answer that is known in full.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => pieces.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole(bytes) => http_body::SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Pieces(_) => http_body::SizeHint::default(),
        }
    }
}

/// Serves `handler` on a loopback port of its own, behind TLS if there is an acceptor, until the runtime ends.
///
/// # Errors
/// Where no port can be had.
pub async fn serve<H, F>(tls: Option<TlsAcceptor>, handler: H) -> io::Result<SocketAddr>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Answer>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let (handler, tls) = (handler.clone(), tls.clone());
            tokio::spawn(async move {
                let Some(tls) = tls else { return connection(stream, handler).await };
                if let Ok(stream) = tls.accept(stream).await {
                    connection(stream, handler).await;
                }
            });
        }
    });
    Ok(address)
}

async fn connection<S, H, F>(stream: S, handler: H)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Answer>>,
{
    let service = service_fn(|request| {
        let answer = handler(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    let _ = http.max_buf_size(BUFFER).serve_connection(TokioIo::new(stream), service).await;
}

/// A connection to `address` that is kept for all requests.
///
/// # Errors
/// Where nobody listens.
pub async fn connect(address: SocketAddr) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, driver) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(sender)
}
