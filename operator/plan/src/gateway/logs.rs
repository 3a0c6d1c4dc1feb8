//! What is written down of calls: the functions' log groups, and the access log that API Gateway writes. Pure.
//!
//! API Gateway writes with a role that is a setting of the account, shared by every API in it. So that role is looked for
//! and never set: without it no access log is asked for, everything else goes on, and a condition says what to do. A
//! stage's access log that leads to a log group of somebody else is left alone as long as the spec asks for none.

use std::fmt::Write as _;

use aigw_api::Logs;
use aigw_api::conditions::{kind, reason};
use aigw_contract::Partition;

use super::desired::DesiredGateway;
use super::observed::{ObservedGateway, ObservedLogGroup};
use super::step::GatewayStep;
use super::validate::ValidGateway;
use crate::conditions::ConditionSpec;
use crate::identity::GatewayIdentity;
use crate::plan::Plan;

/// Days lines are kept unless the spec says otherwise.
pub const DEFAULT_RETENTION_DAYS: i32 = 30;

/// Fields of a line with API Gateway's variable of each, in the order they are written ("Variables for access logging",
/// API Gateway developer guide). Ids that join it with other logs come first, then who called, then what refused it or how
/// it went. None holds a credential, a header, a query or any of a body; `path` names models only.
const FIELDS: [(&str, &str); 28] = [
    ("requestId", "requestId"),
    ("extendedRequestId", "extendedRequestId"),
    ("functionRequestId", "integration.requestId"),
    ("traceId", "xrayTraceId"),
    ("timeMillis", "requestTimeEpoch"),
    ("restApiId", "apiId"),
    ("stage", "stage"),
    ("domain", "domainName"),
    ("sourceIp", "identity.sourceIp"),
    ("vpcEndpointId", "identity.vpceId"),
    ("httpMethod", "httpMethod"),
    ("resourcePath", "resourcePath"),
    ("path", "path"),
    ("tenant", TENANT),
    ("credential", CREDENTIAL),
    ("status", "status"),
    ("errorType", "error.responseType"),
    ("errorMessage", "error.message"),
    ("validationError", "error.validationErrorString"),
    ("wafStatus", "waf.status"),
    ("authorizerStatus", "authorizer.status"),
    ("authorizerError", "authorizer.error"),
    ("authorizerLatencyMillis", "authorizer.latency"),
    ("integrationStatus", "integration.status"),
    ("integrationError", "integration.error"),
    ("firstContentMillis", "integration.timeToFirstContent"),
    ("integrationLatencyMillis", "integration.latency"),
    ("latencyMillis", "responseLatency"),
];
/// What the authorizer told of the caller.
const TENANT: &str = "authorizer.tenant";
const CREDENTIAL: &str = "authorizer.credential";

/// What the spec asks for, with defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidLogs {
    /// Whether API Gateway is to write an access log.
    pub access: bool,
    /// Days lines are kept.
    pub retention_days: i32,
}

/// Access log of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// ARN of the log group lines go to.
    pub destination_arn: String,
    /// Text of a line, with API Gateway's variables.
    pub format: String,
}

/// What should be written where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredLogs {
    /// Days lines are kept.
    pub retention_days: i32,
    /// Log group of the access log.
    pub access_group: String,
    /// What a stage that writes it is set to.
    pub access_log: AccessLog,
    /// Whether it is to be written.
    pub access: bool,
}

/// Fills in defaults.
pub(super) fn valid(logs: Option<&Logs>) -> ValidLogs {
    let Logs { access, retention_days } = logs.cloned().unwrap_or_default();
    ValidLogs { access: access.unwrap_or(false), retention_days: retention_days.unwrap_or(DEFAULT_RETENTION_DAYS) }
}

/// Derives what should be written where.
pub(super) fn desire(valid: &ValidGateway, identity: &GatewayIdentity) -> DesiredLogs {
    let ValidLogs { access, retention_days } = valid.logs;
    let access_group = identity.access_log_group();
    let (partition, region, account) = (Partition::of(&valid.region).id, &valid.region, &valid.account_id);
    let destination_arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{access_group}");
    DesiredLogs { retention_days, access_group, access_log: AccessLog { destination_arn, format: format() }, access }
}

/// A line as one JSON object. Every value is a string: a variable that has no value is written as `-`, which is no JSON.
fn format() -> String {
    let mut line = String::from("{");
    for (index, (field, variable)) in FIELDS.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(line, "{comma}\"{field}\":\"$context.{variable}\"");
    }
    line.push('}');
    line
}

/// Log groups of the functions that lack, and how long they keep lines.
pub(super) fn diff_groups(desired: &DesiredGateway, observed: &ObservedGateway, plan: &mut Plan<GatewayStep>) {
    for (function, spec) in &desired.functions {
        diff_group(desired, &spec.log_group, observed.log_groups.get(function), plan);
    }
}

fn diff_group(desired: &DesiredGateway, name: &str, group: Option<&ObservedLogGroup>, plan: &mut Plan<GatewayStep>) {
    if group.is_none() {
        plan.step(GatewayStep::CreateLogGroup { name: name.into(), tags: desired.tags.clone() });
    }
    let days = desired.logs.retention_days;
    if group.and_then(|group| group.retention_days) != Some(days) {
        plan.step(GatewayStep::SetRetention { name: name.into(), days });
    }
}

/// The access log with its group. Comes last: calls are served without it, so whatever AWS refuses of it must not be in the
/// way of anything else.
pub(super) fn diff_access(
    desired: &DesiredGateway,
    rest_api_id: &str,
    observed: &ObservedGateway,
    plan: &mut Plan<GatewayStep>,
) {
    let Some(stage) = observed.stages.get(&desired.stage) else { return };
    let DesiredLogs { retention_days: _, access_group: _, access_log: wanted, access } = &desired.logs;
    let written = stage.access_log.as_ref();
    let step = |access_log| GatewayStep::SetAccessLog {
        rest_api_id: rest_api_id.into(),
        stage: desired.stage.clone(),
        access_log,
    };
    if *access {
        if observed.account_log_role.is_none() {
            return;
        }
        diff_group(desired, &desired.logs.access_group, observed.access_log_group.as_ref(), plan);
        if written != Some(wanted) {
            plan.step(step(Some(wanted.clone())));
        }
    } else if written.is_some_and(|written| written.destination_arn == wanted.destination_arn) {
        plan.step(step(None));
    }
}

/// What is to be said of the access log; nothing where none is asked for.
pub fn condition(
    valid: &ValidGateway,
    identity: &GatewayIdentity,
    observed: &ObservedGateway,
) -> Option<ConditionSpec> {
    if !valid.logs.access {
        return None;
    }
    let DesiredLogs { access_group, access_log, .. } = desire(valid, identity);
    let written = observed.stages.get(&valid.stage).and_then(|stage| stage.access_log.as_ref());
    Some(if observed.account_log_role.is_none() {
        ConditionSpec::new(
            kind::ACCESS_LOGS_READY,
            false,
            reason::LOG_ROLE_MISSING,
            "this account has no role with which API Gateway may write logs in this Region, so there is no access log; calls are served all the same. Set one: aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN. It is used by every API of the account, so the operator leaves it alone",
        )
    } else if written == Some(&access_log) {
        let message = format!("a line for every request goes to log group {access_group}");
        ConditionSpec::new(kind::ACCESS_LOGS_READY, true, reason::LOGGING, message)
    } else {
        ConditionSpec::new(kind::ACCESS_LOGS_READY, false, reason::PROGRESSING, "the access log is being set up")
    })
}

#[cfg(test)]
mod tests {
    use aigw_contract::context;
    use serde_json::{Value, json};

    use super::*;
    use crate::gateway::fixtures::{World, valid};

    #[test]
    fn nothing_of_a_gateway_waits_for_its_access_log() {
        let asked = |access: bool| {
            valid(json!({
                "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
                "endpoint": {"type": "Regional"}, "tenants": {"rules": []}, "logs": {"access": access},
                "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
            }))
        };
        let mut world = World::settled(&asked(false));
        // Everything lacks a part that is not asked for in an order of its own.
        world.sim.aws.roles.values_mut().for_each(|role| role.policy = None);
        world.sim.aws.usage_plans.iter_mut().for_each(|plan| plan.rate_limit = None);
        let steps = world.plan(&asked(true)).steps;
        let of_the_log = |step: &GatewayStep| {
            use GatewayStep::{CreateLogGroup, SetAccessLog, SetRetention};
            matches!(step, CreateLogGroup { .. } | SetRetention { .. } | SetAccessLog { .. })
        };
        let first = steps.iter().position(of_the_log).unwrap();
        assert!(first > 2 && steps[first..].iter().all(of_the_log), "{steps:?}");
    }

    #[test]
    fn a_line_is_json_whatever_the_variables_are() {
        let line: String = format()
            .split('"')
            .map(|part| if part.starts_with('$') { "-" } else { part })
            .collect::<Vec<_>>()
            .join("\"");
        let fields: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(fields.as_object().unwrap().len(), FIELDS.len());
        // API Gateway takes 3 KB.
        assert!(format().len() < 3_000, "{}", format().len());
    }

    #[test]
    fn a_line_tells_who_was_refused_by_what_and_no_secret() {
        assert_eq!(TENANT, format!("authorizer.{}", context::TENANT));
        assert_eq!(CREDENTIAL, format!("authorizer.{}", context::CREDENTIAL));
        // Of the caller's own: header, query, body, key, and what a token says of a person.
        for secret in ["apiKey", "header", "querystring", "body", "authorizer.subject", "claims", "userAgent"] {
            assert!(!format().contains(secret), "{secret}");
        }
    }
}
