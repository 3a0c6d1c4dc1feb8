//! Every operation of every Bedrock service model, sent by an unmodified boto3 through the gateway.
//!
//! `tests/clients/python/operations.py` makes the requests from the models and compares what arrived with what the SDK
//! would have sent to AWS; the fake Bedrock has verified each signature before.

use std::path::{Path, PathBuf};
use std::process::Command;

use aigw_contract::Family;
use serde_json::Value;

use crate::support::api_gateway::FakeApiGateway;
use crate::support::world::World;

/// Operations of the eight models in the pinned botocore. A newer one has more: raise it together with the pin.
const OPERATIONS: u64 = 523;
/// Each is sent with its required parameters, and with all.
const VARIANTS: u64 = 2;
/// Two-way streams, which cannot pass.
const REFUSED: u64 = 1;

#[tokio::test]
async fn every_operation_of_the_service_models_arrives_as_the_sdk_would_have_sent_it() {
    let world = World::new().await;
    world.configure(&Family::ALL.map(Family::endpoint_prefix));
    let gateway = FakeApiGateway::of(&world).spawn().await;
    let mut program = Command::new(sdks().join("venv/bin/python"));
    program
        .arg(repository().join("tests/clients/python/operations.py"))
        .args(["--gateway", &format!("http://{gateway}/v1"), "--region", "eu-central-1"])
        .args(["--stub", &world.environment[aigw_contract::environment::BEDROCK_ENDPOINT_OVERRIDE]])
        .env("AWS_BEARER_TOKEN_BEDROCK", world.credential.expose())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    world
        .forwarder(async {
            let output = tokio::task::spawn_blocking(move || program.output()).await.unwrap().unwrap();
            let differences = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{differences}");
            let text = String::from_utf8(output.stdout).unwrap();
            let summary: Value = serde_json::from_str(text.trim().lines().last().unwrap()).unwrap();
            assert_eq!(summary["operations"], OPERATIONS, "{summary}");
            assert_eq!(summary["refused"].as_array().unwrap().len() as u64, REFUSED, "{summary}");
            assert_eq!(summary["exact"], (OPERATIONS - REFUSED) * VARIANTS, "{summary}");
        })
        .await;
}

#[test]
fn the_committed_endpoints_are_those_of_the_sdk() {
    let mut program = Command::new(sdks().join("venv/bin/python"));
    program.arg(repository().join("tests/clients/python/endpoints.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = program.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let committed = std::fs::read_to_string(repository().join("forwarder/contract/endpoints.csv")).unwrap();
    assert!(output.stdout == committed.as_bytes(), "forwarder/contract/endpoints.csv is not what endpoints.py prints");
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folder of the client programs' SDKs, installed where they are not yet.
fn sdks() -> PathBuf {
    if let Some(folder) = std::env::var_os("AIGW_CLIENTS_DIR") {
        return folder.into();
    }
    let output = Command::new("/bin/sh").arg(repository().join("tests/clients/setup.sh")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().into()
}
