//! The parts of an object: which a request may write, which a manager owns, which count as a change.

use serde_json::Value;

use super::kinds::Kind;
use super::store::Stored;

/// The status is written through its subresource only, and the subresource writes nothing else.
pub(super) fn only_the_addressed_part(value: &mut Value, live: &Value, kind: &Kind, subresource: &str) {
    if subresource == "status" {
        let status = value.get_mut("status").map(Value::take);
        *value = live.clone();
        set(value, "status", status);
    } else if kind.status {
        set(value, "status", live.get("status").cloned());
    }
}

fn set(value: &mut Value, field: &str, content: Option<Value>) {
    if let Some(fields) = value.as_object_mut() {
        match content {
            Some(content) => drop(fields.insert(field.to_owned(), content)),
            None => drop(fields.remove(field)),
        }
    }
}

/// The part of an object that managers own through a (sub)resource.
pub(super) fn ownable(value: &Value, kind: &Kind, subresource: &str) -> Value {
    const SERVERS: [&str; 10] = [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    ];
    let mut value = value.clone();
    let Some(fields) = value.as_object_mut() else { return value };
    fields.remove("apiVersion");
    fields.remove("kind");
    if subresource == "status" {
        fields.retain(|name, _| name == "status");
        return value;
    }
    if kind.status {
        fields.remove("status");
    }
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.retain(|name, _| !SERVERS.contains(&name.as_str()));
        if metadata.is_empty() {
            fields.remove("metadata");
        }
    }
    value
}

/// Whether anything but metadata and status differs.
pub(super) fn spec_differs(one: &Value, other: &Value) -> bool {
    let rest = |value: &Value| -> Vec<(String, Value)> {
        let fields = value.as_object().into_iter().flatten();
        let fields = fields.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status"));
        fields.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    rest(one) != rest(other)
}

/// Whether two forms of an object differ in nothing that a write could mean.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return one == other };
    let but_metadata =
        |fields: &serde_json::Map<String, Value>| fields.len() - usize::from(fields.contains_key("metadata"));
    if but_metadata(one) != but_metadata(other) {
        return false;
    }
    one.iter().all(|(name, value)| match name.as_str() {
        "metadata" => same_metadata(value, other.get(name)),
        _ => other.get(name) == Some(value),
    })
}

fn same_metadata(one: &Value, other: Option<&Value>) -> bool {
    let ours = |value: &Value| -> serde_json::Map<String, Value> {
        let mut fields = value.as_object().cloned().unwrap_or_default();
        fields.remove("managedFields");
        fields.remove("resourceVersion");
        fields
    };
    other.is_some_and(|other| ours(one) == ours(other))
}

/// Namespaces are held by finalizers in their spec, too.
pub(super) fn held_by_spec(kind: &Kind, stored: &Stored) -> bool {
    kind.plural == "namespaces" && stored.value["spec"]["finalizers"].as_array().is_some_and(|names| !names.is_empty())
}
