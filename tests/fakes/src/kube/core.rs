//! Kinds built in: what the real server's own types and strategies do with their objects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::metadata;
use super::refusal::{Cause, Refusal};

/// Longest note of an Event, in bytes.
const NOTE_LIMIT: usize = 1024;
/// Longest reason, action and reporting instance of an Event, in bytes.
const WORD_LIMIT: usize = 128;
/// Largest Secret, in bytes of its values.
const SECRET_LIMIT: usize = 1024 * 1024;

/// The object as its type holds it: unknown fields go, values of a wrong type are refused.
pub(super) fn decode(object: Value, kind: &Kind) -> Result<Value, Refusal> {
    match kind.kind.as_str() {
        "Namespace" => typed::<Namespace>(object, kind),
        "Secret" => typed::<Secret>(object, kind),
        "ConfigMap" => typed::<ConfigMap>(object, kind),
        "ServiceAccount" => typed::<ServiceAccount>(object, kind),
        "Deployment" => typed::<Deployment>(object, kind),
        "Event" => typed::<Event>(object, kind),
        "Lease" => typed::<Lease>(object, kind),
        "Role" => typed::<Role>(object, kind),
        "RoleBinding" => typed::<RoleBinding>(object, kind),
        "ClusterRole" => typed::<ClusterRole>(object, kind),
        "ClusterRoleBinding" => typed::<ClusterRoleBinding>(object, kind),
        _ => Ok(object),
    }
}

fn typed<T: Serialize + DeserializeOwned>(object: Value, kind: &Kind) -> Result<Value, Refusal> {
    let wrong = |error: serde_json::Error| {
        let Kind { kind, version, .. } = kind;
        Refusal::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {error}"))
    };
    serde_json::to_value(serde_json::from_value::<T>(object).map_err(wrong)?).map_err(wrong)
}

/// What the server fills in.
pub(super) fn prepare(object: &mut Value, kind: &Kind, created: bool) {
    match kind.kind.as_str() {
        "Namespace" if created => {
            object["spec"] = json!({"finalizers": ["kubernetes"]});
            object["status"] = json!({"phase": "Active"});
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
        "Secret" => {
            let text = object.as_object_mut().and_then(|object| object.remove("stringData"));
            if let Some(Value::Object(text)) = text {
                for (key, value) in text {
                    object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap_or_default()));
                }
            }
            if object["type"].as_str().unwrap_or_default().is_empty() {
                object["type"] = json!("Opaque");
            }
        }
        _ => {}
    }
}

/// Causes for which an object is refused.
pub(super) fn validate(object: &Value, live: Option<&Value>, kind: &Kind) -> Vec<Cause> {
    match kind.kind.as_str() {
        "Secret" => secret(object, live),
        "Event" => event(object, live),
        "Lease" => lease(object),
        _ => Vec::new(),
    }
}

fn immutable(object: &Value, live: Option<&Value>, fields: &[&str]) -> Vec<Cause> {
    let Some(live) = live else { return Vec::new() };
    let changed = fields.iter().filter(|field| object.get(**field) != live.get(**field));
    changed.map(|field| Cause::invalid(*field, &object[*field], "field is immutable")).collect()
}

fn secret(object: &Value, live: Option<&Value>) -> Vec<Cause> {
    let mut causes = immutable(object, live, &["type"]);
    let values = object["data"].as_object().into_iter().flatten();
    let mut size = 0;
    for (key, value) in values {
        size += value.as_str().map_or(0, str::len) / 4 * 3;
        let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        if key.is_empty() || key.len() > 253 || !key.chars().all(plain) {
            const DETAIL: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
            causes.push(Cause::invalid(format!("data[{key}]"), &json!(key), DETAIL));
        }
    }
    if size > SECRET_LIMIT {
        causes.push(Cause::new(
            "FieldValueTooLong",
            "data",
            format!("Too long: may not be more than {SECRET_LIMIT} bytes"),
        ));
    }
    causes
}

fn event(object: &Value, live: Option<&Value>) -> Vec<Cause> {
    if live.is_some() {
        const FIXED: [&str; 9] = [
            "regarding",
            "reason",
            "note",
            "type",
            "eventTime",
            "reportingController",
            "reportingInstance",
            "action",
            "related",
        ];
        return immutable(object, live, &FIXED);
    }
    let mut causes = Vec::new();
    if object["eventTime"].is_null() {
        causes.push(Cause::required("eventTime", ""));
    }
    let controller = object["reportingController"].as_str().unwrap_or_default();
    if controller.is_empty() {
        causes.push(Cause::required("reportingController", ""));
    } else if !metadata::qualified(controller) {
        causes.push(Cause::invalid(
            "reportingController",
            &json!(controller),
            "name part must consist of alphanumeric characters",
        ));
    }
    for field in ["reportingInstance", "action", "reason"] {
        let text = object[field].as_str().unwrap_or_default();
        if text.is_empty() {
            causes.push(Cause::required(field, ""));
        } else if text.len() > WORD_LIMIT {
            causes.push(Cause::invalid(field, &json!(""), format!("can have at most {WORD_LIMIT} characters")));
        }
    }
    // The server validates its internal form, in which a note is a message.
    if object["note"].as_str().unwrap_or_default().len() > NOTE_LIMIT {
        causes.push(Cause::invalid("message", &json!(""), format!("can have at most {NOTE_LIMIT} characters")));
    }
    let kind = object["type"].as_str().unwrap_or_default();
    if !matches!(kind, "Normal" | "Warning") {
        causes.push(Cause::invalid("type", &json!(""), format!("has invalid value: {kind}")));
    }
    causes.extend(event_place(object));
    causes
}

/// Only what has no namespace is looked at: Events about it are in `default` or `kube-system`.
fn event_place(object: &Value) -> Option<Cause> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let about = object["regarding"]["namespace"].as_str().unwrap_or_default();
    let wrong = about.is_empty() && !matches!(namespace, "default" | "kube-system");
    wrong.then(|| Cause::invalid("involvedObject.namespace", &json!(about), "does not match event.namespace"))
}

fn lease(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    if spec["leaseDurationSeconds"].as_i64().is_some_and(|seconds| seconds <= 0) {
        causes.push(Cause::invalid(
            "spec.leaseDurationSeconds",
            &spec["leaseDurationSeconds"],
            "must be greater than 0",
        ));
    }
    if spec["leaseTransitions"].as_i64().is_some_and(|count| count < 0) {
        causes.push(Cause::invalid(
            "spec.leaseTransitions",
            &spec["leaseTransitions"],
            "must be greater than or equal to 0",
        ));
    }
    causes
}
