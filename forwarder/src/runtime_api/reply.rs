//! Answering one invocation: a document, an error, or a stream with real HTTP trailers where it fails.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Frame;
use tokio::sync::mpsc;

use super::invocation::INVOCATION_ID;
use super::{ERROR_TYPE, ErrorDocument, Invocation, RuntimeApi, RuntimeApiError, set};
use crate::http_client::OutgoingBody;

const ERROR_BODY: &str = "lambda-runtime-function-error-body";
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
/// Content type by which Lambda knows that a streamed response begins with a prelude.
const HTTP_INTEGRATION: &str = "application/vnd.awslambda.http-integration-response";

/// Where a streamed answer's bytes come from.
pub trait Source {
    /// The next bytes; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, Failure>>>;
}

/// Why an answer is incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Error type as Lambda shows it, `Runtime.Something`.
    pub error_type: &'static str,
    /// What happened; never any content of the call.
    pub message: String,
}

/// How a streamed answer ended.
#[derive(Debug)]
pub enum Delivery {
    /// Taken in full.
    Complete,
    /// The source failed; the trailers say so.
    Failed(Failure),
    /// The Runtime API stopped listening: the client is gone, or the environment is.
    Gone(RuntimeApiError),
}

/// The means to answer one invocation, once.
pub struct Reply {
    api: RuntimeApi,
    request_id: String,
    invocation_id: Option<String>,
}

impl Reply {
    pub(super) fn new(api: RuntimeApi, invocation: &Invocation) -> Self {
        let Invocation { request_id, invocation_id, .. } = invocation;
        Self { api, request_id: request_id.clone(), invocation_id: invocation_id.clone() }
    }

    /// Answers with a complete JSON document.
    ///
    /// # Errors
    /// [`RuntimeApiError`] where the API did not take it.
    pub async fn document(self, json: Vec<u8>) -> Result<(), RuntimeApiError> {
        let mut request = self.request("response", OutgoingBody::full(json.into()));
        set(&mut request, "content-type", "application/json");
        self.api.post(request).await
    }

    /// Answers with an error instead of a response.
    ///
    /// # Errors
    /// [`RuntimeApiError`] where the API did not take it.
    pub async fn error(self, error_type: &str, message: &str) -> Result<(), RuntimeApiError> {
        let document = ErrorDocument::to_json(error_type, message);
        let mut request = self.request("error", OutgoingBody::full(document.into()));
        set(&mut request, "content-type", "application/json");
        set(&mut request, ERROR_TYPE, error_type);
        self.api.post(request).await
    }

    /// Answers with `first` and then whatever `source` yields. `first` leaves together with the request head in one
    /// write. When this returns, the API has the whole response or does not want it.
    pub async fn stream(self, first: Bytes, source: &mut impl Source) -> Delivery {
        let (frames, body) = mpsc::channel(1);
        // The channel is empty, so there is room for one frame.
        let _ = frames.try_send(Frame::data(first));
        let mut request = self.request("response", OutgoingBody::Frames(body));
        set(&mut request, "content-type", HTTP_INTEGRATION);
        set(&mut request, RESPONSE_MODE, "streaming");
        set(&mut request, "trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body");

        let post = self.api.post(request);
        let pump = pump(frames, source);
        tokio::pin!(post, pump);
        let mut failure = None;
        let mut pumping = true;
        let posted = loop {
            tokio::select! {
                posted = &mut post => break posted,
                ended = &mut pump, if pumping => {
                    pumping = false;
                    failure = ended;
                }
            }
        };
        match (posted, failure) {
            (Err(error), _) => Delivery::Gone(error),
            (Ok(()), Some(failure)) => Delivery::Failed(failure),
            (Ok(()), None) => Delivery::Complete,
        }
    }

    fn request(&self, what: &str, body: OutgoingBody) -> Request<OutgoingBody> {
        let path = format!("/invocation/{}/{what}", self.request_id);
        let mut request = self.api.request(Method::POST, &path, body);
        if let Some(id) = &self.invocation_id {
            set(&mut request, INVOCATION_ID, id);
        }
        request
    }
}

/// Moves bytes until the source ends, fails, or nobody wants them. Dropping `frames` ends the request body.
async fn pump(frames: mpsc::Sender<Frame<Bytes>>, source: &mut impl Source) -> Option<Failure> {
    loop {
        let next = tokio::select! {
            next = source.next() => next,
            () = frames.closed() => return None,
        };
        match next {
            Some(Ok(bytes)) => frames.send(Frame::data(bytes)).await.ok()?,
            Some(Err(failure)) => {
                let _ = frames.send(Frame::trailers(trailers(&failure))).await;
                return Some(failure);
            }
            None => return None,
        }
    }
}

fn trailers(failure: &Failure) -> HeaderMap {
    let document = ErrorDocument::to_json(failure.error_type, &failure.message);
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(ERROR_TYPE, HeaderValue::from_static(failure.error_type));
    if let Ok(value) = HeaderValue::from_str(&STANDARD.encode(document)) {
        trailers.insert(ERROR_BODY, value);
    }
    trailers
}
