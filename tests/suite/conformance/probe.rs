//! A definition of the suite's own with what ours do not have, and ways to objects of any kind.

use aigw_tests::Outcome;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

const GROUP: &str = "conformance.aigateway.dev";

/// A kind with defaults, conditions, maps, a set, lists with and without keys.
pub fn definition() -> Value {
    let text = json!({"type": "string"});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("probes.{GROUP}")},
        "spec": {
            "group": GROUP, "scope": "Namespaced",
            "names": {"kind": "Probe", "plural": "probes", "singular": "probe", "listKind": "ProbeList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {
                        "size": {"type": "integer", "default": 3},
                        "word": text,
                        "nested": {"type": "object", "properties": {"one": text, "two": {"type": "string", "default": "2"}}},
                        "tags": {"type": "object", "additionalProperties": text},
                        "words": {"type": "array", "items": text},
                        "names": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
                        "parts": {
                            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                            "items": {"type": "object", "required": ["name"], "properties": {
                                "name": text, "size": {"type": "integer"},
                            }},
                        },
                    }},
                    "status": {"type": "object", "properties": {
                        "word": text,
                        "conditions": {
                            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
                            "items": {"type": "object", "required": ["type"], "properties": {
                                "type": text, "status": text, "reason": text,
                            }},
                        },
                    }},
                }}},
            }],
        },
    })
}

/// A probe with some spec.
pub fn probe(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{GROUP}/v1"), "kind": "Probe", "metadata": {"name": name}, "spec": spec})
}

/// A probe's status, as an apply's body.
pub fn status(name: &str, status: &Value) -> Value {
    json!({"apiVersion": format!("{GROUP}/v1"), "kind": "Probe", "metadata": {"name": name}, "status": status})
}

/// A value as an object of any kind.
pub fn object(value: Value) -> Outcome<DynamicObject> {
    Ok(serde_json::from_value(value)?)
}

/// Probes of a namespace.
pub fn api(client: Client, namespace: &str) -> Api<DynamicObject> {
    any(client, "Probe", namespace).expect("a kind known here")
}

/// Objects of a kind.
pub fn any(client: Client, kind: &str, namespace: &str) -> Outcome<Api<DynamicObject>> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    const ADMISSION: &str = "admissionregistration.k8s.io";
    let (group, version, plural, namespaced) = match kind {
        "AIGateway" => ("aigateway.dev", "v1alpha1", "aigateways", true),
        "Tenant" => ("aigateway.dev", "v1alpha1", "tenants", true),
        "Probe" => (GROUP, "v1", "probes", true),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1", "customresourcedefinitions", false),
        "Namespace" => ("", "v1", "namespaces", false),
        "Secret" => ("", "v1", "secrets", true),
        "ConfigMap" => ("", "v1", "configmaps", true),
        "Deployment" => ("apps", "v1", "deployments", true),
        "Event" => ("events.k8s.io", "v1", "events", true),
        "Lease" => ("coordination.k8s.io", "v1", "leases", true),
        "Role" => (RBAC, "v1", "roles", true),
        "RoleBinding" => (RBAC, "v1", "rolebindings", true),
        "ClusterRole" => (RBAC, "v1", "clusterroles", false),
        "ClusterRoleBinding" => (RBAC, "v1", "clusterrolebindings", false),
        "ValidatingAdmissionPolicy" => (ADMISSION, "v1", "validatingadmissionpolicies", false),
        "ValidatingAdmissionPolicyBinding" => (ADMISSION, "v1", "validatingadmissionpolicybindings", false),
        other => return Err(format!("the suite does not know the kind {other}").into()),
    };
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    Ok(if namespaced { Api::namespaced_with(client, namespace, &resource) } else { Api::all_with(client, &resource) })
}

/// The refusal in a result, which has to be one of the server.
pub fn refusal<T>(result: kube::Result<T>, what: &str) -> Outcome<Box<kube::core::Status>> {
    match result {
        Err(kube::Error::Api(status)) => Ok(status),
        Err(other) => Err(format!("{what}: no answer of the server: {other}").into()),
        Ok(_) => Err(format!("{what}: was accepted").into()),
    }
}
