//! Watches: who is told what, and the recent changes that a watch may begin with.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;

use super::kinds::Kind;
use super::refusal::Refusal;
use super::request::Shape;
use super::select::Selector;
use super::store::{Id, Stored};
use super::table;

/// Changes remembered for watches that begin in the past. The real server's cache keeps hundreds to thousands.
const HISTORY: usize = 5_000;

/// What comes down a watch.
#[derive(Debug)]
pub(super) enum Message {
    /// A line.
    Line(Bytes),
    /// The connection breaks.
    Break,
    /// The connection dies without a word.
    Die,
    /// The server ends the answer.
    End,
}

/// An open watch.
#[derive(Debug)]
pub(super) struct Watcher {
    pub kind: Arc<Kind>,
    /// Empty: all.
    pub namespace: String,
    pub selector: Selector,
    pub shape: Shape,
    pub sender: UnboundedSender<Message>,
}

/// A change of one object.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub revision: u64,
    pub id: Id,
    pub before: Option<Arc<Stored>>,
    pub after: Option<Arc<Stored>>,
    /// How a deleted object was last seen, with the revision of its deletion.
    pub last: Option<Arc<Stored>>,
}

/// All watches and the recent past.
#[derive(Debug, Default)]
pub(super) struct Watches {
    open: BTreeMap<u64, Watcher>,
    next: u64,
    history: VecDeque<Change>,
    /// Changes up to here are forgotten.
    forgotten: u64,
}

impl Watches {
    /// Without a past before `revision`.
    pub fn since(revision: u64) -> Self {
        Self { forgotten: revision, ..Self::default() }
    }

    /// Forgets the past.
    pub fn compact(&mut self, revision: u64) {
        self.history.clear();
        self.forgotten = revision;
    }

    /// Whether what happened after `revision` is still known.
    pub fn knows(&self, revision: u64) -> bool {
        revision >= self.forgotten
    }

    /// Tells everybody of a change, and remembers it.
    pub fn tell(&mut self, change: Change) {
        self.open.retain(|_, watcher| match watcher.line(&change) {
            Some(line) => watcher.sender.send(Message::Line(line)).is_ok(),
            None => true,
        });
        self.history.push_back(change);
        if self.history.len() > HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.forgotten = oldest.revision;
        }
    }

    /// Sends what happened after `revision`.
    pub fn replay(&self, watcher: &Watcher, revision: u64) {
        let newer = self.history.iter().filter(|change| change.revision > revision);
        for line in newer.filter_map(|change| watcher.line(change)) {
            watcher.send(line);
        }
    }

    /// Opens a watch; gives its number.
    pub fn open(&mut self, watcher: Watcher) -> u64 {
        self.next += 1;
        self.open.insert(self.next, watcher);
        self.next
    }

    pub fn close(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// Ends all watches in one way.
    pub fn end_all(&mut self, message: fn() -> Message) {
        for watcher in std::mem::take(&mut self.open).into_values() {
            let _ = watcher.sender.send(message());
        }
    }

    /// Sends a bookmark.
    pub fn bookmark(&self, number: u64, revision: u64) {
        if let Some(watcher) = self.open.get(&number) {
            watcher.bookmark(revision, false);
        }
    }

    /// Open watches.
    pub fn count(&self) -> usize {
        self.open.len()
    }
}

impl Watcher {
    fn send(&self, line: Bytes) {
        // A reader that is gone is removed at the next change.
        let _ = self.sender.send(Message::Line(line));
    }

    fn sees(&self, id: &Id, stored: &Stored) -> bool {
        (id.kind.0 == self.kind.group && id.kind.1 == self.kind.plural)
            && (self.namespace.is_empty() || self.namespace == id.key.0)
            && self.selector.matches(&stored.value, &self.kind)
    }

    /// The event that a change is to this watch.
    fn line(&self, change: &Change) -> Option<Bytes> {
        if change.id.kind.1 != self.kind.plural {
            return None;
        }
        let sees = |stored: &Option<Arc<Stored>>| stored.as_ref().is_some_and(|stored| self.sees(&change.id, stored));
        match (sees(&change.before), sees(&change.after)) {
            (false, true) => change.after.as_ref().map(|stored| self.event("ADDED", stored)),
            (true, true) => change.after.as_ref().map(|stored| self.event("MODIFIED", stored)),
            // Gone, or not of those selected any more.
            (true, false) => change.last.as_ref().or(change.after.as_ref()).map(|stored| self.event("DELETED", stored)),
            (false, false) => None,
        }
    }

    /// Sends an object that was there before.
    pub fn added(&self, stored: &Stored) {
        self.send(self.event("ADDED", stored));
    }

    fn event(&self, kind: &str, stored: &Stored) -> Bytes {
        let shown;
        let object: &[u8] = match self.shape {
            Shape::Whole => stored.text(),
            Shape::Metadata => {
                shown = table::metadata_only(&stored.value).to_string();
                shown.as_bytes()
            }
            Shape::Table => {
                shown = table::table(&self.kind, std::iter::once(&stored.value), "", None).to_string();
                shown.as_bytes()
            }
        };
        let mut line = Vec::with_capacity(object.len() + 40);
        line.extend_from_slice(br#"{"type":""#);
        line.extend_from_slice(kind.as_bytes());
        line.extend_from_slice(br#"","object":"#);
        line.extend_from_slice(object);
        line.extend_from_slice(b"}\n");
        Bytes::from(line)
    }

    /// Sends a bookmark; `initial` marks the end of the objects that were there before.
    pub fn bookmark(&self, revision: u64, initial: bool) {
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (api_version, kind) = match self.shape {
            Shape::Whole | Shape::Table => (self.kind.api_version(), self.kind.kind.clone()),
            Shape::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata".to_owned()),
        };
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
        self.send(Bytes::from(format!("{}\n", json!({"type": "BOOKMARK", "object": object}))));
    }

    /// Sends a refusal as an event, the last one.
    pub fn refuse(&self, refusal: &Refusal) {
        self.send(Bytes::from(format!("{}\n", json!({"type": "ERROR", "object": refusal.status()}))));
        let _ = self.sender.send(Message::End);
    }
}
