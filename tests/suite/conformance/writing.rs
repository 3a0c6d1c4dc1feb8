//! Creating, replacing, patching, deleting.

use aigw_tests::{Outcome, ensure, ensure_eq};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::probe::{self, object, probe, refusal, status};
use super::target::Target;

fn merge(patch: Value) -> Patch<Value> {
    Patch::Merge(patch)
}

pub async fn status_is_isolated(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let mut new = probe("one", &json!({"size": 1}));
    new["status"] = json!({"word": "mine"});
    let created = api.create(&PostParams::default(), &object(new)?).await?;
    ensure!(created.data["status"].is_null(), "a create wrote the status: {}", created.data);
    let params = PatchParams::default();
    let patched = api.patch("one", &params, &merge(json!({"spec": {"size": 2}, "status": {"word": "mine"}}))).await?;
    ensure!(patched.data["status"].is_null(), "a patch wrote the status: {}", patched.data);
    let both = merge(json!({"metadata": {"labels": {"a": "b"}}, "spec": {"size": 9}, "status": {"word": "yes"}}));
    let patched = api.patch_status("one", &params, &both).await?;
    ensure_eq!(patched.data["status"], json!({"word": "yes"}), "status");
    ensure_eq!(patched.data["spec"]["size"], 2, "spec after a write of the status");
    ensure!(patched.metadata.labels.is_none(), "a write of the status labels: {:?}", patched.metadata.labels);
    let mut replaced = patched.clone();
    replaced.data["spec"]["size"] = json!(7);
    replaced.data["status"]["word"] = json!("replaced");
    let after = api.replace("one", &PostParams::default(), &replaced).await?;
    ensure_eq!(after.data["status"], json!({"word": "yes"}), "status after a replace");
    ensure_eq!(after.data["spec"]["size"], 7, "spec after a replace");
    let mut replaced = after.clone();
    replaced.data["spec"]["size"] = json!(8);
    replaced.data["status"]["word"] = json!("replaced");
    let after = api.replace_status("one", &PostParams::default(), &replaced).await?;
    ensure_eq!(after.data["status"]["word"], "replaced", "status after replacing it");
    ensure_eq!(after.data["spec"]["size"], 7, "spec after replacing the status");
    Ok(())
}

pub async fn generation(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let created = api.create(&PostParams::default(), &object(probe("one", &json!({"size": 1})))?).await?;
    ensure_eq!(created.metadata.generation, Some(1), "generation of a new object");
    let params = PatchParams::default();
    for (patch, expected) in [
        (json!({"metadata": {"labels": {"a": "b"}}}), 1),
        (json!({"metadata": {"annotations": {"a": "b"}}}), 1),
        (json!({"metadata": {"finalizers": ["example.com/hold"]}}), 1),
        (json!({"spec": {"size": 1}}), 1),
        (json!({"spec": {"size": 2}}), 2),
        (json!({"spec": {"tags": {"a": "b"}}}), 3),
    ] {
        let patched = api.patch("one", &params, &merge(patch.clone())).await?;
        ensure_eq!(patched.metadata.generation, Some(expected), "generation after {patch}");
    }
    let patched = api.patch_status("one", &params, &merge(json!({"status": {"word": "x"}}))).await?;
    ensure_eq!(patched.metadata.generation, Some(3), "generation after a status");
    let same = api.patch("one", &params, &merge(json!({"spec": {"size": 2}}))).await?;
    ensure_eq!(same.metadata.resource_version, patched.metadata.resource_version, "version after a patch to the same");
    api.patch("one", &params, &merge(json!({"metadata": {"finalizers": null}}))).await?;
    Ok(())
}

pub async fn finalizers_hold(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let mut new = probe("one", &json!({"size": 1}));
    new["metadata"]["finalizers"] = json!(["example.com/one", "example.com/two"]);
    let created = api.create(&PostParams::default(), &object(new)?).await?;
    let wrong = DeleteParams {
        preconditions: Some(kube::api::Preconditions { uid: Some("other".into()), resource_version: None }),
        ..DeleteParams::default()
    };
    let refused = refusal(api.delete("one", &wrong).await, "deleting another object of that name")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"), "refusal of a wrong UID");
    let answer = api.delete("one", &DeleteParams::default()).await?;
    ensure!(answer.is_left(), "the answer is no object");
    let marked = api.get("one").await?;
    ensure!(marked.metadata.deletion_timestamp.is_some(), "no deletion mark");
    ensure_eq!(marked.metadata.deletion_grace_period_seconds, Some(0), "grace period");
    ensure_eq!(marked.metadata.generation, Some(2), "generation after the deletion mark");
    api.delete("one", &DeleteParams::default()).await?;
    let again = api.get("one").await?;
    ensure_eq!(again.metadata, marked.metadata, "metadata after a second delete");
    let remove = |value: &str| {
        json!([
            {"op": "test", "path": "/metadata/uid", "value": created.metadata.uid},
            {"op": "test", "path": "/metadata/finalizers/0", "value": value},
            {"op": "remove", "path": "/metadata/finalizers/0"},
        ])
    };
    for name in ["example.com/one", "example.com/two"] {
        ensure!(api.get_opt("one").await?.is_some(), "gone with a finalizer left");
        let patch = Patch::<()>::Json(serde_json::from_value(remove(name))?);
        api.patch("one", &PatchParams::default(), &patch).await?;
    }
    ensure!(api.get_opt("one").await?.is_none(), "still there without finalizers");
    api.create(&PostParams::default(), &object(probe("plain", &json!({})))?).await?;
    let answer = api.delete("plain", &DeleteParams::default()).await?;
    ensure!(answer.is_right(), "the answer to a deletion at once is no Status");
    let refused = refusal(api.delete("plain", &DeleteParams::default()).await, "deleting what is gone")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (404, "NotFound"), "refusal of what is gone");
    Ok(())
}

pub async fn no_late_finalizer(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let mut new = probe("one", &json!({}));
    new["metadata"]["finalizers"] = json!(["example.com/hold"]);
    api.create(&PostParams::default(), &object(new)?).await?;
    api.delete("one", &DeleteParams::default()).await?;
    let late = merge(json!({"metadata": {"finalizers": ["example.com/hold", "example.com/late"]}}));
    let refused = refusal(api.patch("one", &PatchParams::default(), &late).await, "a finalizer after the mark")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (422, "Invalid"), "refusal");
    let causes = refused.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
    // The server's checks of metadata come twice.
    ensure!(!causes.is_empty() && causes.iter().all(|cause| *cause == causes[0]), "causes: {causes:?}");
    ensure_eq!(causes[0].field, "metadata.finalizers", "field");
    ensure_eq!(causes[0].reason, "FieldValueForbidden", "reason of the cause");
    ensure!(causes[0].message.contains("no new finalizers can be added if the object is being deleted"), "{causes:?}");
    let labelled =
        api.patch("one", &PatchParams::default(), &merge(json!({"metadata": {"labels": {"a": "b"}}}))).await?;
    ensure!(labelled.metadata.labels.is_some(), "an object that is being deleted can be changed");
    api.patch("one", &PatchParams::default(), &merge(json!({"metadata": {"finalizers": null}}))).await?;
    Ok(())
}

pub async fn failed_test(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let created = api.create(&PostParams::default(), &object(probe("one", &json!({})))?).await?;
    let send = async |patch: Value| {
        let patch = Patch::<()>::Json(serde_json::from_value(patch)?);
        Ok::<_, libtest_mimic::Failed>(api.patch("one", &PatchParams::default(), &patch).await)
    };
    let add = json!({"op": "add", "path": "/metadata/finalizers", "value": ["example.com/hold"]});
    let absent = json!({"op": "test", "path": "/metadata/finalizers", "value": null});
    let wrong = json!({"op": "test", "path": "/metadata/uid", "value": "other"});
    let refused = refusal(send(json!([wrong, add])).await?, "a patch for another object")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (422, "Invalid"), "refusal");
    let bare = refused.details.as_ref().is_none_or(|details| details.kind.is_empty() && details.causes.is_empty());
    ensure!(bare, "kind or causes: {:?}", refused.details);
    let right = json!({"op": "test", "path": "/metadata/uid", "value": created.metadata.uid});
    send(json!([right, absent, add])).await??;
    let refused = refusal(send(json!([right, absent, add])).await?, "a list that is there now")?;
    ensure_eq!(refused.code, 422, "refusal of the second of two");
    let missing = json!([{"op": "remove", "path": "/metadata/finalizers/5"}]);
    ensure_eq!(refusal(send(missing).await?, "removing what is not there")?.code, 422, "refusal");
    send(json!([{"op": "remove", "path": "/metadata/finalizers"}])).await??;
    let refused =
        refusal(api.patch("absent", &PatchParams::default(), &merge(json!({}))).await, "patching what is not there")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (404, "NotFound"), "refusal");
    Ok(())
}

pub async fn stale_replace(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let first = api.create(&PostParams::default(), &object(probe("one", &json!({"size": 1})))?).await?;
    api.patch("one", &PatchParams::default(), &merge(json!({"spec": {"size": 2}}))).await?;
    let refused = refusal(api.replace("one", &PostParams::default(), &first).await, "replacing a stale object")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"), "refusal");
    ensure!(refused.message.contains("the object has been modified"), "{}", refused.message);
    let mut versionless = api.get("one").await?;
    versionless.metadata.resource_version = None;
    let refused = refusal(api.replace("one", &PostParams::default(), &versionless).await, "replacing blindly")?;
    ensure_eq!(refused.code, 422, "refusal of a replace without a version");
    let mut other = api.get("one").await?;
    other.metadata.uid = Some("other".into());
    let refused = refusal(api.replace("one", &PostParams::default(), &other).await, "replacing another object")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"), "refusal of a wrong UID");
    let stale = status("one", &json!({"word": "x"}));
    let mut stale = object(stale)?;
    stale.metadata.resource_version = first.metadata.resource_version;
    let refused = refusal(api.replace_status("one", &PostParams::default(), &stale).await, "a stale status")?;
    ensure_eq!(refused.code, 409, "refusal of a stale status");
    let listed = probe::api(target.admin.clone(), &target.namespace).list(&kube::api::ListParams::default()).await?;
    ensure_eq!(listed.items.len(), 1, "probes");
    Ok(())
}
