//! What somebody changed in AWS by hand is found at the next drift pass and put right.

use std::time::Duration;

use aigw_tests::harness::environment_test as test;
use aigw_tests::installation::DRIFT_SECONDS;
use aigw_tests::inventory::{self, Inventory, boto3, by_hand};
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, wait};
use libtest_mimic::Trial;
use serde_json::json;

/// One interval, the time a list of keys may be reused, the work, and a busy machine.
const LIMIT: Duration = Duration::from_secs(3 * DRIFT_SECONDS + 30);

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_stage_at_another_deployment_is_put_back", stage_deployment),
        test(module_path!(), "limits_of_a_plan_are_put_back", plan_limits),
        test(module_path!(), "memory_of_a_function_is_put_back", function_memory),
        test(module_path!(), "a_deleted_key_is_made_again", deleted_key),
        test(module_path!(), "a_removed_permission_is_granted_again", removed_permission),
        test(module_path!(), "a_changed_secret_is_put_back", changed_secret),
        test(module_path!(), "a_deleted_secret_gets_a_new_credential", deleted_secret),
    ]
}

/// Waits until the inventory satisfies `repaired`; then the tenant must be served.
fn repaired(shared: &Shared, what: &str, check: impl Fn(&Inventory) -> Outcome) -> Outcome {
    wait::within(LIMIT, what, || check(&inventory::of(&shared.world, &shared.gateway())?))?;
    shared.search_client()?.until_answered()
}

fn stage_deployment() -> Outcome {
    let shared = prod()?;
    let hash = shared.world.cluster.get(&shared.gateway())?["status"]["stages"][0]["documentHash"].clone();
    let changed = by_hand(&shared.world, &shared.gateway(), &["stage-deployment"])?;
    repaired(&shared, "the stage is put back", |found| {
        // What is imported may have been edited too, so a deployment of somebody else's is answered by a new one of ours.
        let api = found.one("restApis")?;
        let serving = api["stages"][0]["deploymentId"].clone();
        ensure!(serving != changed["after"], "the stage still serves the deployment made by hand");
        let deployments = api["deployments"].as_array().cloned().unwrap_or_default();
        let description = deployments.iter().find(|each| each["id"] == serving).map(|each| each["description"].clone());
        ensure_eq!(description.unwrap_or_default(), hash, "document of the deployment that serves");
        Ok(())
    })
}

fn plan_limits() -> Outcome {
    let shared = prod()?;
    by_hand(&shared.world, &shared.gateway(), &["plan-limits", "--tier", "silver"])?;
    repaired(&shared, "the limits are put back", |found| {
        let silver = found.0["usagePlans"].iter().find(|plan| plan["tags"]["aigateway.dev/tier"] == "silver");
        let throttle = silver.map(|plan| plan["throttle"].clone()).unwrap_or_default();
        ensure_eq!((&throttle["rateLimit"], &throttle["burstLimit"]), (&json!(50.0), &json!(100)), "limits");
        Ok(())
    })
}

fn function_memory() -> Outcome {
    let shared = prod()?;
    by_hand(&shared.world, &shared.gateway(), &["function-memory", "--memory", "512"])?;
    repaired(&shared, "the memory is put back", |found| {
        ensure_eq!(found.named("functions", "-forwarder")?["memoryMiB"], 256, "memory");
        Ok(())
    })
}

fn deleted_key() -> Outcome {
    let shared = prod()?;
    let tenant_id = inventory::identity(&shared.gateway()).tenant_id("team-search", "search");
    by_hand(&shared.world, &shared.gateway(), &["delete-key", "--tenant", &tenant_id])?;
    repaired(&shared, "the key is made again", |found| found.must_be_whole(2, 2))
}

fn removed_permission() -> Outcome {
    let shared = prod()?;
    let function = inventory::identity(&shared.gateway()).physical_name();
    let policy = format!(
        "api = boto3.client('lambda')\n\
         def policy():\n    \
             try:\n        return json.loads(api.get_policy(FunctionName='{function}-forwarder', Qualifier='live')['Policy'])\n    \
             except api.exceptions.ResourceNotFoundException:\n        return {{'Statement': []}}\n"
    );
    let remove = format!(
        "{policy}\nfor each in policy()['Statement']:\n    \
             api.remove_permission(FunctionName='{function}-forwarder', Qualifier='live', StatementId=each['Sid'])\n\
         print(json.dumps(len(policy()['Statement'])))"
    );
    ensure_eq!(boto3(&shared.world, &remove)?, 0, "statements after removal");
    let count = format!("{policy}\nprint(json.dumps(len(policy()['Statement'])))");
    wait::within(LIMIT, "the permission is granted again", || {
        ensure_eq!(boto3(&shared.world, &count)?, 1, "statements");
        Ok(())
    })?;
    shared.search_client()?.until_answered()
}

fn changed_secret() -> Outcome {
    let shared = prod()?;
    let before = shared.search_client()?;
    let secret = aigw_tests::cluster::secret("team-search", "ai-gateway-search");
    let patch = json!({"stringData": {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://elsewhere.example"}});
    shared.world.cluster.patch(&secret, &patch)?;
    wait::within(LIMIT, "the Secret is put back", || {
        ensure_eq!(shared.search_client()?.secret, before.secret, "data of the Secret");
        Ok(())
    })?;
    before.until_answered()
}

fn deleted_secret() -> Outcome {
    let shared = prod()?;
    let before = shared.ads_client()?;
    let secret = aigw_tests::cluster::secret("team-ads", "ai-gateway-ads");
    shared.world.cluster.delete(&secret)?;
    let after = wait::within(LIMIT, "there is a Secret again", || {
        let client = shared.ads_client()?;
        ensure!(client.token() != before.token(), "the deleted credential came back");
        Ok(client)
    })?;
    after.until_answered()?;
    // Running containers still have the old one: it stays valid for a while.
    before.until_answered()
}
