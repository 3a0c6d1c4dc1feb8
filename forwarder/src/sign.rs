//! AWS Signature Version 4 over a minimal header set.
//!
//! Only `host`, `x-amz-date`, `x-amz-security-token`, `content-type` and `x-amz-target` are signed; everything else
//! is attached afterwards, so no proxy on the way can break a signature. The path is encoded twice, as every
//! service but S3 demands: bytes that came percent-encoded are signed as the client's own SDK would have.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// Header by which AWS JSON services know the operation.
pub const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Signs with the credentials of the function's role, which Lambda fixes for the life of an environment.
pub struct Signer {
    identity: aws_smithy_runtime_api::client::identity::Identity,
    region: String,
}

/// What is signed.
pub struct Signable<'a> {
    /// Service name of the credential scope.
    pub service: &'a str,
    /// HTTP method.
    pub method: &'a Method,
    /// Host the request is meant for, whatever it is sent to.
    pub host: &'a str,
    /// Raw path and query.
    pub path_and_query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The request cannot be signed. Its text may hold parts of the request: never show or log it.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed")]
pub struct SignError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Signer {
    /// A signer for one Region.
    pub fn new(credentials: Credentials, region: impl Into<String>) -> Self {
        Self { identity: credentials.into(), region: region.into() }
    }

    /// Signs and adds the signature headers, and `host`, to `headers`. Nothing in there may carry those names yet.
    ///
    /// # Errors
    /// [`SignError`] where a part of the request is not what HTTP allows.
    pub fn sign(&self, signable: &Signable<'_>, headers: &mut HeaderMap, now: SystemTime) -> Result<(), SignError> {
        let signed = self.signature_headers(signable, headers, now)?;
        for (name, value) in signed {
            headers.insert(name, value);
        }
        let host = HeaderValue::from_str(signable.host).map_err(|error| SignError(error.into()))?;
        headers.insert(http::header::HOST, host);
        Ok(())
    }

    fn signature_headers(
        &self,
        signable: &Signable<'_>,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        let Signable { service, method, host, path_and_query, body } = signable;
        // The defaults are what is wanted: double encoding, session token included, no checksum header.
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| SignError(error.into()))?
            .into();
        let included = [CONTENT_TYPE, TARGET];
        let headers = included
            .iter()
            .filter_map(|name| Some((name.as_str(), headers.get(name)?.to_str().ok()?)))
            .chain([("host", *host)]);
        let uri = format!("https://{host}{path_and_query}");
        let request = SignableRequest::new(method.as_str(), uri, headers, SignableBody::Bytes(body))
            .map_err(|error| SignError(error.into()))?;
        let (instructions, _) = sign(request, &params).map_err(|error| SignError(error.into()))?.into_parts();
        instructions
            .headers()
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| SignError(error.into()))?;
                let mut value = HeaderValue::from_str(value).map_err(|error| SignError(error.into()))?;
                value.set_sensitive(true);
                Ok((name, value))
            })
            .collect()
    }
}
