//! The definitions as people meet them: what kubectl takes and shows, what a GitOps tool sees. What a server makes of
//! their objects is in `conformance`.

use aigw_tests::cluster::Cluster;
use aigw_tests::harness::{Suite, environment_test};
use aigw_tests::world::world;
use aigw_tests::{Outcome, ensure, ensure_eq, installation, manifests, repository};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

/// No operator acts here.
const NAMESPACE: &str = "fixtures";
pub fn suite() -> Suite {
    let tests = vec![
        environment_test(module_path!(), "the_committed_definitions_are_accepted", committed),
        environment_test(module_path!(), "unknown_fields_are_refused_by_kubectl", unknown_fields),
        environment_test(module_path!(), "short_names_category_and_columns_work", columns),
        environment_test(module_path!(), "applying_twice_changes_nothing", applied_twice),
        environment_test(module_path!(), "fixtures_leave_nothing", clean_up),
    ];
    Suite::in_environment("crd", tests)
}

/// The cluster with the definitions and the namespace.
fn with_cluster(run: impl FnOnce(&Cluster) -> Outcome) -> Outcome {
    let world = world()?;
    installation::definitions(&world.cluster)?;
    world.cluster.namespace(NAMESPACE, false)?;
    run(&world.cluster)
}

fn committed() -> Outcome {
    with_cluster(|cluster| {
        // What is committed below crds/ is for those who install without Helm.
        let folder = repository::path("crds").display().to_string();
        cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", &folder])?;
        Ok(())
    })
}

fn remove(cluster: &Cluster, object: &Value) -> Outcome {
    let api = cluster.api(object["kind"].as_str().unwrap_or_default(), NAMESPACE);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    cluster.block(api.delete(name, &DeleteParams::default()))?;
    Ok(())
}

fn tenant(name: &str, gateway: &str) -> Value {
    manifests::tenant(NAMESPACE, name, ("ai-platform", gateway), "silver")
}

fn unknown_fields() -> Outcome {
    with_cluster(|cluster| {
        let wrong = manifests::with(tenant("unknown", "prod"), &json!({"spec": {"teir": "silver"}}));
        let refused = cluster.apply(&[wrong]).err().ok_or("a misspelled field was accepted")?;
        let message = aigw_tests::harness::text(&refused);
        ensure!(message.contains("unknown field \"spec.teir\""), "{message}");
        Ok(())
    })
}

fn header(cluster: &Cluster, arguments: &[&str]) -> Outcome<Vec<String>> {
    let text = cluster.kubectl(&[&["get", "-n", NAMESPACE], arguments].concat())?;
    let first = text.lines().next().unwrap_or_default().to_owned();
    Ok(first.split_whitespace().map(str::to_owned).collect())
}

fn columns() -> Outcome {
    with_cluster(|cluster| {
        let objects = [tenant("shown", "prod"), manifests::gateway(NAMESPACE, "shown")];
        cluster.apply(&objects)?;
        let tenants = ["NAME", "READY", "REASON", "TIER", "GATEWAY", "SUSPENDED", "WITHINBUDGET", "USED%", "AGE"];
        ensure_eq!(header(cluster, &["aitn"])?, tenants, "columns of tenants");
        let wide = header(cluster, &["aitn", "-o", "wide"])?;
        ensure!(wide.contains(&"MESSAGE".to_owned()) && wide.contains(&"SECRET".to_owned()), "wide columns: {wide:?}");
        let gateways = header(cluster, &["aigw"])?;
        for column in ["NAME", "READY", "REASON", "AGE"] {
            ensure!(gateways.contains(&column.to_owned()), "columns of gateways: {gateways:?}");
        }
        let names = cluster.kubectl(&["get", "aigateways", "-n", NAMESPACE, "-o", "name"])?;
        ensure!(names.contains("aigateway.aigateway.dev/shown"), "kubectl get aigateways: {names}");
        let all = cluster.kubectl(&["get", "aigw,aitn", "-n", NAMESPACE, "-o", "name"])?;
        ensure!(all.contains("tenant.aigateway.dev/shown"), "kubectl get aigw,aitn: {all}");
        let explained = cluster.kubectl(&["explain", "aitn.spec.tier"])?;
        ensure!(explained.contains("the gateway's rules say which are allowed"), "kubectl explain: {explained}");
        objects.iter().try_for_each(|object| remove(cluster, object))
    })
}

fn applied_twice() -> Outcome {
    with_cluster(|cluster| {
        let gateway = manifests::gateway(NAMESPACE, "twice");
        let tenant = tenant("twice", "prod");
        for object in [&gateway, &tenant] {
            let kind = object["kind"].as_str().unwrap_or_default();
            let api = cluster.api(kind, NAMESPACE);
            let params = PatchParams::apply("gitops").force();
            let apply = || cluster.block(api.patch("twice", &params, &Patch::Apply(object)));
            let (first, second) = (apply()?, apply()?);
            ensure_eq!(
                second.metadata.resource_version,
                first.metadata.resource_version,
                "version of the {kind} after a second apply"
            );
            ensure_eq!(second.data["spec"], object["spec"], "spec of the {kind} after apply");
            remove(cluster, object)?;
        }
        Ok(())
    })
}

fn clean_up() -> Outcome {
    with_cluster(|cluster| {
        for kind in ["AIGateway", "Tenant"] {
            let left = cluster.list(kind)?;
            ensure!(left.is_empty(), "left: {left:?}");
        }
        cluster.kubectl(&["delete", "namespace", NAMESPACE, "--timeout=60s"])?;
        Ok(())
    })
}
