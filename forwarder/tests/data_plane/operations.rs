//! Every operation of every Bedrock service model, sent by an unmodified boto3 through the gateway.
//!
//! `tests/clients/python/operations.py` makes the requests from the models and compares what arrived with what the SDK
//! would have sent to AWS; the fake Bedrock has verified each signature before.

use std::path::{Path, PathBuf};
use std::process::Command;

use aigw_contract::Family;
use serde_json::{Value, json};

use crate::support::api_gateway::FakeApiGateway;
use crate::support::bedrock::Destination;
use crate::support::world::{World, event};

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
            without_a_mount(&world).await;
        })
        .await;
}

/// The same paths without a mount: the header of AWS's sample gateway leads to the same family; without it the path leads
/// there or nowhere, and never to another family.
async fn without_a_mount(world: &World) {
    let (mut by_path, targets) = (0, world.bedrock.destinations());
    assert!(targets.len() > 500, "{}", targets.len());
    for Destination { method, path, host } in targets {
        let family = host.split('.').next().unwrap();
        let mut named = event(&method, &path);
        named["multiValueHeaders"]["aws-endpoint-prefix"] = json!([family]);
        assert_eq!(arrived_at(world, &named).await.as_ref(), Some(&host), "{method} {path} with {family}");
        if let Some(found) = arrived_at(world, &event(&method, &path)).await {
            assert_eq!(found, host, "{method} {path}");
            by_path += 1;
        }
    }
    assert!(by_path > 0, "no path leads anywhere");
}

/// The host an event led to; none where it was refused.
async fn arrived_at(world: &World, event: &Value) -> Option<String> {
    let status = world.call(event).await.prelude["statusCode"].clone();
    let arrived = world.bedrock.take_arrived().pop();
    assert_eq!(status, if arrived.is_some() { 200 } else { 400 });
    arrived.map(|request| request.parts.headers["host"].to_str().unwrap().to_owned())
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
