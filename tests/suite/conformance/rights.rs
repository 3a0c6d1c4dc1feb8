//! What the operator's user may do under the chart's rules.

use aigw_tests::{Outcome, charts, ensure, ensure_eq, manifests, repository};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::probe::{any, object, refusal};
use super::target::Target;

/// Where the chart is installed.
pub(super) const SYSTEM: &str = "conformance-system";
/// A namespace the operator does not watch.
const ELSEWHERE: &str = "conformance-elsewhere";

/// Installs the chart's rules for an operator that watches the test's namespace; gives the user's name.
pub(super) async fn bind(target: &Target) -> Outcome<String> {
    let watched = format!("watch.namespaces={{{}}}", target.namespace);
    // Rendering has a runtime of its own.
    let rendered =
        std::thread::spawn(move || charts::render("conformance", SYSTEM, "charts/aigw-operator", &["--set", &watched]));
    let rendered = rendered.join().map_err(|_| "rendering the chart panicked")??;
    for name in [SYSTEM, ELSEWHERE] {
        target.put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await?;
    }
    let documents = repository::documents(&rendered)?;
    let bound = |document: &Value| {
        let name = document["metadata"]["name"].clone();
        documents.iter().any(|other| other["roleRef"]["name"] == name)
    };
    let mut user = None;
    for document in &documents {
        let kind = document["kind"].as_str().unwrap_or_default();
        // Roles for people, which nobody is bound to here, stay out.
        if kind.ends_with("RoleBinding") || (kind.ends_with("Role") && bound(document)) {
            target.put(document).await?;
        }
        if let Some(subject) = document["subjects"].get(0) {
            let text = |field: &str| subject[field].as_str().unwrap_or_default().to_owned();
            user = Some(format!("system:serviceaccount:{}:{}", text("namespace"), text("name")));
        }
    }
    let user = user.ok_or("the chart binds nobody")?;
    let client = target.user(&user).await?;
    let tenants = any(client, "Tenant", &target.namespace)?;
    // The real server reads new rules a moment after they are written.
    target
        .eventually("the rules are in force", async || {
            tenants.list(&ListParams::default()).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
    Ok(user)
}

pub async fn operator(target: &Target) -> Outcome {
    let user = bind(target).await?;
    let client = target.user(&user).await?;
    let here = |kind: &str| any(client.clone(), kind, &target.namespace);
    let elsewhere = |kind: &str| any(client.clone(), kind, ELSEWHERE);
    may(target, &here("Tenant")?, &here("Secret")?, &here("Event")?).await?;
    let namespaces = any(client.clone(), "Namespace", "")?;
    for name in [&target.namespace, SYSTEM] {
        namespaces.get(name).await?;
    }
    // By no rule of the chart: by one that Kubernetes has for every ServiceAccount.
    for path in ["/.well-known/openid-configuration", "/openid/v1/jwks"] {
        client.request_text(http::Request::get(path).body(Vec::new())?).await?;
    }
    forbidden("reading another namespace", namespaces.get(ELSEWHERE).await)?;
    forbidden("listing namespaces", namespaces.list(&ListParams::default()).await)?;
    leases(&any(client.clone(), "Lease", SYSTEM)?).await?;
    let tenant = manifests::tenant(&target.namespace, "one", ("ai-platform", "prod"), "silver");
    forbidden("listing Secrets", here("Secret")?.list(&ListParams::default()).await)?;
    forbidden("creating a Tenant", here("Tenant")?.create(&PostParams::default(), &object(tenant)?).await)?;
    forbidden("deleting a Tenant", here("Tenant")?.delete("one", &DeleteParams::default()).await)?;
    forbidden("deleting a Secret", here("Secret")?.delete("one", &DeleteParams::default()).await)?;
    forbidden("reading a Secret elsewhere", elsewhere("Secret")?.get("any").await)?;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}});
    forbidden(
        "creating a Secret elsewhere",
        elsewhere("Secret")?.create(&PostParams::default(), &object(secret)?).await,
    )?;
    forbidden("listing Tenants elsewhere", elsewhere("Tenant")?.list(&ListParams::default()).await)?;
    let lease =
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "other"}, "spec": {}});
    forbidden("a lease elsewhere", elsewhere("Lease")?.create(&PostParams::default(), &object(lease)?).await)?;
    forbidden("reading another lease", any(client.clone(), "Lease", SYSTEM)?.get("other").await)?;
    let definitions = any(client.clone(), "CustomResourceDefinition", "")?;
    forbidden("reading a definition", definitions.get("tenants.aigateway.dev").await)?;
    let patch = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    forbidden(
        "patching a definition",
        definitions.patch("tenants.aigateway.dev", &PatchParams::default(), &patch).await,
    )?;
    forbidden("patching a namespace", namespaces.patch(ELSEWHERE, &PatchParams::default(), &patch).await)?;
    for name in [SYSTEM, ELSEWHERE] {
        target.api("Namespace").delete(name, &DeleteParams::default()).await?;
    }
    Ok(())
}

/// The chart's admission policy: of all Secrets the operator's user writes only those it labelled and one of ours owns.
pub async fn secrets(target: &Target) -> Outcome {
    let user = bind(target).await?;
    let watched = format!("watch.namespaces={{{}}}", target.namespace);
    let rendered =
        std::thread::spawn(move || charts::render("conformance", SYSTEM, "charts/aigw-operator", &["--set", &watched]));
    let documents = repository::documents(&rendered.join().map_err(|_| "rendering the chart panicked")??)?;
    let policy = |document: &&Value| document["apiVersion"] == "admissionregistration.k8s.io/v1";
    let policies: Vec<_> = documents.iter().filter(policy).collect();
    ensure_eq!(policies.len(), 2, "a policy and its binding");
    for document in &policies {
        target.put(document).await?;
    }
    let outcome = only_labelled(target, &user).await;
    // The server is shared, and other tests have their own ideas of Secrets.
    for document in policies {
        let kind = document["kind"].as_str().unwrap_or_default();
        let name = document["metadata"]["name"].as_str().unwrap_or_default();
        any(target.admin.clone(), kind, "")?.delete(name, &DeleteParams::default()).await?;
    }
    outcome
}

async fn only_labelled(target: &Target, user: &str) -> Outcome {
    let labels = json!({"app.kubernetes.io/managed-by": "aigw-operator", "aigateway.dev/tenant-id": "t"});
    // A real one, or the garbage collector takes the Secret away.
    let tenant = manifests::tenant(&target.namespace, "one", ("ai-platform", "prod"), "silver");
    let uid = target.put(&tenant).await?.metadata.uid;
    let owners = json!([{"apiVersion": "aigateway.dev/v1alpha1", "kind": "Tenant", "name": "one", "uid": uid}]);
    let secret = |name: &str, labels: &Value, owners: &Value| {
        json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "labels": labels, "ownerReferences": owners}})
    };
    let theirs = target.api("Secret");
    theirs.create(&PostParams::default(), &object(secret("theirs", &json!({}), &json!([])))?).await?;
    let ours = any(target.user(user).await?, "Secret", &target.namespace)?;
    let create = async |name: &str, labels: &Value, owners: &Value| {
        Ok::<_, libtest_mimic::Failed>(
            ours.create(&PostParams::default(), &object(secret(name, labels, owners))?).await,
        )
    };
    let half = json!({"app.kubernetes.io/managed-by": "aigw-operator"});
    // A policy is in force a moment after it was written. Only tried, so that nothing is left of the moment before.
    let trial = PostParams { dry_run: true, ..PostParams::default() };
    let unlabelled = object(secret("early", &json!({}), &owners))?;
    target
        .eventually("the policy is in force", async || match ours.create(&trial, &unlabelled).await {
            Ok(_) => Err("a Secret without labels is accepted".to_owned()),
            Err(_) => Ok(()),
        })
        .await?;
    denied("a Secret without labels", create("none", &json!({}), &owners).await?)?;
    denied("a Secret of half the labels", create("half", &half, &owners).await?)?;
    denied("a Secret nothing owns", create("orphan", &labels, &json!([])).await?)?;
    let another = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": uid}]);
    denied("a Secret something else owns", create("another", &labels, &another).await?)?;
    create("good", &labels, &owners).await??;
    // That of a gateway's probe.
    let gateway = manifests::gateway(&target.namespace, "prod");
    let uid = target.put(&gateway).await?.metadata.uid;
    let owned = json!([{"apiVersion": "aigateway.dev/v1alpha1", "kind": "AIGateway", "name": "prod", "uid": uid}]);
    create("probe", &labels, &owned).await??;
    let params = PatchParams::default();
    let relabel = Patch::Merge(json!({"metadata": {"labels": labels, "ownerReferences": owners}}));
    denied("taking over a Secret", ours.patch("theirs", &params, &relabel).await)?;
    let strip = Patch::Merge(json!({"metadata": {"labels": null}}));
    denied("giving up a label", ours.patch("good", &params, &strip).await)?;
    ours.patch("good", &params, &Patch::Merge(json!({"stringData": {"a": "b"}}))).await?;
    // It binds the operator alone.
    theirs.patch("theirs", &params, &Patch::Merge(json!({"stringData": {"a": "b"}}))).await?;
    Ok(())
}

/// Refused by the policy, and not by something else.
fn denied<T>(what: &str, result: kube::Result<T>) -> Outcome {
    let refused = refusal(result, what)?;
    ensure_eq!(refused.code, 403, "{what}");
    ensure!(refused.message.contains("the operator writes only Secrets"), "{what}: {}", refused.message);
    Ok(())
}

/// What a pass over a tenant needs.
async fn may(
    target: &Target,
    tenants: &Api<DynamicObject>,
    secrets: &Api<DynamicObject>,
    events: &Api<DynamicObject>,
) -> Outcome {
    target.put(&manifests::tenant(&target.namespace, "one", ("ai-platform", "prod"), "silver")).await?;
    let params = PatchParams::default();
    let finalizers = |names: Value| Patch::Merge(json!({"metadata": {"finalizers": names}}));
    tenants.patch("one", &params, &finalizers(json!(["aigateway.dev/cleanup"]))).await?;
    tenants.patch("one", &params, &finalizers(Value::Null)).await?;
    let status = json!({
        "apiVersion": "aigateway.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "one"},
        "status": {"endpoint": "https://example.com"},
    });
    tenants.patch_status("one", &PatchParams::apply("aigw-operator/status").force(), &Patch::Apply(&status)).await?;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}});
    secrets.create(&PostParams::default(), &object(secret)?).await?;
    secrets.get("one").await?;
    secrets.patch("one", &params, &Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}))).await?;
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "one.1"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "Ready", "action": "Reconcile",
        "reportingController": "aigateway.dev/operator", "reportingInstance": "pod-1",
        "regarding": {"kind": "Tenant", "name": "one", "namespace": target.namespace},
    });
    events.create(&PostParams::default(), &object(event)?).await?;
    Ok(())
}

/// What leader election needs, by the name the chart gives.
async fn leases(api: &Api<DynamicObject>) -> Outcome {
    let name = "conformance-aigw-operator";
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15},
    });
    let created = api.create(&PostParams::default(), &object(lease)?).await?;
    api.get(name).await?;
    api.replace(name, &PostParams::default(), &created).await?;
    forbidden("deleting the lease", api.delete(name, &DeleteParams::default()).await)?;
    Ok(())
}

fn forbidden<T>(what: &str, result: kube::Result<T>) -> Outcome {
    let refused = refusal(result, what)?;
    ensure_eq!((refused.code, refused.reason.as_str()), (403, "Forbidden"), "{what}");
    ensure!(refused.message.contains("cannot"), "{what}: {}", refused.message);
    Ok(())
}
