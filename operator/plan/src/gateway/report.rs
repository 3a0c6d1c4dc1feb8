//! What the user is told of a gateway.

use aigw_api::conditions::{kind, reason};
use aigw_api::{
    AIGatewayStatus, DeletionPolicy, EffectiveGateway, EffectivePrices, EffectiveProbe, EffectiveTier, FailMode,
    MandatoryGuardrail, ProbeMode, StageStatus, TenantsStatus, UnknownPrice, UsagePlanStatus,
};
use aigw_contract::table::Unmetered;

use aigw_contract::issuer::REMOVED_KEY_SECONDS;

use super::desired::Build;
use super::domains::tell;
use super::observed::ObservedGateway;
use super::releases;
use super::validate::{ValidGateway, unwire};
use crate::conditions::{ConditionSpec, Progress};
use crate::identity::GatewayIdentity;
use crate::money::MicroUsd;
use crate::prices::bundled_date;
use crate::probe::report::Unproven;
use crate::probe::{ValidProbe, shown_interval};
use crate::violation::Violation;

/// What a pass came to.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayOutcome {
    /// The spec is not acceptable.
    Refused(Vec<Violation>),
    /// AWS matches.
    InSync,
    /// AWS matches, and a probe does not show that calls go through.
    Unproven {
        /// What keeps it from being shown.
        unproven: Unproven,
        /// Whether the gateway counts as ready meanwhile.
        serving: bool,
    },
    /// Going on by itself.
    Working {
        /// Condition reason.
        reason: &'static str,
        /// What is being done or waited for.
        message: String,
    },
    /// A person has to act.
    Stalled {
        /// Condition reason.
        reason: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
}

/// For how long the functions use a configuration they have read, in seconds.
const CONFIGURATION_SECONDS: i32 = 30;

/// Conditions of a gateway after a pass. `was_ready` says that the last status of this generation was Ready.
pub fn conditions(outcome: &GatewayOutcome, was_ready: bool) -> Vec<ConditionSpec> {
    let accepted = ConditionSpec::new(kind::ACCEPTED, true, reason::ACCEPTED, "the spec is valid");
    let (accepted, programmed, progress) = match outcome {
        GatewayOutcome::Refused(violations) => {
            let message = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let reason = violations.first().map_or(reason::INVALID, |violation| violation.reason);
            (
                ConditionSpec::new(kind::ACCEPTED, false, reason, &message),
                ConditionSpec::new(kind::PROGRAMMED, None, reason, "the spec was refused; AWS is left as it was"),
                Progress::Stalled { reason, message },
            )
        }
        GatewayOutcome::InSync => (
            accepted,
            ConditionSpec::new(kind::PROGRAMMED, true, reason::IN_SYNC, "AWS was read and matches"),
            Progress::Ready("the gateway serves".into()),
        ),
        GatewayOutcome::Unproven { unproven, serving } => (
            accepted,
            ConditionSpec::new(kind::PROGRAMMED, true, reason::IN_SYNC, "AWS was read and matches"),
            unproven.progress(*serving),
        ),
        GatewayOutcome::Working { reason, message } => (
            accepted,
            ConditionSpec::new(kind::PROGRAMMED, was_ready.then_some(true).or(Some(false)), reason, message),
            Progress::Working { reason, message: message.clone(), serving: was_ready },
        ),
        GatewayOutcome::Stalled { reason, message } => (
            accepted,
            ConditionSpec::new(kind::PROGRAMMED, false, reason, message),
            Progress::Stalled { reason, message: message.clone() },
        ),
    };
    let mut conditions = vec![accepted, programmed];
    conditions.extend(progress.summary());
    conditions
}

/// Everything of the status but conditions and generation. What was not observed this time is taken from `previous`.
/// `proven` says that a call came through the custom domain; `now` is in seconds since the Unix epoch.
pub fn status(
    valid: &ValidGateway,
    identity: &GatewayIdentity,
    build: &Build,
    observed: &ObservedGateway,
    tenants: usize,
    previous: &AIGatewayStatus,
    (proven, now): (bool, i64),
) -> AIGatewayStatus {
    let rest_api_id = match observed.rest_apis.as_slice() {
        [api] => Some(api.id.clone()),
        _ => None,
    };
    let endpoint = tell::endpoint(valid, observed, build, previous, proven);
    AIGatewayStatus {
        observed_generation: None,
        conditions: Vec::new(),
        domains: tell::status(valid, observed, build, previous, (endpoint.as_deref(), now)),
        endpoint,
        id: Some(identity.id()),
        rest_api_id,
        table_name: observed.table.as_ref().map(|_| identity.physical_name()),
        stages: observed
            .stages
            .iter()
            .map(|(name, stage)| StageStatus {
                name: name.clone(),
                deployment_id: stage.deployment_id.clone(),
                document_hash: observed
                    .deployments
                    .iter()
                    .find(|deployment| deployment.id == stage.deployment_id)
                    .map_or_else(String::new, |deployment| deployment.description.clone()),
            })
            .collect(),
        functions: observed
            .functions
            .iter()
            .filter_map(|(function, actual)| releases::tell::function(*function, actual))
            .collect(),
        usage_plans: {
            let mut plans: Vec<_> = observed
                .usage_plans
                .iter()
                .map(|plan| UsagePlanStatus { tier: plan.tier.clone(), id: plan.id.clone() })
                .collect();
            plans.sort_by(|one, other| (&one.tier, &one.id).cmp(&(&other.tier, &other.id)));
            plans
        },
        issuers: previous.issuers.clone(),
        tenants: Some(TenantsStatus { total: i32::try_from(tenants).unwrap_or(i32::MAX) }),
        effective: Some(effective(valid, identity)),
    }
}

fn effective(valid: &ValidGateway, identity: &GatewayIdentity) -> EffectiveGateway {
    let policy = |policy: DeletionPolicy| match policy {
        DeletionPolicy::Delete => "Delete".to_owned(),
        DeletionPolicy::Retain => "Retain".to_owned(),
    };
    EffectiveGateway {
        api_keys: valid.api_keys,
        cache_seconds: valid.cache_seconds,
        revocation: Some(revocation(valid)),
        families: valid.families.iter().map(|family| unwire(*family)).collect(),
        unmetered: match valid.unmetered {
            Unmetered::Deny => "Deny".into(),
            Unmetered::Charge => "Charge".into(),
            Unmetered::Allow => "Allow".into(),
        },
        usd_per_unmetered_call: (valid.unmetered == Unmetered::Charge)
            .then(|| MicroUsd(valid.unmetered_micro_usd).to_string()),
        unknown_price: match valid.unknown_price {
            UnknownPrice::Deny => "Deny".into(),
            UnknownPrice::ChargeMaximum => "ChargeMaximum".into(),
        },
        prices: Some(effective_prices(valid)),
        fail_mode: match valid.fail_mode {
            FailMode::Closed => "Closed".into(),
            FailMode::Open => "Open".into(),
        },
        probe: Some(effective_probe(valid)),
        releases: Some(releases::effective(&valid.releases)),
        guardrails: valid
            .guardrail
            .iter()
            .map(|guardrail| MandatoryGuardrail { id: guardrail.id.clone(), version: guardrail.version.clone() })
            .collect(),
        access_log_group: valid.logs.access.then(|| identity.access_log_group()),
        fips: valid.fips,
        architecture: valid.architecture,
        forwarder_memory_mib: valid.forwarder_memory_mib,
        timeout_seconds: valid.timeout_seconds,
        authorizer_memory_mib: valid.authorizer_memory_mib,
        tiers: valid
            .tiers
            .iter()
            .map(|tier| EffectiveTier {
                name: tier.name.clone(),
                requests_per_second: tier.requests_per_second,
                burst: tier.burst,
            })
            .collect(),
        deletion_policy: policy(valid.deletion_policy),
        data_deletion_policy: policy(valid.data_deletion_policy),
    }
}

fn effective_probe(valid: &ValidGateway) -> EffectiveProbe {
    let ValidProbe { mode, interval, model } = &valid.probe;
    let made = *mode != ProbeMode::Off;
    EffectiveProbe {
        mode: format!("{mode:?}"),
        interval: made.then(|| shown_interval(*interval)),
        model: model.clone().filter(|_| made),
    }
}

fn effective_prices(valid: &ValidGateway) -> EffectivePrices {
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    EffectivePrices {
        list_date: bundled_date().into(),
        revision: valid.prices.revision.clone(),
        models: count(valid.prices.models.len()),
        overrides: count(valid.own_prices),
    }
}

/// How soon what is taken away stops working, by what it is.
fn revocation(valid: &ValidGateway) -> String {
    let always = "suspended tenants, revoked keys and removed identities: with the next call";
    if valid.issuers.is_empty() {
        return always.to_owned();
    }
    let kept = REMOVED_KEY_SECONDS / 3_600;
    let left = valid.cache_seconds + CONFIGURATION_SECONDS;
    format!(
        "{always}; tokens: when they expire; keys an issuer removes: {kept} hours after the operator has seen it; issuers taken out of the spec: after {left} seconds"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gateway::fixtures::{identity, valid};

    #[test]
    fn what_is_in_force_about_money_is_told() {
        let mut spec = json!({
            "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
            "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}], "tenants": {"rules": []},
        });
        let EffectiveGateway { unmetered, usd_per_unmetered_call, unknown_price, prices, fail_mode, .. } =
            effective(&valid(spec.clone()), &identity());
        assert_eq!((unmetered.as_str(), usd_per_unmetered_call), ("Deny", None));
        assert_eq!((unknown_price.as_str(), fail_mode.as_str()), ("Deny", "Closed"));
        let bundled = prices.unwrap();
        assert_eq!((bundled.list_date.as_str(), bundled.overrides), (bundled_date(), 0));

        spec["bedrock"] = json!({"unmetered": {"policy": "Charge", "usdPerCall": "0.0100"}});
        let price = json!({"match": "example.model", "usdPerMillionTokens": {"input": "1"}});
        spec["models"] = json!({"unknownPrice": "ChargeMaximum", "prices": [price]});
        spec["failMode"] = json!("Open");
        let EffectiveGateway { unmetered, usd_per_unmetered_call, unknown_price, prices, fail_mode, .. } =
            effective(&valid(spec), &identity());
        assert_eq!((unmetered.as_str(), usd_per_unmetered_call.as_deref()), ("Charge", Some("0.01")));
        assert_eq!((unknown_price.as_str(), fail_mode.as_str()), ("ChargeMaximum", "Open"));
        let own = prices.unwrap();
        assert_eq!((own.overrides, own.models), (1, bundled.models + 1));
        assert_ne!(own.revision, bundled.revision);
    }
}
