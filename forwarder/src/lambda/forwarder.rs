//! The forwarder function: a proxy event in, a streamed response out, one log line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::event::{AuthorizerContext, Multi, ProxyEvent, RequestContext, Text};
use super::prelude;
use crate::access_log::{AccessLog, Line};
use crate::admission::Caller;
use crate::denial::{Denial, Refusal};
use crate::gateway::Gateway;
use crate::proxy::{Answer, AnswerBody, Broken, Proxy, Request, UpstreamStream};
use crate::query;
use crate::runtime_api::{Delivery, Failure, Function, Invocation, Reply, Source};

/// Time kept back from Lambda's deadline to end a response cleanly and write the log line.
const DEADLINE_RESERVE: Duration = Duration::from_secs(2);
/// How long a response head waits for the first body bytes, so that both leave in one write.
const FIRST_BYTES_GRACE: Duration = Duration::from_millis(2);

/// The function.
pub struct Forwarder {
    gateway: Arc<Gateway>,
    proxy: Proxy,
    log: AccessLog,
}

/// What the log says of a finished call.
struct Summary {
    outcome: &'static str,
    cause: Option<String>,
    bytes: u64,
}

impl Forwarder {
    /// A forwarder of these parts.
    pub fn new(gateway: Arc<Gateway>, proxy: Proxy, log: AccessLog) -> Self {
        Self { gateway, proxy, log }
    }

    async fn answer(&self, event: ProxyEvent<'_>, caller: Option<&Caller>, remaining: Duration) -> Answer {
        let context = &event.request_context;
        let Some(caller) = caller else {
            return Answer::refused(Denial::forbidden("this request did not pass the gateway's authorizer"));
        };
        if let Err(refusal) = self.check_origin(context).await {
            return Answer::refused(refusal);
        }
        let deadline = tokio::time::Instant::now() + remaining.saturating_sub(DEADLINE_RESERVE);
        match request(event, deadline) {
            Ok(request) => self.proxy.call(request, caller).await,
            Err(denial) => Answer::refused(denial),
        }
    }

    /// Refuses events of any API or stage but the gateway's: another API in the account could be set up to invoke
    /// this function without our authorizer in front.
    async fn check_origin(&self, context: &RequestContext<'_>) -> Result<(), Refusal> {
        let elsewhere = || Denial::forbidden("this request did not come through the gateway");
        let (Some(api), Some(stage)) = (&context.api_id, &context.stage) else { return Err(elsewhere().into()) };
        let serves = |config: &aigw_contract::table::GatewayConfig| {
            config.rest_api_id == api.0 && config.stages.iter().any(|known| *known == stage.0)
        };
        let config = self.gateway.config(serves).await?;
        if serves(&config) { Ok(()) } else { Err(elsewhere().into()) }
    }
}

impl Function for Forwarder {
    async fn invoke(&self, invocation: Invocation, reply: Reply) {
        let started = Instant::now();
        let event: ProxyEvent<'_> = match serde_json::from_slice(&invocation.event) {
            Ok(event) => event,
            Err(_) => return self.not_an_event(&invocation, reply, started).await,
        };
        let request_bytes = event.body.as_ref().map_or(0, |body| body.0.len() as u64);
        let caller = event.request_context.authorizer.as_ref().and_then(caller);
        let answer = self.answer(event, caller.as_ref(), invocation.remaining()).await;

        let status = answer.status.as_u16();
        let family = answer.family;
        let bedrock_request_id = answer.headers.get("x-bedrock-request-id").cloned();
        let Summary { outcome, cause, bytes } = deliver(answer, reply).await;
        self.log.write(&Line {
            event: "call",
            request_id: &invocation.request_id,
            outcome,
            tenant: caller.as_ref().map(|caller| caller.tenant.as_str()),
            credential: caller.as_ref().map(|caller| caller.credential.as_str()),
            family: family.map(aigw_contract::Family::endpoint_prefix),
            status: Some(status),
            bedrock_request_id: bedrock_request_id.as_ref().and_then(|id| id.to_str().ok()),
            cause: cause.as_deref(),
            duration_ms: started.elapsed().as_secs_f64() * 1_000.0,
            request_bytes: Some(request_bytes),
            response_bytes: Some(bytes),
        });
    }
}

impl Forwarder {
    async fn not_an_event(&self, invocation: &Invocation, reply: Reply, started: Instant) {
        let cause = "the event is not one of an API Gateway proxy integration";
        let _ = reply.error("Gateway.UnexpectedEvent", cause).await;
        self.log.write(&Line {
            event: "call",
            request_id: &invocation.request_id,
            outcome: "failed",
            cause: Some(cause),
            duration_ms: started.elapsed().as_secs_f64() * 1_000.0,
            ..Line::default()
        });
    }
}

/// Streams an answer to its end.
async fn deliver(answer: Answer, reply: Reply) -> Summary {
    let Answer { status, headers, body, cause, .. } = answer;
    let stream = match body {
        AnswerBody::Own(bytes) => {
            let head = prelude::encode(status, headers, &bytes);
            let delivery = reply.stream(head, &mut Nothing).await;
            let outcome = if status.is_server_error() { "failed" } else { "refused" };
            return Summary::of(delivery, outcome, cause, bytes.len() as u64);
        }
        AnswerBody::Upstream(stream) => *stream,
    };
    let mut relay = Relay { stream, bytes: 0 };
    let first = match tokio::time::timeout(FIRST_BYTES_GRACE, relay.stream.next()).await {
        Ok(Some(Ok(bytes))) => bytes,
        // Nothing has been sent yet, so an honest status is still possible.
        Ok(Some(Err(broken))) => return deliver_broken(broken, reply).await,
        Ok(None) | Err(_) => Bytes::new(),
    };
    relay.bytes = first.len() as u64;
    let head = prelude::encode(status, headers, &first);
    let delivery = reply.stream(head, &mut relay).await;
    match relay.stream.broken() {
        Some(broken) => Summary::of(delivery, "broken", Some(broken.to_string()), relay.bytes),
        None => Summary::of(delivery, "complete", None, relay.bytes),
    }
}

async fn deliver_broken(broken: Broken, reply: Reply) -> Summary {
    let message = format!("{broken} before its first byte; try again");
    let denial = match broken {
        Broken::Deadline => Denial::timed_out(message),
        Broken::Upstream | Broken::Silence => Denial::unavailable(message),
    };
    let body = denial.body();
    let head = prelude::encode(denial.status, denial.headers(), &body);
    let delivery = reply.stream(head, &mut Nothing).await;
    Summary::of(delivery, "broken", Some(broken.to_string()), body.len() as u64)
}

impl Summary {
    fn of(delivery: Delivery, outcome: &'static str, cause: Option<String>, bytes: u64) -> Self {
        match delivery {
            Delivery::Complete | Delivery::Failed(_) => Self { outcome, cause, bytes },
            Delivery::Gone(error) => Self { outcome: "gone", cause: Some(crate::describe(&error)), bytes },
        }
    }
}

/// Bedrock's bytes as the Runtime API takes them.
struct Relay {
    stream: UpstreamStream,
    bytes: u64,
}

impl Source for Relay {
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        match self.stream.next().await? {
            Ok(bytes) => {
                self.bytes += bytes.len() as u64;
                Some(Ok(bytes))
            }
            Err(broken) => Some(Err(Failure { error_type: "Gateway.ResponseIncomplete", message: broken.to_string() })),
        }
    }
}

/// The source of an answer that is complete already.
struct Nothing;

impl Source for Nothing {
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        None
    }
}

fn caller(context: &AuthorizerContext<'_>) -> Option<Caller> {
    let text = |value: &Option<Text<'_>>| value.as_ref().map(|text| text.0.to_string()).filter(|text| !text.is_empty());
    Some(Caller {
        tenant: text(&context.tenant)?,
        credential: text(&context.credential)?,
        subject: text(&context.subject),
        // One that is not a time was not written by our authorizer.
        expires: context.expires.as_ref().map(|expires| expires.0.parse()).transpose().ok()?,
    })
}

fn request(event: ProxyEvent<'_>, deadline: tokio::time::Instant) -> Result<Request, Denial> {
    let method = Method::from_bytes(event.http_method.0.as_bytes())
        .map_err(|_| Denial::invalid("the HTTP method is not one"))?;
    Ok(Request {
        method,
        path: event.path.0.into_owned(),
        query: query::encode(event.multi_value_query_string_parameters.pairs()),
        headers: headers(&event.multi_value_headers)?,
        body: body(event.body, event.is_base64_encoded)?,
        deadline,
    })
}

fn headers(pairs: &Multi<'_>) -> Result<HeaderMap, Denial> {
    let mut headers = HeaderMap::with_capacity(32);
    for (name, value) in pairs.pairs() {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        let (name, value) = parsed.ok_or_else(|| Denial::invalid("a request header is not valid"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn body(text: Option<Text<'_>>, base64: bool) -> Result<Bytes, Denial> {
    let Some(Text(text)) = text else { return Ok(Bytes::new()) };
    if base64 {
        let decoded = STANDARD.decode(text.as_bytes());
        return decoded.map(Bytes::from).map_err(|_| Denial::invalid("the request body is not valid base64"));
    }
    Ok(Bytes::from(text.into_owned()))
}
