//! What must be true of the end of an undisturbed run of each scenario.

use aigw_fakes::aws::InventoryOptions;
use aigw_tests::simulation::scenario::{End, Scenario, Start};
use aigw_tests::simulation::simulate;
use aigw_tests::simulation::state::difference;
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::{limits, rotation};
use crate::scenario::objects::{policy, search};
use crate::scenario::{domains, releases};

/// Scenarios after which nothing is left in AWS.
const LEAVE_NOTHING: [&str; 4] = [
    "everything_deleted",
    "gateway_waits_for_its_tenants",
    "deleted_while_being_created",
    "domain_deleted_with_its_gateway",
];
/// Scenarios in which a credential has to be replaced: its Secret, its policy or its Tenant went.
const REPLACE_CREDENTIALS: [&str; 6] = [
    "api_keys_off_and_on",
    "drift_policy_items_deleted",
    "namespace_of_a_team_deleted",
    "secret_lost",
    "tenant_deleted_and_applied_again",
    "deleted_with_retain_and_applied_again",
];

/// What must be true of the end of an undisturbed run, beside what must be true of every world.
pub fn check(scenario: &Scenario, end: &End) -> Outcome {
    let left = end.world.aws.inventory();
    if LEAVE_NOTHING.contains(&scenario.name) {
        ensure!(left.is_empty(), "left in AWS:\n{left}");
        return Ok(());
    }
    let replaces = [&REPLACE_CREDENTIALS[..], &rotation::REPLACE_CREDENTIALS].concat();
    if !replaces.contains(&scenario.name) {
        // That of a gateway's probe goes with its object.
        let needless = |line: &str| line.contains("credential k2") && !line.contains("-probe ");
        ensure!(!end.state.lines().any(needless), "a credential was replaced needlessly:\n{}", end.state);
    }
    match scenario.name {
        "release_aborted_and_the_next_one_rolled_out" => releases::check(&end.world)?,
        "table_retained" => {
            let account = end.world.aws.state();
            let region = &account.regions["eu-central-1"];
            ensure_eq!(region.tables.len(), 1, "tables");
            let rest = region.rest_apis.len() + region.usage_plans.len() + region.api_keys.len();
            ensure_eq!(rest + region.functions.len() + region.log_groups.len() + account.roles.len(), 0, "all else");
        }
        // The credential issued before retires, and its id is never issued again: the policy outlived the Tenant.
        "tenant_deleted_and_applied_again" | "secret_lost" => {
            ensure!(end.state.contains("credential k2"), "no new credential:\n{}", end.state);
        }
        "namespace_of_a_team_deleted" => {
            ensure!(!end.state.contains("team-search/search"), "still there:\n{}", end.state);
        }
        "model_rules_edited" => {
            let rules = policy(&end.world, &search())?.models.ok_or("no model rules")?;
            ensure_eq!(rules.granted, ["amazon.*"], "what the rule allows");
            ensure_eq!(rules.allow, ["anthropic.claude-*"], "what the tenant asks for");
            ensure!(rules.check("anthropic.claude-haiku-4", None).is_err(), "the narrower rule does not bind");
        }
        "shared_resources_granted_and_taken_back" => {
            ensure!(policy(&end.world, &search())?.resources.is_empty(), "a grant outlived its rule");
        }
        name if name.starts_with("drift_") => as_before(end)?,
        name => {
            limits::check(name, end)?;
            rotation::check(name, end)?;
            domains::check(name, &end.world)?;
        }
    }
    Ok(())
}

/// After a repair everything is as it was, but for generated hashes, spare versions and deployments, and since when a
/// credential is in force, where the policy that knew went.
fn as_before(end: &End) -> Outcome {
    let options = InventoryOptions {
        spare_deployments: false,
        spare_versions: false,
        hidden_fields: ["heartbeat", "usageKeySince", "since", "notAfter", "sha256", "restApiId"]
            .map(str::to_owned)
            .into(),
        ..InventoryOptions::default()
    };
    let moment = Start::Converged.moment()?.ok_or("no moment")?;
    let shown = options.clone();
    let before = simulate(Some(&moment), |world| async move { Ok(without_hashes(&world.aws.inventory_with(&shown))) })?;
    let after = without_hashes(&end.world.aws.inventory_with(&options));
    ensure!(before == after, "not as it was:\n{}", difference(&before, &after));
    Ok(())
}

/// Hashes of documents contain the REST API's id, and policies that were written again a new counter.
fn without_hashes(inventory: &str) -> String {
    let line = |line: &str| match line.split_once("<deployment ") {
        Some((before, rest)) => format!("{before}<deployment {}", rest.split_once(' ').map_or(rest, |(_, rest)| rest)),
        None => line.to_owned(),
    };
    // A document that was deployed again is the second deployment of its hash.
    inventory.lines().map(line).collect::<Vec<_>>().join("\n").replace(" #2", "")
}
