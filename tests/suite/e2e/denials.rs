//! Every kind of denial as an application meets it: by class and status in boto3 and the AWS SDK for JavaScript, and
//! whether the SDK tries again by itself. What a wait cures is retried; what it does not cure is not hammered.

use aigw_tests::clients::Client;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// A model of which the tests' price list says that a token of output costs a thousandth of a dollar.
const MODEL: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
/// One the tenant's rule does not allow.
const FORBIDDEN: &str = "amazon.nova-micro-v1:0";
/// Output asked for, which the windows of the tests have room for or not.
const OUTPUT_TOKENS: &str = "20";
/// The SDKs, by the program that makes a call with each.
const SDKS: [(&str, &str); 2] = [("boto3", "denial.py"), ("JavaScript", "denial.mjs")];

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "both_sdks_retry_what_a_wait_cures_and_nothing_else", both)]
}

/// A denial: how a tenant comes to meet it, and what the SDKs make of it.
struct Denial {
    name: &'static str,
    /// Merged into the Tenant's spec.
    spec: Value,
    model: &'static str,
    class: &'static str,
    status: i64,
    retried: bool,
}

fn denials() -> Vec<Denial> {
    let limits = |limits: Value| json!({"limits": limits});
    let denial = |name, spec, (class, status, retried)| Denial { name, spec, model: MODEL, class, status, retried };
    let throttled = ("ThrottlingException", 429, true);
    let forbidden = ("AccessDeniedException", 403, false);
    let invalid = ("ValidationException", 400, false);
    vec![
        denial("calls of the minute", limits(json!({"requestsPerMinute": 1})), throttled),
        denial("tokens of the minute", limits(json!({"requestsPerMinute": null, "tokensPerMinute": 300})), throttled),
        denial("larger than a whole minute", limits(json!({"tokensPerMinute": 10})), invalid),
        denial(
            "larger than a whole budget",
            json!({"limits": null, "budgets": [{"window": "Month", "usd": "0.001"}]}),
            invalid,
        ),
        denial("budget", json!({"budgets": [{"window": "Month", "usd": "0.03"}]}), forbidden),
        Denial { model: FORBIDDEN, ..denial("model", json!({"budgets": null}), forbidden) },
        denial("suspended", json!({"suspend": true}), forbidden),
    ]
}

fn gateway(shared: &Shared) -> Outcome<Own> {
    let spec = json!({
        "tiers": [{"name": "silver", "plan": {"requestsPerSecond": 1000, "burst": 2000}}],
        "models": {"prices": [{"match": "*", "usdPerMillionTokens": {"input": "0", "output": "1000"}}]},
        "tenants": {"rules": [{
            "name": "own", "match": {"namespaces": {"from": "Same"}}, "allow": {"models": [{"match": "anthropic.*"}]},
        }]},
    });
    let own = shared.begin("denials", &spec, &[("one", "silver")])?;
    own.wait_ready(shared)?;
    Ok(own)
}

fn call(client: &Client, program: &str, model: &str) -> Outcome<Value> {
    client.run(program, &[model, OUTPUT_TOKENS])?.ok()?.summary()
}

fn both() -> Outcome {
    let shared = prod()?;
    let own = gateway(&shared)?;
    let (tenant, cluster) = (&own.tenants[0], &shared.world.cluster);
    let client = Client::of(&shared.world, tenant)?;
    client.until_answered()?;
    for Denial { name, spec, model, class, status, retried } in denials() {
        cluster.patch(tenant, &json!({"spec": spec}))?;
        cluster.wait_ready(tenant)?;
        for (sdk, program) in SDKS {
            // The window may have begun anew: then the first calls are answered.
            let seen = wait::until("the denial", || {
                let seen = call(&client, program, model)?;
                ensure!(seen["name"] != "ok", "answered: {seen}");
                Ok(seen)
            })?;
            ensure_eq!(seen["name"].as_str(), Some(class), "{sdk}, {name}: {seen}");
            ensure_eq!(seen["class"].as_str(), Some(class), "class in {sdk}, {name}: {seen}");
            ensure_eq!(seen["status"].as_i64(), Some(status), "{sdk}, {name}: {seen}");
            let attempts = seen["attempts"].as_i64().unwrap_or_default();
            ensure_eq!(attempts > 1, retried, "whether {sdk} retries, {name}: {seen}");
            figures::note(format!("denial for {name} in {sdk}"), format!("{class}, {status}, {attempts} attempts"));
        }
    }
    let revoked = client.with(aigw_tests::clients::TOKEN, "aigw_none_none_none");
    for (sdk, program) in SDKS {
        let seen = call(&revoked, program, MODEL)?;
        ensure_eq!(seen["name"].as_str(), Some("UnrecognizedClientException"), "{sdk}, no credential of ours: {seen}");
        ensure_eq!(seen["attempts"].as_i64(), Some(1), "attempts of {sdk}, no credential of ours: {seen}");
        figures::note(format!("denial for an unknown credential in {sdk}"), seen.to_string());
    }
    own.remove(&shared)
}
