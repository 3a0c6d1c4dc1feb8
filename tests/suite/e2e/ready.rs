//! From `kubectl apply` to Ready.

use aigw_tests::cluster::{conditions, find_condition};
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory;
use aigw_tests::shared::prod;
use aigw_tests::{Outcome, ensure, ensure_eq};
use libtest_mimic::Trial;
use serde_json::json;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "gateway_and_tenants_become_ready", become_ready),
        test(module_path!(), "the_secret_has_exactly_the_variables_aws_sdks_need", secret),
        test(module_path!(), "status_says_what_is_in_force", effective),
        test(module_path!(), "kubectl_get_says_whether_it_is_fine", columns),
        test(module_path!(), "events_tell_what_changed", events),
        test(module_path!(), "aws_holds_one_of_each_thing_with_our_tags", one_of_each),
    ]
}

fn become_ready() -> Outcome {
    let shared = prod()?;
    for object in [shared.gateway(), shared.search(), shared.ads()] {
        let found = shared.world.cluster.get(&object)?;
        for (condition, status) in [
            ("Ready", "True"),
            ("Accepted", "True"),
            ("Programmed", "True"),
            ("Reconciling", "False"),
            ("Stalled", "False"),
        ] {
            ensure_eq!(
                find_condition(&found, condition)["status"],
                status,
                "{condition} of {object:?}: {}",
                conditions(&found)
            );
        }
        ensure_eq!(found["status"]["observedGeneration"], found["metadata"]["generation"], "generation of {object:?}");
    }
    Ok(())
}

fn secret() -> Outcome {
    let shared = prod()?;
    let client = shared.search_client()?;
    let names: Vec<_> = client.secret.keys().map(String::as_str).collect();
    ensure_eq!(
        names,
        ["AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
        "variables"
    );
    let gateway = shared.world.cluster.get(&shared.gateway())?;
    let url = gateway["status"]["endpoint"].as_str().unwrap_or_default();
    ensure_eq!(client.endpoint(), format!("{url}/bedrock-runtime"), "endpoint for boto3");
    ensure!(client.token().starts_with("aigw_"), "the credential does not say what it is");
    Ok(())
}

fn effective() -> Outcome {
    let shared = prod()?;
    let gateway = shared.world.cluster.get(&shared.gateway())?;
    let effective = &gateway["status"]["effective"];
    // Not in the example: defaults that the operator filled in.
    for (field, value) in [
        ("cacheSeconds", json!(60)),
        ("apiKeys", json!(true)),
        ("timeoutSeconds", json!(900)),
        ("families", json!(["bedrock-runtime"])),
        ("unmetered", json!("Deny")),
        ("unknownPrice", json!("Deny")),
        ("failMode", json!("Closed")),
        ("deletionPolicy", json!("Delete")),
    ] {
        ensure_eq!(effective[field], value, "effective.{field}");
    }
    let ads = shared.world.cluster.get(&shared.ads())?;
    ensure_eq!(ads["status"]["effective"]["tier"], "trial", "tier of a tenant that asks for none");
    ensure_eq!(ads["status"]["effective"]["rule"], "teams", "rule that admitted it");
    Ok(())
}

fn columns() -> Outcome {
    let shared = prod()?;
    let text = shared.world.cluster.kubectl(&["get", "aitn", "-n", "team-ads"])?;
    let row: Vec<_> = text.lines().nth(1).unwrap_or_default().split_whitespace().collect();
    ensure_eq!(
        row.get(..6).unwrap_or_default(),
        ["ads", "True", "Ready", "trial", "prod", "False"],
        "kubectl get aitn"
    );
    let text = shared.world.cluster.kubectl(&["get", "aigw", "-n", "ai-platform"])?;
    let row: Vec<_> = text.lines().nth(1).unwrap_or_default().split_whitespace().collect();
    ensure_eq!(row.get(..3).unwrap_or_default(), ["prod", "True", "Ready"], "kubectl get aigw");
    Ok(())
}

fn events() -> Outcome {
    let shared = prod()?;
    let events = shared.world.cluster.list("Event")?;
    for (kind, name) in [("AIGateway", "prod"), ("Tenant", "search"), ("Tenant", "ads")] {
        let about = |event: &&serde_json::Value| {
            event["involvedObject"]["kind"] == kind && event["involvedObject"]["name"] == name
        };
        let reasons: Vec<_> = events.iter().filter(about).map(|event| event["reason"].to_string()).collect();
        ensure!(reasons.iter().any(|reason| reason == "\"Ready\""), "Events of {kind} {name}: {reasons:?}");
    }
    Ok(())
}

fn one_of_each() -> Outcome {
    let shared = prod()?;
    let found = inventory::of(&shared.world, &shared.gateway())?;
    found.must_be_whole(2, 2)?;
    let api = found.one("restApis")?;
    ensure_eq!(api["tags"]["cost-center"], "ai-platform", "the user's tag on the REST API");
    for kind in ["restApis", "usagePlans", "functions", "roles"] {
        for object in &found.0[kind] {
            ensure_eq!(object["tags"]["aigateway.dev/installation"], inventory::INSTALLATION, "tag of {object}");
        }
    }
    for role in &found.0["roles"] {
        ensure_eq!(role["path"], "/aigw/", "path of the roles");
    }
    ensure_eq!(found.one("tables")?["deletionProtection"], true, "deletion protection of the table");
    for group in &found.0["logGroups"] {
        ensure!(group["retentionInDays"].is_number(), "a log group keeps everything for ever: {group}");
    }
    Ok(())
}
