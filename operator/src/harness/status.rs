//! The one way a status is written: all of it at once, to exactly this object, and not at all when nothing would change.
//!
//! A JSON patch with a `test` of the UID, and not a server-side apply: the apiserver ignores a UID in an apply to
//! `/status` (the conformance suite shows it), so the status of an object that is gone would land on one re-created under its
//! name. It also merges lists by key in an order of its own, which then looks like a change at every pass.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::api::{Api, Patch, PatchParams};
use kube::core::object::HasStatus;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Error;
use super::predicates::hash_of;

/// Field manager of statuses, for people who look who wrote what.
pub const FIELD_MANAGER: &str = "aigw-operator/status";

/// Writes statuses, and remembers what it wrote until the object is gone.
///
/// The memory is needed because the caller compares with an object from a cache: after a write the cache lags, and a
/// status that equals the old one would be skipped although the stored one differs. It holds hashes, not statuses:
/// there may be thousands.
pub struct StatusWriter {
    client: Client,
    written: Mutex<HashMap<String, u64>>,
}

impl StatusWriter {
    /// A writer over `client`.
    pub fn new(client: Client) -> Self {
        Self { client, written: Mutex::default() }
    }

    /// Makes the stored status of `object` say `desired`; gives whether it had to be written. Skipped where only
    /// transition times differ, and where the stored status speaks of a newer generation.
    pub async fn write<K>(&self, object: &K, desired: &K::Status) -> Result<bool, Error>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + HasStatus
            + Clone
            + Debug
            + DeserializeOwned
            + Sync,
        K::Status: Serialize + Sync,
    {
        let serialize = |source| Error::Serialize { what: "status", source };
        let desired = serde_json::to_value(desired).map_err(serialize)?;
        let stored = object.status().map(serde_json::to_value).transpose().map_err(serialize)?;
        let uid = object.uid().unwrap_or_default();
        let unchanged_since = {
            let written = self.lock();
            written.get(&uid).is_none_or(|last| *last == hash(&desired))
        };
        match &stored {
            Some(stored) if newer(stored, &desired) => return Ok(false),
            Some(stored) if unchanged_since && same(stored, &desired) => return Ok(false),
            _ => {}
        }
        let patch = serde_json::from_value(status_patch(&uid, &desired)).map_err(serialize)?;
        let api: Api<K> = Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        api.patch_status(&object.name_any(), &parameters, &Patch::<()>::Json(patch))
            .await
            .map_err(Error::kube("write status"))?;
        self.lock().insert(uid, hash(&desired));
        Ok(true)
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A failed `test` is a conflict: the object is another one by now.
fn status_patch(uid: &str, status: &Value) -> Value {
    json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": status},
    ])
}

/// Whether two statuses say the same: transition times and the order of conditions aside.
pub fn same(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

fn hash(status: &Value) -> u64 {
    hash_of(&aigw_plan::canonical::text(&canonical(status)))
}

/// Whether `stored` speaks of a newer generation than `desired`.
fn newer(stored: &Value, desired: &Value) -> bool {
    let generation = |status: &Value| status.get("observedGeneration").and_then(Value::as_i64);
    matches!((generation(stored), generation(desired)), (Some(stored), Some(desired)) if stored > desired)
}

fn canonical(status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        for condition in conditions.iter_mut().filter_map(Value::as_object_mut) {
            condition.remove("lastTransitionTime");
        }
        conditions
            .sort_by_key(|condition| condition.get("type").and_then(Value::as_str).unwrap_or_default().to_owned());
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(generation: i64, conditions: &Value) -> Value {
        json!({"observedGeneration": generation, "conditions": conditions})
    }

    #[test]
    fn times_and_order_of_conditions_do_not_count() {
        let one = status(
            1,
            &json!([{"type": "A", "status": "True", "lastTransitionTime": "1"}, {"type": "B", "status": "False"}]),
        );
        let two = status(
            1,
            &json!([{"type": "B", "status": "False", "lastTransitionTime": "2"}, {"type": "A", "status": "True"}]),
        );
        assert!(same(&one, &two));
        assert!(!same(&one, &status(2, &one["conditions"])));
        assert!(!same(&one, &status(1, &json!([{"type": "A", "status": "False"}, {"type": "B", "status": "False"}]))));
    }

    #[test]
    fn a_status_is_written_to_one_object_only() {
        let patch = status_patch("u-1", &status(1, &json!([])));
        assert_eq!(patch[0], json!({"op": "test", "path": "/metadata/uid", "value": "u-1"}));
        assert_eq!(patch[1]["path"], "/status");
        assert!(serde_json::from_value(patch).map(Patch::<()>::Json).is_ok());
    }

    #[test]
    fn an_older_generation_never_overwrites_a_newer_one() {
        assert!(newer(&status(3, &json!([])), &status(2, &json!([]))));
        assert!(!newer(&status(2, &json!([])), &status(2, &json!([]))));
        assert!(!newer(&json!({}), &status(2, &json!([]))));
    }
}
