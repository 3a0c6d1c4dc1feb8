//! What a gateway is asked, and what its answers mean: nonsense and a credential of nobody's are refused, the probe's own is accepted and
//! its call counted, Bedrock lets the forwarder call, and a model that is not allowed is refused.

use aigw_api::conditions::reason;
use aigw_contract::probe::{BedrockAnswer, PROBE_PATH, ProbeReport, TableAnswer};
use aigw_contract::{Credential, Family};

use super::answer::{Answer, Finding, Method, Presented, Request};
use super::identity;
use crate::gateway::validate::ValidGateway;
use crate::identity::GatewayIdentity;

/// A model of nobody's, for what has to be refused before any model is looked for.
pub(super) const NO_MODEL: &str = "aigw.none";

/// A request and what has to come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The request.
    pub request: Request,
    /// What has to come of it.
    pub expected: Expected,
}

/// What has to come of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// What is no credential is refused, for which the authorizer has to run.
    Running,
    /// The credential is not accepted.
    Refusal,
    /// The forwarder reports that all is well; it asked Bedrock for this model, if for any.
    Report {
        /// The model.
        model: Option<String>,
        /// Whether Bedrock has to deny the call without the guardrail that calls carry.
        guarded: bool,
    },
    /// The tenant's usage is told.
    Usage,
    /// The model is not allowed.
    ModelDenial,
    /// The tenant's calls are refused.
    Suspension,
}

/// The checks of a gateway, in order: each needs what the one before it has shown.
pub fn checks(endpoint: &str, gateway: &GatewayIdentity, valid: &ValidGateway, credential: &Credential) -> Vec<Check> {
    let get = |presented| Request { method: Method::Get, url: format!("{endpoint}{PROBE_PATH}"), presented };
    let forged = Presented::Credential(identity::forged(gateway));
    let own = Presented::Credential(credential.clone());
    let guarded = valid.guardrail.is_some() && valid.probe.model.is_some();
    let mut checks = vec![
        Check { request: get(Presented::Nonsense), expected: Expected::Running },
        Check { request: get(forged), expected: Expected::Refusal },
        Check { request: get(own), expected: Expected::Report { model: valid.probe.model.clone(), guarded } },
    ];
    if valid.families.contains(&Family::BedrockRuntime) {
        checks.push(Check { request: invoke(endpoint, credential), expected: Expected::ModelDenial });
    }
    checks
}

/// A call of a model that there is not. Should it ever reach Bedrock, it has no content and is refused there as well.
pub(super) fn invoke(endpoint: &str, credential: &Credential) -> Request {
    let mount = Family::BedrockRuntime.endpoint_prefix();
    let url = format!("{endpoint}/{mount}/model/{NO_MODEL}/invoke");
    Request { method: Method::Post, url, presented: Presented::Credential(credential.clone()) }
}

/// What went through, for people.
pub fn shown(checks: &[Check]) -> Finding {
    let words = checks.iter().filter_map(|check| match &check.expected {
        // The next one says more.
        Expected::Running => None,
        Expected::Refusal => Some("a credential of nobody's is refused".to_owned()),
        Expected::Report { model: Some(model), guarded } => {
            let denied = if *guarded { ", and not without the guardrail" } else { "" };
            Some(format!("a call is counted; Bedrock lets the gateway call {model}{denied}"))
        }
        Expected::Report { model: None, .. } => {
            Some("a call is counted; Bedrock was not asked for any model".to_owned())
        }
        Expected::Usage => Some("the tenant's credential is accepted".to_owned()),
        Expected::ModelDenial => Some("a model that is not allowed is refused".to_owned()),
        Expected::Suspension => Some("calls are refused".to_owned()),
    });
    Finding::Passed(words.collect::<Vec<_>>().join("; "))
}

impl Check {
    /// What is wrong with the answer; `None` if nothing is.
    pub fn judge(&self, answer: &Answer) -> Option<Finding> {
        match &self.expected {
            Expected::Running => running(answer),
            Expected::Refusal => refusal(answer),
            Expected::Report { model, guarded } => report(answer, model.as_deref(), *guarded),
            Expected::Usage => usage(answer),
            Expected::ModelDenial => model_denial(answer),
            Expected::Suspension => super::tenant::suspension(answer),
        }
    }
}

fn running(answer: &Answer) -> Option<Finding> {
    if answer.refused_by.as_deref() == Some("AUTHORIZER_FAILURE") {
        return Some(Finding::failed(reason::AUTHORIZER_FAILED, "the authorizer function fails; see its log"));
    }
    refusal(answer)
}

fn refusal(answer: &Answer) -> Option<Finding> {
    match (answer.status, answer.refused_by.as_deref()) {
        (401, _) => None,
        // The authorizer never answers so to a credential it does not know: the resource policy does.
        (403, Some("ACCESS_DENIED")) => Some(Finding::Unknown {
            reason: reason::SOURCE_NOT_ALLOWED,
            message: "the gateway does not let the operator's address in, so the operator cannot see whether calls go through; see spec.endpoint".into(),
        }),
        (403, Some("INVALID_API_KEY")) => Some(Finding::failed(
            reason::AUTHORIZER_FAILED,
            "API Gateway does not ask the authorizer about a credential; see the REST API's methods",
        )),
        (200..=299, _) => Some(Finding::failed(
            reason::NOT_REFUSED,
            "the gateway accepts a credential that is nobody's; see the REST API's methods and the authorizer",
        )),
        _ => Some(answer.of_gateway().unwrap_or_else(|| answer.unexpected())),
    }
}

fn report(answer: &Answer, model: Option<&str>, guarded: bool) -> Option<Finding> {
    if let Some(finding) = answer.of_gateway() {
        return Some(finding);
    }
    match answer.status {
        200 => {}
        // Its configuration is read again within half a minute, and a new version takes seconds to be served.
        404 => return Some(Finding::Unclear("the forwarder does not know of the probe yet".into())),
        503 => return Some(table_unreachable()),
        401 | 403 => {
            let message =
                "the forwarder refuses the probe's credential although its policy lists it; see the forwarder's log";
            return Some(Finding::failed(reason::CREDENTIAL_REFUSED, message));
        }
        _ => return Some(answer.unexpected()),
    }
    let Ok(ProbeReport { table, bedrock, unguarded }) = serde_json::from_str(&answer.body) else {
        return Some(answer.unexpected());
    };
    let first = of_table(table).or_else(|| of_bedrock(bedrock, model.unwrap_or_default()));
    first.or_else(|| if guarded { of_unguarded(unguarded) } else { None })
}

fn of_unguarded(unguarded: Option<BedrockAnswer>) -> Option<Finding> {
    match unguarded {
        Some(BedrockAnswer::RoleDenied) => None,
        Some(BedrockAnswer::Callable) => Some(Finding::failed(
            reason::GUARDRAIL_NOT_ENFORCED,
            "Bedrock lets the forwarder's role call without the guardrail; its policy has to deny bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream where bedrock:GuardrailIdentifier is not the gateway's",
        )),
        // Its configuration is read again within half a minute, and Bedrock may be busy.
        _ => Some(Finding::Unclear("the forwarder could not ask Bedrock without the guardrail yet".into())),
    }
}

fn of_table(table: TableAnswer) -> Option<Finding> {
    match table {
        TableAnswer::Counted => None,
        TableAnswer::Denied => Some(Finding::failed(
            reason::ROLE_DENIED,
            "the forwarder's role may not read or count in the table; it needs dynamodb:GetItem and dynamodb:UpdateItem on it",
        )),
        TableAnswer::Unreachable => Some(table_unreachable()),
        TableAnswer::Unclear => {
            Some(Finding::Unclear("the probe's call could not be counted at once and is repeated".into()))
        }
    }
}

fn table_unreachable() -> Finding {
    Finding::failed(
        reason::TABLE_UNREACHABLE,
        "the forwarder cannot reach the table, so no call can be counted; see the forwarder's log, DynamoDB's health, and the table's own policy",
    )
}

fn of_bedrock(bedrock: BedrockAnswer, model: &str) -> Option<Finding> {
    match bedrock {
        BedrockAnswer::Callable | BedrockAnswer::NotAsked => None,
        BedrockAnswer::RoleDenied => Some(Finding::failed(
            reason::ROLE_DENIED,
            format!(
                "the forwarder's role may not invoke {model} in Bedrock; its policy, its boundary or an organization's policy has to allow bedrock:InvokeModel"
            ),
        )),
        BedrockAnswer::ModelDenied => Some(Finding::failed(
            reason::MODEL_DENIED,
            format!(
                "Bedrock denies this account {model}; ask for access to it in Bedrock's console, or name another model in spec.probe.model"
            ),
        )),
        BedrockAnswer::Unreachable => Some(Finding::failed(
            reason::BEDROCK_UNREACHABLE,
            "Bedrock does not answer the forwarder; see the forwarder's log and Bedrock's health",
        )),
        BedrockAnswer::Unclear => Some(Finding::Unclear("Bedrock is busy; the probe is repeated".into())),
    }
}

fn usage(answer: &Answer) -> Option<Finding> {
    if let Some(finding) = answer.of_gateway() {
        return Some(finding);
    }
    match answer.status {
        200 => None,
        503 => Some(table_unreachable()),
        401 | 403 => Some(Finding::failed(
            reason::CREDENTIAL_REFUSED,
            "the forwarder refuses the tenant's credential although its policy lists it; see the forwarder's log",
        )),
        _ => Some(answer.unexpected()),
    }
}

fn model_denial(answer: &Answer) -> Option<Finding> {
    if let Some(finding) = answer.of_gateway() {
        return Some(finding);
    }
    match answer.status {
        403 => None,
        // Bedrock's own word for a request without content, or for a model there is not.
        200..=299 | 400 | 404 => Some(Finding::failed(
            reason::NOT_REFUSED,
            "a model that is not allowed is not refused; see the forwarder's log",
        )),
        503 => Some(table_unreachable()),
        _ => Some(answer.unexpected()),
    }
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
