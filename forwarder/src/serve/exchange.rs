//! One request and its response: authorize, forward, begin.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Server;
use super::body::ServedBody;
use crate::access_log::Call;
use crate::admission::Caller;
use crate::authorize::{Identity, Verdict};
use crate::denial::{Denial, Refusal};
use crate::proxy::{self, Answer, Begun};
use crate::query;

/// Longest request body; Bedrock takes 25 MB at most, in the base64 of a document.
const MAX_BODY: usize = 32 << 20;
/// What a call may take: API Gateway's own maximum, so that both forms end alike.
const MAX_DURATION: Duration = Duration::from_mins(15);

impl Server {
    /// Answers one request; the log line follows when the response body is done with.
    pub(super) async fn exchange(&self, request: Request<Incoming>) -> Response<ServedBody> {
        let mut call = Call::begin(self.next_id());
        let mut answer = match self.answer(request, &mut call).await {
            Ok(answer) => answer,
            Err(refusal) => Answer::refused(refusal),
        };
        call.answered(&mut answer);
        let Begun { status, headers, first, rest } = answer.begin().await;
        call.begun(status, first.len());
        let mut response = Response::new(ServedBody::new(first, rest, call, self.log.clone()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    async fn answer(&self, request: Request<Incoming>, call: &mut Call) -> Result<Answer, Refusal> {
        let deadline = Instant::now() + MAX_DURATION;
        let (parts, body) = request.into_parts();
        let caller = call.caller.insert(self.caller(&parts.headers).await?);
        let body = read(body).await?;
        call.request_bytes = Some(body.len() as u64);
        let request = proxy::Request {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: encode(parts.uri.query().unwrap_or_default()),
            headers: parts.headers,
            body,
            deadline,
        };
        Ok(self.proxy.call(request, caller).await)
    }

    /// Who calls. A suspended tenant is let through to the proxy, which refuses it with the reason.
    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let values = headers.get_all(AUTHORIZATION).iter().map(|value| value.to_str().unwrap_or_default());
        match self.authorization.decide(values).await {
            Ok(Verdict::Allow { identity, .. } | Verdict::Deny { identity }) => {
                let Identity { tenant, credential, subject } = identity;
                Ok(Caller { tenant, credential, subject: Some(subject) })
            }
            Ok(Verdict::Unauthorized(reason)) => {
                Err(Refusal { denial: Denial::unauthorized(), cause: Some(reason.to_owned()) })
            }
            Err(error) => Err(Refusal::because(Denial::internal("the gateway's authorizer could not decide"), &error)),
        }
    }
}

async fn read(body: Incoming) -> Result<Bytes, Denial> {
    let too_large = || Denial::too_large(format!("the request body must not be longer than {MAX_BODY} bytes"));
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Denial::invalid("the request body broke off")),
    }
}

/// The query as it is signed and sent: decoded as API Gateway does, then encoded as the signature demands.
fn encode(query: &str) -> String {
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (query::decode(name), query::decode(value)))
        .collect();
    query::encode(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_query_is_encoded_strictly_with_its_repeats() {
        assert_eq!(super::encode("a=1&a=2&b&c=%2F+%7e&X-Amz-Signature=x&"), "a=1&a=2&b=&c=%2F%20~");
        assert_eq!(super::encode(""), "");
    }
}
