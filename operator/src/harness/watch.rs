//! One watch per kind, feeding one store and any number of subscribers.
//!
//! Both controllers need both kinds, so each kind is watched once. Not kube-runtime's shared streams: those pass on no
//! deletions, neither watched ones nor those found by a re-list after a gap, and a gateway must learn that a tenant is
//! gone. One malformed object is counted and left out, and never stops a watch; what it was before stays in the store,
//! because "cannot be read" must not look like "was deleted". Where there is no right to watch, single objects are looked at
//! from time to time instead, which fills the same store.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_api};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::error;

mod polled;

/// Annotation in which `kubectl apply` keeps what it was given.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Name of an object within its kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Namespace; `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl Key {
    /// The key of `object`.
    pub fn of<K: Resource>(object: &K) -> Self {
        Self { namespace: object.meta().namespace.clone(), name: object.meta().name.clone().unwrap_or_default() }
    }
}

/// What happened to an object.
#[derive(Debug)]
pub enum Change<K> {
    /// It was there when the watch began.
    Initial(Arc<K>),
    /// It appeared or changed.
    Applied(Arc<K>),
    /// It is gone; this is how it was last seen.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// The object.
    pub fn object(&self) -> &Arc<K> {
        match self {
            Self::Initial(object) | Self::Applied(object) | Self::Deleted(object) => object,
        }
    }
}

impl<K> Clone for Change<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Initial(object) => Self::Initial(object.clone()),
            Self::Applied(object) => Self::Applied(object.clone()),
            Self::Deleted(object) => Self::Deleted(object.clone()),
        }
    }
}

/// Signs of life of a watch, for liveness and metrics.
#[derive(Debug)]
pub struct Activity {
    kind: &'static str,
    began: OnceLock<Instant>,
    last_millis: AtomicU64,
    invalid: AtomicI64,
}

impl Activity {
    /// Of a watch that has not begun.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, began: OnceLock::new(), last_millis: AtomicU64::new(0), invalid: AtomicI64::new(0) }
    }

    /// The watched kind.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Time since the last sign of life; `None` before the watch began.
    pub fn silence(&self) -> Option<Duration> {
        let last = Duration::from_millis(self.last_millis.load(Ordering::Relaxed));
        self.began.get().map(|began| began.elapsed().saturating_sub(last))
    }

    /// Objects left out at present because they cannot be read.
    pub fn invalid(&self) -> i64 {
        self.invalid.load(Ordering::Relaxed)
    }

    pub(crate) fn mark(&self) {
        let since = self.began.get_or_init(Instant::now).elapsed();
        self.last_millis.store(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Marks activity whenever the stream below is polled. A stream is polled only when its connection or its own timers
/// woke it, so bookmarks and renewals count, which kube-runtime does not pass on as events.
struct Alive<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S: Stream + Unpin> Stream for Alive<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.activity.mark();
        self.stream.poll_next_unpin(context)
    }
}

/// An object as it came in.
#[derive(Debug, Clone)]
enum Seen<K> {
    Valid(K),
    Invalid { key: Key, uid: Option<String>, error: String },
}

type Source<K> = BoxStream<'static, watcher::Result<Event<Seen<K>>>>;

/// The watch of one kind, over one or more scopes.
pub struct Watch<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    sources: Vec<Source<K>>,
    merge: Merge<K>,
    activity: Arc<Activity>,
}

impl<K> Watch<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// A watch over `scopes`, which must not overlap. `kind` is its name in metrics.
    pub fn new(kind: &'static str, scopes: Vec<(Api<DeserializeGuard<K>>, watcher::Config)>) -> Self {
        let activity = Arc::new(Activity::new(kind));
        let source = |(api, config)| {
            let stream = Alive { stream: watch_api(api, config).boxed(), activity: activity.clone() };
            // Each stream backs off by itself: one that fails must not slow the others.
            stream.default_backoff().map(|event| event.map(see)).boxed()
        };
        let sources: Vec<Source<K>> = scopes.into_iter().map(source).collect();
        Self { merge: Merge::new(sources.len(), activity.clone()), sources, activity }
    }

    /// Instead of a watch: looks at the objects of those names once every `every`. For cluster-scoped kinds of which only
    /// single objects may be read.
    pub fn polling(kind: &'static str, api: &Api<K>, names: impl IntoIterator<Item = String>, every: Duration) -> Self {
        let activity = Arc::new(Activity::new(kind));
        let sources: Vec<Source<K>> = names
            .into_iter()
            .map(|name| Alive { stream: polled::looks(api.clone(), name, every), activity: activity.clone() }.boxed())
            .collect();
        Self { merge: Merge::new(sources.len(), activity.clone()), sources, activity }
    }

    /// The store this watch fills.
    pub fn store(&self) -> Store<K> {
        self.merge.writer.as_reader()
    }

    /// Every change from the beginning. Only before [`Self::run`].
    pub fn subscribe(&mut self) -> UnboundedReceiver<Change<K>> {
        // Unbounded: a controller drains it at once into its own queue, which holds each object once.
        let (sender, receiver) = unbounded();
        self.merge.subscribers.push(sender);
        receiver
    }

    /// Signs of life.
    pub fn activity(&self) -> Arc<Activity> {
        self.activity.clone()
    }

    /// Watches; never ends by itself.
    pub async fn run(self) {
        let Self { sources, mut merge, activity } = self;
        activity.mark();
        let mut events: SelectAll<_> = sources
            .into_iter()
            .enumerate()
            .map(|(index, source)| source.map(move |event| (index, event)).boxed())
            .collect();
        while let Some((index, event)) = events.next().await {
            match event {
                Ok(event) => merge.take(index, event),
                Err(failure) => {
                    tracing::warn!(
                        kind = activity.kind(),
                        error = error::chain(&failure),
                        "watch failed; trying again"
                    );
                }
            }
        }
    }
}

fn see<K: Resource>(event: Event<DeserializeGuard<K>>) -> Event<Seen<K>> {
    let open = |DeserializeGuard(object): DeserializeGuard<K>| match object {
        Ok(object) => Seen::Valid(object),
        Err(invalid) => Seen::Invalid {
            key: Key {
                namespace: invalid.metadata.namespace.clone(),
                name: invalid.metadata.name.clone().unwrap_or_default(),
            },
            uid: invalid.metadata.uid.clone(),
            error: invalid.error,
        },
    };
    match event {
        Event::Apply(object) => Event::Apply(open(object)),
        Event::Delete(object) => Event::Delete(open(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(open(object)),
        Event::InitDone => Event::InitDone,
    }
}

/// Drops what repeats the rest of an object and nobody here reads, which is more than half of its size: who owns which
/// field, and kubectl's own copy of it.
fn forget_copies(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// Joins the events of all scopes into one store, and turns re-lists into the changes they stand for. Pure.
struct Merge<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    writer: Writer<K>,
    /// Scope each object came from.
    known: HashMap<Key, usize>,
    /// Objects listed before the store is ready.
    initial: HashMap<Key, K>,
    invalid: HashMap<Key, usize>,
    /// Per scope: keys listed so far while a list is under way.
    listing: Vec<Option<HashSet<Key>>>,
    /// Scopes whose first list is not complete. The store is ready when none is left.
    pending: HashSet<usize>,
    subscribers: Vec<UnboundedSender<Change<K>>>,
    activity: Arc<Activity>,
}

impl<K> Merge<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    fn new(scopes: usize, activity: Arc<Activity>) -> Self {
        Self {
            writer: Writer::default(),
            known: HashMap::new(),
            initial: HashMap::new(),
            invalid: HashMap::new(),
            listing: vec![None; scopes],
            pending: (0..scopes).collect(),
            subscribers: Vec::new(),
            activity,
        }
    }

    fn take(&mut self, scope: usize, event: Event<Seen<K>>) {
        match event {
            Event::Init => self.listing[scope] = Some(HashSet::new()),
            Event::InitApply(seen) => {
                if let Some(listed) = &mut self.listing[scope] {
                    listed.insert(match &seen {
                        Seen::Valid(object) => Key::of(object),
                        Seen::Invalid { key, .. } => key.clone(),
                    });
                }
                self.apply(scope, seen);
            }
            Event::InitDone => self.listed(scope),
            Event::Apply(seen) => self.apply(scope, seen),
            Event::Delete(Seen::Valid(object)) => self.delete(&Key::of(&object)),
            Event::Delete(Seen::Invalid { key, .. }) => self.delete(&key),
        }
        self.activity.invalid.store(i64::try_from(self.invalid.len()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    fn apply(&mut self, scope: usize, seen: Seen<K>) {
        match seen {
            Seen::Valid(mut object) => {
                forget_copies(object.meta_mut());
                let key = Key::of(&object);
                self.invalid.remove(&key);
                self.known.insert(key.clone(), scope);
                if !self.pending.is_empty() {
                    self.initial.insert(key, object);
                    return;
                }
                self.writer.apply_watcher_event(&Event::Apply(object));
                if let Some(object) = self.stored(&key) {
                    self.tell(&Change::Applied(object));
                }
            }
            Seen::Invalid { key, uid, error } => {
                tracing::warn!(
                    kind = self.activity.kind,
                    namespace = key.namespace,
                    name = key.name,
                    uid,
                    error,
                    "an object cannot be read and is left out; do the custom resource definitions match this version?"
                );
                self.invalid.insert(key, scope);
            }
        }
    }

    fn delete(&mut self, key: &Key) {
        self.invalid.remove(key);
        self.initial.remove(key);
        if self.known.remove(key).is_some()
            && let Some(object) = self.stored(key)
        {
            self.writer.apply_watcher_event(&Event::Delete(K::clone(&object)));
            self.tell(&Change::Deleted(object));
        }
    }

    /// The one copy there is of an object.
    fn stored(&self, key: &Key) -> Option<Arc<K>> {
        let reference = ObjectRef::new(&key.name);
        let namespace = key.namespace.as_deref();
        self.writer.as_reader().get(&namespace.map_or(reference.clone(), |namespace| reference.within(namespace)))
    }

    /// The list of a scope is complete: what it does not name is gone.
    fn listed(&mut self, scope: usize) {
        if let Some(listed) = self.listing[scope].take() {
            self.invalid.retain(|key, owner| *owner != scope || listed.contains(key));
            let gone: Vec<Key> = self
                .known
                .iter()
                .filter(|(key, owner)| **owner == scope && !listed.contains(key))
                .map(|(key, _)| key.clone())
                .collect();
            for key in gone {
                self.delete(&key);
            }
        }
        if self.pending.remove(&scope) && self.pending.is_empty() {
            self.writer.apply_watcher_event(&Event::Init);
            for (_, object) in self.initial.drain() {
                self.writer.apply_watcher_event(&Event::InitApply(object));
            }
            self.writer.apply_watcher_event(&Event::InitDone);
            for object in self.writer.as_reader().state() {
                self.tell(&Change::Initial(object));
            }
        }
    }

    fn tell(&mut self, change: &Change<K>) {
        // A subscriber that is gone (its controller ended) is dropped.
        self.subscribers.retain(|subscriber| subscriber.unbounded_send(change.clone()).is_ok());
    }
}

/// The reference of a key, for triggers.
pub fn reference<K: Resource<DynamicType = ()>>(name: &str, namespace: &str) -> ObjectRef<K> {
    ObjectRef::new(name).within(namespace)
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
