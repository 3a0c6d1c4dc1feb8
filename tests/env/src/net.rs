//! HTTP plumbing shared by the three servers of this crate: the accept loop, a socket that can be made to reset,
//! body and JSON helpers, and the scripted-fault rules.
//!
//! Everything here is loopback test equipment: limits are generous and errors are logged, not recovered. Connections
//! live in their accept loop, so stopping a server closes all of its connections at once.

pub mod rules;
mod socket;
pub mod wire;

pub use socket::{ResetSwitch, Socket};

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// Pause after a failed `accept` (out of file descriptors, mostly), so that the loop does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Accepts connections for ever, with `TCP_NODELAY` set, and runs `on_connection` for each in its own task.
///
/// Dropping the returned future aborts all connections.
pub async fn accept_loop<F, Fut>(listener: TcpListener, on_connection: F)
where
    F: Fn(Socket) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    if let Err(error) = tcp.set_nodelay(true) {
                        tracing::debug!(%error, "cannot set TCP_NODELAY on an accepted connection");
                    }
                    connections.spawn(on_connection(Socket::new(tcp)));
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// A server running in a task of this process. Dropping it stops the server and closes its connections.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts `server` as a task; `listener` only tells the address to report.
    pub fn start<S, Fut>(listener: TcpListener, server: S) -> io::Result<Self>
    where
        S: FnOnce(TcpListener) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let addr = listener.local_addr()?;
        Ok(Self { addr, task: tokio::spawn(server(listener)) })
    }

    /// The address the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops the server and waits until its task has ended.
    pub async fn stop(mut self) {
        self.task.abort();
        // Cancelled is the expected outcome; a panic was already printed by the runtime.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
