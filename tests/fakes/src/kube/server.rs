//! One server: its state, the way a request takes through it, and the one place where objects change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::apply::Manager;
use super::clock::Clock;
use super::kinds::Kind;
use super::log::Log;
use super::refusal::Refusal;
use super::request::{Head, Verb};
use super::store::{Id, Objects, Store, Stored};
use super::watch::{Change, Message, Watches};
use super::{controllers, discovery, metadata, rbac};

/// Tests' switches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Switches {
    /// Every request fails.
    pub outage: bool,
    /// Watches are dead.
    pub silent: bool,
    /// Garbage collection and namespace deletion act.
    pub controllers: bool,
    /// `x-kubernetes-validations` are evaluated.
    pub cel: bool,
    /// Users with bound rules are held to them.
    pub authorize: bool,
    /// Number of the key that signs tokens.
    pub token_key: u32,
}

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    pub store: Store,
    pub watches: Watches,
    pub log: Log,
    pub clock: Clock,
    pub switches: Switches,
    /// CPU time spent on users' requests and on the tests' own.
    pub cpu: Duration,
    /// Lists that are being read in pages, by revision.
    pub pages: BTreeMap<u64, Arc<Objects>>,
}

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    Json { code: u16, body: Bytes },
    Watch(Stream),
}

/// An open watch, as the reader holds it.
#[derive(Debug)]
pub(super) struct Stream {
    pub number: u64,
    pub receiver: UnboundedReceiver<Message>,
    pub seconds: u64,
    pub bookmarks: bool,
}

impl Answer {
    pub fn ok(value: &Value) -> Self {
        Self::Json { code: 200, body: Bytes::from(value.to_string()) }
    }

    pub fn object(code: u16, stored: &Stored) -> Self {
        Self::Json { code, body: stored.text().clone() }
    }
}

impl Server {
    /// Serves a request of `user`; `None` is the tests' own hand, which rules do not bind.
    pub fn serve(&mut self, user: Option<&str>, head: &Head, body: &[u8]) -> Result<Answer, Refusal> {
        if let Some(user) = user.filter(|_| self.switches.authorize) {
            rbac::authorize(&self.store, user, head)?;
        }
        let Some(verb) = head.verb() else {
            return discovery::answer(&self.store.kinds, head, self.switches.token_key);
        };
        let kind = head.kind(&self.store.kinds)?;
        match verb {
            Verb::Get => self.get(&kind, head),
            Verb::List => self.list(&kind, head),
            Verb::Watch => self.watch(&kind, head),
            Verb::Create => self.post(&kind, head, body),
            Verb::Update => self.put(&kind, head, body),
            Verb::Patch => self.patch(&kind, head, body),
            Verb::Delete => self.delete(&kind, head, body),
            Verb::DeleteCollection => self.delete_collection(&kind, head),
        }
    }

    pub fn live(&self, kind: &Kind, id: &Id) -> Result<Arc<Stored>, Refusal> {
        self.store.get(id).cloned().ok_or_else(|| Refusal::not_found(kind, &id.key.1))
    }

    /// Stores an object under a new revision and tells watches; then the cluster's controllers act.
    pub fn commit(&mut self, id: &Id, mut value: Value, managers: Vec<Manager>) -> Arc<Stored> {
        self.store.revision += 1;
        let revision = self.store.revision;
        let metadata = metadata::of(&mut value);
        metadata.insert("resourceVersion".to_owned(), json!(revision.to_string()));
        let before = self.store.get(id).cloned();
        let entries = match &before {
            Some(before) if before.managers == managers => before.value["metadata"].get("managedFields").cloned(),
            _ => Some(Value::Array(managers.iter().map(Manager::to_value).collect())),
        };
        metadata::set(metadata, "managedFields", entries);
        self.log.note_state(&value);
        let stored = Arc::new(Stored::new(value, managers));
        self.store.put(id, Some(&stored));
        self.watches.tell(Change { revision, id: id.clone(), before, after: Some(stored.clone()), last: None });
        if self.switches.controllers {
            controllers::changed(self, id, &stored);
        }
        stored
    }

    /// Removes an object; gives how it was last seen.
    pub fn remove(&mut self, id: &Id) -> Option<Arc<Stored>> {
        let before = self.store.put(id, None)?;
        self.store.revision += 1;
        let revision = self.store.revision;
        let mut value = before.value.clone();
        value["metadata"]["resourceVersion"] = json!(revision.to_string());
        let last = Arc::new(Stored::new(value, before.managers.clone()));
        self.watches.tell(Change {
            revision,
            id: id.clone(),
            before: Some(before),
            after: None,
            last: Some(last.clone()),
        });
        if self.switches.controllers {
            controllers::removed(self, id, &last);
        }
        Some(last)
    }

    /// Forgets the past.
    pub fn compact(&mut self) {
        self.watches.compact(self.store.revision);
        self.pages.clear();
    }
}
