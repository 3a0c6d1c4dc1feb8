//! Documents of identity providers, over HTTPS: one request, no redirect, bounded in size and time.
//!
//! The URLs come from the platform team's spec and from the discovery documents of issuers it trusts, never from a token
//! or a tenant. What keeps a mistake in them harmless: https with a certificate of a known authority only, which the
//! metadata services of clouds and plain services of a cluster do not have, and no redirects to where those are.

use aigw_cloud::{DocumentError, Documents, LONGEST_DOCUMENT};
use async_trait::async_trait;
use hyper::header::{ACCEPT, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

use crate::https::{Https, Incoming, Outgoing, Problem, Target};

/// An apiserver refuses whoever does not take a key set by its proper name.
const FORMS: HeaderValue = HeaderValue::from_static("application/json, application/jwk-set+json, */*;q=0.5");

/// Reads documents over TLS.
pub struct HttpsDocuments(Https);

impl HttpsDocuments {
    /// Reads through `https`.
    pub fn new(https: Https) -> Self {
        Self(https)
    }
}

#[async_trait]
impl Documents for HttpsDocuments {
    async fn get(&self, url: &str) -> Result<String, DocumentError> {
        let target = Target::parse(url).ok_or(DocumentError::Url)?;
        let outgoing = Outgoing { method: Method::GET, headers: HeaderMap::from_iter([(ACCEPT, FORMS)]), body: &[] };
        let exchange = self.0.exchange(&target, outgoing, LONGEST_DOCUMENT).await;
        let host = target.host;
        match exchange {
            Ok(Incoming { status: StatusCode::OK, headers: _, body: Some(body) }) => {
                String::from_utf8(body.into()).map_err(|_| DocumentError::NotText(host))
            }
            Ok(Incoming { status: StatusCode::OK, headers: _, body: None }) => Err(DocumentError::TooLong(host)),
            Ok(Incoming { status, .. }) => Err(DocumentError::Status { host, status: status.as_u16() }),
            Err(Problem::Malformed) => Err(DocumentError::Url),
            Err(Problem::Connect) => Err(DocumentError::Connect(host)),
            Err(Problem::Timeout) => Err(DocumentError::Timeout(host)),
            Err(Problem::Broken) => Err(DocumentError::Broken(host)),
        }
    }
}

#[cfg(test)]
#[path = "documents_tests.rs"]
mod tests;
