//! Opening one connection: name lookup, TCP with `TCP_NODELAY`, TLS where asked for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Bound on name lookup, TCP and TLS handshake together. In one Region they take a few milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a connection leads. Equal destinations share connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Name or address to connect to, and the name the certificate must carry.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// A configured endpoint is not of the form `http[s]://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an endpoint of the form http[s]://host[:port]")]
pub struct InvalidEndpoint(pub String);

/// No connection could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Name lookup, TCP or TLS failed.
    #[error("connecting to {host} failed")]
    Io {
        /// Host that was tried.
        host: String,
        /// What went wrong.
        source: io::Error,
    },
    /// Nothing answered in time.
    #[error("connecting to {0} took too long")]
    Timeout(String),
    /// The HTTP layer refused the connection.
    #[error("the HTTP connection could not be set up")]
    Http(#[from] hyper::Error),
}

impl Destination {
    /// The public HTTPS port of `host`.
    pub fn https(host: impl Into<String>) -> Self {
        Self { tls: true, host: host.into(), port: 443 }
    }

    /// Plain HTTP to `authority`, that is `host:port`, as `AWS_LAMBDA_RUNTIME_API` has it.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] where it is something else.
    pub fn plain(authority: &str) -> Result<Self, InvalidEndpoint> {
        Self::parse(&format!("http://{authority}"))
    }

    /// Parses an endpoint URL. A path, query or user part is refused: it would be ignored silently.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] where the URL has another form.
    pub fn parse(url: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = || InvalidEndpoint(url.to_owned());
        let uri: http::Uri = url.parse().map_err(|_| invalid())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid()),
        };
        let host = uri.host().ok_or_else(invalid)?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !bare || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(invalid());
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host: host.trim_matches(['[', ']']).to_owned(), port })
    }

    /// Value of the `host` header for a server that is addressed by this very endpoint.
    pub fn host_header(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

/// A byte stream that counts what it received, so that "not one response byte yet" is a fact and not a guess.
pub(super) struct Io {
    stream: Stream,
    received: Arc<AtomicU64>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects within [`CONNECT_TIMEOUT`] and returns the stream with its counter of received bytes.
pub(super) async fn connect(
    destination: &Destination,
    tls: &TlsConnector,
) -> Result<(Io, Arc<AtomicU64>), ConnectError> {
    let host = || destination.host.clone();
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, dial(destination, tls))
        .await
        .map_err(|_| ConnectError::Timeout(host()))?
        .map_err(|source| ConnectError::Io { host: host(), source })?;
    let received = Arc::new(AtomicU64::new(0));
    Ok((Io { stream, received: Arc::clone(&received) }, received))
}

async fn dial(destination: &Destination, tls: &TlsConnector) -> io::Result<Stream> {
    let tcp = TcpStream::connect((destination.host.as_str(), destination.port)).await?;
    tcp.set_nodelay(true)?;
    if !destination.tls {
        return Ok(Stream::Plain(tcp));
    }
    let name = ServerName::try_from(destination.host.clone()).map_err(io::Error::other)?;
    Ok(Stream::Tls(Box::new(tls.connect(name, tcp).await?)))
}

macro_rules! forward {
    ($io:expr, $stream:ident => $call:expr) => {
        match &mut $io.stream {
            Stream::Plain($stream) => $call,
            Stream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        let before = buffer.filled().len();
        let result = forward!(io, stream => Pin::new(stream).poll_read(context, buffer));
        io.received.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        result
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self.get_mut(), stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self.get_mut(), stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_parse_and_render_their_host_header() {
        let cases = [
            ("http://127.0.0.1:4566", false, "127.0.0.1", 4566, "127.0.0.1:4566"),
            ("https://dynamodb.eu-central-1.amazonaws.com", true, "dynamodb.eu-central-1.amazonaws.com", 443, ""),
            ("http://[::1]:80/", false, "::1", 80, "[::1]"),
        ];
        for (url, tls, host, port, header) in cases {
            let parsed = Destination::parse(url).unwrap();
            assert_eq!(parsed, Destination { tls, host: host.into(), port }, "{url}");
            assert_eq!(parsed.host_header(), if header.is_empty() { host } else { header });
        }
        for url in ["", "localhost:1", "ftp://h", "https://h/path", "https://h?q", "https://user@h"] {
            assert!(Destination::parse(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn connections_do_not_wait_for_acknowledgements() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let destination = Destination::plain(&listener.local_addr().unwrap().to_string()).unwrap();
        let tls = TlsConnector::from(crate::http_client::client_config(None).unwrap());
        let (io, _) = connect(&destination, &tls).await.unwrap();
        let Stream::Plain(stream) = io.stream else { panic!("TLS on a plain endpoint") };
        assert!(stream.nodelay().unwrap());
    }
}
