//! Our definitions: what the server takes, what it refuses and with which words, what it shows.

use aigw_tests::cluster::find_condition;
use aigw_tests::{Outcome, ensure, ensure_eq, manifests, repository};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, ValidationDirective};
use serde_json::{Value, json};

use super::probe::{any, object, probe, refusal};
use super::target::Target;

/// What the apiserver adds where it gave up before our rules: no reason of its own.
const NOT_CHECKED: &str = "some validation rules were not checked";
const EXPECT: &str = "aigateway.dev/expect";

pub async fn established(target: &Target) -> Outcome {
    let definitions = target.api("CustomResourceDefinition");
    for name in ["aigateways.aigateway.dev", "tenants.aigateway.dev"] {
        let definition = serde_json::to_value(definitions.get(name).await?)?;
        ensure_eq!(find_condition(&definition, "Established")["status"], "True", "Established of {name}");
        let structural = find_condition(&definition, "NonStructuralSchema");
        ensure!(structural.is_null(), "the schema of {name} is not structural: {structural}");
    }
    for kind in ["AIGateway", "Tenant"] {
        target.api(kind).list(&ListParams::default()).await?;
    }
    Ok(())
}

/// Creates an object, or updates it if it is there; the error is the server's.
async fn put(target: &Target, value: &Value, dry_run: bool) -> kube::Result<()> {
    let api = target.api(value["kind"].as_str().unwrap_or_default());
    let object: DynamicObject = serde_json::from_value(value.clone()).map_err(kube::Error::SerdeError)?;
    let name = object.metadata.name.clone().unwrap_or_default();
    if api.get_opt(&name).await?.is_none() {
        let params = PostParams { dry_run, ..PostParams::default() };
        api.create(&params, &object).await?;
    } else {
        let params = PatchParams { dry_run, ..PatchParams::default() };
        api.patch(&name, &params, &Patch::Merge(&replacing(&object))).await?;
    }
    Ok(())
}

/// A merge patch that replaces the whole spec: what the new one lacks is removed.
fn replacing(object: &DynamicObject) -> Value {
    let mut spec = object.data["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        for optional in [
            "apiKey",
            "identities",
            "tier",
            "models",
            "resources",
            "suspend",
            "tags",
            "bedrock",
            "throttle",
            "auth",
            "functions",
        ] {
            fields.entry(optional).or_insert(Value::Null);
        }
    }
    json!({"spec": spec})
}

/// Puts the documents of a fixture; the last one's result is for the caller. Leaves nothing.
async fn fixture(target: &Target, file: &str) -> Outcome<(Value, kube::Result<()>)> {
    let documents = repository::yaml(file)?;
    let (last, before) = documents.split_last().ok_or_else(|| format!("{file} is empty"))?;
    for document in before {
        let put = put(target, document, false).await;
        put.map_err(|error| format!("{file}: the object before the change: {error}"))?;
    }
    let result = put(target, last, true).await;
    for document in before {
        let api = target.api(document["kind"].as_str().unwrap_or_default());
        api.delete(document["metadata"]["name"].as_str().unwrap_or_default(), &DeleteParams::default()).await?;
    }
    Ok((last.clone(), result))
}

pub async fn accepted(target: &Target) -> Outcome {
    let files = repository::files("tests/fixtures/crd/good", ".yaml")?;
    let examples = repository::files("examples", ".yaml")?;
    ensure!(!files.is_empty() && !examples.is_empty(), "no fixtures or no examples");
    let mut problems = Vec::new();
    for file in files {
        if let (_, Err(error)) = fixture(target, &file).await? {
            problems.push(format!("{file}: {error}"));
        }
    }
    // Namespaces come before what is in them, and a dry run does not make them.
    let namespaces = target.api("Namespace");
    for name in ["ai-platform", "team-search", "team-ads"] {
        if namespaces.get_opt(name).await?.is_none() {
            let labels = json!({"ai-gateway": "enabled"});
            target
                .put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}))
                .await?;
        }
    }
    let params = PatchParams {
        dry_run: true,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("example").force()
    };
    for file in examples {
        // Of Argo CD and Kustomize, whose kinds no server here knows (`gitops`).
        if file.starts_with("examples/gitops/") && !file.ends_with("gateway.yaml") {
            continue;
        }
        for document in repository::yaml(&file)? {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let namespace = text(&document["metadata"]["namespace"]);
            let api = any(target.admin.clone(), &text(&document["kind"]), &namespace)?;
            if let Err(error) = api.patch(&text(&document["metadata"]["name"]), &params, &Patch::Apply(&document)).await
            {
                problems.push(format!("{file}: {error}"));
            }
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

pub async fn refused(target: &Target) -> Outcome {
    let files = repository::files("tests/fixtures/crd/bad", ".yaml")?;
    ensure!(!files.is_empty(), "no fixtures");
    let mut problems = Vec::new();
    for file in files {
        let (object, result) = fixture(target, &file).await?;
        let expected = object["metadata"]["annotations"][EXPECT].as_str().unwrap_or_default();
        problems.extend(judge(expected, result).map(|problem| format!("{file}: {problem}")));
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// Why a refusal is not the one that was wanted. It has to be for one reason only: an object that breaks two rules proves
/// neither.
fn judge(expected: &str, result: kube::Result<()>) -> Option<String> {
    let refused = match result {
        Err(kube::Error::Api(refused)) => refused,
        Err(other) => return Some(format!("not an answer of the apiserver: {other}")),
        Ok(()) => return Some("accepted".to_owned()),
    };
    let causes = refused.details.as_ref().map_or(&[][..], |details| &details.causes);
    let reasons = causes.iter().filter(|cause| !cause.message.contains(NOT_CHECKED)).count();
    if expected.is_empty() {
        return Some(format!("no annotation {EXPECT}; the apiserver says: {}", refused.message));
    }
    if refused.code != 422 && refused.code != 400 {
        return Some(format!("code {}: {}", refused.code, refused.message));
    }
    (!refused.message.contains(expected) || reasons > 1)
        .then(|| format!("expected one reason, {expected:?}, got {reasons}: {}", refused.message))
}

fn tenant(target: &Target, name: &str, gateway: &str) -> Value {
    manifests::tenant(&target.namespace, name, ("ai-platform", gateway), "silver")
}

pub async fn immutable(target: &Target) -> Outcome {
    target.put(&tenant(target, "one", "prod")).await?;
    let mut gateway = manifests::gateway(&target.namespace, "one");
    gateway["metadata"]["finalizers"] = json!(["example.com/hold"]);
    target.put(&gateway).await?;
    for (kind, patch, field, words) in [
        ("Tenant", json!({"spec": {"gatewayRef": {"name": "other"}}}), "spec.gatewayRef", "gatewayRef is immutable"),
        (
            "Tenant",
            json!({"spec": {"apiKey": {"secretName": "other"}}}),
            "spec.apiKey.secretName",
            "secretName is immutable",
        ),
        ("AIGateway", json!({"spec": {"region": "eu-west-1"}}), "spec.region", "region is immutable"),
    ] {
        let patched = target.api(kind).patch("one", &PatchParams::default(), &Patch::Merge(&patch)).await;
        let refused = refusal(patched, &format!("{patch}"))?;
        ensure_eq!((refused.code, refused.reason.as_str()), (422, "Invalid"), "refusal of {patch}");
        let causes = refused.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
        ensure_eq!(causes.len(), 1, "causes: {}", refused.message);
        ensure_eq!(causes[0].field, field, "field");
        ensure!(causes[0].message.contains(words), "{}", causes[0].message);
    }
    // An object that is going can still lose its finalizer.
    let gateways = target.api("AIGateway");
    gateways.delete("one", &DeleteParams::default()).await?;
    gateways.patch("one", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": null}}))).await?;
    ensure!(gateways.get_opt("one").await?.is_none(), "the gateway is still there");
    Ok(())
}

pub async fn structural(target: &Target) -> Outcome {
    let api = target.api("Probe");
    let wrong = json!({"wrod": "x", "nested": {"one": "1", "tow": "2"}, "parts": [{"name": "a", "sise": 1}]});
    let created = api.create(&PostParams::default(), &object(probe("one", &wrong))?).await?;
    let expected = json!({"size": 3, "nested": {"one": "1", "two": "2"}, "parts": [{"name": "a"}]});
    ensure_eq!(created.data["spec"], expected, "spec as stored");
    let path = format!("{}?fieldValidation=Strict", api.resource_url());
    let strict = http::Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(probe("two", &wrong).to_string().into_bytes())?;
    let refused = refusal(target.admin.request::<Value>(strict).await, "unknown fields")?;
    ensure_eq!((refused.code, refused.reason.as_str()), (400, "BadRequest"), "refusal");
    for field in ["spec.wrod", "spec.nested.tow", "spec.parts[0].sise"] {
        ensure!(refused.message.contains(&format!("unknown field \"{field}\"")), "{}", refused.message);
    }
    let patched =
        api.patch("one", &PatchParams::default(), &Patch::Merge(json!({"spec": {"size": null, "wrod": 1}}))).await?;
    ensure_eq!(patched.data["spec"]["size"], 3, "size after it was removed");
    ensure_eq!(
        patched.metadata.resource_version,
        created.metadata.resource_version,
        "version after a patch to the same"
    );
    let refused = refusal(
        api.create(&PostParams::default(), &object(probe("two", &json!({"size": "3"})))?).await,
        "a wrong type",
    )?;
    ensure!(refused.message.contains("spec.size in body must be of type integer: \"string\""), "{}", refused.message);
    // Ours have no defaults: what is written comes back, so that appliers see no drift.
    for value in [tenant(target, "plain", "prod"), manifests::gateway(&target.namespace, "plain")] {
        let stored = target.put(&value).await?;
        ensure_eq!(stored.data["spec"], value["spec"], "spec as stored");
        let unknown = manifests::with(value.clone(), &json!({"spec": {"teir": "silver"}}));
        let kind = value["kind"].as_str().unwrap_or_default();
        let params = PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply("x") };
        let refused =
            refusal(target.api(kind).patch("plain", &params, &Patch::Apply(&unknown)).await, "a misspelling")?;
        ensure!(refused.message.contains("teir"), "{}", refused.message);
        let lenient = PatchParams::apply("x");
        let refused =
            refusal(target.api(kind).patch("plain", &lenient, &Patch::Apply(&unknown)).await, "a misspelling")?;
        ensure_eq!(refused.code, 500, "refusal of an apply with an unknown field: {}", refused.message);
        ensure!(refused.message.contains(".spec.teir: field not declared in schema"), "{}", refused.message);
    }
    Ok(())
}

pub async fn selectable(target: &Target) -> Outcome {
    target.put(&tenant(target, "one", "prod")).await?;
    target.put(&tenant(target, "two", "other")).await?;
    let api = target.api("Tenant");
    for (selector, expected) in [
        ("spec.gatewayRef.name=prod", vec!["one"]),
        ("spec.gatewayRef.name!=prod", vec!["two"]),
        ("spec.gatewayRef.name=other,spec.gatewayRef.namespace=ai-platform", vec!["two"]),
        ("spec.gatewayRef.namespace=elsewhere", vec![]),
        ("metadata.name=one", vec!["one"]),
    ] {
        let found = api.list(&ListParams::default().fields(selector)).await?;
        let names: Vec<_> = found.items.iter().filter_map(|item| item.metadata.name.as_deref()).collect();
        ensure_eq!(names, expected, "{selector}");
    }
    let refused = refusal(api.list(&ListParams::default().fields("spec.tier=silver")).await, "a field that is none")?;
    ensure_eq!(refused.code, 400, "refusal");
    let first = api.list(&ListParams::default().limit(1)).await?;
    let token = first.metadata.continue_.clone().ok_or("no second page")?;
    target.api("Tenant").delete("two", &DeleteParams::default()).await?;
    let second = api.list(&ListParams::default().limit(1).continue_token(&token)).await?;
    let names: Vec<_> = second.items.iter().filter_map(|item| item.metadata.name.as_deref()).collect();
    ensure_eq!(names, ["two"], "the second page of a list begun before");
    Ok(())
}

pub async fn columns(target: &Target) -> Outcome {
    target.put(&tenant(target, "one", "prod")).await?;
    let status = json!({"status": {
        "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "well", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "effective": {"tier": "silver", "burst": 1, "requestsPerSecond": 1, "rule": "teams", "suspended": false},
    }});
    target.api("Tenant").patch_status("one", &PatchParams::default(), &Patch::Merge(status)).await?;
    target.put(&manifests::gateway(&target.namespace, "one")).await?;
    let expected = [
        (
            "tenants",
            vec![
                "Name",
                "Ready",
                "Reason",
                "Tier",
                "Gateway",
                "Suspended",
                "WithinBudget",
                "Used%",
                "Secret",
                "Message",
                "Age",
            ],
        ),
        ("aigateways", vec!["Name", "Ready", "Reason", "Endpoint", "Tenants", "Region", "Account", "Message", "Age"]),
    ];
    for (plural, columns) in expected {
        let path = format!("/apis/aigateway.dev/v1alpha1/namespaces/{}/{plural}", target.namespace);
        let request = http::Request::get(path)
            .header(http::header::ACCEPT, "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())?;
        let table: Value = target.admin.request(request).await?;
        ensure_eq!(table["kind"], "Table", "kind of the answer");
        let named = |column: &Value| column["name"].as_str().unwrap_or_default().to_owned();
        let found: Vec<_> = table["columnDefinitions"].as_array().into_iter().flatten().map(named).collect();
        ensure_eq!(found, columns, "columns of {plural}");
        if plural == "tenants" {
            let cells = table["rows"][0]["cells"].as_array().cloned().unwrap_or_default();
            let shown = json!(["one", "True", "Ready", "silver", "prod"]);
            ensure_eq!(json!(cells.get(..5)), shown, "cells of a tenant");
        }
    }
    Ok(())
}
