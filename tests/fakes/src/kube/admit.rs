//! What has to hold before anything is stored: the right kind, a namespace that takes objects, fields and values the schema
//! knows.

use serde_json::{Value, json};

use super::kinds::Kind;
use super::refusal::{Cause, Refusal};
use super::request::Head;
use super::server::Server;
use super::store::{Id, Stored};
use super::{core, metadata, schema, validate};

impl Server {
    /// Refuses an object with anything wrong in it.
    pub fn check(&self, kind: &Kind, id: &Id, value: &Value, live: Option<&Stored>) -> Result<(), Refusal> {
        let old = live.map(|live| &live.value);
        let mut causes = metadata::validate(value, live, kind);
        if live.is_some() && kind.definition.is_some() {
            // The server checks metadata of custom resources once for all kinds and once for these.
            causes.extend(causes.clone());
        }
        causes.extend(core::validate(value, old, kind));
        if let Some(definition) = &kind.definition {
            let found = validate::validate(value, old, &definition.schema, "");
            let blocked = found.iter().any(validate::blocks_rules);
            causes.extend(found);
            let unchanged = old.is_some_and(|old| old.get("spec") == value.get("spec"));
            if blocked {
                causes.push(validate::not_checked());
            } else if self.switches.cel && !unchanged {
                causes.extend(definition.rules.broken(value, old));
            }
        }
        if causes.is_empty() { Ok(()) } else { Err(Refusal::invalid(kind, &id.key.1, &causes)) }
    }

    /// Whether objects may be made in the namespace.
    pub fn namespace_takes(&self, kind: &Kind, id: &Id) -> Result<(), Refusal> {
        if !kind.namespaced {
            return Ok(());
        }
        let namespaces = (String::new(), "namespaces".to_owned());
        let namespace = Id { kind: namespaces.clone(), key: (String::new(), id.key.0.clone()) };
        let Some(stored) = self.store.get(&namespace) else {
            let kind = self.store.kinds.get(&namespaces).ok_or_else(Refusal::no_path)?;
            return Err(Refusal::not_found(kind, &id.key.0));
        };
        if !stored.terminating() {
            return Ok(());
        }
        let name = &id.key.0;
        let why = format!("unable to create new content in namespace {name} because it is being terminated");
        let cause =
            Cause::new("NamespaceTerminating", "metadata.namespace", format!("namespace {name} is being terminated"));
        Err(Refusal::forbidden(kind, &id.key.1, &why).because(&cause))
    }
}

/// What the schema makes of a body: unknown fields, types, defaults.
pub(super) fn admit_fields(kind: &Kind, head: &Head, value: &mut Value) -> Result<(), Refusal> {
    let Some(schema) = kind.schema() else {
        *value = core::decode(std::mem::take(value), kind)?;
        return Ok(());
    };
    let unknown = schema::prune(value, schema);
    if !unknown.is_empty() && head.text("fieldValidation") == "Strict" {
        let list: Vec<_> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
        return Err(Refusal::bad_request(format!("strict decoding error: {}", list.join(", "))));
    }
    schema::default(value, schema);
    Ok(())
}

/// Refuses a configuration with a field that nobody could own, because the schema does not know it.
pub(super) fn typed(config: &Value, kind: &Kind, id: &Id) -> Result<(), Refusal> {
    let Some(schema) = kind.schema() else { return Ok(()) };
    let unknown = schema::prune(&mut config.clone(), schema);
    let Some(first) = unknown.first() else { return Ok(()) };
    let Id { key: (namespace, name), .. } = id;
    let message = format!(
        "failed to create typed patch object ({namespace}/{name}; {}, Kind={}): .{first}: field not declared in schema",
        kind.api_version(),
        kind.kind
    );
    Err(Refusal::plain(500, "", message))
}

/// Refuses a body of another kind than the path's.
pub(super) fn right_kind(value: &Value, kind: &Kind) -> Result<(), Refusal> {
    let found = (value["apiVersion"].as_str().unwrap_or_default(), value["kind"].as_str().unwrap_or_default());
    if found == (kind.api_version().as_str(), kind.kind.as_str()) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): apiVersion {:?}, kind {:?}",
        kind.kind, found.0, found.1
    )))
}

/// The namespace of a new object: that of the path.
pub(super) fn place(value: &mut Value, kind: &Kind, id: &mut Id) -> Result<(), Refusal> {
    let fields = metadata::of(value);
    let given = fields.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !given.is_empty() && given != id.key.0 {
        const MESSAGE: &str = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Refusal::bad_request(MESSAGE));
    }
    if kind.namespaced {
        if id.key.0.is_empty() {
            return Err(Refusal::bad_request("an empty namespace may not be set during creation"));
        }
        fields.insert("namespace".to_owned(), json!(id.key.0));
    }
    Ok(())
}
