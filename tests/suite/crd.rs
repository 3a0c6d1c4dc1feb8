//! The definitions at a real kube-apiserver: what it accepts, what it refuses and with which words, what kubectl shows.

use aigw_tests::cluster::Cluster;
use aigw_tests::harness::{Suite, environment_test};
use aigw_tests::world::world;
use aigw_tests::{Outcome, ensure, ensure_eq, installation, manifests, repository};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// No operator acts here.
const NAMESPACE: &str = "fixtures";
/// What the apiserver adds where it gave up before our rules: no reason of its own.
const NOT_CHECKED: &str = "some validation rules were not checked";
const EXPECT: &str = "aigateway.dev/expect";

pub fn suite() -> Suite {
    let tests = vec![
        environment_test(module_path!(), "definitions_are_accepted_and_established", established),
        environment_test(module_path!(), "good_objects_are_accepted", good),
        environment_test(module_path!(), "bad_objects_are_refused_with_our_words", bad),
        environment_test(module_path!(), "examples_are_accepted", examples),
        environment_test(module_path!(), "unknown_fields_are_refused_by_kubectl", unknown_fields),
        environment_test(module_path!(), "a_spec_comes_back_as_it_was_written", no_defaults),
        environment_test(module_path!(), "short_names_category_and_columns_work", columns),
        environment_test(module_path!(), "tenants_can_be_selected_by_gateway", selectable),
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

fn established() -> Outcome {
    with_cluster(|cluster| {
        for definition in cluster.list("CustomResourceDefinition")? {
            let condition = aigw_tests::cluster::find_condition(&definition, "Established");
            ensure_eq!(condition["status"], "True", "Established");
            let structural = aigw_tests::cluster::find_condition(&definition, "NonStructuralSchema");
            ensure!(structural.is_null(), "the schema is not structural: {structural}");
        }
        // What is committed below crds/ is for those who install without Helm.
        let folder = repository::path("crds").display().to_string();
        cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", &folder])?;
        Ok(())
    })
}

/// Creates an object, or updates it if it is there; the error is the apiserver's.
fn put(cluster: &Cluster, object: &Value, dry_run: bool) -> Result<(), kube::Error> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let api = cluster.api(kind, NAMESPACE);
    let object: DynamicObject = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
    let name = object.metadata.name.clone().unwrap_or_default();
    cluster.block(async {
        if api.get_opt(&name).await?.is_none() {
            let params = PostParams { dry_run, ..PostParams::default() };
            api.create(&params, &object).await?;
        } else {
            let params = PatchParams { dry_run, ..PatchParams::default() };
            api.patch(&name, &params, &Patch::Merge(&replacing(&object))).await?;
        }
        Ok(())
    })
}

/// A merge patch that replaces the whole spec: what the new one lacks is removed.
fn replacing(object: &DynamicObject) -> Value {
    let mut spec = object.data["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        for optional in ["apiKey", "tier", "suspend", "tags", "bedrock", "throttle", "auth", "functions"] {
            fields.entry(optional).or_insert(Value::Null);
        }
    }
    json!({"spec": spec})
}

fn remove(cluster: &Cluster, object: &Value) -> Outcome {
    let api = cluster.api(object["kind"].as_str().unwrap_or_default(), NAMESPACE);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    cluster.block(api.delete(name, &DeleteParams::default()))?;
    Ok(())
}

/// Puts the documents of a fixture; the last one's result is for the caller. Leaves nothing.
fn fixture(cluster: &Cluster, file: &str) -> Outcome<(Value, Result<(), kube::Error>)> {
    let documents = repository::yaml(file)?;
    let (last, before) = documents.split_last().ok_or_else(|| format!("{file} is empty"))?;
    for document in before {
        put(cluster, document, false).map_err(|error| format!("{file}: the object before the change: {error}"))?;
    }
    let result = put(cluster, last, true);
    before.iter().try_for_each(|document| remove(cluster, document))?;
    Ok((last.clone(), result))
}

fn good() -> Outcome {
    with_cluster(|cluster| {
        let files = repository::files("tests/fixtures/crd/good", ".yaml")?;
        ensure!(!files.is_empty(), "no fixtures");
        let mut problems = Vec::new();
        for file in files {
            if let (_, Err(error)) = fixture(cluster, &file)? {
                problems.push(format!("{file}: {error}"));
            }
        }
        ensure!(problems.is_empty(), "{}", problems.join("\n"));
        Ok(())
    })
}

fn bad() -> Outcome {
    with_cluster(|cluster| {
        let files = repository::files("tests/fixtures/crd/bad", ".yaml")?;
        ensure!(!files.is_empty(), "no fixtures");
        let mut problems = Vec::new();
        for file in files {
            let (object, result) = fixture(cluster, &file)?;
            let expected = object["metadata"]["annotations"][EXPECT].as_str().unwrap_or_default();
            problems.extend(judge(expected, result).map(|problem| format!("{file}: {problem}")));
        }
        ensure!(problems.is_empty(), "{}", problems.join("\n"));
        Ok(())
    })
}

/// Why a refusal is not the one that was wanted. It has to be for one reason only: an object that breaks two rules proves
/// neither.
fn judge(expected: &str, result: Result<(), kube::Error>) -> Option<String> {
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

fn examples() -> Outcome {
    with_cluster(|cluster| {
        for file in repository::files("examples", ".yaml")? {
            let path = repository::path(&file).display().to_string();
            // Namespaces come before what is in them, and a dry run does not make them.
            for namespace in ["ai-platform", "team-search", "team-ads"] {
                if cluster
                    .find(&aigw_tests::cluster::Object {
                        kind: "Namespace",
                        namespace: String::new(),
                        name: namespace.into(),
                    })?
                    .is_none()
                {
                    cluster.namespace(namespace, true)?;
                }
            }
            cluster.kubectl(&["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", &path])?;
        }
        Ok(())
    })
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

fn no_defaults() -> Outcome {
    with_cluster(|cluster| {
        for object in [tenant("plain", "prod"), manifests::gateway(NAMESPACE, "plain")] {
            cluster.apply(std::slice::from_ref(&object))?;
            let kind = if object["kind"] == "Tenant" { "Tenant" } else { "AIGateway" };
            let stored = cluster.get(&aigw_tests::cluster::Object {
                kind,
                namespace: NAMESPACE.into(),
                name: "plain".into(),
            })?;
            ensure_eq!(stored["spec"], object["spec"], "spec of the {kind} as stored");
            remove(cluster, &object)?;
        }
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
        let tenants = ["NAME", "READY", "REASON", "TIER", "GATEWAY", "SUSPENDED", "AGE"];
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

fn selectable() -> Outcome {
    with_cluster(|cluster| {
        let objects = [tenant("one", "prod"), tenant("two", "other")];
        cluster.apply(&objects)?;
        for (selector, expected) in [
            ("spec.gatewayRef.name=prod", "tenant.aigateway.dev/one"),
            ("spec.gatewayRef.name=other,spec.gatewayRef.namespace=ai-platform", "tenant.aigateway.dev/two"),
        ] {
            let found =
                cluster.kubectl(&["get", "aitn", "-n", NAMESPACE, "--field-selector", selector, "-o", "name"])?;
            ensure_eq!(found.trim(), expected, "{selector}");
        }
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
