//! Writing: create, replace, patch, apply. Every way ends in [`Server::update`] or [`Server::create`], so that every rule
//! is in one place.

use std::sync::Arc;

use serde_json::{Value, json};

use super::admit::{admit_fields, place, right_kind, typed};
use super::apply::{Manager, Operation, apply, record_update};
use super::fields::Fields;
use super::kinds::{DEFINITIONS, Kind};
use super::parts::{held_by_spec, only_the_addressed_part, ownable, same, spec_differs};
use super::patch::{PatchError, json_patch, merge_patch};
use super::refusal::{Cause, Refusal};
use super::request::{Head, object};
use super::schema::Schema;
use super::server::{Answer, Server};
use super::store::{Id, Stored};
use super::{core, metadata};

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
        metadata::patch_preconditions(&value["metadata"], &live, kind, &id.key.1, head.subresource())?;
        if kind.definition.is_none() {
            core::decode(value.clone(), kind).map_err(|refusal| Refusal::unreadable_patch(&refusal))?;
        }
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
        typed(&config, kind, id)?;
        let owned = ownable(&config, kind, &subresource);
        let force = head.flag("force");
        let Some(live) = self.store.get(id).cloned() else {
            return self.apply_new(kind, head, id, config, manager);
        };
        metadata::patch_preconditions(&config["metadata"], &live, kind, &id.key.1, &subresource)?;
        let schema = kind.schema().unwrap_or_else(|| Schema::built_in());
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
        let owned = ownable(&config, kind, "");
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
        admit_fields(kind, head, &mut value)?;
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
        admit_fields(kind, head, &mut value)?;
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
