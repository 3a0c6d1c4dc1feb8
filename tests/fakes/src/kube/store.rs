//! What a server knows: objects by kind and key, who depends on whom, the revision. Objects and their maps are shared
//! until they change, so that copying a world of thousands of objects costs little.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value;

use super::apply::Manager;
use super::kinds::{Kind, Kinds};

/// Namespace and name; the namespace of cluster-scoped objects is empty.
pub(super) type Key = (String, String);
/// Objects of one kind.
pub(super) type Objects = BTreeMap<Key, Arc<Stored>>;

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    /// Group and plural.
    pub kind: (String, String),
    pub key: Key,
}

/// An object as stored.
#[derive(Debug)]
pub(super) struct Stored {
    /// All of it, `metadata.managedFields` included.
    pub value: Value,
    /// What `metadata.managedFields` was made of.
    pub managers: Vec<Manager>,
    text: OnceLock<Bytes>,
}

impl Stored {
    pub fn new(value: Value, managers: Vec<Manager>) -> Self {
        Self { value, managers, text: OnceLock::new() }
    }

    /// Its JSON.
    pub fn text(&self) -> &Bytes {
        self.text.get_or_init(|| Bytes::from(self.value.to_string()))
    }

    pub fn metadata(&self, field: &str) -> &str {
        self.value["metadata"][field].as_str().unwrap_or_default()
    }

    pub fn terminating(&self) -> bool {
        self.value["metadata"].get("deletionTimestamp").is_some()
    }

    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.value["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }
}

/// UIDs of the owners of an object.
pub(super) fn owners(value: &Value) -> impl Iterator<Item = &str> {
    let references = value["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    references.filter_map(|reference| reference["uid"].as_str())
}

/// Everything a snapshot copies.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub kinds: Arc<Kinds>,
    objects: BTreeMap<(String, String), Arc<Objects>>,
    dependents: Arc<HashMap<String, BTreeSet<Id>>>,
    by_uid: Arc<HashMap<String, Id>>,
    pub revision: u64,
    issued: u64,
    /// Tells the UIDs of this cluster from those of others.
    cluster: u32,
}

impl Store {
    pub fn new(kinds: Kinds, cluster: u32) -> Self {
        Self {
            kinds: Arc::new(kinds),
            objects: BTreeMap::new(),
            dependents: Arc::default(),
            by_uid: Arc::default(),
            revision: 1,
            issued: 0,
            cluster,
        }
    }

    pub fn serve(&mut self, kind: Kind) {
        Arc::make_mut(&mut self.kinds).insert((kind.group.clone(), kind.plural.clone()), Arc::new(kind));
    }

    /// A UID nobody had.
    pub fn new_uid(&mut self) -> String {
        self.issued += 1;
        format!("{:08x}-0000-4000-8000-{:012x}", self.cluster, self.issued)
    }

    /// A suffix for `generateName`.
    pub fn new_suffix(&mut self) -> String {
        self.issued += 1;
        format!("{:05x}", self.issued)
    }

    /// All objects of a kind.
    pub fn all(&self, kind: &(String, String)) -> Arc<Objects> {
        self.objects.get(kind).cloned().unwrap_or_default()
    }

    pub fn get(&self, id: &Id) -> Option<&Arc<Stored>> {
        self.objects.get(&id.kind)?.get(&id.key)
    }

    /// Objects of a kind in a namespace.
    pub fn within<'a>(
        &'a self,
        kind: &(String, String),
        namespace: &str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Stored>)> {
        let from = (namespace.to_owned(), String::new());
        let namespace = namespace.to_owned();
        let objects = self.objects.get(kind).map(|objects| objects.range(from..)).into_iter().flatten();
        objects.take_while(move |((found, _), _)| *found == namespace)
    }

    /// The object with a UID.
    pub fn by_uid(&self, uid: &str) -> Option<&Id> {
        self.by_uid.get(uid)
    }

    /// Objects that name an owner.
    pub fn dependents(&self, uid: &str) -> Vec<Id> {
        self.dependents.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Puts an object in its place, or takes it away; gives what was there.
    pub fn put(&mut self, id: &Id, stored: Option<&Arc<Stored>>) -> Option<Arc<Stored>> {
        let objects = Arc::make_mut(self.objects.entry(id.kind.clone()).or_default());
        let before = match stored {
            Some(stored) => objects.insert(id.key.clone(), stored.clone()),
            None => objects.remove(&id.key),
        };
        self.index(id, before.as_deref(), stored.map(|stored| &**stored));
        before
    }

    fn index(&mut self, id: &Id, before: Option<&Stored>, after: Option<&Stored>) {
        let uid = |stored: Option<&Stored>| stored.map(|stored| stored.metadata("uid").to_owned());
        let (old, new) = (uid(before), uid(after));
        if old != new {
            let uids = Arc::make_mut(&mut self.by_uid);
            old.map(|uid| uids.remove(&uid));
            new.map(|uid| uids.insert(uid, id.clone()));
        }
        let list = |stored: Option<&Stored>| -> BTreeSet<String> {
            stored.into_iter().flat_map(|stored| owners(&stored.value)).map(str::to_owned).collect()
        };
        let (old, new) = (list(before), list(after));
        if old != new {
            let dependents = Arc::make_mut(&mut self.dependents);
            for uid in old.difference(&new) {
                let left = dependents.get_mut(uid).map(|ids| {
                    ids.remove(id);
                    ids.len()
                });
                if left == Some(0) {
                    dependents.remove(uid);
                }
            }
            for uid in new.difference(&old) {
                dependents.entry(uid.clone()).or_default().insert(id.clone());
            }
        }
    }
}
