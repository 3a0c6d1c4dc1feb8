//! Validation of objects against a structural schema, in the apiserver's words.

use std::collections::HashSet;

use serde_json::Value;

use super::refusal::Cause;
use super::schema::{List, Schema, join};

/// All causes for which `value` is refused. What `old` already held is tolerated: a rule that came later must not make
/// old objects unchangeable.
pub(super) fn validate(value: &Value, old: Option<&Value>, schema: &Schema, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    walk(value, old, schema, path, &mut causes);
    causes
}

/// Whether rules cannot be evaluated on an object with this cause.
pub(super) fn blocks_rules(cause: &Cause) -> bool {
    matches!(
        cause.reason.as_str(),
        "FieldValueNotSupported"
            | "FieldValueRequired"
            | "FieldValueTooLong"
            | "FieldValueTooMany"
            | "FieldValueTypeInvalid"
    )
}

/// What stands beside causes that kept rules from being evaluated.
pub(super) fn not_checked() -> Cause {
    const DETAIL: &str = "some validation rules were not checked because the object was invalid; correct the existing \
                          errors to complete validation";
    Cause::invalid("<nil>", &Value::Null, DETAIL)
}

fn walk(value: &Value, old: Option<&Value>, schema: &Schema, path: &str, causes: &mut Vec<Cause>) {
    if schema.opaque || old == Some(value) || (value.is_null() && schema.nullable) {
        return;
    }
    if let Some(wrong) = wrong_type(value, schema) {
        let name = format!("{wrong:?}");
        let detail = format!("{path} in body must be of type {}: {name}", schema.kind);
        causes.push(Cause::new("FieldValueTypeInvalid", path, format!("Invalid value: {name}: {detail}")));
        return;
    }
    enumeration(value, schema, path, causes);
    match value {
        Value::Object(fields) => {
            count(fields.len(), (schema.min_properties, schema.max_properties), "properties", path, causes);
            for name in schema.required.iter().filter(|name| !fields.contains_key(*name)) {
                causes.push(Cause::required(join(path, name), ""));
            }
            for (name, field) in fields {
                if let Some(schema) = schema.field(name) {
                    walk(field, old.and_then(|old| old.get(name)), schema, &join(path, name), causes);
                }
            }
        }
        Value::Array(items) => list(items, old, schema, path, causes),
        Value::String(text) => string(text, schema, path, causes),
        Value::Number(_) => number(value, schema, path, causes),
        Value::Null | Value::Bool(_) => {}
    }
}

/// The type of `value` where it is not the wanted one.
fn wrong_type(value: &Value, schema: &Schema) -> Option<&'static str> {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match schema.kind.as_str() {
        "" if schema.int_or_string => matches!(found, "integer" | "string"),
        "" => true,
        "number" => matches!(found, "number" | "integer"),
        wanted => wanted == found,
    };
    (!fits).then_some(found)
}

fn enumeration(value: &Value, schema: &Schema, path: &str, causes: &mut Vec<Cause>) {
    if schema.allowed.is_empty() || schema.allowed.contains(value) {
        return;
    }
    let supported: Vec<_> = schema.allowed.iter().map(Value::to_string).collect();
    let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
    causes.push(Cause::new("FieldValueNotSupported", path, message));
}

fn count(found: usize, (least, most): (Option<u64>, Option<u64>), what: &str, path: &str, causes: &mut Vec<Cause>) {
    let found = found as u64;
    if let Some(least) = least.filter(|least| found < *least) {
        let detail = format!("{path} in body should have at least {least} {what}");
        causes.push(Cause::invalid(path, &found.into(), detail));
    }
    if let Some(most) = most.filter(|most| found > *most) {
        let plural = if most == 1 { "item" } else { "items" };
        let message = format!("Too many: {found}: must have at most {most} {plural}");
        causes.push(Cause::new("FieldValueTooMany", path, message));
    }
}

fn list(items: &[Value], old: Option<&Value>, schema: &Schema, path: &str, causes: &mut Vec<Cause>) {
    count(items.len(), (schema.min_items, schema.max_items), "items", path, causes);
    let old_items = old.and_then(Value::as_array);
    if let Some(inner) = &schema.items {
        for (index, item) in items.iter().enumerate() {
            let before = old_items.and_then(|old| counterpart(old, item, &schema.list));
            walk(item, before, inner, &format!("{path}[{index}]"), causes);
        }
    }
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = match &schema.list {
            List::Atomic => return,
            List::Set => item.clone(),
            List::Map(keys) => keys
                .iter()
                .filter_map(|key| Some((key.clone(), item.get(key)?.clone())))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        };
        let text = identity.to_string();
        if !seen.insert(text.clone()) {
            let message = format!("Duplicate value: {text}");
            causes.push(Cause::new("FieldValueDuplicate", format!("{path}[{index}]"), message));
        }
    }
}

/// The entry of an old list that `item` is the new form of.
fn counterpart<'a>(old: &'a [Value], item: &Value, list: &List) -> Option<&'a Value> {
    match list {
        List::Atomic => None,
        List::Set => old.iter().find(|before| *before == item),
        List::Map(keys) => old.iter().find(|before| keys.iter().all(|key| before.get(key) == item.get(key))),
    }
}

fn string(text: &str, schema: &Schema, path: &str, causes: &mut Vec<Cause>) {
    let value = Value::from(text);
    let length = text.chars().count() as u64;
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        causes.push(Cause::new("FieldValueTooLong", path, format!("Too long: may not be more than {most} bytes")));
    }
    if let Some(least) = schema.min_length.filter(|least| length < *least) {
        causes.push(Cause::invalid(path, &value, format!("{path} in body should be at least {least} chars long")));
    }
    if let Some(pattern) = schema.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        causes.push(Cause::invalid(path, &value, format!("{path} in body should match '{pattern}'")));
    }
    if schema.format == "date-time" && text.parse::<jiff::Timestamp>().is_err() {
        causes.push(Cause::invalid(path, &value, format!("{path} in body must be of type date-time: {value}")));
    }
}

fn number(value: &Value, schema: &Schema, path: &str, causes: &mut Vec<Cause>) {
    let Some(found) = value.as_f64() else { return };
    if let Some(least) = schema.minimum.filter(|least| found < *least) {
        causes.push(Cause::invalid(path, value, format!("{path} in body should be greater than or equal to {least}")));
    }
    if let Some(most) = schema.maximum.filter(|most| found > *most) {
        causes.push(Cause::invalid(path, value, format!("{path} in body should be less than or equal to {most}")));
    }
    let fits = match schema.format.as_str() {
        "int32" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "int64" => value.as_i64().is_some(),
        _ => true,
    };
    if !fits && schema.kind == "integer" {
        causes.push(Cause::invalid(path, value, format!("{path} in body must be of type {}: {value}", schema.format)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(value: &Value, old: Option<&Value>) -> Vec<String> {
        let schema = Schema::parse(&json!({"type": "object", "properties": {"spec": {
            "type": "object", "required": ["region"], "properties": {
                "region": {"type": "string", "maxLength": 4},
                "size": {"type": "integer", "format": "int32", "maximum": 10.0, "nullable": true},
                "names": {"type": "array", "maxItems": 1, "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        }}}}))
        .unwrap();
        let mut texts: Vec<String> = validate(value, old, &schema, "")
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        // Causes come in the order of the object's fields, which is a matter of serde_json's features.
        texts.sort();
        texts
    }

    #[test]
    fn the_words_are_the_servers() {
        assert_eq!(texts(&json!({"spec": {"size": null}}), None), ["spec.region: Required value"]);
        assert_eq!(
            texts(&json!({"spec": {"region": "eu", "size": 11}}), None),
            ["spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"]
        );
        assert_eq!(
            texts(&json!({"spec": {"region": "europe", "names": ["a", "a"]}}), None),
            [
                "spec.names: Too many: 2: must have at most 1 item",
                "spec.names[1]: Duplicate value: \"a\"",
                "spec.region: Too long: may not be more than 4 bytes",
            ]
        );
    }

    #[test]
    fn what_was_there_before_is_tolerated() {
        let old = json!({"spec": {"region": "europe"}});
        assert!(texts(&json!({"spec": {"region": "europe", "size": 3}}), Some(&old)).is_empty());
        assert_eq!(texts(&json!({"spec": {"region": "africa"}}), Some(&old)).len(), 1);
    }
}
