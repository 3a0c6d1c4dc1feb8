//! Rules for `metadata` that hold for all kinds.

use serde_json::{Map, Value, json};

use super::kinds::Kind;
use super::refusal::{Cause, Refusal};
use super::store::Stored;

/// Longest name of an object.
const NAME_LIMIT: usize = 253;
/// Longest name that is a DNS label.
const LABEL_LIMIT: usize = 63;
/// Fields nobody but the server sets.
const SERVERS: [&str; 4] = ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"];

/// The metadata of an object, made an object where it is none.
pub(super) fn of(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    match &mut object["metadata"] {
        Value::Object(metadata) => metadata,
        _ => unreachable!("just made an object"),
    }
}

/// Sets or removes a field.
pub(super) fn set(metadata: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    match value.filter(|value| !value.is_null()) {
        Some(value) => drop(metadata.insert(field.to_owned(), value)),
        None => drop(metadata.remove(field)),
    }
}

/// Drops empty maps and lists, which the server does not keep.
pub(super) fn tidy(metadata: &mut Map<String, Value>) {
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    });
}

/// Takes over from `live` what an update cannot change.
pub(super) fn keep(metadata: &mut Map<String, Value>, live: &Value) {
    let old = &live["metadata"];
    for field in SERVERS.iter().chain(&["name", "namespace", "generation", "resourceVersion", "generateName"]) {
        set(metadata, field, old.get(*field).cloned());
    }
}

/// Causes for which metadata is refused.
pub(super) fn validate(object: &Value, live: Option<&Stored>, kind: &Kind) -> Vec<Cause> {
    let metadata = &object["metadata"];
    let mut causes = Vec::new();
    if live.is_none() {
        let name = metadata["name"].as_str().unwrap_or_default();
        causes.extend(name_problem(name, kind).map(|problem| {
            if name.is_empty() {
                Cause::required("metadata.name", "name or generateName is required")
            } else {
                Cause::invalid("metadata.name", &metadata["name"], problem)
            }
        }));
    }
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        let value_text = value.as_str().unwrap_or_default();
        if !qualified(key) {
            causes.push(Cause::invalid("metadata.labels", &json!(key), "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"));
        }
        if !label_value(value_text) {
            causes.push(Cause::invalid("metadata.labels", value, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"));
        }
    }
    for key in metadata["annotations"].as_object().into_iter().flat_map(Map::keys) {
        if !qualified(&key.to_lowercase()) {
            causes.push(Cause::invalid("metadata.annotations", &json!(key), "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"));
        }
    }
    for (index, name) in metadata["finalizers"].as_array().into_iter().flatten().enumerate() {
        if !name.as_str().is_some_and(qualified) {
            causes.push(Cause::invalid(format!("metadata.finalizers[{index}]"), name, "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"));
        }
    }
    causes.extend(owner_problems(metadata));
    causes.extend(live.and_then(|live| new_finalizers(object, live)));
    causes
}

fn owner_problems(metadata: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (index, owner) in metadata["ownerReferences"].as_array().into_iter().flatten().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                let path = format!("metadata.ownerReferences[{index}].{field}");
                causes.push(Cause::invalid(path, &json!(""), "must not be empty"));
            }
        }
    }
    causes
}

/// Nobody may hold up an object whose deletion has begun.
fn new_finalizers(object: &Value, live: &Stored) -> Option<Cause> {
    if !live.terminating() {
        return None;
    }
    let old: Vec<_> = live.finalizers().collect();
    let now = object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let new: Vec<_> = now.filter(|name| !old.contains(name)).collect();
    let list = new.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
    );
    (!new.is_empty()).then(|| Cause::forbidden("metadata.finalizers", &detail))
}

fn name_problem(name: &str, kind: &Kind) -> Option<&'static str> {
    const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                         start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
                         validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                             '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used \
                             for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    // Names of access rules are path segments: `system:node` is one.
    if kind.group == super::kinds::RBAC {
        return (name.is_empty() || name.contains(['/', '%']) || name == "." || name == "..")
            .then_some("may not contain '/'");
    }
    if kind.plural == "namespaces" {
        return (name.len() > LABEL_LIMIT || !label(name)).then_some(LABEL);
    }
    (name.len() > NAME_LIMIT || !name.split('.').all(label)).then_some(SUBDOMAIN)
}

fn label(text: &str) -> bool {
    let plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|character| plain(character) || character == '-')
}

fn label_value(text: &str) -> bool {
    text.is_empty() || name_part(text)
}

fn name_part(text: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric();
    text.len() <= LABEL_LIMIT
        && text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|character| plain(character) || matches!(character, '-' | '_' | '.'))
}

/// Whether `text` is a name with an optional DNS prefix: `aigateway.dev/cleanup`.
pub(super) fn qualified(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => prefix.len() <= NAME_LIMIT && prefix.split('.').all(label) && name_part(name),
        None => name_part(text),
    }
}

/// Checks a `resourceVersion` and a `uid` that the caller gave against what is stored: for deletes and replaces.
pub(super) fn preconditions(given: &Value, live: &Stored, kind: &Kind, name: &str) -> Result<(), Refusal> {
    let uid = given["uid"].as_str().unwrap_or_default();
    let stored = live.metadata("uid");
    if !uid.is_empty() && uid != stored {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {stored}");
        return Err(Refusal::conflict(kind, name, &why));
    }
    fresh(given, live, kind, name)
}

/// The same for patches and applies. There a UID is a field that cannot change, and a status has no metadata at all: a
/// UID beside one is not looked at.
pub(super) fn patch_preconditions(
    given: &Value,
    live: &Stored,
    kind: &Kind,
    name: &str,
    subresource: &str,
) -> Result<(), Refusal> {
    fresh(given, live, kind, name)?;
    let uid = given["uid"].as_str().unwrap_or_default();
    if !uid.is_empty() && uid != live.metadata("uid") && subresource.is_empty() {
        let cause = Cause::invalid("metadata.uid", &given["uid"], "field is immutable");
        return Err(Refusal::invalid(kind, name, &[cause]));
    }
    Ok(())
}

fn fresh(given: &Value, live: &Stored, kind: &Kind, name: &str) -> Result<(), Refusal> {
    let revision = given["resourceVersion"].as_str().unwrap_or_default();
    if !revision.is_empty() && revision != "0" && revision != live.metadata("resourceVersion") {
        return Err(Refusal::stale(kind, name));
    }
    Ok(())
}
