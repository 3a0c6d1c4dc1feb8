//! Kinds of the server's own: Events, Leases, Secrets.

use aigw_operator::harness::{EventRecorder, Lease, timing};
use aigw_tests::{Outcome, ensure, ensure_eq, harness, manifests};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::probe::{object, refusal};
use super::target::Target;

/// Longest note, in bytes.
const NOTE: usize = 1024;

fn event(name: &str, change: &Value) -> Value {
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name},
        "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "Ready", "action": "Reconcile",
        "reportingController": "aigateway.dev/operator", "reportingInstance": "pod-1", "note": "it is",
        "regarding": {"apiVersion": "aigateway.dev/v1alpha1", "kind": "Tenant", "name": "one"},
    });
    manifests::with(event, change)
}

pub async fn events(target: &Target) -> Outcome {
    let namespace = &target.namespace;
    let tenant = manifests::tenant(namespace, "one", ("ai-platform", "prod"), "silver");
    let tenant: aigw_api::Tenant = serde_json::from_value(serde_json::to_value(target.put(&tenant).await?)?)?;
    let api = target.api("Event");
    let recorder = EventRecorder::new(target.admin.clone(), Some("pod-1".to_owned()));
    let long = "x".repeat(NOTE + 100);
    recorder.note(&tenant, false, "Ready", long.clone()).await;
    recorder.note(&tenant, false, "Ready", long).await;
    let listed = api.list(&ListParams::default()).await?.items;
    ensure_eq!(listed.len(), 1, "events of one reason");
    ensure!(
        listed[0].metadata.name.as_deref().unwrap_or_default().starts_with("one."),
        "{:?}",
        listed[0].metadata.name
    );
    ensure_eq!(listed[0].data["series"]["count"], 2, "count of the series");
    let place = json!({"regarding": {"namespace": namespace}});
    let create = async |name: &str, change: Value| {
        let event = object(manifests::with(event(name, &place), &change))?;
        Ok::<_, libtest_mimic::Failed>(api.create(&PostParams::default(), &event).await)
    };
    create("fits", json!({"note": "x".repeat(NOTE)})).await??;
    let mut problems = Vec::new();
    for (change, field) in [
        (json!({"note": "x".repeat(NOTE + 1)}), "message"),
        (json!({"reason": "x".repeat(129)}), "reason"),
        (json!({"reason": null}), "reason"),
        (json!({"action": null}), "action"),
        (json!({"reportingController": null}), "reportingController"),
        (json!({"reportingInstance": null}), "reportingInstance"),
        (json!({"eventTime": null}), "eventTime"),
        (json!({"type": "Notice"}), "type"),
        (json!({"regarding": {"namespace": null}}), "involvedObject.namespace"),
        (json!({"metadata": {"name": "Not_A_Name"}}), "metadata.name"),
    ] {
        let refused = match refusal(create("bad", change.clone()).await?, "an event with that") {
            Ok(refused) => refused,
            Err(accepted) => {
                problems.push(format!("{change}: {}", harness::text(&accepted)));
                continue;
            }
        };
        let causes = refused.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
        let fields: Vec<_> = causes.iter().map(|cause| cause.field.as_str()).collect();
        // Some rules are broken twice by one absence.
        if refused.code != 422 || fields.is_empty() || fields.iter().any(|found| *found != field) {
            problems.push(format!("{field}: {} {}", refused.code, refused.message));
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

fn lease(holder: &str, version: Option<&String>) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "leader", "resourceVersion": version},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": "2026-01-01T00:00:00.000000Z"},
    })
}

pub async fn leases(target: &Target) -> Outcome {
    let (ours, taken_over) = futures::join!(our_lease(target), our_lease_expires(target));
    ours?;
    taken_over?;
    let api = target.api("Lease");
    let create = async |holder: &str| {
        let new = object(lease(holder, None))?;
        Ok::<_, libtest_mimic::Failed>(api.create(&PostParams::default(), &new).await)
    };
    // The first of two candidates wins.
    let first = create("a").await??;
    let refused = refusal(create("b").await?, "a second creation")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "AlreadyExists"), "refusal of the second candidate");
    // Both saw the same lease: one replaces it.
    let seen = first.metadata.resource_version.as_ref();
    let replace = async |holder: &str, version: Option<&String>| {
        let new = object(lease(holder, version))?;
        Ok::<_, libtest_mimic::Failed>(api.replace("leader", &PostParams::default(), &new).await)
    };
    let renewed = replace("a", seen).await?;
    // Nothing changed: the same version is still good.
    let renewed = renewed?;
    ensure_eq!(renewed.metadata.resource_version, first.metadata.resource_version, "version after the same lease");
    let taken = replace("b", seen).await??;
    let refused = refusal(replace("a", seen).await?, "a simultaneous replace")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"), "refusal of the slower one");
    // Released: the next one takes it at once.
    let released = replace("", taken.metadata.resource_version.as_ref()).await??;
    let next = replace("a", released.metadata.resource_version.as_ref()).await??;
    ensure_eq!(next.data["spec"]["holderIdentity"], "a", "holder after a release");
    let patch = |value: Value| Patch::Merge(json!({"spec": value}));
    let params = PatchParams::default();
    let refused =
        refusal(api.patch("leader", &params, &patch(json!({"leaseDurationSeconds": 0}))).await, "no duration")?;
    ensure_eq!(refused.code, 422, "refusal of a lease without duration");
    let refused =
        refusal(api.patch("leader", &params, &patch(json!({"renewTime": "noon"}))).await, "a time that is none")?;
    ensure_eq!(refused.code, 422, "refusal of a patch to a time that is none");
    let mut wrong = lease("a", None);
    wrong["metadata"]["name"] = json!("other");
    wrong["spec"]["renewTime"] = json!("noon");
    let refused = refusal(api.create(&PostParams::default(), &object(wrong)?).await, "a time that is none")?;
    ensure_eq!(refused.code, 400, "refusal of a time that is none");
    Ok(())
}

fn candidate(target: &Target, lease: &str, holder: &str) -> Lease {
    Lease::new(target.admin.clone(), &target.namespace, lease, holder, target.clock())
}

/// Of two candidates of our own one wins; the other follows at once where it is released.
async fn our_lease(target: &Target) -> Outcome {
    let [one, other] = ["one", "other"].map(|holder| candidate(target, "ours", holder));
    let mut held = one.acquire().await;
    let waiting = tokio::time::timeout(timing::LEASE_RETRY * 3, other.acquire());
    let Ok(both) = held.guard(Box::pin(waiting)).await else { return Err("the winner lost its lease".into()) };
    ensure!(both.is_err(), "two candidates hold one lease");
    held.release().await?;
    let released = tokio::time::Instant::now();
    let next = tokio::time::timeout(timing::LEASE_DURATION, other.acquire()).await;
    let next = next.map_err(|_| "a released lease is not taken")?;
    ensure!(released.elapsed() < timing::LEASE_RETRY * 2, "taken {:?} after its release", released.elapsed());
    Ok(next.release().await?)
}

/// A holder that fell silent is followed once its lease has expired, and not before.
async fn our_lease_expires(target: &Target) -> Outcome {
    let [one, other] = ["one", "other"].map(|holder| candidate(target, "silent", holder));
    drop(one.acquire().await);
    let silent = tokio::time::Instant::now();
    let next = tokio::time::timeout(timing::LEASE_DURATION * 2, other.acquire()).await;
    let next = next.map_err(|_| "an expired lease is not taken")?;
    ensure!(silent.elapsed() >= timing::LEASE_DURATION, "taken after {:?} of silence", silent.elapsed());
    Ok(next.release().await?)
}

pub async fn secrets(target: &Target) -> Outcome {
    let api = target.api("Secret");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one", "labels": {"a": "b"}},
        "stringData": {"key": "value"}, "data": {"other": "AAE="},
    });
    let created = api.create(&PostParams::default(), &object(secret.clone())?).await?;
    ensure_eq!(created.data["data"], json!({"key": "dmFsdWU=", "other": "AAE="}), "data");
    ensure_eq!(created.data["type"], "Opaque", "type");
    ensure!(created.data["stringData"].is_null(), "text is shown again");
    let refused = refusal(api.create(&PostParams::default(), &object(secret.clone())?).await, "a second creation")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "AlreadyExists"), "refusal");
    for (name, code) in [("Not_A_Name", 422), ("x".repeat(254).as_str(), 422)] {
        let named = manifests::with(secret.clone(), &json!({"metadata": {"name": name}}));
        let refused = refusal(api.create(&PostParams::default(), &object(named)?).await, "a bad name")?;
        ensure_eq!(refused.code, code, "refusal of {name}");
    }
    let params = PatchParams::default();
    let retyped = api.patch("one", &params, &Patch::Merge(json!({"type": "kubernetes.io/tls"}))).await;
    ensure_eq!(refusal(retyped, "another type")?.code, 422, "refusal of another type");
    let labelled =
        api.patch("one", &params, &Patch::Merge(json!({"metadata": {"labels": {"a": "not a label"}}}))).await;
    ensure_eq!(refusal(labelled, "a bad label")?.code, 422, "refusal of a label");
    let elsewhere = super::probe::any(target.admin.clone(), "Secret", "no-such-namespace")?;
    let refused =
        refusal(elsewhere.create(&PostParams::default(), &object(secret)?).await, "a namespace that is none")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (404, "NotFound"), "refusal");
    api.delete("one", &DeleteParams::default()).await?;
    ensure!(api.get_opt("one").await?.is_none(), "still there");
    Ok(())
}
