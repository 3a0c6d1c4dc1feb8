//! Server-side apply.

use aigw_tests::{Outcome, ensure, ensure_eq};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::probe::{object, probe, refusal, status};
use super::target::Target;

/// Of no object.
const OTHER_UID: &str = "0e9a3c7e-0000-4000-8000-000000000000";

async fn apply(api: &Api<DynamicObject>, manager: &str, spec: Value, force: bool) -> kube::Result<DynamicObject> {
    let params = PatchParams { force, ..PatchParams::apply(manager) };
    api.patch("one", &params, &Patch::Apply(probe("one", &spec))).await
}

async fn apply_status(api: &Api<DynamicObject>, manager: &str, value: Value) -> kube::Result<DynamicObject> {
    let params = PatchParams::apply(manager).force();
    api.patch_status("one", &params, &Patch::Apply(status("one", &value))).await
}

pub async fn ownership(target: &Target) -> Outcome {
    let api = target.api("Probe");
    apply(&api, "one", json!({"word": "a", "tags": {"x": "1", "y": "2"}, "names": ["n"]}), false).await?;
    let refused = refusal(apply(&api, "two", json!({"word": "b"}), false).await, "another's field")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"), "refusal");
    let causes = refused.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
    let shown: Vec<_> = causes.iter().map(|cause| (cause.reason.as_str(), cause.field.as_str())).collect();
    ensure_eq!(shown, [("FieldManagerConflict", ".spec.word")], "causes");
    ensure!(causes[0].message.contains("conflict with \"one\""), "{causes:?}");
    let taken = apply(&api, "two", json!({"word": "b", "tags": {"z": "3"}}), true).await?;
    ensure_eq!(taken.data["spec"]["tags"], json!({"x": "1", "y": "2", "z": "3"}), "tags of both");
    ensure_eq!(taken.data["spec"]["word"], "b", "the word after force");
    let omitted = apply(&api, "one", json!({"tags": {"y": "2"}}), false).await?;
    ensure_eq!(omitted.data["spec"]["tags"], json!({"y": "2", "z": "3"}), "tags after one was omitted");
    ensure!(omitted.data["spec"].get("names").is_none_or(|names| *names == json!([])), "{}", omitted.data);
    ensure_eq!(omitted.data["spec"]["word"], "b", "the word that another took");
    let updated = api
        .patch(
            "one",
            &PatchParams { field_manager: Some("editor".into()), ..PatchParams::default() },
            &Patch::Merge(json!({"spec": {"word": "c"}})),
        )
        .await?;
    ensure_eq!(updated.data["spec"]["word"], "c", "the word after an update");
    ensure_eq!(
        refusal(apply(&api, "two", json!({"word": "b"}), false).await, "an editor's field")?.code,
        409,
        "refusal"
    );
    lists(&api).await?;
    conditions(&api).await?;
    let nameless = PatchParams::default();
    let refused = api.patch("one", &nameless, &Patch::Apply(probe("one", &json!({})))).await;
    ensure!(refused.is_err(), "an apply without a manager was accepted");
    Ok(())
}

async fn lists(api: &Api<DynamicObject>) -> Outcome {
    apply(api, "first", json!({"parts": [{"name": "a", "size": 1}], "words": ["x"]}), false).await?;
    let both = apply(api, "second", json!({"parts": [{"name": "b", "size": 2}]}), false).await?;
    let mut parts = both.data["spec"]["parts"].as_array().cloned().unwrap_or_default();
    parts.sort_by_key(Value::to_string);
    ensure_eq!(parts, [json!({"name": "a", "size": 1}), json!({"name": "b", "size": 2})], "entries of two managers");
    let refused = refusal(apply(api, "second", json!({"words": ["y"]}), false).await, "a list owned whole")?;
    ensure_eq!(refused.code, 409, "refusal");
    let left = apply(api, "second", json!({}), false).await?;
    ensure_eq!(left.data["spec"]["parts"], json!([{"name": "a", "size": 1}]), "entries after one manager gave up");
    Ok(())
}

async fn conditions(api: &Api<DynamicObject>) -> Outcome {
    let condition = |kind: &str, value: &str| json!({"type": kind, "status": value});
    apply_status(
        api,
        "ours",
        json!({"word": "w", "conditions": [condition("Ready", "False"), condition("Old", "True")]}),
    )
    .await?;
    apply_status(api, "theirs", json!({"conditions": [condition("Seen", "True")]})).await?;
    let after = apply_status(api, "ours", json!({"conditions": [condition("Ready", "True")]})).await?;
    let mut found = after.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
    found.sort_by_key(Value::to_string);
    let mut expected = vec![condition("Ready", "True"), condition("Seen", "True")];
    expected.sort_by_key(Value::to_string);
    ensure_eq!(found, expected, "conditions");
    ensure!(after.data["status"]["word"].is_null(), "an omitted field stayed: {}", after.data["status"]);
    let managers = after.metadata.managed_fields.clone().unwrap_or_default();
    let ours = managers.iter().find(|entry| entry.manager.as_deref() == Some("ours")).ok_or("no entry of ours")?;
    ensure_eq!(ours.subresource.as_deref(), Some("status"), "subresource of our entry");
    let fields = ours.fields_v1.as_ref().map(|fields| fields.0.clone()).unwrap_or_default();
    let expected =
        json!({"f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}": {".": {}, "f:status": {}, "f:type": {}}}}});
    ensure_eq!(fields, expected, "our fields");
    Ok(())
}

pub async fn applied_twice(target: &Target) -> Outcome {
    let api = target.api("Probe");
    api.create(&PostParams::default(), &object(probe("one", &json!({})))?).await?;
    let value = json!({"word": "w", "conditions": [{"type": "Ready", "status": "True"}]});
    let first = apply_status(&api, "ours", value.clone()).await?;
    // Entries of managers have times in seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let second = apply_status(&api, "ours", value).await?;
    ensure_eq!(second.metadata, first.metadata, "metadata after the same status");
    let changed = apply_status(&api, "ours", json!({"word": "other"})).await?;
    ensure!(changed.metadata.resource_version != first.metadata.resource_version, "a change left the version");
    Ok(())
}

pub async fn status_of_nothing(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let refused = refusal(apply_status(&api, "ours", json!({"word": "w"})).await, "a status of nothing")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (404, "NotFound"), "refusal");
    let created = apply(&api, "ours", json!({"size": 1}), false).await?;
    ensure_eq!(created.metadata.generation, Some(1), "generation of an object made by apply");
    let params = PatchParams::apply("ours").force();
    let status_with = |metadata: Value| {
        let mut value = status("one", &json!({"word": "w"}));
        value["metadata"] = metadata;
        value
    };
    // A status does not know whose it is: a UID is no guard here, a version or a tested patch is one.
    let other = status_with(json!({"name": "one", "uid": OTHER_UID}));
    let written = api.patch_status("one", &params, &Patch::Apply(&other)).await?;
    ensure_eq!(written.metadata.uid, created.metadata.uid, "UID after a status that names another");
    let old = status_with(json!({"name": "one", "resourceVersion": created.metadata.resource_version}));
    let refused = refusal(api.patch_status("one", &params, &Patch::Apply(&old)).await, "a status with an old version")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"), "refusal of an old version");
    let tested = json!([
        {"op": "test", "path": "/metadata/uid", "value": OTHER_UID},
        {"op": "add", "path": "/status/word", "value": "x"},
    ]);
    let tested = Patch::<()>::Json(serde_json::from_value(tested)?);
    let refused = refusal(api.patch_status("one", &PatchParams::default(), &tested).await, "a test of the UID")?;
    ensure_eq!(refused.code, 422, "refusal of another UID");
    let mut other = probe("one", &json!({"size": 2}));
    other["metadata"]["uid"] = json!(OTHER_UID);
    let refused = refusal(api.patch("one", &params, &Patch::Apply(&other)).await, "an apply to another object")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (422, "Invalid"), "refusal of another UID");
    other["metadata"]["name"] = json!("absent");
    let refused = refusal(api.patch("absent", &params, &Patch::Apply(&other)).await, "an apply to what is gone")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"), "refusal of an object that is gone");
    Ok(())
}
