//! The Lambda Runtime API, client side: fetch an invocation, answer it, again.
//!
//! Own code because the public runtime crate leaves Nagle's algorithm on, which delays every streamed response by
//! some 40 ms, and reports a stream that fails half-way as text inside the body instead of in trailers. What it did
//! for its users is done here: the invocation id is echoed, replies are drained so that the connection is kept,
//! failures of the start are posted, and `AWS_LAMBDA_MAX_CONCURRENCY` loops run side by side.

mod invocation;
mod reply;
mod serve;

use std::sync::Arc;

use http::{Method, Request};
use serde::Serialize;

use crate::http_client::{Client, ConnectError, Destination, OutgoingBody, SendError};

pub use invocation::Invocation;
pub use reply::{Delivery, Failure, Reply, Source};
pub use serve::{Function, serve};

const VERSION: &str = "/2018-06-01/runtime";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// The Runtime API of this execution environment.
#[derive(Clone)]
pub struct RuntimeApi {
    client: Arc<Client>,
    endpoint: Arc<Destination>,
    host: String,
}

/// The Runtime API could not be used. Lambda ends environments whose function keeps failing this way.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeApiError {
    /// No connection.
    #[error("the Runtime API cannot be reached")]
    Connect(#[from] ConnectError),
    /// The request got no answer.
    #[error("the Runtime API did not answer")]
    Send(#[from] SendError),
    /// The connection broke.
    #[error("the connection to the Runtime API broke")]
    Broken(#[from] hyper::Error),
    /// An answer other than success.
    #[error("the Runtime API answered {0}")]
    Status(http::StatusCode),
    /// An invocation without its id.
    #[error("the Runtime API sent an invocation without {0}")]
    Incomplete(&'static str),
}

/// Lambda's form of an error.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDocument<'a> {
    error_message: &'a str,
    error_type: &'a str,
    stack_trace: [&'a str; 0],
}

impl<'a> ErrorDocument<'a> {
    fn to_json(error_type: &'a str, error_message: &'a str) -> Vec<u8> {
        serde_json::to_vec(&Self { error_message, error_type, stack_trace: [] }).unwrap_or_default()
    }
}

impl RuntimeApi {
    /// The API at `endpoint`.
    pub fn new(client: Arc<Client>, endpoint: Destination) -> Self {
        Self { host: endpoint.host_header(), client, endpoint: Arc::new(endpoint) }
    }

    /// Waits for the next invocation, as long as it takes.
    ///
    /// # Errors
    /// [`RuntimeApiError`] where the API does not hand one out.
    pub async fn next(&self) -> Result<Invocation, RuntimeApiError> {
        let request = self.request(Method::GET, "/invocation/next", OutgoingBody::Full(None));
        let connection = self.client.checkout(&self.endpoint).await?;
        let response = self.client.exchange(connection, request).await?;
        if !response.status().is_success() {
            return Err(RuntimeApiError::Status(response.status()));
        }
        Invocation::read(response).await
    }

    /// Says that the function cannot start.
    ///
    /// # Errors
    /// [`RuntimeApiError`] where the API did not take it.
    pub async fn init_error(&self, error_type: &str, message: &str) -> Result<(), RuntimeApiError> {
        let document = ErrorDocument::to_json(error_type, message);
        let mut request = self.request(Method::POST, "/init/error", OutgoingBody::full(document.into()));
        set(&mut request, ERROR_TYPE, error_type);
        self.post(request).await
    }

    /// The means to answer `invocation`, once.
    pub fn reply_to(&self, invocation: &Invocation) -> Reply {
        Reply::new(self.clone(), invocation)
    }

    fn request(&self, method: Method, path: &str, body: OutgoingBody) -> Request<OutgoingBody> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        if let Ok(uri) = http::Uri::try_from(format!("{VERSION}{path}")) {
            *request.uri_mut() = uri;
        }
        set(&mut request, "host", &self.host);
        set(&mut request, "user-agent", concat!("aigw-forwarder/", env!("CARGO_PKG_VERSION")));
        request
    }

    async fn post(&self, request: Request<OutgoingBody>) -> Result<(), RuntimeApiError> {
        let connection = self.client.checkout(&self.endpoint).await?;
        let response = self.client.exchange(connection, request).await?;
        let status = response.status();
        response.into_body().collect().await?;
        if status.is_success() { Ok(()) } else { Err(RuntimeApiError::Status(status)) }
    }
}

/// Sets a header of ours; a value that is no header text is left out.
fn set(request: &mut Request<OutgoingBody>, name: &'static str, value: &str) {
    if let Ok(value) = http::HeaderValue::from_str(value) {
        request.headers_mut().insert(name, value);
    }
}
