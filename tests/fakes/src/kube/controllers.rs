//! The cluster's own controllers, acting at once: garbage collection of dependents and the deletion of namespaces.

use std::sync::Arc;

use serde_json::json;

use super::kinds::Kind;
use super::server::Server;
use super::store::{Id, Stored, owners};

fn is_namespace(id: &Id) -> bool {
    id.kind.0.is_empty() && id.kind.1 == "namespaces"
}

fn namespace_id(name: &str) -> Id {
    Id { kind: (String::new(), "namespaces".to_owned()), key: (String::new(), name.to_owned()) }
}

/// After an object was written.
pub(super) fn changed(server: &mut Server, id: &Id, stored: &Arc<Stored>) {
    if is_namespace(id) {
        if stored.terminating() {
            empty(server, &id.key.1);
        }
    } else if owners(&stored.value).next().is_some() && !has_owner(server, id, stored) {
        server.delete_in_background(id);
    }
}

/// After an object was removed.
pub(super) fn removed(server: &mut Server, id: &Id, last: &Arc<Stored>) {
    for dependent in server.store.dependents(last.metadata("uid")) {
        let Some(stored) = server.store.get(&dependent).cloned() else { continue };
        if !has_owner(server, &dependent, &stored) {
            server.delete_in_background(&dependent);
        }
    }
    finish(server, &id.key.0);
}

/// Whether an owner lives where the object could have one: in its namespace or outside of all.
fn has_owner(server: &Server, id: &Id, stored: &Stored) -> bool {
    owners(&stored.value)
        .filter_map(|uid| server.store.by_uid(uid))
        .any(|owner| owner.key.0.is_empty() || owner.key.0 == id.key.0)
}

/// Deletes everything in a namespace.
fn empty(server: &mut Server, namespace: &str) {
    let kinds: Vec<Arc<Kind>> = server.store.kinds.values().filter(|kind| kind.namespaced).cloned().collect();
    for kind in kinds {
        let kind_key = (kind.group.clone(), kind.plural.clone());
        let keys: Vec<_> = server.store.within(&kind_key, namespace).map(|(key, _)| key.clone()).collect();
        for key in keys {
            server.delete_in_background(&Id { kind: kind_key.clone(), key });
        }
    }
    finish(server, namespace);
}

/// Removes a terminating namespace in which nothing is left.
fn finish(server: &mut Server, namespace: &str) {
    let id = namespace_id(namespace);
    let Some(stored) = server.store.get(&id).filter(|stored| stored.terminating()).cloned() else { return };
    let left = server
        .store
        .kinds
        .values()
        .filter(|kind| kind.namespaced)
        .any(|kind| server.store.within(&(kind.group.clone(), kind.plural.clone()), namespace).next().is_some());
    if left {
        return;
    }
    if stored.value["spec"]["finalizers"].as_array().is_some_and(|names| !names.is_empty()) {
        let mut value = stored.value.clone();
        value["spec"] = json!({});
        // Without its finalizer, and nothing in `metadata` holding it, it goes.
        let stored = server.commit_quietly(&id, value, stored.managers.clone());
        if stored.finalizers().next().is_none() {
            server.remove(&id);
        }
    } else if stored.finalizers().next().is_none() {
        server.remove(&id);
    }
}
