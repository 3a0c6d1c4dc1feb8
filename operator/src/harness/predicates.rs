//! Which changes of an object are worth a look. A controller that reacts to its own status writes runs for ever.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use kube::Resource;
use kube::runtime::{Predicate, predicates};

use super::watch::{Change, Key};

/// What a reconciler reads of its own object: spec and deletion (generation), finalizers and annotations. Generation
/// alone would swallow the event of the finalizer being added, and the object would wait for ever.
pub fn own<K: Resource>(object: &K) -> u64 {
    let predicate = predicates::generation.combine(predicates::finalizers).combine(predicates::annotations);
    predicate.hash_property(object).unwrap_or_default()
}

/// The hash of a value, for predicates of one's own.
pub fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The triggers of a controller's own kind: every object at start and whenever `predicate` moves.
pub fn changed<K>(
    changes: impl Stream<Item = Change<K>> + Send + 'static,
    predicate: fn(&K) -> u64,
) -> BoxStream<'static, Arc<K>>
where
    K: Resource<DynamicType = ()> + Send + Sync + 'static,
{
    filter(changes, predicate)
        .filter_map(|change| async move {
            match change {
                Change::Initial(object) | Change::Applied(object) => Some(object),
                Change::Deleted(_) => None,
            }
        })
        .boxed()
}

/// Changes of another kind that matter: objects that appear or go, and those whose `predicate` moves. What was there at
/// start is only remembered, since every object of the controller's own kind is looked at then anyway.
pub fn news<K>(
    changes: impl Stream<Item = Change<K>> + Send + 'static,
    predicate: fn(&K) -> u64,
) -> BoxStream<'static, Change<K>>
where
    K: Resource<DynamicType = ()> + Send + Sync + 'static,
{
    filter(changes, predicate).filter(|change| std::future::ready(!matches!(change, Change::Initial(_)))).boxed()
}

fn filter<K>(
    changes: impl Stream<Item = Change<K>> + Send + 'static,
    predicate: fn(&K) -> u64,
) -> impl Stream<Item = Change<K>> + Send + 'static
where
    K: Resource<DynamicType = ()> + Send + Sync + 'static,
{
    let mut memory = Memory { names: RandomState::new(), seen: HashMap::new(), predicate };
    changes.filter(move |change| std::future::ready(memory.moved(change)))
}

/// The last hash of each object that exists. Not kube-runtime's filter, which keeps entries by age: ours sees deletions.
/// Sixteen bytes an object: there are several of these for every kind, and thousands of tenants.
struct Memory<K> {
    /// Keyed at random, so that nobody can choose names that are taken for one another.
    names: RandomState,
    /// Hash of an object's name → hash of what is watched of it.
    seen: HashMap<u64, u64>,
    predicate: fn(&K) -> u64,
}

impl<K: Resource> Memory<K> {
    fn moved(&mut self, change: &Change<K>) -> bool {
        let object = change.object();
        let name = self.names.hash_one(Key::of(&**object));
        if matches!(change, Change::Deleted(_)) {
            self.seen.remove(&name);
            return true;
        }
        // The UID: an object re-created under the same name may well have the same generation.
        let now = hash_of(&(&object.meta().uid, (self.predicate)(object)));
        self.seen.insert(name, now) != Some(now)
    }
}

#[cfg(test)]
mod tests {
    use aigw_api::Tenant;
    use futures::FutureExt;
    use serde_json::{Value, json};

    use super::*;

    fn tenant(patch: &Value) -> Arc<Tenant> {
        let mut metadata = json!({"name": "search", "namespace": "team", "uid": "u", "generation": 1});
        for (key, value) in patch.as_object().unwrap() {
            metadata[key] = value.clone();
        }
        let object = json!({"apiVersion": "aigateway.dev/v1alpha1", "kind": "Tenant", "metadata": metadata, "spec": {"gatewayRef": {"name": "prod"}}});
        Arc::new(serde_json::from_value(object).unwrap())
    }

    fn passed(changes: Vec<Change<Tenant>>) -> usize {
        changed(futures::stream::iter(changes), own).count().now_or_never().unwrap()
    }

    #[test]
    fn a_status_write_passes_unseen() {
        let versions = [tenant(&json!({"resourceVersion": "1"})), tenant(&json!({"resourceVersion": "2"}))];
        assert_eq!(passed(versions.map(Change::Applied).to_vec()), 1);
    }

    #[test]
    fn spec_deletion_finalizers_annotations_and_identity_are_seen() {
        let first = tenant(&json!({}));
        for second in [
            json!({"generation": 2}),
            json!({"generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z"}),
            json!({"finalizers": ["aigateway.dev/cleanup"]}),
            json!({"annotations": {"aigateway.dev/reconcile-requested-at": "now"}}),
            json!({"uid": "another"}),
        ] {
            assert_eq!(passed(vec![Change::Initial(first.clone()), Change::Applied(tenant(&second))]), 2, "{second}");
        }
    }

    #[test]
    fn an_object_that_went_and_came_back_is_seen_again() {
        let object = tenant(&json!({}));
        let changes = vec![Change::Applied(object.clone()), Change::Deleted(object.clone()), Change::Applied(object)];
        assert_eq!(passed(changes), 2);
    }

    #[test]
    fn news_are_not_what_was_there_at_start() {
        let object = tenant(&json!({}));
        let changes = vec![Change::Initial(object.clone()), Change::Applied(object.clone()), Change::Deleted(object)];
        let news: Vec<_> = news(futures::stream::iter(changes), own).collect().now_or_never().unwrap();
        assert!(matches!(news[..], [Change::Deleted(_)]));
    }
}
