//! Deleting: preconditions, finalizers, namespaces.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::metadata;
use super::refusal::Refusal;
use super::request::Head;
use super::select::Selector;
use super::server::{Answer, Server};
use super::store::{Id, Stored};

impl Server {
    pub fn delete(&mut self, kind: &Arc<Kind>, head: &Head, body: &[u8]) -> Result<Answer, Refusal> {
        let options: Value = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(body)
                .map_err(|error| Refusal::bad_request(format!("the options are not JSON: {error}")))?
        };
        let id = head.id(kind);
        let live = self.live(kind, &id)?;
        metadata::preconditions(&options["preconditions"], &live, kind, &id.key.1)?;
        if head.text("dryRun") == "All" || options["dryRun"].as_array().is_some_and(|parts| !parts.is_empty()) {
            return Ok(Answer::object(200, &live));
        }
        if let ("namespaces", "default" | "kube-system" | "kube-public") = (kind.plural.as_str(), id.key.1.as_str()) {
            return Err(Refusal::forbidden(kind, &id.key.1, "this namespace may not be deleted"));
        }
        Ok(match self.mark(&id, &live) {
            Some(marked) => Answer::object(200, &marked),
            None => Answer::ok(&json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": {"name": id.key.1, "group": kind.group, "kind": kind.plural, "uid": live.metadata("uid")},
            })),
        })
    }

    pub fn delete_collection(&mut self, kind: &Arc<Kind>, head: &Head) -> Result<Answer, Refusal> {
        let selector = Selector::parse(head.text("labelSelector"), head.text("fieldSelector"), kind)?;
        let id = head.id(kind);
        let chosen: Vec<_> = self
            .store
            .all(&id.kind)
            .iter()
            .filter(|(key, _)| id.key.0.is_empty() || key.0 == id.key.0)
            .filter(|(_, stored)| selector.matches(&stored.value, kind))
            .map(|(key, stored)| (key.clone(), stored.clone()))
            .collect();
        let items: Vec<_> = chosen.iter().map(|(_, stored)| stored.value.clone()).collect();
        for (key, _) in chosen {
            self.delete_in_background(&Id { kind: id.kind.clone(), key });
        }
        let list = format!("{}List", kind.kind);
        let metadata = json!({"resourceVersion": self.store.revision.to_string()});
        Ok(Answer::ok(&json!({"kind": list, "apiVersion": kind.api_version(), "metadata": metadata, "items": items})))
    }

    /// Deletes for the cluster's controllers.
    pub fn delete_in_background(&mut self, id: &Id) {
        if let Some(live) = self.store.get(id).cloned() {
            self.mark(id, &live);
        }
    }

    /// Removes an object, or marks it where something holds it; gives the marked form.
    fn mark(&mut self, id: &Id, live: &Stored) -> Option<Arc<Stored>> {
        let namespace = id.kind.0.is_empty() && id.kind.1 == "namespaces";
        let held = namespace && live.value["spec"]["finalizers"].as_array().is_some_and(|names| !names.is_empty());
        if live.finalizers().next().is_none() && !held {
            self.remove(id);
            return None;
        }
        if live.terminating() {
            return self.store.get(id).cloned();
        }
        let mut value = live.value.clone();
        value["metadata"]["deletionTimestamp"] = json!(self.clock.text());
        if namespace {
            value["status"]["phase"] = json!("Terminating");
        } else {
            value["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        }
        if let Some(generation) = live.value["metadata"]["generation"].as_i64() {
            value["metadata"]["generation"] = json!(generation + 1);
        }
        Some(self.commit(id, value, live.managers.clone()))
    }
}
