//! One HTTPS exchange: for documents of identity providers and for probes of gateways. No proxy, no redirect, no plain HTTP;
//! bounded in size by its caller and in time here.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bound on one exchange, from the look-up of the host to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
const PORT: u16 = 443;
const AGENT: &str = concat!("aigw-operator/", env!("CARGO_PKG_VERSION"));

/// Asks over TLS.
#[derive(Clone)]
pub struct Https(TlsConnector);

/// What is asked.
pub(crate) struct Outgoing<'a> {
    /// Method.
    pub(crate) method: Method,
    /// Headers beside those every request has.
    pub(crate) headers: HeaderMap,
    /// Body; empty for none.
    pub(crate) body: &'a [u8],
}

/// What came.
pub(crate) struct Incoming {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body; `None` where it is longer than allowed.
    pub(crate) body: Option<Bytes>,
}

/// Why nothing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Not a URL, header or host of the right form.
    Malformed,
    /// No name, no connection, or no trust.
    Connect,
    /// No answer in time.
    Timeout,
    /// The answer broke off.
    Broken,
}

/// A URL that is asked.
pub(crate) struct Target {
    /// With the port, as it goes into the header.
    authority: String,
    /// Without brackets.
    pub(crate) host: String,
    port: u16,
    path: String,
}

impl Https {
    /// Trusts what the machine trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured.
    pub fn with_native_roots() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!("no certificate authorities found: neither identity providers nor gateways can be asked");
        }
        Self::trusting(roots)
    }

    /// Trusts `roots`. Needs the process's TLS provider to be installed.
    pub fn trusting(roots: RootCertStore) -> Self {
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// One exchange, of whose answer at most `longest` bytes are read.
    pub(crate) async fn exchange(
        &self,
        target: &Target,
        outgoing: Outgoing<'_>,
        longest: usize,
    ) -> Result<Incoming, Problem> {
        let exchange = tokio::time::timeout(TIMEOUT, self.exchange_unbounded(target, outgoing, longest)).await;
        exchange.unwrap_or(Err(Problem::Timeout))
    }

    async fn exchange_unbounded(
        &self,
        target: &Target,
        outgoing: Outgoing<'_>,
        longest: usize,
    ) -> Result<Incoming, Problem> {
        let connect = |_| Problem::Connect;
        let broken = |_| Problem::Broken;
        let name = ServerName::try_from(target.host.clone()).map_err(|_| Problem::Malformed)?;
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(connect)?;
        let stream = self.0.connect(name, stream).await.map_err(connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let request = request(target, outgoing)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (parts, body) = response.into_parts();
            let body = match Limited::new(body, longest).collect().await {
                Ok(body) => Some(body.to_bytes()),
                Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => None,
                Err(_) => return Err(Problem::Broken),
            };
            Ok(Incoming { status: parts.status, headers: parts.headers, body })
        };
        driven(connection, exchange).await
    }
}

/// Drives a connection for as long as an exchange over it lasts, and closes it then. A connection may end in the very
/// moment the answer is there, so its end alone means nothing; whoever asks bounds the time.
pub(crate) async fn driven<T>(connection: impl Future, exchange: impl Future<Output = T>) -> T {
    let drive = async {
        connection.await;
        pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        outcome = exchange => outcome,
        never = drive => match never {},
    }
}

fn request(target: &Target, outgoing: Outgoing<'_>) -> Result<Request<Full<Bytes>>, Problem> {
    let Outgoing { method, headers, body } = outgoing;
    let mut request = Request::builder()
        .method(method)
        .uri(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, AGENT)
        .body(Full::new(Bytes::copy_from_slice(body)))
        .map_err(|_| Problem::Malformed)?;
    request.headers_mut().extend(headers);
    Ok(request)
}

impl Target {
    /// `None` for what is not of the form https://host/path.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let path = url.path_and_query()?.as_str().to_owned();
        (url.scheme_str() == Some("https") && !host.is_empty()).then(|| Self {
            authority: authority.as_str().to_owned(),
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(PORT),
            path,
        })
    }
}
