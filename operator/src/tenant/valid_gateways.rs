//! Gateways' specs as validated, once for each generation: every pass of a tenant needs its gateway's, and validating takes
//! the policy of its role to be written out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aigw_api::AIGateway;
use aigw_plan::gateway::validate::{ValidGateway, validate};
use kube::ResourceExt;

/// Generation of a spec, and what it came to: `None` where it is refused.
type Validated = (i64, Option<Arc<ValidGateway>>);

/// What is remembered, by UID of the gateway. Losing it costs a validation.
#[derive(Default)]
pub(crate) struct ValidGateways(Mutex<HashMap<String, Validated>>);

impl ValidGateways {
    /// The gateway's spec, if it is valid.
    pub(super) fn of(&self, gateway: &AIGateway) -> Option<Arc<ValidGateway>> {
        let validated = || validate(&gateway.spec).ok().map(Arc::new);
        let (Some(uid), Some(generation)) = (gateway.uid(), gateway.metadata.generation) else { return validated() };
        let mut known = self.lock();
        if let Some((of, valid)) = known.get(&uid)
            && *of == generation
        {
            return valid.clone();
        }
        let valid = validated();
        known.insert(uid, (generation, valid.clone()));
        valid
    }

    /// Forgets a gateway that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Validated>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn gateway(uid: &str, generation: Option<i64>, region: &str) -> AIGateway {
        let metadata: Value = json!({"name": "prod", "namespace": "ai", "uid": uid, "generation": generation});
        let spec = json!({
            "region": region, "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
            "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
            "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}, "allow": {"tiers": ["bronze"]}}]},
        });
        let object =
            json!({"apiVersion": "aigateway.dev/v1alpha1", "kind": "AIGateway", "metadata": metadata, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_spec_is_validated_once_for_each_generation_and_object() {
        let known = ValidGateways::default();
        let region = |uid, generation, region| known.of(&gateway(uid, generation, region)).unwrap().region.clone();
        assert_eq!(region("a", Some(1), "eu-central-1"), "eu-central-1");
        // A spec cannot change within a generation, so this shows that it was not looked at.
        assert_eq!(region("a", Some(1), "us-east-1"), "eu-central-1");
        assert_eq!(region("a", Some(2), "us-east-1"), "us-east-1");
        assert_eq!(region("b", Some(2), "eu-west-1"), "eu-west-1");
        known.forget("a");
        assert_eq!(region("a", Some(2), "eu-north-1"), "eu-north-1");
        assert_eq!(region("a", None, "eu-west-3"), "eu-west-3");
        let mut refused = gateway("c", Some(1), "eu-central-1");
        refused.spec.tenants.rules[0].allow = serde_json::from_value(json!({"tiers": ["none"]})).unwrap();
        assert!(known.of(&refused).is_none());
    }
}
