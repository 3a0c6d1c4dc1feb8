//! Watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use aigw_tests::{Outcome, ensure, ensure_eq};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use kube::Client;
use kube::api::{PostParams, WatchParams};
use kube::core::WatchEvent;
use kube::runtime::watcher;
use serde_json::json;

use super::probe::{self, object, probe};
use super::target::Target;

/// For a watcher's back-off and a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// A version no server remembers.
const FORGOTTEN: &str = "1";

pub async fn forgotten_version(target: &Target) -> Outcome {
    let api = target.api("Probe");
    api.create(&PostParams::default(), &object(probe("one", &json!({})))?).await?;
    target.forget();
    let mut events = api.watch(&WatchParams::default().timeout(30), FORGOTTEN).await?.boxed();
    let first = tokio::time::timeout(PATIENCE, events.next()).await?;
    match first {
        Some(Ok(WatchEvent::Error(status))) => {
            ensure_eq!((status.code, status.reason.as_str()), (410, "Expired"), "the error in the watch");
        }
        other => return Err(format!("no error in the watch: {other:?}").into()),
    }
    let aged = Aged { client: target.admin.clone(), watches: Arc::new(AtomicUsize::new(0)) };
    let watches = aged.watches.clone();
    let api = probe::api(Client::new(aged, "default"), &target.namespace);
    let mut events = watcher(api, watcher::Config::default()).boxed();
    let (mut failed, mut starts) = (false, 0);
    while starts < 2 {
        match tokio::time::timeout(PATIENCE, events.next()).await? {
            Some(Ok(watcher::Event::InitDone)) => starts += 1,
            Some(Err(watcher::Error::WatchError(status))) => failed |= status.code == 410,
            Some(Err(other)) => return Err(format!("another error: {other}").into()),
            Some(Ok(_)) => {}
            None => return Err("the watcher ended".into()),
        }
    }
    ensure!(failed, "the watcher was not told that its version is forgotten");
    ensure!(watches.load(Ordering::Relaxed) >= 1, "no watch was aged");
    Ok(())
}

pub async fn bookmarks(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let created = api.create(&PostParams::default(), &object(probe("one", &json!({})))?).await?;
    let version = created.metadata.resource_version.unwrap_or_default();
    // One comes shortly before the end of a watch, if none came in its minute.
    let events = api.watch(&WatchParams::default().timeout(8), &version).await?;
    let events: Vec<_> = tokio::time::timeout(PATIENCE, events.collect()).await?;
    let bookmarks: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Ok(WatchEvent::Bookmark(bookmark)) => Some(bookmark.metadata.resource_version.clone()),
            _ => None,
        })
        .collect();
    ensure!(!bookmarks.is_empty(), "no bookmark before the end of the watch: {events:?}");
    ensure_eq!(events.len(), bookmarks.len(), "events");
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    ensure!(number(&bookmarks[0]) >= number(&version), "a bookmark of {} after {version}", bookmarks[0]);
    let mut without = WatchParams::default().timeout(4);
    without.bookmarks = false;
    let events: Vec<_> =
        tokio::time::timeout(PATIENCE, api.watch(&without, &version).await?.collect::<Vec<_>>()).await?;
    ensure!(events.is_empty(), "events of a quiet watch without bookmarks: {events:?}");
    Ok(())
}

/// A way to the server on which the first watch begins at a version that is long forgotten.
#[derive(Clone)]
struct Aged {
    client: Client,
    watches: Arc<AtomicUsize>,
}

impl tower_service::Service<http::Request<kube::client::Body>> for Aged {
    type Response = http::Response<kube::client::Body>;
    type Error = kube::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<kube::client::Body>) -> Self::Future {
        let uri = request.uri().to_string();
        if uri.contains("watch=true") && self.watches.fetch_add(1, Ordering::Relaxed) == 0 {
            let aged: Vec<_> = uri
                .split('&')
                .map(|part| match part.split_once("resourceVersion=") {
                    Some((before, _)) => format!("{before}resourceVersion={FORGOTTEN}"),
                    None => part.to_owned(),
                })
                .collect();
            if let Ok(uri) = aged.join("&").parse() {
                *request.uri_mut() = uri;
            }
        }
        let client = self.client.clone();
        Box::pin(async move { client.send(request).await })
    }
}
