//! Who a probe is: to the data plane a tenant like others, with a credential and an internal key, that may call nothing.
//!
//! It is in the tier with the highest rate, because a usage plan of its own would cost one of three hundred. Three things
//! keep its credential from ever paying for a model: it may call none, its budget is the smallest there is, and it has no
//! grants.

use aigw_api::{BudgetWindow, SecretGroup};
use aigw_contract::Credential;
use aigw_contract::access::ModelRules;
use aigw_contract::limits::Enforcement;

use crate::gateway::validate::ValidGateway;
use crate::identity::{GatewayIdentity, PROBE_NAME};
use crate::tenant::admit::AdmittedTenant;
use crate::tenant::limits::{Origin, TenantLimits};
use crate::tenant::rotation::Rotation;

/// Stands for the rule that admitted it.
const RULE: &str = "(probe)";
/// Excludes every model.
const EVERY_MODEL: &str = "*";
/// The smallest budget there is, in micro-USD: less than a token of any priced model.
const BUDGET: i64 = 1;
/// Id of a key that is never issued.
const NO_KEY: &str = "k0";

/// The probe of a gateway.
pub fn probe(identity: &GatewayIdentity, valid: &ValidGateway) -> Option<AdmittedTenant> {
    let tier = valid.tiers.iter().max_by_key(|tier| tier.requests_per_second)?;
    let nothing = ModelRules { rule: RULE.into(), deny: vec![EVERY_MODEL.into()], ..ModelRules::default() };
    Some(AdmittedTenant {
        tenant_id: identity.probe_id(),
        namespace: identity.namespace.clone(),
        name: PROBE_NAME.into(),
        tier: tier.clone(),
        rule: RULE.into(),
        secret_name: secret_name(identity),
        groups: vec![SecretGroup::Aws],
        rotation: Rotation::default(),
        suspended: None,
        identities: Vec::new(),
        models: nothing,
        resources: Vec::new(),
        limits: TenantLimits {
            budgets: vec![(BudgetWindow::Month, BUDGET, Origin::Ceiling)],
            enforcement: Enforcement::Enforce,
            ..TenantLimits::default()
        },
        time_zone: "UTC".into(),
        expires_at: None,
    })
}

/// Secret with its credential, in the namespace of the gateway. By the physical name, which fits whatever the gateway is
/// called.
pub fn secret_name(identity: &GatewayIdentity) -> String {
    format!("{}-probe", identity.physical_name())
}

/// A well-formed credential of nobody's: the gateway has to refuse it.
pub fn forged(identity: &GatewayIdentity) -> Credential {
    Credential::new(&identity.probe_id(), NO_KEY, &[0; 32]).expect("both ids are of the credential's alphabet")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gateway::fixtures::{identity, valid};

    #[test]
    fn a_probe_may_call_no_model_and_is_in_the_fastest_tier() {
        let valid = valid(json!({
            "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
            "endpoint": {"type": "Regional"}, "tenants": {"rules": []},
            "tiers": [
                {"name": "slow", "plan": {"requestsPerSecond": 1, "burst": 1}},
                {"name": "fast", "plan": {"requestsPerSecond": 9, "burst": 9}},
            ],
        }));
        let identity = identity();
        let probe = probe(&identity, &valid).unwrap();
        assert_eq!(probe.tier.name, "fast");
        for model in ["amazon.nova-micro-v1:0", "eu.anthropic.claude-opus-5", "aigw.none"] {
            assert!(probe.models.check(model, Some(valid.place())).is_err(), "{model}");
        }
        assert_eq!(probe.tenant_id, identity.tenant_id(&probe.namespace, &probe.name));
        assert_eq!(forged(&identity).tenant(), probe.tenant_id);
    }
}
