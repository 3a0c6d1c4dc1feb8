//! A TCP stream that can be told to end with a reset instead of an orderly close.
//!
//! HTTP servers own their sockets, so a handler cannot reach the one it answers on. It gets the switch instead: once
//! armed, the socket neither shuts down nor lingers, and closing it sends RST.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Makes the socket it belongs to close with RST.
#[derive(Clone, Debug, Default)]
pub struct ResetSwitch(Arc<AtomicBool>);

impl ResetSwitch {
    /// From now on the socket closes with RST. Bytes already written still arrive.
    pub fn arm(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn armed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A TCP stream with a [`ResetSwitch`].
#[derive(Debug)]
pub struct Socket {
    tcp: TcpStream,
    reset: ResetSwitch,
}

impl Socket {
    /// Wraps an accepted connection.
    pub fn new(tcp: TcpStream) -> Self {
        Self { tcp, reset: ResetSwitch::default() }
    }

    /// The switch that turns the close of this socket into a reset.
    pub fn reset_switch(&self) -> ResetSwitch {
        self.reset.clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.armed()
            && let Err(error) = self.tcp.set_zero_linger()
        {
            tracing::warn!(%error, "cannot turn a close into a reset");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.armed() {
            // A shutdown would send FIN first and make the end look orderly.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
