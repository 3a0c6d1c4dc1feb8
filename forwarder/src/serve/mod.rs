//! The same core behind an HTTP/1.1 server, for trying it locally and for comparing it with other proxies.
//!
//! What API Gateway does in front of the Lambda form is done here: the authorizer's decision comes first, then the
//! proxy, under the same policies, with the same meter, signer and log. There is no usage plan and no TLS: listen on
//! loopback, or behind something that has both. Credentials for AWS are those of the environment at start.

mod body;
mod exchange;
mod options;
mod policy_file;
mod start;

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::access_log::AccessLog;
use crate::authorize::Authorization;
use crate::proxy::Proxy;

pub use options::{Command, Options, UsageError};
pub use policy_file::{PolicyFile, PolicyFileError};
pub use start::build_server;
pub(crate) use start::start;

/// Connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1_024;
/// What a client may take to send a request's head, and how long a connection may idle before one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Pause after a connection could not be accepted: usually the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The core and what a request needs before it.
pub struct Server {
    proxy: Proxy,
    authorization: Authorization,
    log: Arc<AccessLog>,
    /// Numbers requests, for the log.
    requests: AtomicU64,
}

impl Server {
    /// A server of these parts.
    pub fn new(proxy: Proxy, authorization: Authorization, log: AccessLog) -> Self {
        Self { proxy, authorization, log: Arc::new(log), requests: AtomicU64::new(0) }
    }

    /// Serves connections, all on this thread, until its runtime ends, which is to be a local one.
    pub async fn run(self, listener: TcpListener) {
        let server = Rc::new(self);
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        // A task, as the invocation loops of the Lambda form are: see `runtime_api::serve`.
        let accepting = tokio::task::spawn_local(async move {
            loop {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let server = Rc::clone(&server);
                tokio::task::spawn_local(async move {
                    let _ = server.connection(stream).await;
                    drop(permit);
                });
            }
        });
        let _ = accepting.await;
    }

    async fn connection(self: Rc<Self>, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let service = service_fn(move |request| {
            let server = Rc::clone(&self);
            async move { Ok::<_, Infallible>(server.exchange(request).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        // How a connection ended is said by the log lines of its calls.
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
        Ok(())
    }

    fn next_id(&self) -> String {
        format!("request-{}", self.requests.fetch_add(1, Ordering::Relaxed))
    }
}
