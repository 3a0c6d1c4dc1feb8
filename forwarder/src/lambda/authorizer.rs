//! The authorizer function: an authorizer event in, an IAM policy or an error out, one log line.
//!
//! API Gateway caches the policy and applies it to every path of the stage, so it always covers the whole stage:
//! one for a single method would turn the next call on another path into a 403. What a tenant may call is decided by
//! the forwarder.

use std::time::Instant;

use aigw_contract::context;
use serde_json::{Value, json};

use super::event::AuthorizerEvent;
use crate::access_log::{AccessLog, Line};
use crate::authorize::{Authorization, Identity, Verdict};
use crate::runtime_api::{Function, Invocation, Reply};

/// The error message that API Gateway turns into 401. Any other becomes 500.
const UNAUTHORIZED: &str = "Unauthorized";
const FAULT: &str = "Gateway.AuthorizerFault";
const NO_EVENT: &str = "the event is not one of a REQUEST authorizer";

/// The function.
pub struct Authorizer {
    authorization: Authorization,
    log: AccessLog,
}

/// What is posted, and what is logged.
struct Decision {
    outcome: &'static str,
    cause: Option<String>,
    identity: Option<Identity>,
    answer: Result<Value, (&'static str, &'static str)>,
}

impl Authorizer {
    /// An authorizer of these parts.
    pub fn new(authorization: Authorization, log: AccessLog) -> Self {
        Self { authorization, log }
    }

    async fn decide(&self, event: &[u8]) -> Decision {
        let event: Option<AuthorizerEvent<'_>> = serde_json::from_slice(event).ok();
        let stage = event.as_ref().and_then(|event| whole_stage(event.method_arn.as_ref()));
        let (Some(event), Some(stage)) = (event, stage) else { return Decision::fault(NO_EVENT.to_owned()) };
        match self.authorization.decide(event.multi_value_headers.values("authorization")).await {
            Ok(Verdict::Allow { identity, usage_key }) => {
                let mut answer = policy("Allow", &stage, &identity);
                answer["usageIdentifierKey"] = usage_key.into();
                Decision { outcome: "allowed", cause: None, identity: Some(identity), answer: Ok(answer) }
            }
            Ok(Verdict::Deny { identity }) => {
                let answer = Ok(policy("Deny", &stage, &identity));
                Decision { outcome: "suspended", cause: None, identity: Some(identity), answer }
            }
            Ok(Verdict::Unauthorized(reason)) => Decision {
                outcome: "unauthorized",
                cause: Some(reason.to_owned()),
                identity: None,
                answer: Err((UNAUTHORIZED, UNAUTHORIZED)),
            },
            Err(error) => Decision::fault(crate::describe(&error)),
        }
    }
}

impl Decision {
    fn fault(cause: String) -> Self {
        let message = "the gateway's authorizer could not decide";
        Self { outcome: "failed", cause: Some(cause), identity: None, answer: Err((FAULT, message)) }
    }
}

impl Function for Authorizer {
    async fn invoke(&self, invocation: Invocation, reply: Reply) {
        let started = Instant::now();
        let Decision { outcome, cause, identity, answer } = self.decide(&invocation.event).await;
        let delivered = match answer {
            Ok(policy) => reply.document(policy.to_string().into_bytes()).await,
            Err((error_type, message)) => reply.error(error_type, message).await,
        };
        let undelivered = delivered.err().map(|error| crate::describe(&error));
        self.log.write(&Line {
            event: "authorize",
            request_id: &invocation.request_id,
            outcome: if undelivered.is_some() { "gone" } else { outcome },
            tenant: identity.as_ref().map(|identity| identity.tenant.as_str()),
            credential: identity.as_ref().map(|identity| identity.credential.as_str()),
            cause: undelivered.or(cause).as_deref(),
            duration_ms: started.elapsed().as_secs_f64() * 1_000.0,
        });
    }
}

/// Resource that covers every method and path of the stage a method ARN
/// (`arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`) belongs to.
fn whole_stage(method_arn: &str) -> Option<String> {
    let mut parts = method_arn.splitn(3, '/');
    let (api, stage) = (parts.next()?, parts.next()?);
    let complete = api.starts_with("arn:") && !stage.is_empty() && parts.next().is_some();
    complete.then(|| format!("{api}/{stage}/*"))
}

fn policy(effect: &str, resource: &str, identity: &Identity) -> Value {
    let Identity { tenant, credential, subject } = identity;
    json!({
        "principalId": tenant,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource }],
        },
        "context": { context::TENANT: tenant, context::CREDENTIAL: credential, context::SUBJECT: subject },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_covers_the_whole_stage() {
        let arn = "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:a1b2c3/v1/POST/bedrock-runtime/model/m";
        assert_eq!(whole_stage(arn).unwrap(), "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:a1b2c3/v1/*");
        for wrong in ["", "arn:aws:execute-api:r:1:api", "arn:aws:execute-api:r:1:api/v1", "x/v1/GET/", "arn:x//GET/"] {
            assert!(whole_stage(wrong).is_none(), "{wrong}");
        }
    }
}
