//! Kept-alive connections and the two permitted retries.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio_rustls::TlsConnector;

use super::body::{OutgoingBody, ReplyBody};
use super::connect::{ConnectError, Destination, connect};

/// How long a connection may lie idle before it is not trusted any more. AWS front ends close theirs after about a
/// minute; a frozen function does not see that happen, hence wall-clock time.
const MAX_IDLE: Duration = Duration::from_secs(45);
/// Idle connections kept in all. Loops of one environment, times the few hosts they talk to.
const MAX_IDLE_CONNECTIONS: usize = 256;

/// The client. One per process, shared by everything that speaks HTTP.
pub struct Client {
    tls: TlsConnector,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    since: SystemTime,
}

/// A connection that is ours until its reply is read.
pub struct Connection {
    sender: SendRequest<OutgoingBody>,
    destination: Arc<Destination>,
    received: Arc<AtomicU64>,
    reused: bool,
}

/// A request got no response head.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There was no connection to send it on.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke, or the peer does not speak HTTP/1.1.
    #[error("the connection broke before a response came")]
    Exchange(#[from] hyper::Error),
}

impl Client {
    /// A client with this TLS configuration.
    pub fn new(tls: Arc<ClientConfig>) -> Arc<Self> {
        Arc::new(Self { tls: TlsConnector::from(tls), idle: Mutex::new(Vec::new()) })
    }

    /// A connection to `destination`: a kept one that still seems alive, else a new one.
    ///
    /// # Errors
    /// [`ConnectError`] where a new connection could not be made, twice.
    pub async fn checkout(&self, destination: &Arc<Destination>) -> Result<Connection, ConnectError> {
        while let Some(mut connection) = self.take_idle(destination) {
            if connection.sender.ready().await.is_ok() {
                connection.reused = true;
                return Ok(connection);
            }
        }
        match self.open(destination).await {
            Ok(connection) => Ok(connection),
            Err(_) => self.open(destination).await,
        }
    }

    /// Gives back a connection that was not used after all.
    pub fn release(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE_CONNECTIONS {
            idle.push(Idle { connection, since: SystemTime::now() });
        }
    }

    /// Sends a request whose body is in hand, and once more where a reused connection died without a response byte.
    ///
    /// # Errors
    /// [`SendError`] where no response head came.
    pub async fn send(
        self: &Arc<Self>,
        connection: Connection,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, SendError> {
        let destination = Arc::clone(&connection.destination);
        let received = Arc::clone(&connection.received);
        let before = received.load(Ordering::Relaxed);
        let spare = connection.reused.then(|| request.clone());
        let error = match self.exchange(connection, request.map(OutgoingBody::full)).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        match spare {
            Some(request) if received.load(Ordering::Relaxed) == before => {
                let connection = self.open(&destination).await?;
                Ok(self.exchange(connection, request.map(OutgoingBody::full)).await?)
            }
            _ => Err(error.into()),
        }
    }

    /// Sends a request whose body is in hand so that it is served once at most: again, on a new connection, only where
    /// nothing of it was written to the reused one.
    ///
    /// # Errors
    /// [`SendError`] where no response head came; the request may have been served all the same, unless it is
    /// [`SendError::Connect`].
    pub async fn send_once(
        self: &Arc<Self>,
        mut connection: Connection,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, SendError> {
        let destination = Arc::clone(&connection.destination);
        let mut error = match connection.sender.try_send_request(request.map(OutgoingBody::full)).await {
            Ok(response) => return Ok(self.reply(response, connection)),
            Err(error) => error,
        };
        match error.take_message() {
            Some(request) => {
                let connection = self.open(&destination).await?;
                Ok(self.exchange(connection, request).await?)
            }
            None => Err(error.into_error().into()),
        }
    }

    /// Sends a request once, whatever its body.
    ///
    /// # Errors
    /// What broke the connection before the response head.
    pub async fn exchange(
        self: &Arc<Self>,
        mut connection: Connection,
        request: Request<OutgoingBody>,
    ) -> Result<Response<ReplyBody>, hyper::Error> {
        let response = connection.sender.send_request(request).await?;
        Ok(self.reply(response, connection))
    }

    fn reply(self: &Arc<Self>, response: Response<Incoming>, connection: Connection) -> Response<ReplyBody> {
        response.map(|incoming| ReplyBody::new(incoming, Arc::clone(self), connection))
    }

    async fn open(&self, destination: &Arc<Destination>) -> Result<Connection, ConnectError> {
        let (io, received) = connect(destination, &self.tls).await?;
        let (sender, driver) = http1::handshake(TokioIo::new(io)).await?;
        // The driver ends with the connection. Its error is reported to whoever waits for the response.
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(Connection { sender, destination: Arc::clone(destination), received, reused: false })
    }

    fn take_idle(&self, destination: &Destination) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock set back makes the age unknown: such a connection goes too.
        idle.retain(|entry| {
            let fresh = entry.since.elapsed().is_ok_and(|age| age < MAX_IDLE);
            fresh && !entry.connection.sender.is_closed()
        });
        let position = idle.iter().rposition(|entry| *entry.connection.destination == *destination)?;
        Some(idle.swap_remove(position).connection)
    }
}
