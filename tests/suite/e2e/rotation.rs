//! A credential that is replaced while a client streams: both are good, nothing is counted anew, and the old one ends once
//! it is not used any more, with the next call.

use std::time::Duration;

use aigw_contract::Credential;
use aigw_env::bedrock::{Fault, Match, Rule};
use aigw_tests::clients::{Client, TOKEN, read_secret};
use aigw_tests::cluster::Object;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, inventory, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// Between two chunks of the stream: so that it takes longer than a rotation.
const CHUNK_MS: u64 = 900;
/// Price of the output of every model, in USD per million tokens, so that each call costs something.
const OUTPUT_USD: &str = "1000";

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "a_rotation_in_mid_stream_resets_nothing_and_loses_nothing", in_mid_stream)]
}

/// Ids of the keys in a tenant's status, the active one first.
pub fn keys(shared: &Shared, tenant: &Object) -> Outcome<Vec<String>> {
    let keys = shared.world.cluster.get(tenant)?["status"]["credentials"]["keys"].as_array().cloned();
    let id = |key: &Value| key["id"].as_str().unwrap_or_default().to_owned();
    Ok(keys.unwrap_or_default().iter().map(id).collect())
}

/// Asks for a rotation and waits until the Secret holds another credential, and is told to.
pub fn rotate(shared: &Shared, tenant: &Object, request: &str) -> Outcome<Client> {
    let before = keys(shared, tenant)?;
    shared.world.cluster.annotate(tenant, "aigateway.dev/rotate", Some(request))?;
    wait::until("the credential is another", || {
        let now = keys(shared, tenant)?;
        ensure!(now.first() != before.first(), "still {now:?}");
        let secret = read_secret(&shared.world.cluster, &tenant.namespace, &format!("ai-gateway-{}", tenant.name))?;
        let held = Credential::parse(secret.get(TOKEN).map_or("", String::as_str))?;
        ensure_eq!(Some(held.key()), now.first().map(String::as_str), "key of the Secret");
        Ok(())
    })?;
    Client::of(&shared.world, tenant)
}

/// The month's window as the gateway tells it.
fn month(client: &Client) -> Outcome<Value> {
    let usage = client.usage()?;
    let windows = usage["windows"].as_array().cloned().unwrap_or_default();
    Ok(windows.into_iter().find(|window| window["window"] == "Month").ok_or("no month")?)
}

fn micro_usd(window: &Value) -> Outcome<f64> {
    Ok(window["used"].as_str().unwrap_or_default().parse::<f64>()?)
}

fn in_mid_stream() -> Outcome {
    let shared = prod()?;
    let spec = json!({
        "tiers": [{
            "name": "silver", "plan": {"requestsPerSecond": 100, "burst": 200},
            "limits": {"maxOutputTokens": {"default": 100}}, "budgets": [{"window": "Month", "usd": "1000"}],
        }],
        "models": {"prices": [{"match": "*", "usdPerMillionTokens": {"input": "0", "output": OUTPUT_USD}}]},
        "tenants": {"rules": [{"name": "own", "match": {"namespaces": {"from": "Same"}}}]},
    });
    let own = shared.own("rotation", &spec, &[("one", "silver")])?;
    let tenant = &own.tenants[0];
    shared.world.cluster.patch(tenant, &json!({"spec": {"apiKey": {"overlap": "1s"}}}))?;
    shared.world.cluster.wait_ready(tenant)?;
    let old = Client::of(&shared.world, tenant)?;
    old.until_answered()?;
    let internal = inventory::of(&shared.world, &own.gateway)?.0["apiKeys"].clone();
    let before = micro_usd(&month(&old)?)?;
    ensure!(before > 0.0, "the first call cost nothing");

    let stub = shared.world.bedrock()?;
    let slow = Fault { chunk_ms: Some(CHUNK_MS), ..Fault::default() };
    stub.faults().add(Rule::new(
        Match { path_contains: Some("converse-stream".into()), ..Match::default() },
        1,
        1,
        slow,
    ));
    stub.clear_requests();
    let streaming = old.clone();
    let stream = std::thread::spawn(move || streaming.run("converse_stream.py", &[]));
    wait::until("the stream has begun", || {
        ensure!(!stub.requests().is_empty(), "no request");
        Ok(())
    })?;
    let new = rotate(&shared, tenant, "monday")?;
    ensure!(!stream.is_finished(), "the stream ended before the rotation");
    new.must_answer()?;
    old.must_answer()?;
    let during = micro_usd(&month(&new)?)?;
    ensure!(during > before, "counted anew: USD {during} after {before}");
    let ended = stream.join().map_err(|_| "the stream's thread panicked")??.ok()?.summary()?;
    stub.faults().clear();
    ensure!(ended["stopReason"] == "end_turn" && ended["chunks"].as_u64() > Some(5), "the stream: {ended}");
    let after = micro_usd(&month(&new)?)?;
    ensure!(after >= before, "counted anew: USD {after} after {before}");
    let same = inventory::of(&shared.world, &own.gateway)?.0["apiKeys"].clone();
    ensure_eq!(same, internal, "the internal key");

    // Nobody uses the old one any more.
    wait::until("the old key has ended", || {
        ensure_eq!(keys(&shared, tenant)?, ["k2"], "keys");
        Ok(())
    })?;
    let class = wait::within(Duration::from_secs(2), "the next call is denied", || {
        let ended = old.converse()?;
        ensure!(!ended.success, "answered: {}", ended.output);
        Ok(ended.output.trim().lines().last().unwrap_or_default().to_owned())
    })?;
    new.must_answer()?;
    let told = shared.world.cluster.list("Event")?;
    let told = told.iter().filter(|event| event["reason"] == "CredentialRotated");
    ensure!(told.clone().any(|event| event["metadata"]["namespace"] == "rotation"), "no Event tells of it");
    figures::note(
        "a rotation while a client streams",
        format!("both keys answered; the old one after its end: {class}"),
    );
    own.remove(&shared)
}
