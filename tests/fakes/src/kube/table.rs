//! Other forms of objects: tables for people, and metadata alone.

use serde_json::{Value, json};

use super::kinds::Kind;

/// An object's metadata, as `PartialObjectMetadata`.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// A table of objects with the kind's printer columns.
pub(super) fn table<'a>(
    kind: &Kind,
    objects: impl Iterator<Item = &'a Value>,
    revision: &str,
    proceed: Option<&str>,
) -> Value {
    let columns = kind.definition.as_ref().map(|definition| definition.columns.as_slice()).unwrap_or_default();
    let name = json!({"name": "Name", "type": "string", "format": "name", "description": "Name", "priority": 0});
    let definitions = columns.iter().map(|column| {
        json!({
            "name": column.name, "type": column.kind, "format": column.format,
            "description": column.description, "priority": column.priority,
        })
    });
    let rows = objects.map(|object| {
        let cells = columns.iter().map(|column| column.path.find(object).cloned().unwrap_or_default());
        let cells: Vec<Value> = std::iter::once(object["metadata"]["name"].clone()).chain(cells).collect();
        json!({"cells": cells, "object": metadata_only(object)})
    });
    let mut metadata = json!({"resourceVersion": revision});
    if let Some(proceed) = proceed {
        metadata["continue"] = json!(proceed);
    }
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": std::iter::once(name).chain(definitions).collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(),
    })
}
