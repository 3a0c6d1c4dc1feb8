//! `aigw-operator plan` against the live account: it says what would be done, and does nothing.

use aigw_tests::calls::{is_item_write, names};
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory::INSTALLATION;
use aigw_tests::program::{self, Ended};
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, repository};
use libtest_mimic::Trial;
use serde_json::{Value, json};

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "what_is_applied_is_in_sync_and_nothing_is_written", in_sync),
        test(module_path!(), "a_changed_tier_is_one_call_and_its_time", changed_tier),
    ]
}

/// The plan of `objects`, with a person's view of cluster and account. Fails if anything but the operator's heartbeat is
/// written meanwhile.
fn plan(shared: &Shared, objects: &[Value], output: &str) -> Outcome<Ended> {
    let file = repository::target().join(format!("e2e-plan-{}.json", std::process::id()));
    std::fs::write(&file, serde_json::to_vec(&json!({"apiVersion": "v1", "kind": "List", "items": objects}))?)?;
    let instance = shared.world.cluster.instance();
    let mut env = instance.env();
    env.insert("AWS_ENDPOINT_URL".into(), instance.aws_endpoint()?);
    let template = format!("{}/{{restApiId}}/{{stage}}", env.get("AIGW_GATEWAY_URL").cloned().unwrap_or_default());
    env.insert("AIGW_ENDPOINT_URL_TEMPLATE".into(), template);
    let path = file.display().to_string();
    let arguments = ["plan", "--installation", INSTALLATION, "-f", &path, "--output", output];
    let calls = shared.calls()?;
    let ended = program::run(&repository::program("aigw-operator"), &arguments, &env);
    std::fs::remove_file(&file)?;
    let (writes, all) = (calls.writes(), calls.all());
    ensure!(writes.len() <= 1 && writes.iter().all(is_item_write), "a plan has written: {}", names(&writes));
    ensure!(all.len() > writes.len(), "a plan has not looked");
    ended?.ok()
}

fn applied(shared: &Shared) -> Outcome<Vec<Value>> {
    [shared.gateway(), shared.search(), shared.ads()].iter().map(|object| shared.world.cluster.get(object)).collect()
}

fn in_sync() -> Outcome {
    let shared = prod()?;
    let ended = plan(&shared, &applied(&shared)?, "text")?;
    ensure_eq!(ended.stdout.matches("  in sync\n").count(), 3, "objects in sync in: {}", ended.stdout);
    ensure!(!ended.output.contains("aigw_"), "a credential was printed");
    Ok(())
}

fn changed_tier() -> Outcome {
    let shared = prod()?;
    let mut objects = applied(&shared)?;
    let tiers = objects[0]["spec"]["tiers"].as_array_mut().ok_or("no tiers")?;
    let silver = tiers.iter_mut().find(|tier| tier["name"] == "silver").ok_or("no tier silver")?;
    silver["plan"] = json!({"requestsPerSecond": 61, "burst": 100});
    let ended = plan(&shared, &objects, "json")?;
    let report: Value = serde_json::from_str(&ended.stdout)?;
    ensure_eq!(report["calls"], json!({"apigateway:UpdateUsagePlan": 1}), "calls");
    ensure_eq!(report["minimumTime"]["seconds"], 20.0, "seconds");
    Ok(())
}
