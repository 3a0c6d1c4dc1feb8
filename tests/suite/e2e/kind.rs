//! What `tests/kind` applies to a cluster, as far as it can be tried without containers: a real API server accepts it, and
//! its parts name the same things.

use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::operator;
use aigw_tests::{Outcome, ensure, ensure_eq, repository};
use libtest_mimic::Trial;

const MANIFEST: &str = "tests/kind/emulator.yaml";

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "an_apiserver_accepts_the_manifests_for_kind", manifests)]
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
        ["http://aws.aws.svc:4566", "http://127.0.0.1:4566", "https://127.0.0.1:8443", "--tag aigw-emulator:test"]
    {
        ensure!(script.contains(there), "run.sh does not say {there}");
    }
    Ok(())
}
