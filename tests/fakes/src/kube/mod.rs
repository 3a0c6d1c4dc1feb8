//! A strict Kubernetes apiserver in the process, behind an ordinary `kube::Client`.
//!
//! It keeps JSON under one lock and serves every request at once; watches are channels. What the real server refuses, it
//! refuses in the same words: the suite `conformance` runs on both. Its time is an epoch plus tokio's clock. A
//! [`Snapshot`] copies all objects at any moment, cheaply, since unchanged ones are shared.

mod admit;
mod apply;
mod body;
mod cel;
mod clock;
mod controllers;
mod core;
mod delete;
mod discovery;
mod fields;
mod kinds;
mod log;
mod metadata;
mod parts;
mod patch;
mod path;
mod rbac;
mod read;
mod refusal;
mod request;
mod schema;
mod select;
mod server;
mod service;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod validate;
mod watch;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

pub use self::log::{Access, Write};

use self::clock::Clock;
use self::kinds::{DEFINITIONS, built_in};
use self::server::{Server, Switches};
use self::service::Service;
use self::store::Store;
use self::watch::{Message, Watches};
use crate::intercept::{ServeAll, SharedIntercept};

/// When servers begin unless told: 2026-01-01T00:00:00Z.
const EPOCH_SECONDS: i64 = 1_767_225_600;

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fake apiserver. Clones are the same server.
#[derive(Clone)]
pub struct FakeKube {
    server: Arc<Mutex<Server>>,
    intercept: Arc<Mutex<SharedIntercept>>,
}

impl std::fmt::Debug for FakeKube {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FakeKube").finish_non_exhaustive()
    }
}

/// All objects of a server at one moment, with its revision, time and switches; no watches, no intercept, no log.
#[derive(Clone)]
pub struct Snapshot {
    store: Store,
    epoch: Timestamp,
    elapsed: Duration,
    switches: Switches,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Snapshot").field("revision", &self.store.revision).finish_non_exhaustive()
    }
}

impl Default for FakeKube {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeKube {
    /// A cluster with the namespaces `default` and `kube-system`, whose time begins in 2026.
    pub fn new() -> Self {
        Self::at(Timestamp::from_second(EPOCH_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// The same, with its time beginning at `epoch`.
    pub fn at(epoch: Timestamp) -> Self {
        Self::cluster(1, epoch)
    }

    /// A cluster of its own: no UID of it, that of `kube-system` included, is one of a cluster with another `number`.
    pub fn cluster(number: u32, epoch: Timestamp) -> Self {
        let store = Store::new(built_in(), number);
        let switches =
            Switches { outage: false, silent: false, controllers: true, cel: true, authorize: true, token_key: 1 };
        let this = Self::assemble(store, Clock::starting(epoch, Duration::ZERO), switches);
        for name in ["kube-system", "default"] {
            this.put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
        }
        this
    }

    fn assemble(store: Store, clock: Clock, switches: Switches) -> Self {
        let watches = Watches::since(store.revision);
        let (log, pages) = (log::Log::default(), BTreeMap::new());
        let server = Server { store, watches, log, clock, switches, cpu: Duration::ZERO, pages };
        let intercept: SharedIntercept = Arc::new(ServeAll);
        Self { server: Arc::new(Mutex::new(server)), intercept: Arc::new(Mutex::new(intercept)) }
    }

    /// Leaves out the evaluation of `x-kubernetes-validations`, also for definitions installed before.
    #[must_use]
    pub fn without_cel(self) -> Self {
        lock(&self.server).switches.cel = false;
        self
    }

    /// Leaves out the cluster's own controllers: nothing collects garbage, namespaces stay terminating.
    #[must_use]
    pub fn without_controllers(self) -> Self {
        lock(&self.server).switches.controllers = false;
        self
    }

    /// Installs definitions and serves what they define.
    ///
    /// # Panics
    /// Where the server refuses one: a test that needs it cannot go on.
    pub fn install(&self, definitions: &[CustomResourceDefinition]) {
        for definition in definitions {
            let definition = serde_json::to_value(definition).expect("a definition is JSON");
            self.put(&definition);
        }
    }

    /// Creates an object as an admin would, at once; gives it as stored.
    ///
    /// # Panics
    /// Where the server refuses it, with its words.
    pub fn put(&self, object: &Value) -> Value {
        let mut server = lock(&self.server);
        let (group, version) = match object["apiVersion"].as_str().and_then(|text| text.split_once('/')) {
            Some((group, version)) => (group.to_owned(), version.to_owned()),
            None => (String::new(), "v1".to_owned()),
        };
        let found =
            server.store.kinds.values().find(|kind| {
                kind.group == group && kind.version == version && object["kind"].as_str() == Some(&kind.kind)
            });
        let kind = found.unwrap_or_else(|| panic!("no such kind: {} {}", object["apiVersion"], object["kind"])).clone();
        let namespace = match object["metadata"]["namespace"].as_str() {
            Some(namespace) if kind.namespaced => format!("/namespaces/{namespace}"),
            None if kind.namespaced => "/namespaces/default".to_owned(),
            _ => String::new(),
        };
        let root = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
        let uri = format!("{root}/{version}{namespace}/{}?fieldManager=test", kind.plural);
        let request = http::Request::post(uri).body(()).expect("a path");
        let answer = server.serve(None, &request::Head::of(&request), object.to_string().as_bytes());
        match answer {
            Ok(server::Answer::Json { body, .. }) => serde_json::from_slice(&body).expect("the server answers in JSON"),
            other => panic!("cannot create {object}: {other:?}"),
        }
    }

    /// A client of `user`: recorded, counted, intercepted, and held to the rules bound to that user, if any are.
    pub fn client(&self, user: &str) -> kube::Client {
        self.connect(Some(user.to_owned()))
    }

    /// A client of the tests: never intercepted, recorded, refused or cut off.
    pub fn admin(&self) -> kube::Client {
        self.connect(None)
    }

    fn connect(&self, user: Option<String>) -> kube::Client {
        let service = Service { server: self.server.clone(), intercept: self.intercept.clone(), user };
        kube::Client::new(service, "default")
    }

    /// Sets who decides about calls.
    pub fn set_intercept(&self, intercept: SharedIntercept) {
        *lock(&self.intercept) = intercept;
    }

    /// Copies everything.
    pub fn snapshot(&self) -> Snapshot {
        let server = lock(&self.server);
        Snapshot {
            store: server.store.clone(),
            epoch: server.clock.epoch(),
            elapsed: server.clock.elapsed(),
            switches: server.switches,
        }
    }

    /// A server that goes on where a snapshot was taken. Nothing older can be watched.
    pub fn restore(snapshot: &Snapshot) -> Self {
        let Snapshot { store, epoch, elapsed, switches } = snapshot.clone();
        let switches = Switches { outage: false, silent: false, ..switches };
        Self::assemble(store, Clock::starting(epoch, elapsed), switches)
    }

    /// What the server takes the time to be.
    pub fn now(&self) -> Timestamp {
        lock(&self.server).clock.now()
    }

    /// Signs tokens with another key from now on.
    pub fn rotate_token_key(&self) {
        lock(&self.server).switches.token_key += 1;
    }

    /// Every kind of access that was served, as rules see it.
    pub fn accesses(&self) -> BTreeSet<Access> {
        lock(&self.server).log.accesses.clone()
    }

    /// One of our objects for each set of conditions that any has had, by kind and conditions.
    pub fn states(&self) -> BTreeMap<String, Value> {
        lock(&self.server).log.states.clone()
    }

    /// Every write that was served or refused, in order.
    pub fn writes(&self) -> Vec<Write> {
        lock(&self.server).log.writes.clone()
    }

    /// How many writes there were of resources other than `aside`. Cheap, for tests that ask often.
    pub fn write_count(&self, aside: &str) -> usize {
        lock(&self.server).log.writes.iter().filter(|write| write.resource != aside).count()
    }

    /// Requests of users.
    pub fn requests(&self) -> usize {
        lock(&self.server).log.requests.values().sum()
    }

    /// Requests of users by verb and resource, the subresource after a slash.
    pub fn requests_by_kind(&self) -> BTreeMap<(String, String), usize> {
        lock(&self.server).log.requests.clone()
    }

    /// Forgets accesses, writes and counts.
    pub fn clear_log(&self) {
        lock(&self.server).log = log::Log::default();
    }

    /// An outage: requests of users cannot connect, and their watches break.
    pub fn outage(&self, on: bool) {
        let mut server = lock(&self.server);
        server.switches.outage = on;
        if on {
            server.watches.end_all(|| Message::Break);
        }
    }

    /// Dead connections: watches that are open, or are opened while this is on, never say anything again, and never end.
    pub fn silence_watches(&self, on: bool) {
        let mut server = lock(&self.server);
        server.switches.silent = on;
        if on {
            server.watches.end_all(|| Message::Die);
        }
    }

    /// Ends all watches in order, as a server does that is about to restart.
    pub fn end_watches(&self) {
        lock(&self.server).watches.end_all(|| Message::End);
    }

    /// Open watches.
    pub fn watches(&self) -> usize {
        lock(&self.server).watches.count()
    }

    /// Forgets history: watches from older versions and later pages of older lists answer 410.
    pub fn compact(&self) {
        lock(&self.server).compact();
    }

    /// All objects of a kind by its plural, in order of namespace and name.
    pub fn objects(&self, plural: &str) -> Vec<Value> {
        let server = lock(&self.server);
        let kinds = server.store.kinds.keys().filter(|(_, found)| found == plural);
        let stored = kinds.flat_map(|kind| server.store.all(kind).values().cloned().collect::<Vec<_>>());
        stored.map(|stored| stored.value.clone()).collect()
    }

    /// How many objects of a kind are as asked for. Copies nothing, for tests that ask often.
    pub fn count(&self, plural: &str, mut wanted: impl FnMut(&Value) -> bool) -> usize {
        let server = lock(&self.server);
        let kinds = server.store.kinds.keys().filter(|(_, found)| found == plural);
        kinds.map(|kind| server.store.all(kind).values().filter(|stored| wanted(&stored.value)).count()).sum()
    }

    /// CPU time spent inside the fake, for benches.
    pub fn cpu_time(&self) -> Duration {
        lock(&self.server).cpu
    }

    /// One object; `namespace` is empty for kinds that have none.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let server = lock(&self.server);
        let key = (namespace.to_owned(), name.to_owned());
        let mut kinds = server.store.kinds.keys().filter(|(_, found)| found == plural);
        kinds.find_map(|kind| {
            let id = store::Id { kind: kind.clone(), key: key.clone() };
            server.store.get(&id).map(|stored| stored.value.clone())
        })
    }

    /// Whether a definition is installed.
    pub fn serves(&self, plural: &str) -> bool {
        lock(&self.server).store.kinds.keys().any(|(group, found)| found == plural && *group != DEFINITIONS.0)
    }
}
