//! A change of a spec becomes exactly the AWS calls it needs, and no client notices.

use aigw_tests::calls::names;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, inventory, manifests, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::time::Duration;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_tiers_limits_take_one_update_of_its_plan", tier_limits),
        test(module_path!(), "families_take_one_deployment_and_fail_no_call", families),
        test(module_path!(), "a_functions_memory_takes_a_version_and_fails_no_call", memory),
        test(module_path!(), "another_tenant_takes_a_key_and_nothing_of_the_gateway", another_tenant),
        test(module_path!(), "a_tenant_moves_to_another_tier_without_a_failed_call", another_tier),
    ]
}

/// The tiers of the example, with this rate of silver.
fn tiers(silver: u32) -> Value {
    json!({"spec": {"tiers": [
        {"name": "trial", "plan": {"requestsPerSecond": 1, "burst": 2}},
        {"name": "silver", "plan": {"requestsPerSecond": silver, "burst": 100}},
    ]}})
}

fn patch_and_wait(shared: &Shared, patch: &Value, done: impl Fn(&Value) -> bool) -> Outcome {
    shared.world.cluster.patch(&shared.gateway(), patch)?;
    wait::until("the change is in place", || {
        let gateway = shared.world.cluster.get(&shared.gateway())?;
        let current = gateway["status"]["observedGeneration"] == gateway["metadata"]["generation"];
        let ready = aigw_tests::cluster::find_condition(&gateway, "Ready");
        let settled = current && ready["status"] == "True" && ready["reason"] == "Ready";
        ensure!(settled && done(&gateway["status"]), "{}", gateway["status"]);
        Ok(())
    })
}

fn tier_limits() -> Outcome {
    let shared = prod()?;
    let calls = shared.calls()?;
    let rate = |status: &Value, wanted: u32| {
        status["effective"]["tiers"].to_string().contains(&format!("\"requestsPerSecond\":{wanted}"))
    };
    patch_and_wait(&shared, &tiers(60), |status| rate(status, 60))?;
    let writes = calls.writes();
    ensure_eq!(names(&writes), "apigateway:UpdateUsagePlan", "writes");
    figures::note("AWS calls for one change of a tier's limits", calls.figure());
    let plans = inventory::of(&shared.world, &shared.gateway())?;
    let silver = plans.0["usagePlans"].iter().find(|plan| plan["tags"]["aigateway.dev/tier"] == "silver");
    ensure_eq!(silver.map(|plan| plan["throttle"]["rateLimit"].clone()), Some(json!(60.0)), "rate of the plan");
    patch_and_wait(&shared, &tiers(50), |status| rate(status, 50))
}

fn deployment(status: &Value) -> String {
    status["stages"][0]["deploymentId"].as_str().unwrap_or_default().to_owned()
}

fn families() -> Outcome {
    let shared = prod()?;
    let client = shared.search_client()?;
    let before = deployment(&shared.world.cluster.get(&shared.gateway())?["status"]);
    let (calls, steady) = (shared.calls()?, client.steady()?);
    let families = json!({"spec": {"bedrock": {"families": ["bedrock-runtime", "bedrock-agent-runtime"]}}});
    patch_and_wait(&shared, &families, |status| deployment(status) != before)?;
    // Calls through the new deployment count as well.
    wait::pause(Duration::from_secs(2));
    let total = steady.none_failed()?;
    for (operation, times) in [("PutRestApi", 1), ("CreateDeployment", 1), ("UpdateStage", 1), ("CreateStage", 0)] {
        ensure_eq!(calls.count(operation), times, "{operation} among {}", names(&calls.writes()));
    }
    figures::note(
        "AWS calls for one change of the families",
        format!("{}calls meanwhile {total}, failed 0", calls.figure()),
    );
    let families = json!({"spec": {"bedrock": {"families": ["bedrock-runtime"]}}});
    let after = deployment(&shared.world.cluster.get(&shared.gateway())?["status"]);
    patch_and_wait(&shared, &families, |status| deployment(status) != after)
}

fn version(status: &Value) -> String {
    let functions = status["functions"].as_array().cloned().unwrap_or_default();
    let forwarder = functions.iter().find(|function| function["name"] == "forwarder");
    forwarder.map(|function| function["version"].to_string()).unwrap_or_default()
}

fn memory() -> Outcome {
    let shared = prod()?;
    let client = shared.search_client()?;
    let before = version(&shared.world.cluster.get(&shared.gateway())?["status"]);
    let (calls, steady) = (shared.calls()?, client.steady()?);
    patch_and_wait(&shared, &json!({"spec": {"functions": {"forwarder": {"memoryMiB": 320}}}}), |status| {
        version(status) != before
    })?;
    wait::pause(Duration::from_secs(2));
    let total = steady.none_failed()?;
    for (operation, times) in [("PublishVersion", 1), ("UpdateAlias", 1), ("CreateDeployment", 0), ("PutRestApi", 0)] {
        ensure_eq!(calls.count(operation), times, "{operation} among {}", names(&calls.writes()));
    }
    figures::note(
        "AWS calls for one change of a function's memory",
        format!("{}calls meanwhile {total}, failed 0", calls.figure()),
    );
    let functions = inventory::of(&shared.world, &shared.gateway())?;
    ensure_eq!(functions.named("functions", "-forwarder")?["memoryMiB"], 320, "memory in AWS");
    let after = version(&shared.world.cluster.get(&shared.gateway())?["status"]);
    patch_and_wait(&shared, &json!({"spec": {"functions": {"forwarder": {"memoryMiB": null}}}}), |status| {
        version(status) != after
    })
}

fn another_tenant() -> Outcome {
    let shared = prod()?;
    let cluster = &shared.world.cluster;
    let tenant = aigw_tests::cluster::tenant("team-search", "added");
    let calls = shared.calls()?;
    cluster.apply(&[manifests::tenant("team-search", "added", ("ai-platform", "prod"), "silver")])?;
    cluster.wait_ready(&tenant)?;
    aigw_tests::clients::Client::of(&shared.world, &tenant)?.until_answered()?;
    let resources = names(&calls.resource_writes());
    figures::note("AWS calls for one tenant added", calls.figure());
    cluster.delete_and_wait(&tenant)?;
    ensure_eq!(resources, "apigateway:CreateApiKey, apigateway:CreateUsagePlanKey", "writes but those of items");
    let secret = aigw_tests::cluster::secret("team-search", "ai-gateway-added");
    ensure!(cluster.find(&secret)?.is_none(), "the Secret outlives its tenant");
    inventory::of(&shared.world, &shared.gateway())?.must_be_whole(2, 2)
}

fn another_tier() -> Outcome {
    let shared = prod()?;
    let own = shared.own(
        "tiers",
        &json!({"auth": {"cacheSeconds": 1}, "tiers": [
            {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}},
            {"name": "trial", "plan": {"requestsPerSecond": 40, "burst": 80}},
        ]}),
        &[("mover", "silver")],
    )?;
    let client = aigw_tests::clients::Client::of(&shared.world, &own.tenants[0])?;
    client.until_answered()?;
    let key = |kind: &str| -> Outcome<Vec<Value>> { Ok(inventory::of(&shared.world, &own.gateway)?.0[kind].clone()) };
    let before: Vec<_> = key("apiKeys")?.iter().map(|key| key["id"].clone()).collect();
    let steady = client.steady()?;
    shared.world.cluster.patch(&own.tenants[0], &json!({"spec": {"tier": "trial"}}))?;
    wait::until("the tenant is in its new tier", || {
        let tier = shared.world.cluster.get(&own.tenants[0])?["status"]["effective"]["tier"].clone();
        ensure_eq!(tier, "trial", "tier");
        Ok(())
    })?;
    // The old key goes once no cached answer of the authorizer can name it: cache time and half a minute.
    wait::until("the old key is gone", || {
        let keys = key("apiKeys")?;
        let kept = keys.iter().filter(|key| before.contains(&key["id"])).count();
        ensure!(keys.len() == 2 && kept == 1, "of two keys the gateway's probe keeps its own: {keys:?}");
        Ok(())
    })?;
    wait::pause(Duration::from_secs(2));
    steady.none_failed()?;
    own.remove(&shared)
}
