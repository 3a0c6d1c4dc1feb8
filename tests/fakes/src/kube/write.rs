//! Writing: create, replace, patch, apply. Every way ends in [`Server::update`] or [`Server::create`], so that every rule
//! is in one place.

use std::sync::Arc;

use serde_json::{Value, json};

use super::apply::{Manager, Operation, apply, record_update};
use super::fields::Fields;
use super::kinds::{DEFINITIONS, Kind};
use super::patch::{PatchError, json_patch, merge_patch};
use super::refusal::{Cause, Refusal};
use super::request::{Head, object};
use super::schema::{self, Schema};
use super::server::{Answer, Server};
use super::store::{Id, Stored};
use super::{core, metadata, validate};

/// Attempts to find a free generated name.
const NAME_ATTEMPTS: usize = 8;

/// A write on its way.
struct Draft {
    value: Value,
    managers: Vec<Manager>,
}

impl Server {
    pub fn post(&mut self, kind: &Arc<Kind>, head: &Head, body: &[u8]) -> Result<Answer, Refusal> {
        let value = object(body)?;
        right_kind(&value, kind)?;
        let manager = self.manager(kind, head, Operation::Update);
        let stored = self.create(kind, head, value, |created, schema| {
            let mut managers = Vec::new();
            record_update(&json!({}), &ownable(created, kind, ""), schema, &mut managers, manager);
            managers
        })?;
        Ok(Answer::object(201, &stored))
    }

    pub fn put(&mut self, kind: &Arc<Kind>, head: &Head, body: &[u8]) -> Result<Answer, Refusal> {
        let value = object(body)?;
        right_kind(&value, kind)?;
        let id = head.id(kind);
        let named = value["metadata"]["name"].as_str().unwrap_or_default();
        if named != id.key.1 {
            let message = format!("the name of the object ({named}) does not match the name on the URL ({})", id.key.1);
            return Err(Refusal::bad_request(message));
        }
        let live = self.live(kind, &id)?;
        let given = &value["metadata"];
        metadata::preconditions(given, &live, kind, &id.key.1)?;
        if given["resourceVersion"].as_str().unwrap_or_default().is_empty() && !kind.unconditional_update {
            let cause = Cause::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
            return Err(Refusal::invalid(kind, &id.key.1, &[cause]));
        }
        let draft = Draft { value, managers: live.managers.clone() };
        let stored = self.update(kind, head, &id, &live, draft, Some(Operation::Update))?;
        Ok(Answer::object(200, &stored))
    }

    pub fn patch(&mut self, kind: &Arc<Kind>, head: &Head, body: &[u8]) -> Result<Answer, Refusal> {
        let id = head.id(kind);
        let form = head.content_type.split(';').next().unwrap_or_default().trim();
        if form == "application/apply-patch+yaml" {
            return self.apply(kind, head, &id, body);
        }
        let patch: Value = serde_json::from_slice(body)
            .map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))?;
        let live = self.live(kind, &id)?;
        let mut value = live.value.clone();
        match form {
            "application/json-patch+json" => json_patch(&mut value, &patch).map_err(|error| match error {
                PatchError::Malformed(why) => Refusal::bad_request(format!("error decoding patch: {why}")),
                PatchError::DoesNotApply => Refusal::unprocessable(),
            })?,
            "application/merge-patch+json" => merge_patch(&mut value, &patch),
            // Lists of built-in kinds merge by key; none of those is in a patch that is sent here.
            "application/strategic-merge-patch+json" if kind.definition.is_none() => merge_patch(&mut value, &patch),
            _ => {
                const MESSAGE: &str = "the body of the request was in an unknown format - accepted media types include: \
                                       application/json-patch+json, application/merge-patch+json, \
                                       application/apply-patch+yaml";
                return Err(Refusal::plain(415, "UnsupportedMediaType", MESSAGE));
            }
        }
        if value["metadata"]["name"] != live.value["metadata"]["name"] {
            return Err(Refusal::bad_request("the name of the object does not match the name on the URL"));
        }
        metadata::preconditions(&value["metadata"], &live, kind, &id.key.1)?;
        let draft = Draft { value, managers: live.managers.clone() };
        let stored = self.update(kind, head, &id, &live, draft, Some(Operation::Update))?;
        Ok(Answer::object(200, &stored))
    }

    fn apply(&mut self, kind: &Arc<Kind>, head: &Head, id: &Id, body: &[u8]) -> Result<Answer, Refusal> {
        if head.text("fieldManager").is_empty() {
            const DETAIL: &str = "is required for apply patch";
            let cause = Cause::required("fieldManager", DETAIL);
            let message = format!("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: {}", cause.message);
            let mut refusal = Refusal::unprocessable();
            refusal.message = message;
            return Err(refusal.because(&cause));
        }
        let config = object(body)?;
        right_kind(&config, kind)?;
        let named = config["metadata"]["name"].as_str().unwrap_or_default();
        if !named.is_empty() && named != id.key.1 {
            return Err(Refusal::bad_request(format!(
                "the name of the object ({named}) does not match the name on the URL ({})",
                id.key.1
            )));
        }
        if !config["metadata"]["managedFields"].is_null() {
            return Err(Refusal::bad_request("metadata.managedFields must be nil"));
        }
        let manager = self.manager(kind, head, Operation::Apply);
        let subresource = head.subresource().to_owned();
        let owned = ownable(&config, kind, &subresource);
        let force = head.flag("force");
        let Some(live) = self.store.get(id).cloned() else {
            return self.apply_new(kind, head, id, config, manager);
        };
        metadata::preconditions(&config["metadata"], &live, kind, &id.key.1)?;
        let schema = kind.schema().unwrap_or_else(|| Schema::built_in());
        let mut owned = owned;
        self.admit_fields(kind, head, &mut owned)?;
        let mut managers = live.managers.clone();
        let value = apply(&live.value, &owned, schema, &mut managers, manager, force)?;
        let stored = self.update(kind, head, id, &live, Draft { value, managers }, None)?;
        Ok(Answer::object(200, &stored))
    }

    /// Applies where nothing is: creates, but no status.
    fn apply_new(
        &mut self,
        kind: &Arc<Kind>,
        head: &Head,
        id: &Id,
        mut config: Value,
        manager: Manager,
    ) -> Result<Answer, Refusal> {
        if !head.subresource().is_empty() {
            return Err(Refusal::not_found(kind, &id.key.1));
        }
        if let Some(uid) = config["metadata"]["uid"].as_str() {
            let why =
                format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
            return Err(Refusal::conflict(kind, &id.key.1, &why));
        }
        config["metadata"]["name"] = json!(id.key.1);
        let mut owned = ownable(&config, kind, "");
        self.admit_fields(kind, head, &mut owned)?;
        let stored = self.create(kind, head, config, |_, schema| {
            vec![Manager { fields: Fields::of(&owned, Some(schema)), ..manager }]
        })?;
        Ok(Answer::object(201, &stored))
    }

    fn create(
        &mut self,
        kind: &Arc<Kind>,
        head: &Head,
        mut value: Value,
        managers: impl FnOnce(&Value, &Schema) -> Vec<Manager>,
    ) -> Result<Arc<Stored>, Refusal> {
        let mut id = head.id(kind);
        place(&mut value, kind, &mut id)?;
        self.name(&mut value, &mut id);
        self.namespace_takes(kind, &id)?;
        self.admit_fields(kind, head, &mut value)?;
        if kind.status
            && kind.definition.is_some()
            && let Some(fields) = value.as_object_mut()
        {
            fields.remove("status");
        }
        let uid = self.store.new_uid();
        let now = self.clock.text();
        let fields = metadata::of(&mut value);
        for field in [
            "resourceVersion",
            "selfLink",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "managedFields",
        ] {
            fields.remove(field);
        }
        metadata::tidy(fields);
        fields.insert("uid".to_owned(), json!(uid));
        fields.insert("creationTimestamp".to_owned(), json!(now));
        if kind.generations {
            fields.insert("generation".to_owned(), json!(1));
        }
        core::prepare(&mut value, kind, true);
        self.check(kind, &id, &value, None)?;
        if self.store.get(&id).is_some() {
            return Err(Refusal::already_exists(kind, &id.key.1));
        }
        let managers = managers(&value, kind.schema().unwrap_or_else(|| Schema::built_in()));
        if dry_run(head) {
            return Ok(Arc::new(Stored::new(value, managers)));
        }
        if (id.kind.0.as_str(), id.kind.1.as_str()) == DEFINITIONS {
            return self.define(kind, &id, value, managers);
        }
        Ok(self.commit(&id, value, managers))
    }

    /// Stores a definition and serves what it defines.
    fn define(
        &mut self,
        kind: &Kind,
        id: &Id,
        mut value: Value,
        managers: Vec<Manager>,
    ) -> Result<Arc<Stored>, Refusal> {
        let defined = Kind::from_definition(&value, self.switches.cel)
            .map_err(|why| Refusal::invalid(kind, &id.key.1, &[Cause::invalid("spec", &Value::Null, why)]))?;
        let time = self.clock.text();
        let condition = |name: &str, reason: &str, message: &str| json!({"type": name, "status": "True", "reason": reason, "message": message, "lastTransitionTime": time});
        value["status"] = json!({
            "acceptedNames": value["spec"]["names"],
            "storedVersions": [defined.version],
            "conditions": [
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
        });
        self.store.serve(defined);
        Ok(self.commit(id, value, managers))
    }

    /// Stores a new form of `live`. With `by`, ownership follows from what changed; without, it is in the draft.
    fn update(
        &mut self,
        kind: &Arc<Kind>,
        head: &Head,
        id: &Id,
        live: &Arc<Stored>,
        draft: Draft,
        by: Option<Operation>,
    ) -> Result<Arc<Stored>, Refusal> {
        let Draft { mut value, mut managers } = draft;
        self.admit_fields(kind, head, &mut value)?;
        only_the_addressed_part(&mut value, &live.value, kind, head.subresource());
        let fields = metadata::of(&mut value);
        fields.remove("managedFields");
        metadata::keep(fields, &live.value);
        metadata::tidy(fields);
        core::prepare(&mut value, kind, false);
        if kind.generations && spec_differs(&value, &live.value) {
            let generation = live.value["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            value["metadata"]["generation"] = json!(generation);
        }
        self.check(kind, id, &value, Some(live))?;
        if let Some(operation) = by {
            let manager = self.manager(kind, head, operation);
            let schema = kind.schema().unwrap_or_else(|| Schema::built_in());
            let [old, new] = [&live.value, &value].map(|value| ownable(value, kind, head.subresource()));
            record_update(&old, &new, schema, &mut managers, manager);
        }
        if (same(&value, &live.value) && managers == live.managers) || dry_run(head) {
            return Ok(live.clone());
        }
        let stored = self.commit(id, value, managers);
        let released = live.terminating() && stored.finalizers().next().is_none();
        if released && !held_by_spec(kind, &stored) {
            self.remove(id);
        }
        Ok(stored)
    }

    /// What the schema makes of a body: unknown fields, types, defaults.
    fn admit_fields(&self, kind: &Kind, head: &Head, value: &mut Value) -> Result<(), Refusal> {
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

    fn check(&self, kind: &Kind, id: &Id, value: &Value, live: Option<&Stored>) -> Result<(), Refusal> {
        let old = live.map(|live| &live.value);
        let mut causes = metadata::validate(value, live, kind);
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

    fn manager(&self, kind: &Kind, head: &Head, operation: Operation) -> Manager {
        Manager {
            name: head.manager(),
            operation,
            subresource: head.subresource().to_owned(),
            api_version: kind.api_version(),
            time: self.clock.text(),
            fields: Fields::default(),
        }
    }

    /// Makes a name where one is asked for.
    fn name(&mut self, value: &mut Value, id: &mut Id) {
        let fields = metadata::of(value);
        if let Some(name) = fields.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) {
            name.clone_into(&mut id.key.1);
            return;
        }
        let Some(prefix) = fields.get("generateName").and_then(Value::as_str).map(str::to_owned) else { return };
        for _ in 0..NAME_ATTEMPTS {
            id.key.1 = format!("{prefix}{}", self.store.new_suffix());
            if self.store.get(id).is_none() {
                break;
            }
        }
        metadata::of(value).insert("name".to_owned(), json!(id.key.1));
    }

    /// Whether objects may be made in the namespace.
    fn namespace_takes(&self, kind: &Kind, id: &Id) -> Result<(), Refusal> {
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

    /// Stores without letting the controllers act: for what they write themselves.
    pub fn commit_quietly(&mut self, id: &Id, value: Value, managers: Vec<Manager>) -> Arc<Stored> {
        let controllers = std::mem::replace(&mut self.switches.controllers, false);
        let stored = self.commit(id, value, managers);
        self.switches.controllers = controllers;
        stored
    }
}

fn dry_run(head: &Head) -> bool {
    head.text("dryRun") == "All"
}

fn right_kind(value: &Value, kind: &Kind) -> Result<(), Refusal> {
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
fn place(value: &mut Value, kind: &Kind, id: &mut Id) -> Result<(), Refusal> {
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

/// The status is written through its subresource only, and the subresource writes nothing else.
fn only_the_addressed_part(value: &mut Value, live: &Value, kind: &Kind, subresource: &str) {
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
fn ownable(value: &Value, kind: &Kind, subresource: &str) -> Value {
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
fn spec_differs(one: &Value, other: &Value) -> bool {
    let rest = |value: &Value| -> Vec<(String, Value)> {
        let fields = value.as_object().into_iter().flatten();
        let fields = fields.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status"));
        fields.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    rest(one) != rest(other)
}

/// Whether two forms of an object differ in nothing that a write could mean.
fn same(one: &Value, other: &Value) -> bool {
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
fn held_by_spec(kind: &Kind, stored: &Stored) -> bool {
    kind.plural == "namespaces" && stored.value["spec"]["finalizers"].as_array().is_some_and(|names| !names.is_empty())
}
