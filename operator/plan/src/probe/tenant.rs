//! What a tenant is asked with its own credential: that it is accepted, that a model it may not call is refused, and, of
//! one that is suspended or expired, that its calls are.
//!
//! None of it counts against a limit, and nothing reaches Bedrock but, while a suspension has not taken effect, a request
//! without content.

use aigw_api::conditions::reason;
use aigw_contract::Credential;
use aigw_contract::model::Place;
use aigw_contract::policy::TenantPolicy;

use super::answer::{Answer, Finding, Method, Presented, Request};
use super::gateway::{Check, Expected, NO_MODEL, invoke};

/// Where a tenant's usage is told.
const USAGE_PATH: &str = "/.aigw/usage";
/// Kinds of API Gateway's own answers to who may not call.
const REFUSALS: [&str; 3] = ["UNAUTHORIZED", "ACCESS_DENIED", "INVALID_API_KEY"];
/// What the forwarder says to who may not call, and to nobody else.
const WORDS: [&str; 2] = [" is suspended", "(spec.expiresAt of the Tenant)"];

/// The checks of a tenant whose policy this is. `refused` says that its calls are to be refused.
pub fn checks(
    endpoint: &str,
    credential: &Credential,
    policy: &TenantPolicy,
    refused: bool,
    place: Place<'_>,
) -> Vec<Check> {
    if refused {
        // Not the usage, which a suspended tenant may read.
        return vec![Check { request: invoke(endpoint, credential), expected: Expected::Suspension }];
    }
    let url = format!("{endpoint}{USAGE_PATH}");
    let request = Request { method: Method::Get, url, presented: Presented::Credential(credential.clone()) };
    let mut checks = vec![Check { request, expected: Expected::Usage }];
    // Where every model is allowed there is none to show it by.
    let denied = policy.models.as_ref().is_some_and(|models| models.check(NO_MODEL, Some(place)).is_err());
    if denied {
        checks.push(Check { request: invoke(endpoint, credential), expected: Expected::ModelDenial });
    }
    checks
}

/// Whether calls are refused because the tenant may not call, and for no other reason.
pub(super) fn suspension(answer: &Answer) -> Option<Finding> {
    let by_gateway = answer.refused_by.as_deref().is_some_and(|kind| REFUSALS.contains(&kind));
    let message = answer.message();
    let by_forwarder = answer.status == 403 && WORDS.iter().any(|words| message.contains(words));
    if by_gateway || by_forwarder {
        return None;
    }
    let not_yet = || Finding::failed(reason::NOT_REFUSED, "calls of the tenant are not refused yet");
    Some(answer.of_gateway().unwrap_or_else(not_yet))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };

    fn expected(models: Value, refused: bool) -> Vec<Expected> {
        let policy = serde_json::from_value(json!({
            "namespace": "n", "name": "m", "tier": "t", "usageKey": "u", "models": models,
        }));
        let credential = Credential::new("t1", "k1", &[7; 32]).unwrap();
        checks("https://h", &credential, &policy.unwrap(), refused, PLACE).into_iter().map(|it| it.expected).collect()
    }

    #[test]
    fn a_model_is_asked_for_only_where_it_has_to_be_refused() {
        assert_eq!(expected(json!({"granted": ["anthropic.*"]}), false), [Expected::Usage, Expected::ModelDenial]);
        assert_eq!(expected(json!({}), false), [Expected::Usage]);
        assert_eq!(expected(json!({"granted": ["anthropic.*"]}), true), [Expected::Suspension]);
    }

    #[test]
    fn a_suspension_is_told_from_every_other_refusal() {
        let judged = |status, refused_by: Option<&str>, message: &str| {
            let body = json!({ "message": message }).to_string();
            suspension(&Answer { status, refused_by: refused_by.map(str::to_owned), body })
        };
        assert_eq!(judged(403, Some("ACCESS_DENIED"), ""), None);
        assert_eq!(judged(403, None, "tenant a/b is suspended by its own team (…)"), None);
        assert_eq!(judged(403, None, "the access of tenant a/b ended at T (spec.expiresAt of the Tenant); …"), None);
        for (status, message) in [(403, "model x is not allowed for tenant a/suspended"), (400, "malformed"), (200, "")]
        {
            assert!(
                matches!(judged(status, None, message), Some(Finding::Failed { reason: "NotRefused", .. })),
                "{message}"
            );
        }
        let broken = judged(503, Some("AUTHORIZER_FAILURE"), "");
        assert!(matches!(broken, Some(Finding::Failed { reason: "TableUnreachable", .. })));
    }
}
