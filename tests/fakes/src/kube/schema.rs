//! Structural schemas: parsed once per definition; pruning of unknown fields and defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use regex::Regex;
use serde_json::{Map, Value};

/// A structural schema.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// `object`, `array`, `string`, …; empty where any value is taken.
    pub kind: String,
    pub properties: BTreeMap<String, Schema>,
    pub additional: Option<Box<Schema>>,
    pub items: Option<Box<Schema>>,
    pub required: BTreeSet<String>,
    pub allowed: Vec<Value>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub pattern: Option<Regex>,
    pub format: String,
    pub nullable: bool,
    pub preserve_unknown: bool,
    pub int_or_string: bool,
    /// `metadata` of an object, whose fields no schema lists.
    pub opaque: bool,
    pub default: Option<Value>,
    pub list: List,
    pub atomic_map: bool,
}

/// How the entries of a list are told apart.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum List {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

impl Schema {
    /// Parses the schema of whole objects; the words say what is not supported.
    pub fn parse(document: &Value) -> Result<Self, String> {
        let mut schema = parse(document)?;
        // The server knows these three itself, whatever a definition says about them.
        for name in ["apiVersion", "kind"] {
            schema.properties.insert(name.to_owned(), Self { kind: "string".to_owned(), ..Self::default() });
        }
        schema.properties.insert("metadata".to_owned(), Self::metadata());
        Ok(schema)
    }

    /// What is known of objects whose kind no definition describes: how their metadata merges.
    pub fn built_in() -> &'static Self {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| Self {
            properties: BTreeMap::from([("metadata".to_owned(), Self::metadata())]),
            preserve_unknown: true,
            ..Self::default()
        })
    }

    fn metadata() -> Self {
        let list = |list| Self { kind: "array".to_owned(), list, ..Self::default() };
        let map = || Self { additional: Some(Box::default()), ..Self::default() };
        let properties = [
            ("labels", map()),
            ("annotations", map()),
            ("finalizers", list(List::Set)),
            ("ownerReferences", list(List::Map(vec!["uid".to_owned()]))),
        ];
        Self {
            kind: "object".to_owned(),
            opaque: true,
            preserve_unknown: true,
            properties: properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect(),
            ..Self::default()
        }
    }

    /// The schema of a field.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }
}

fn parse(document: &Value) -> Result<Schema, String> {
    let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| document[key].as_u64();
    let flag = |key: &str| document[key] == true;
    let boxed = |key: &str| match &document[key] {
        Value::Object(_) => parse(&document[key]).map(Box::new).map(Some),
        _ => Ok(None),
    };
    for unsupported in ["allOf", "anyOf", "oneOf", "not", "$ref"] {
        let int_or_string = flag("x-kubernetes-int-or-string");
        if document.get(unsupported).is_some() && !int_or_string {
            return Err(format!("this server does not know {unsupported}"));
        }
    }
    let properties = document["properties"].as_object().into_iter().flatten();
    let keys = document["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
    Ok(Schema {
        kind: text("type"),
        properties: properties
            .map(|(name, property)| Ok((name.clone(), parse(property)?)))
            .collect::<Result<_, String>>()?,
        additional: boxed("additionalProperties")?,
        items: boxed("items")?,
        required: document["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        allowed: document["enum"].as_array().cloned().unwrap_or_default(),
        minimum: document["minimum"].as_f64(),
        maximum: document["maximum"].as_f64(),
        min_length: number("minLength"),
        max_length: number("maxLength"),
        min_items: number("minItems"),
        max_items: number("maxItems"),
        min_properties: number("minProperties"),
        max_properties: number("maxProperties"),
        pattern: match document["pattern"].as_str() {
            Some(pattern) => Some(Regex::new(pattern).map_err(|error| error.to_string())?),
            None => None,
        },
        format: text("format"),
        nullable: flag("nullable"),
        preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
        int_or_string: flag("x-kubernetes-int-or-string"),
        opaque: false,
        default: document.get("default").cloned(),
        list: match document["x-kubernetes-list-type"].as_str() {
            Some("set") => List::Set,
            Some("map") => List::Map(keys.filter_map(|key| key.as_str().map(str::to_owned)).collect()),
            _ => List::Atomic,
        },
        atomic_map: document["x-kubernetes-map-type"] == "atomic",
    })
}

/// Removes fields the schema does not know; gives their paths.
pub(super) fn prune(value: &mut Value, schema: &Schema) -> Vec<String> {
    let mut unknown = Vec::new();
    prune_at(value, schema, "", &mut unknown);
    unknown
}

fn prune_at(value: &mut Value, schema: &Schema, path: &str, unknown: &mut Vec<String>) {
    if schema.opaque {
        return;
    }
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| {
                let known = schema.field(name).is_some() || schema.preserve_unknown;
                if !known {
                    unknown.push(join(path, name));
                }
                known
            });
            for (name, field) in fields {
                if let Some(schema) = schema.field(name) {
                    prune_at(field, schema, &join(path, name), unknown);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for (index, item) in items.iter_mut().enumerate() {
                    prune_at(item, schema, &format!("{path}[{index}]"), unknown);
                }
            }
        }
        _ => {}
    }
}

/// A field's path below `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Fills in defaults. A null where none is allowed and a default exists counts as absent.
pub(super) fn default(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(fields) => {
            default_fields(fields, schema);
            for (name, field) in fields {
                if let Some(schema) = schema.field(name) {
                    default(field, schema);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for item in items {
                    default(item, schema);
                }
            }
        }
        _ => {}
    }
}

fn default_fields(fields: &mut Map<String, Value>, schema: &Schema) {
    for (name, property) in &schema.properties {
        let Some(value) = &property.default else { continue };
        let absent = fields.get(name).is_none_or(|field| field.is_null() && !property.nullable);
        if absent {
            fields.insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        Schema::parse(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "size": {"type": "integer", "default": 3},
            "parts": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }}}}))
        .unwrap()
    }

    #[test]
    fn unknown_fields_go_and_are_told() {
        let mut object = json!({"metadata": {"x": 1}, "spec": {
            "parts": [{"name": "a", "nam": "b"}], "tags": {"k": "v"}, "free": {"y": 1}, "siz": 1,
        }});
        let unknown = prune(&mut object, &schema());
        assert_eq!(unknown, ["spec.siz", "spec.parts[0].nam"]);
        assert_eq!(object["spec"]["tags"], json!({"k": "v"}));
        assert_eq!((&object["spec"]["free"]["y"], &object["metadata"]["x"]), (&json!(1), &json!(1)));
    }

    #[test]
    fn defaults_fill_what_is_absent_or_wrongly_null() {
        for mut object in [json!({"spec": {}}), json!({"spec": {"size": null}})] {
            default(&mut object, &schema());
            assert_eq!(object["spec"]["size"], 3);
        }
        let mut without = json!({});
        default(&mut without, &schema());
        assert_eq!(without, json!({}));
    }
}
