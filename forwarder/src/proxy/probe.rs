//! `GET /.aigw/probe`: what only the forwarder can find out of the way that calls take, for the operator's probe alone.
//!
//! The table is shown to count by counting a call that takes nothing. Bedrock is asked to invoke a model without any
//! content, which it refuses as invalid after it has checked access: no model runs and nothing is paid. Where calls carry a
//! guardrail it is asked a second time without, which the role's policy has to deny. Which model and guardrail that is stands
//! in the gateway's configuration; a client has no say in it.

use std::fmt::Write as _;

use aigw_contract::Family;
use aigw_contract::guardrail::Guardrail;
use aigw_contract::probe::{BedrockAnswer, ProbeReport};
use aigw_contract::table::GatewayConfig;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::own::{answer, nothing_else};
use super::upstream::Prepared;
use super::{Answer, Proxy};
use crate::admission::Caller;
use crate::denial::Refusal;
use crate::guardrail;
use crate::meter::Shape;

/// A body without any of what models want.
const NOTHING: &[u8] = b"{}";
/// Part of the message with which AWS refuses a role, whichever policy it is that does not allow the call. What it says
/// of a model the account has no access to lacks it.
const NOT_AUTHORIZED: &str = "not authorized to perform";

impl Proxy {
    /// Answers the operator's probe.
    pub(super) async fn probe(&self, caller: &Caller, deadline: Instant) -> Result<Answer, Refusal> {
        let is_probe = |config: &GatewayConfig| config.probe.as_ref().is_some_and(|it| it.tenant == caller.tenant);
        let config = self.gateway.config(is_probe).await?;
        let Some(setup) = config.probe.as_ref().filter(|_| is_probe(&config)) else {
            return Err(nothing_else().into());
        };
        let table = self.admission.rehearse(caller).await?;
        let guardrail = config.guardrails.apply.as_ref();
        let bedrock = match &setup.model {
            Some(model) => self.reach(model, guardrail, &config, deadline).await,
            None => BedrockAnswer::NotAsked,
        };
        let unguarded = match (&setup.model, guardrail) {
            (Some(model), Some(_)) => Some(self.reach(model, None, &config, deadline).await),
            _ => None,
        };
        let report = ProbeReport { table, bedrock, unguarded };
        Ok(answer(&json!(report)))
    }

    /// What Bedrock says to a request for `model` that has no content, with the guardrail that calls carry or without.
    async fn reach(
        &self,
        model: &str,
        guardrail: Option<&Guardrail>,
        config: &GatewayConfig,
        deadline: Instant,
    ) -> BedrockAnswer {
        let family = Family::BedrockRuntime;
        let Ok(endpoint) = self.upstream.endpoint(family, config.fips) else { return BedrockAnswer::NotAsked };
        let Ok(connection) = self.upstream.connection(endpoint).await else { return BedrockAnswer::Unreachable };
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, json.clone()), (ACCEPT, json)]);
        if guardrail.is_some_and(|guardrail| guardrail::name_in(&mut headers, guardrail).is_err()) {
            return BedrockAnswer::NotAsked;
        }
        let request = Prepared {
            family,
            shape: Shape::Free,
            method: Method::POST,
            path_and_query: format!("/model/{}/invoke", encoded(model)),
            headers,
            body: Bytes::from_static(NOTHING),
        };
        match self.upstream.forward(endpoint, connection, request, deadline).await {
            Ok(response) => {
                response.collect().await.map_or(BedrockAnswer::Unreachable, |(status, body)| judge(status, &body))
            }
            Err(_) => BedrockAnswer::Unreachable,
        }
    }
}

/// What an answer of Bedrock's to nothing means.
fn judge(status: StatusCode, body: &[u8]) -> BedrockAnswer {
    match status {
        StatusCode::FORBIDDEN if String::from_utf8_lossy(body).contains(NOT_AUTHORIZED) => BedrockAnswer::RoleDenied,
        StatusCode::FORBIDDEN => BedrockAnswer::ModelDenied,
        StatusCode::TOO_MANY_REQUESTS => BedrockAnswer::Unclear,
        status if status.is_server_error() => BedrockAnswer::Unreachable,
        _ => BedrockAnswer::Callable,
    }
}

/// A model id as one segment of a path, as SDKs write it.
fn encoded(model: &str) -> String {
    let mut path = String::with_capacity(model.len());
    for byte in model.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(path, "%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_role_is_told_from_one_of_the_model() {
        let said = |status: u16, message: &str| {
            judge(StatusCode::from_u16(status).unwrap(), json!({ "message": message }).to_string().as_bytes())
        };
        let role = "User: arn:aws:sts::111122223333:assumed-role/r/f is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:eu-central-1::foundation-model/m because no identity-based policy allows the bedrock:InvokeModel action";
        assert_eq!(said(403, role), BedrockAnswer::RoleDenied);
        assert_eq!(
            said(403, "You don't have access to the model with the specified model ID."),
            BedrockAnswer::ModelDenied
        );
        assert_eq!(said(400, "Malformed input request"), BedrockAnswer::Callable);
        assert_eq!(said(404, "Could not resolve the foundation model"), BedrockAnswer::Callable);
        assert_eq!(said(429, "Too many requests"), BedrockAnswer::Unclear);
        assert_eq!(said(503, "busy"), BedrockAnswer::Unreachable);
    }

    #[test]
    fn a_model_is_one_segment() {
        assert_eq!(encoded("amazon.nova-micro-v1:0"), "amazon.nova-micro-v1%3A0");
        assert_eq!(encoded("arn:aws:x/../y"), "arn%3Aaws%3Ax%2F..%2Fy");
    }
}
