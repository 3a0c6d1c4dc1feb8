//! The charts, installed by Helm as a user would.

use std::path::PathBuf;

use serde_json::json;

use crate::cluster::Cluster;
use crate::{Outcome, repository};

/// Namespace of the operator.
pub const NAMESPACE: &str = "aigw-system";
/// Release of the operator.
pub const RELEASE: &str = "aigw-operator";
/// The shortest the operator takes, so that drift is found while a test waits.
pub const DRIFT_SECONDS: u64 = 10;

/// Where both charts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charts {
    /// Of the definitions.
    pub definitions: &'static str,
    /// Of the operator.
    pub operator: &'static str,
}

/// The checkout's.
pub const CHARTS: Charts = Charts { definitions: "charts/aigw-crds", operator: "charts/aigw-operator" };

/// Installs the custom resource definitions, once per cluster.
pub fn definitions(cluster: &Cluster) -> Outcome {
    definitions_of(&CHARTS, cluster)
}

fn definitions_of(charts: &Charts, cluster: &Cluster) -> Outcome {
    if cluster.helm(&words(&["status", "aigw-crds", "-n", NAMESPACE])).is_err() {
        cluster.helm(&words(&["install", "aigw-crds", charts.definitions, "-n", NAMESPACE, "--create-namespace"]))?;
        cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?;
    }
    Ok(())
}

/// Where the operator of a cluster finds AWS, and what it tells clients.
pub struct Aws<'a> {
    /// Endpoint of all services.
    pub endpoint: String,
    /// The environment with the gateways' front.
    pub front: &'a Cluster,
}

/// Installs the operator and waits for its pod. Gives the port of health and metrics.
pub fn operator(cluster: &Cluster, aws: &Aws<'_>, installation: &str) -> Outcome<u16> {
    operator_of(&CHARTS, cluster, aws, installation)
}

/// The same with charts of one's own.
pub fn operator_of(charts: &Charts, cluster: &Cluster, aws: &Aws<'_>, installation: &str) -> Outcome<u16> {
    definitions_of(charts, cluster)?;
    let port = cluster.instance().free_port()?;
    let all = aws.front.instance().env();
    let value = |name: &str| all.get(name).cloned().unwrap_or_default();
    let template = format!("{}/{{restApiId}}/{{stage}}", value("AIGW_GATEWAY_URL"));
    // On a cluster IAM roles do this; here any credentials do, and the key id is the emulator's account.
    let variables = json!([
        {"name": "AWS_ACCESS_KEY_ID", "value": value("AWS_ACCESS_KEY_ID")},
        {"name": "AWS_SECRET_ACCESS_KEY", "value": value("AWS_SECRET_ACCESS_KEY")},
        {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
        {"name": "SSL_CERT_FILE", "value": trusted(cluster, aws.front)?},
    ]);
    let values = repository::path("tests/demo/values.yaml").display().to_string();
    let mut arguments = words(&["install", RELEASE, charts.operator, "-n", NAMESPACE, "--create-namespace"]);
    arguments.extend(words(&["--values", &values, "--set", &format!("installation={installation}")]));
    arguments.extend(words(&[
        "--set",
        &format!("httpPort={port}"),
        "--set",
        &format!("driftInterval={DRIFT_SECONDS}s"),
    ]));
    arguments.extend(words(&["--set", &format!("aws.region={}", value("AWS_REGION"))]));
    arguments.extend(words(&["--set-literal", &format!("aws.endpointUrl={}", aws.endpoint)]));
    arguments.extend(words(&["--set-literal", &format!("aws.endpointUrlTemplate={template}")]));
    arguments.extend(words(&["--set-json", &format!("extraEnv={variables}"), "--wait", "--timeout", "120s"]));
    cluster.helm(&arguments)?;
    cluster.wait_operator()?;
    Ok(port)
}

/// Certificates the operator trusts: of the front before the gateways, which it probes, and of an identity provider that
/// tests have at hand, the API server.
fn trusted(cluster: &Cluster, front: &Cluster) -> Outcome<PathBuf> {
    let path = cluster.instance().dir().join("operator-trusts.pem");
    let certificates = [front.instance().ca_pem()?.to_owned(), cluster.instance().kube()?.certificates()];
    let all = certificates.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    std::fs::write(&path, all.join("\n"))?;
    Ok(path)
}

/// Words as Helm's arguments.
pub fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|&word| word.to_owned()).collect()
}
