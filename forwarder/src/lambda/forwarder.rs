//! The forwarder function: a proxy event in, a streamed response out, one log line.

use std::sync::Arc;
use std::time::Duration;

use aigw_contract::table::GatewayConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::event::{AuthorizerContext, Multi, ProxyEvent, RequestContext, Text};
use super::prelude;
use crate::access_log::{AccessLog, Call};
use crate::admission::Caller;
use crate::denial::{Denial, Refusal};
use crate::gateway::Gateway;
use crate::proxy::{Answer, Begun, Proxy, Request, UpstreamStream};
use crate::query;
use crate::runtime_api::{Delivery, Failure, Function, Invocation, Reply, Source};

/// Time kept back from Lambda's deadline to end a response cleanly and write the log line.
const DEADLINE_RESERVE: Duration = Duration::from_secs(2);

/// Methods of Bedrock's APIs, and HEAD. Others mean something to HTTP itself: an answer to CONNECT has no end.
const METHODS: [Method; 6] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];

/// The function.
pub struct Forwarder {
    gateway: Arc<Gateway>,
    proxy: Proxy,
    log: AccessLog,
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
        let config = match self.check_origin(context).await {
            Ok(config) => config,
            Err(refusal) => return Answer::refused(refusal),
        };
        let deadline = tokio::time::Instant::now() + remaining.saturating_sub(DEADLINE_RESERVE);
        match request(event, &config.base_paths, deadline) {
            Ok(request) => self.proxy.call(request, caller).await,
            Err(denial) => Answer::refused(denial),
        }
    }

    /// Refuses events of any API or stage but the gateway's: another API in the account could be set up to invoke
    /// this function without our authorizer in front.
    async fn check_origin(&self, context: &RequestContext<'_>) -> Result<Arc<GatewayConfig>, Refusal> {
        let elsewhere = || Denial::forbidden("this request did not come through the gateway");
        let (Some(api), Some(stage)) = (&context.api_id, &context.stage) else { return Err(elsewhere().into()) };
        let serves =
            |config: &GatewayConfig| config.rest_api_id == api.0 && config.stages.iter().any(|known| *known == stage.0);
        let config = self.gateway.config(serves).await?;
        if serves(&config) { Ok(config) } else { Err(elsewhere().into()) }
    }
}

impl Function for Forwarder {
    async fn invoke(&self, invocation: Invocation, reply: Reply) {
        let mut call = Call::begin(invocation.request_id.clone());
        if let Ok(event) = serde_json::from_slice::<ProxyEvent<'_>>(&invocation.event) {
            call.request_bytes = Some(event.body.as_ref().map_or(0, |body| body.0.len() as u64));
            call.gateway_request_id = event.request_context.request_id.as_ref().map(|id| id.0.to_string());
            call.caller = event.request_context.authorizer.as_ref().and_then(caller);
            let answer = self.answer(event, call.caller.as_ref(), invocation.remaining()).await;
            deliver(answer, reply, &mut call).await;
        } else {
            let cause = "the event is not one of an API Gateway proxy integration";
            let _ = reply.error("Gateway.UnexpectedEvent", cause).await;
            call.cause = Some(cause.to_owned());
        }
        self.log.call(&call);
    }
}

/// Streams an answer to its end.
async fn deliver(mut answer: Answer, reply: Reply, call: &mut Call) {
    call.answered(&mut answer);
    let Begun { status, headers, first, rest } = answer.begin().await;
    call.begun(status, first.len());
    let head = prelude::encode(status, headers, &first);
    let mut relay = Relay { stream: rest, call };
    let delivery = reply.stream(head, &mut relay).await;
    let Relay { mut stream, call } = relay;
    let gone = match delivery {
        Delivery::Complete | Delivery::Failed(_) => None,
        Delivery::Gone(error) => Some(crate::describe(&error)),
    };
    // Whoever is gone, the environment is not yet.
    if let Some(stream) = &mut stream {
        stream.settle().await;
    }
    call.ended(stream, gone);
}

/// Bedrock's bytes as the Runtime API takes them; nothing where the answer was complete with its first bytes.
struct Relay<'a> {
    stream: Option<Box<UpstreamStream>>,
    call: &'a mut Call,
}

impl Source for Relay<'_> {
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        match self.stream.as_mut()?.next().await? {
            Ok(bytes) => {
                self.call.sent(bytes.len());
                Some(Ok(bytes))
            }
            Err(broken) => Some(Err(Failure { error_type: "Gateway.ResponseIncomplete", message: broken.to_string() })),
        }
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

fn request(event: ProxyEvent<'_>, base_paths: &[String], deadline: tokio::time::Instant) -> Result<Request, Denial> {
    let method = Method::from_bytes(event.http_method.0.as_bytes()).ok().filter(|method| METHODS.contains(method));
    let method = method.ok_or_else(|| Denial::invalid("the HTTP method is none that Bedrock's APIs use"))?;
    Ok(Request {
        method,
        path: without_base(&event.path.0, base_paths).to_owned(),
        query: query::encode(event.multi_value_query_string_parameters.pairs()),
        headers: headers(&event.multi_value_headers)?,
        body: body(event.body, event.is_base64_encoded)?,
        deadline,
    })
}

/// The path without the base path of a custom domain, which API Gateway leaves in it; raw bytes otherwise.
fn without_base<'a>(path: &'a str, base_paths: &[String]) -> &'a str {
    let after = |base: &String| path.strip_prefix('/')?.strip_prefix(base.as_str());
    let mut rests = base_paths.iter().filter_map(after);
    match rests.find(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some("") => "/",
        Some(rest) => rest,
        None => path,
    }
}

fn headers(pairs: &Multi<'_>) -> Result<HeaderMap, Denial> {
    let mut headers = HeaderMap::with_capacity(32);
    for (name, value) in pairs.pairs() {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        let (name, value) = parsed.ok_or_else(|| Denial::invalid("a request header is not valid"))?;
        headers.try_append(name, value).map_err(|_| Denial::invalid("the request has too many headers"))?;
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
