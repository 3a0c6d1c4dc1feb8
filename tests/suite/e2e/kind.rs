//! What `tests/kind` applies to a cluster, as far as it can be tried without containers: a real API server accepts it, and
//! its parts name the same things.

use aigw_tests::charts;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::operator;
use aigw_tests::{Outcome, ensure, ensure_eq, repository};
use libtest_mimic::Trial;

const MANIFEST: &str = "tests/kind/emulator.yaml";
const VALUES: [&str; 2] = ["tests/kind/values.yaml", "tests/kind/emulator-values.yaml"];
/// Beside the files, as run.sh says it; the address is one of a Service.
const ALIAS: &str = r#"hostAliases=[{"ip":"10.0.0.84","hostnames":["localhost"]}]"#;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "an_apiserver_accepts_the_manifests_for_kind", manifests),
        test(module_path!(), "in_kind_the_operator_trusts_and_reaches_the_gateways_url", operators_values),
    ]
}

/// Without either a gateway in kind would never be Ready: its probe could not get through.
fn operators_values() -> Outcome {
    let shared = operator()?;
    let [ours, emulators] = VALUES;
    let rendered = charts::template(
        "charts/aigw-operator",
        &["--values", ours, "--values", emulators, "--set-json", ALIAS, "--show-only", "templates/deployment.yaml"],
    )?;
    let file = shared.world.cluster.instance().dir().join("kind-operator.yaml");
    std::fs::write(&file, &rendered)?;
    shared.world.cluster.namespace("aigw-system", false)?;
    shared.world.cluster.kubectl(&["apply", "--dry-run=server", "--filename", &file.display().to_string()])?;

    let documents = repository::documents(&rendered)?;
    let pod = &documents.first().ok_or("no Deployment")?["spec"]["template"]["spec"];
    ensure_eq!(pod["hostAliases"][0]["hostnames"][0], "localhost", "the name in the gateways' URL");
    let (volume, mount) = (&pod["volumes"][0], &pod["containers"][0]["volumeMounts"][0]);
    ensure_eq!(volume["name"], mount["name"], "what is mounted");
    let authority = volume["configMap"]["name"].as_str().ok_or("no ConfigMap")?;
    let file = format!("{}/ca.pem", mount["mountPath"].as_str().unwrap_or_default());
    let (script, page) = (repository::read("tests/kind/run.sh")?, repository::read("docs/quickstart-kind.md")?);
    for there in [format!("{authority} --from-file=\"$work/ca.pem\""), format!("AIGW_OPERATOR_CA_FILE={file}")] {
        ensure!(script.contains(&there), "run.sh does not say {there}");
    }
    let told = format!(r#"{{"name":"SSL_CERT_FILE","value":"{file}"}}"#);
    for there in ["https://localhost:8443/{restApiId}/{stage}", ours, emulators, &told] {
        ensure!(page.contains(there), "the quick start does not say {there}");
    }
    Ok(())
}

fn manifests() -> Outcome {
    let shared = operator()?;
    let documents = repository::yaml(MANIFEST)?;
    // A namespace of a dry run is not there for what is in it.
    shared.world.cluster.namespace("aws", false)?;
    let file = repository::path(MANIFEST).display().to_string();
    let arguments = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--filename", &file];
    let answer = shared.world.cluster.kubectl(&arguments)?;
    ensure_eq!(answer.lines().count(), documents.len(), "accepted: {answer}");
    shared.world.cluster.kubectl(&["delete", "namespace", "aws", "--wait=false"])?;

    let service = documents.iter().find(|document| document["kind"] == "Service").ok_or("no Service")?;
    let cluster = repository::yaml("tests/kind/cluster.yaml")?;
    let mapped: Vec<_> = cluster[0]["nodes"][0]["extraPortMappings"].as_array().into_iter().flatten().collect();
    for port in service["spec"]["ports"].as_array().into_iter().flatten() {
        let mapping = mapped.iter().find(|each| each["containerPort"] == port["nodePort"]);
        let mapping = mapping.ok_or_else(|| format!("no way from outside to {port}"))?;
        ensure_eq!(mapping["listenAddress"], "127.0.0.1", "the emulator runs code of whoever reaches it");
        ensure_eq!(mapping["hostPort"], port["port"], "port outside and inside");
    }
    let script = repository::read("tests/kind/run.sh")?;
    for there in
        ["http://aws.aws.svc:4566", "http://127.0.0.1:4566", "https://localhost:8443", "--tag aigw-emulator:test"]
    {
        ensure!(script.contains(there), "run.sh does not say {there}");
    }
    Ok(())
}
