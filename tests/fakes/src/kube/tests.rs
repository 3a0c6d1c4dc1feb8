use std::sync::Mutex as StdMutex;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, WatchParams};
use kube::core::{GroupVersionKind, WatchEvent};
use kube::runtime::watcher;

use super::*;
use crate::intercept::{Call, Failure, Verdict};

fn definition() -> CustomResourceDefinition {
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {
                        "size": {"type": "integer", "x-kubernetes-validations": [{"rule": "self > 0", "message": "size it"}]}}},
                    "status": {"type": "object", "properties": {"word": {"type": "string"}}},
                }}}}]},
    }))
    .unwrap()
}

fn fake() -> FakeKube {
    let fake = FakeKube::new();
    fake.install(&[definition()]);
    fake
}

fn things(client: Client) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Thing"));
    Api::namespaced_with(client, "default", &resource)
}

fn thing(name: &str, size: i64) -> DynamicObject {
    let value =
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": name}, "spec": {"size": size}});
    serde_json::from_value(value).unwrap()
}

fn code<T: std::fmt::Debug>(result: kube::Result<T>) -> u16 {
    match result {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("no refusal: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_what_happens_and_gets_bookmarks() {
    let fake = fake();
    let api = things(fake.client("operator"));
    let created = api.create(&PostParams::default(), &thing("one", 1)).await.unwrap();
    let parameters = WatchParams::default().timeout(200);
    let mut events = api.watch(&parameters, &created.metadata.resource_version.unwrap()).await.unwrap().boxed();
    api.patch("one", &PatchParams::default(), &Patch::Merge(json!({"spec": {"size": 2}}))).await.unwrap();
    let Some(Ok(WatchEvent::Modified(seen))) = events.next().await else { panic!("no change") };
    assert_eq!((seen.data["spec"]["size"].as_i64(), seen.metadata.generation), (Some(2), Some(2)));
    assert!(matches!(events.next().await, Some(Ok(WatchEvent::Bookmark(_)))));
    api.delete("one", &DeleteParams::default()).await.unwrap();
    let rest: Vec<_> = events.collect().await;
    assert!(matches!(rest.first(), Some(Ok(WatchEvent::Deleted(_)))), "{rest:?}");
    assert_eq!(rest.len(), 4, "the deletion, two more bookmarks, one before the end");
    assert_eq!(fake.watches(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_recovers_from_an_outage() {
    let fake = fake();
    let api = things(fake.client("operator"));
    let mut events = watcher(api.clone(), watcher::Config::default()).boxed();
    while !matches!(events.next().await, Some(Ok(watcher::Event::InitDone))) {}
    fake.outage(true);
    assert!(matches!(events.next().await, Some(Err(_))));
    things(fake.admin()).create(&PostParams::default(), &thing("one", 1)).await.unwrap();
    assert!(matches!(events.next().await, Some(Err(_))));
    fake.compact();
    fake.outage(false);
    loop {
        match events.next().await {
            Some(Ok(watcher::Event::Apply(seen) | watcher::Event::InitApply(seen))) => {
                assert_eq!(seen.metadata.name.as_deref(), Some("one"));
                break;
            }
            Some(_) => {}
            None => panic!("the watcher ended"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_says_nothing_and_does_not_end() {
    let fake = fake();
    let api = things(fake.client("operator"));
    let mut events = api.watch(&WatchParams::default().timeout(10), "0").await.unwrap().boxed();
    fake.silence_watches(true);
    fake.silence_watches(false);
    api.create(&PostParams::default(), &thing("one", 1)).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_hours(1), events.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_a_world_of_its_own() {
    let fake = fake();
    let api = things(fake.admin());
    let first = api.create(&PostParams::default(), &thing("one", 1)).await.unwrap();
    tokio::time::advance(Duration::from_hours(1)).await;
    let snapshot = fake.snapshot();
    api.delete("one", &DeleteParams::default()).await.unwrap();
    let copy = FakeKube::restore(&snapshot);
    assert_eq!(copy.objects("things").len(), 1);
    assert_eq!(copy.now(), fake.now());
    let second = things(copy.admin()).create(&PostParams::default(), &thing("two", 1)).await.unwrap();
    assert_ne!(first.metadata.uid, second.metadata.uid);
    assert!(fake.objects("things").is_empty());
    assert_ne!(
        FakeKube::cluster(2, fake.now()).get("namespaces", "", "kube-system").unwrap()["metadata"]["uid"],
        fake.get("namespaces", "", "kube-system").unwrap()["metadata"]["uid"],
    );
}

#[tokio::test(start_paused = true)]
async fn calls_are_intercepted_recorded_and_failed_as_told() {
    let fake = fake();
    let seen = Arc::new(StdMutex::new(Vec::new()));
    let log = seen.clone();
    fake.set_intercept(Arc::new(move |call: &Call| {
        let mut log = log.lock().unwrap();
        log.push(call.to_string());
        match log.len() {
            1 => Verdict::Fail(Failure::Throttled(Duration::from_secs(2))),
            2 => Verdict::FailAfter(Failure::Connection),
            3 => Verdict::Serve,
            _ => Verdict::Hang { effect: true },
        }
    }));
    let api = things(fake.client("operator"));
    let throttled = api.create(&PostParams::default(), &thing("one", 1)).await;
    let Err(kube::Error::Api(status)) = throttled else { panic!("{throttled:?}") };
    assert_eq!((status.code, status.details.map(|details| details.retry_after_seconds)), (429, Some(2)));
    assert!(fake.objects("things").is_empty());
    assert!(matches!(api.create(&PostParams::default(), &thing("one", 1)).await, Err(kube::Error::Service(_))));
    assert_eq!(code(api.create(&PostParams::default(), &thing("one", 1)).await), 409);
    let status = json!({"apiVersion": "example.com/v1", "kind": "Thing", "status": {"word": "x"}});
    let params = PatchParams::apply("operator").force();
    let patch = Patch::Apply(&status);
    let hanging = api.patch_status("one", &params, &patch);
    assert!(tokio::time::timeout(Duration::from_secs(5), hanging).await.is_err());
    assert_eq!(fake.get("things", "default", "one").unwrap()["status"]["word"], "x");
    assert_eq!(seen.lock().unwrap().last().unwrap(), "patch things/status default/one by operator");
    let writes: Vec<_> = fake.writes().iter().map(|write| (write.resource.clone(), write.code)).collect();
    assert_eq!(writes, [("things".into(), 201), ("things".into(), 409), ("things/status".into(), 200)]);
    assert_eq!(fake.accesses().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn rules_see_the_old_object_and_the_servers_words_come_back() {
    let fake = fake();
    let api = things(fake.client("operator"));
    let refused = api.create(&PostParams::default(), &thing("one", 0)).await;
    let Err(kube::Error::Api(status)) = refused else { panic!("{refused:?}") };
    assert_eq!(status.message, "Thing.example.com \"one\" is invalid: spec.size: Invalid value: 0: size it");
    let lenient = FakeKube::new().without_cel();
    lenient.install(&[definition()]);
    things(lenient.client("operator")).create(&PostParams::default(), &thing("one", 0)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dependents_and_namespaces_are_cleaned_up() {
    let fake = fake();
    fake.put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}));
    let owner = fake.put(&json!({
        "apiVersion": "example.com/v1", "kind": "Thing",
        "metadata": {"name": "owner", "namespace": "team", "finalizers": ["example.com/hold"]}, "spec": {"size": 1},
    }));
    fake.put(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "owned", "namespace": "team",
        "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "Thing", "name": "owner", "uid": owner["metadata"]["uid"]}]},
        "stringData": {"a": "b"}}));
    let secrets: Api<Secret> = Api::namespaced(fake.admin(), "team");
    assert_eq!(secrets.get("owned").await.unwrap().data.unwrap()["a"].0, b"b");
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(fake.admin());
    namespaces.delete("team", &DeleteParams::default()).await.unwrap();
    assert!(fake.objects("secrets").is_empty());
    let held = fake.get("namespaces", "", "team").unwrap();
    assert_eq!(held["status"]["phase"], "Terminating");
    assert_eq!(code(secrets.create(&PostParams::default(), &Secret::default()).await), 403);
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Thing"));
    let api: Api<DynamicObject> = Api::namespaced_with(fake.admin(), "team", &resource);
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("owner", &PatchParams::default(), &release).await.unwrap();
    assert_eq!(fake.get("namespaces", "", "team"), None);
}
