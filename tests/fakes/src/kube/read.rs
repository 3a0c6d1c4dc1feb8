//! Reading: get, list in pages, and the beginning of a watch.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::kinds::Kind;
use super::refusal::Refusal;
use super::request::{Head, Shape};
use super::select::Selector;
use super::server::{Answer, Server, Stream};
use super::store::{Key, Objects, Stored};
use super::table;
use super::watch::{Message, Watcher};

/// Lists being read in pages that are kept at most.
const OPEN_LISTS: usize = 64;
const GONE: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list \
                    without the continue parameter.";
/// How long a watch lives that asks for no time. The real server draws from this to twice as long.
const WATCH_SECONDS: u64 = 1_800;

impl Server {
    pub fn get(&self, kind: &Kind, head: &Head) -> Result<Answer, Refusal> {
        let stored = self.live(kind, &head.id(kind))?;
        Ok(match head.shape {
            Shape::Whole => Answer::object(200, &stored),
            Shape::Metadata => Answer::ok(&table::metadata_only(&stored.value)),
            Shape::Table => Answer::ok(&table::table(
                kind,
                std::iter::once(&stored.value),
                stored.metadata("resourceVersion"),
                None,
            )),
        })
    }

    pub fn list(&mut self, kind: &Kind, head: &Head) -> Result<Answer, Refusal> {
        let selector = Selector::parse(head.text("labelSelector"), head.text("fieldSelector"), kind)?;
        let (revision, after, objects) = self.page(kind, head)?;
        let limit = head.text("limit").parse().unwrap_or(0_usize);
        let namespace = head.namespace();
        let start = after.unwrap_or_else(|| (namespace.to_owned(), String::new()));
        let mut page: Vec<(&Key, &Arc<Stored>)> = Vec::new();
        let mut more = false;
        for (key, stored) in objects.range(start.clone()..) {
            if !namespace.is_empty() && key.0 != namespace {
                break;
            }
            if (head.query.contains_key("continue") && *key == start) || !selector.matches(&stored.value, kind) {
                continue;
            }
            if limit > 0 && page.len() == limit {
                more = true;
                break;
            }
            page.push((key, stored));
        }
        let proceed = more.then(|| page.last().map(|(key, _)| token(revision, key))).flatten();
        if proceed.is_some() {
            self.pages.insert(revision, objects.clone());
            while self.pages.len() > OPEN_LISTS {
                self.pages.pop_first();
            }
        }
        let revision = revision.to_string();
        Ok(Answer::Json { code: 200, body: rendered(kind, head.shape, &page, &revision, proceed.as_deref()) })
    }

    /// The objects a list reads from, with their revision and, for a later page, the last key read.
    fn page(&self, kind: &Kind, head: &Head) -> Result<(u64, Option<Key>, Arc<Objects>), Refusal> {
        let kind_key = (kind.group.clone(), kind.plural.clone());
        match head.text("continue") {
            "" => {
                let exact = head.text("resourceVersionMatch") == "Exact";
                let wanted: u64 = head.text("resourceVersion").parse().unwrap_or(0);
                if exact && wanted != self.store.revision {
                    return Err(Refusal::expired(format!(
                        "The resourceVersion for the provided list is too old: {wanted}"
                    )));
                }
                Ok((self.store.revision, None, self.store.all(&kind_key)))
            }
            text => {
                let (revision, key) =
                    read_token(text).ok_or_else(|| Refusal::bad_request("continue key is not valid"))?;
                let objects = self.pages.get(&revision).cloned().ok_or_else(|| Refusal::expired(GONE))?;
                Ok((revision, Some(key), objects))
            }
        }
    }

    pub fn watch(&mut self, kind: &Arc<Kind>, head: &Head) -> Result<Answer, Refusal> {
        let mut selector_fields = head.text("fieldSelector").to_owned();
        if !head.name().is_empty() {
            // The watch of one object by its path.
            selector_fields = format!("metadata.name={}", head.name());
        }
        let selector = Selector::parse(head.text("labelSelector"), &selector_fields, kind)?;
        let (sender, receiver) = unbounded_channel();
        let namespace = head.namespace().to_owned();
        let watcher = Watcher { kind: kind.clone(), namespace, selector, shape: head.shape, sender };
        let seconds = head.text("timeoutSeconds").parse().unwrap_or(WATCH_SECONDS);
        let bookmarks = head.flag("allowWatchBookmarks");
        if self.switches.silent {
            let _ = watcher.sender.send(Message::Die);
        } else {
            self.begin(&watcher, head)?;
        }
        let number = self.watches.open(watcher);
        Ok(Answer::Watch(Stream { number, receiver, seconds, bookmarks }))
    }

    /// What a watch is sent first.
    fn begin(&self, watcher: &Watcher, head: &Head) -> Result<(), Refusal> {
        let text = head.text("resourceVersion");
        let asked = head.query.get("sendInitialEvents").map(String::as_str);
        let initial = asked == Some("true") || (asked.is_none() && (text.is_empty() || text == "0"));
        if asked.is_some() && head.text("resourceVersionMatch") != "NotOlderThan" {
            return Err(Refusal::plain(
                422,
                "Invalid",
                "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
        if initial {
            let kind = &watcher.kind;
            for (key, stored) in self.store.all(&(kind.group.clone(), kind.plural.clone())).iter() {
                let placed = watcher.namespace.is_empty() || watcher.namespace == key.0;
                if placed && watcher.selector.matches(&stored.value, kind) {
                    watcher.added(stored);
                }
            }
            if asked == Some("true") {
                watcher.bookmark(self.store.revision, true);
            }
            return Ok(());
        }
        let revision: u64 = match text {
            "" => self.store.revision,
            text => text.parse().map_err(|_| Refusal::bad_request(format!("invalid resource version {text:?}")))?,
        };
        if self.watches.knows(revision) {
            self.watches.replay(watcher, revision);
        } else {
            let message = format!("too old resource version: {revision} ({})", self.store.revision);
            watcher.refuse(&Refusal::expired(message));
        }
        Ok(())
    }
}

fn token(revision: u64, (namespace, name): &Key) -> String {
    format!("{revision}/{namespace}/{name}")
}

fn read_token(text: &str) -> Option<(u64, Key)> {
    let mut parts = text.splitn(3, '/');
    let revision = parts.next()?.parse().ok()?;
    Some((revision, (parts.next()?.to_owned(), parts.next()?.to_owned())))
}

fn rendered(kind: &Kind, shape: Shape, page: &[(&Key, &Arc<Stored>)], revision: &str, proceed: Option<&str>) -> Bytes {
    let values = page.iter().map(|(_, stored)| &stored.value);
    let mut metadata = json!({"resourceVersion": revision});
    if let Some(proceed) = proceed {
        metadata["continue"] = json!(proceed);
    }
    match shape {
        Shape::Table => Bytes::from(table::table(kind, values, revision, proceed).to_string()),
        Shape::Metadata => {
            let items: Vec<Value> = values.map(table::metadata_only).collect();
            let list = json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata, "items": items,
            });
            Bytes::from(list.to_string())
        }
        Shape::Whole => {
            // Objects keep their text: a list of thousands is copied, not serialised.
            let head =
                json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata});
            let mut text = head.to_string();
            text.truncate(text.len() - 1);
            let mut text = text.into_bytes();
            text.extend_from_slice(br#","items":["#);
            for (index, (_, stored)) in page.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(stored.text());
            }
            text.extend_from_slice(b"]}");
            Bytes::from(text)
        }
    }
}
