//! Every operation of every Bedrock service model, sent by the SDK through TLS, API Gateway, authorizer and forwarder: what the
//! tenant's rules let pass arrives as the SDK would have sent it to AWS, and nothing else arrives. The rules deny most of
//! them: what identifies resources here is chosen to break proxies, and is no id. That all of them pass is shown by the
//! data-plane tests, without API Gateway and without rules (`forwarder/tests/data_plane`).

use aigw_contract::Family;
use aigw_env::bedrock::{Fault, Match, Rule};
use aigw_tests::clients::Client;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure_eq, figures};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// What the stub answers to operations it does not know.
const ANSWER: &str = r#"{"ok":true}"#;
/// Requests that the rules let pass.
const ALLOWED: u64 = 17;
/// Mount of the family in the URL of a client.
const FAMILY: &str = "/bedrock-runtime";

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "every_operation_of_the_service_models_arrives_byte_for_byte", every_operation)]
}

fn every_operation() -> Outcome {
    let shared = prod()?;
    let spec = json!({
        "bedrock": {"families": Family::ALL.map(Family::endpoint_prefix)},
        "tiers": [{"name": "silver", "plan": {"requestsPerSecond": 1000, "burst": 2000}}],
        "tenants": {"rules": [{"name": "own", "match": {"namespaces": {"from": "Same"}}}]},
    });
    let own = shared.own("operations", &spec, &[("one", "silver")])?;
    let client = Client::of(&shared.world, &own.tenants[0])?;
    client.until_answered()?;
    let stub = shared.world.bedrock()?;
    stub.clear_requests();
    let answer = Fault { status: Some(200), body: Some(ANSWER.into()), ..Fault::default() };
    stub.faults().add(Rule::new(Match::default(), 1, 0, answer));
    let outcome = send(&shared, &client);
    stub.faults().clear();
    check(&outcome?)?;
    own.remove(&shared)
}

fn send(shared: &Shared, client: &Client) -> Outcome<Value> {
    let gateway = client.endpoint().strip_suffix(FAMILY).ok_or("the endpoint names no family")?;
    let stub = shared.world.cluster.instance().bedrock_url()?;
    let arguments = [
        "--rules",
        "--through-api-gateway",
        "--gateway",
        gateway,
        "--stub",
        &stub,
        "--region",
        "eu-central-1",
        "--answer",
        ANSWER,
    ];
    client.run("operations.py", &arguments)?.ok()?.summary()
}

/// Whatever the tenant's rules let pass arrives; what they deny does not.
fn check(summary: &Value) -> Outcome {
    let number = |name: &str| summary[name].as_u64().unwrap_or_default();
    let refused = summary["refused"].as_array().map_or(0, Vec::len) as u64;
    ensure_eq!((number("operations"), refused), (523, 1), "operations, and two-way streams among them, in {summary}");
    let sent = (number("operations") - refused) * 2;
    ensure_eq!(
        number("exact") + number("denied"),
        sent,
        "requests that arrived as boto3 would have sent them, or were denied"
    );
    ensure_eq!(number("exact"), ALLOWED, "requests that arrived");
    figures::note(
        "requests of every operation of the eight service models",
        format!("{} arrived byte for byte, {} were denied by rules", summary["exact"], summary["denied"]),
    );
    Ok(())
}
