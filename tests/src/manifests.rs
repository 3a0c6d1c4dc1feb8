//! Objects as tests write them: a small valid one, and merge patches for what a test is about.

use serde_json::{Value, json};

use crate::repository;

/// A gateway with the tiers `trial` (1 request/s) and `silver` (50), open to labelled namespaces and its own. Deleting it
/// leaves nothing behind.
pub fn gateway(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "aigateway.dev/v1alpha1", "kind": "AIGateway",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "region": "eu-central-1",
            "accountId": "111122223333",
            "stages": [{"name": "v1"}],
            "endpoint": {"type": "Regional"},
            "bedrock": {"families": ["bedrock-runtime"]},
            "functions": {"forwarder": {"architecture": repository::architecture()}},
            "tiers": [
                {"name": "trial", "plan": {"requestsPerSecond": 1, "burst": 2}},
                {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}},
            ],
            "tenants": {"rules": [{
                "name": "teams",
                "match": {"namespaces": {"selector": {"matchLabels": {"ai-gateway": "enabled"}}}},
                "allow": {"tiers": ["trial", "silver"], "maxTenantsPerNamespace": 3},
                "defaults": {"tier": "trial"},
            }]},
            "dataDeletionPolicy": "Delete",
        },
    })
}

/// A tenant of `gateway` (namespace and name), in `tier`.
pub fn tenant(namespace: &str, name: &str, gateway: (&str, &str), tier: &str) -> Value {
    json!({
        "apiVersion": "aigateway.dev/v1alpha1", "kind": "Tenant",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"gatewayRef": {"namespace": gateway.0, "name": gateway.1}, "tier": tier},
    })
}

/// `object` with a merge patch applied: objects are merged, null removes, everything else replaces.
#[must_use]
pub fn with(mut object: Value, patch: &Value) -> Value {
    merge(&mut object, patch);
    object
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().into_iter().for_each(|map| drop(map.remove(key)));
        } else {
            merge(&mut target[key], value);
        }
    }
}
