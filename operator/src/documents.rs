//! Documents of identity providers, over HTTPS: one request, no redirect, bounded in size and time.
//!
//! The URLs come from the platform team's spec and from the discovery documents of issuers it trusts, never from a token
//! or a tenant. What keeps a mistake in them harmless: https with a certificate of a known authority only, which the
//! metadata services of clouds and plain services of a cluster do not have, and no redirects to where those are.

use std::sync::Arc;
use std::time::Duration;

use aigw_cloud::{DocumentError, Documents, LONGEST_DOCUMENT};
use async_trait::async_trait;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bound on one document, from the look-up of its host to its last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
const HTTPS: u16 = 443;
/// An apiserver refuses whoever does not take a key set by its proper name.
const FORMS: &str = "application/json, application/jwk-set+json, */*;q=0.5";
const AGENT: &str = concat!("aigw-operator/", env!("CARGO_PKG_VERSION"));

/// Reads documents over TLS.
pub struct HttpsDocuments(TlsConnector);

/// A URL that is read.
struct Target {
    /// With the port, as it goes into the header.
    authority: String,
    /// Without brackets.
    host: String,
    port: u16,
    path: String,
}

impl HttpsDocuments {
    /// Trusts what the machine trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured.
    pub fn with_native_roots() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!("no certificate authorities found: identity providers cannot be read");
        }
        Self::trusting(roots)
    }

    /// Trusts `roots`. Needs the process's TLS provider to be installed.
    pub fn trusting(roots: RootCertStore) -> Self {
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self(TlsConnector::from(Arc::new(config)))
    }

    async fn read(&self, target: &Target) -> Result<String, DocumentError> {
        let host = || target.host.clone();
        let connect = |_| DocumentError::Connect(host());
        let broken = |_| DocumentError::Broken(host());
        let name = ServerName::try_from(host()).map_err(|_| DocumentError::Url)?;
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(connect)?;
        let stream = self.0.connect(name, stream).await.map_err(connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let request = Request::get(&target.path)
            .header(HOST, &target.authority)
            .header(ACCEPT, FORMS)
            .header(USER_AGENT, AGENT)
            .body(Empty::<Bytes>::new())
            .map_err(|_| DocumentError::Url)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            if response.status() != StatusCode::OK {
                return Err(DocumentError::Status { host: host(), status: response.status().as_u16() });
            }
            let body = Limited::new(response.into_body(), LONGEST_DOCUMENT).collect().await;
            let body = body.map_err(|error| {
                let long = error.downcast_ref::<LengthLimitError>().is_some();
                if long { DocumentError::TooLong(host()) } else { DocumentError::Broken(host()) }
            })?;
            String::from_utf8(body.to_bytes().into()).map_err(|_| DocumentError::NotText(host()))
        };
        // The connection is driven for as long as the exchange lasts, and closed with it.
        let drive = async {
            let _ = connection.await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            document = exchange => document,
            () = drive => Err(DocumentError::Broken(host())),
        }
    }
}

#[async_trait]
impl Documents for HttpsDocuments {
    async fn get(&self, url: &str) -> Result<String, DocumentError> {
        let target = Target::parse(url).ok_or(DocumentError::Url)?;
        let read = tokio::time::timeout(TIMEOUT, self.read(&target)).await;
        read.unwrap_or(Err(DocumentError::Timeout(target.host)))
    }
}

impl Target {
    fn parse(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let path = url.path_and_query()?.as_str().to_owned();
        (url.scheme_str() == Some("https") && !host.is_empty()).then(|| Self {
            authority: authority.as_str().to_owned(),
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(HTTPS),
            path,
        })
    }
}

#[cfg(test)]
#[path = "documents_tests.rs"]
mod tests;
