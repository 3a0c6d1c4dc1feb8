//! Drift: each field the operator owns changed by hand, each object it owns deleted by hand. Within one drift interval
//! everything is as it was.

use std::time::Duration;

use aigw_fakes::aws::{AccountState, Attribute, Deployment, RegionState};
use aigw_tests::cluster::{gateway, secret, tenant};
use aigw_tests::simulation::World;
use aigw_tests::simulation::scenario::{Scenario, Start};
use aigw_tests::{Outcome, ensure};
use serde_json::json;
use tokio::time::sleep;

/// The drift interval of the simulated operator, and how old a list of keys may be, with room for the repair.
const NOTICED: Duration = Duration::from_mins(14);

macro_rules! by_hand {
    ($name:literal, |$region:ident| $edit:expr) => {
        Scenario {
            name: concat!("drift_", $name),
            start: Start::Converged,
            acts: |world: &World| {
                Box::pin(async move {
                    world.aws.edit(|account| {
                        let $region = region(account);
                        $edit;
                    });
                    repaired(world).await
                })
            },
        }
    };
}

macro_rules! by_hand_in_the_account {
    ($name:literal, |$account:ident| $edit:expr) => {
        Scenario {
            name: concat!("drift_", $name),
            start: Start::Converged,
            acts: |world: &World| {
                Box::pin(async move {
                    world.aws.edit(|$account| {
                        $edit;
                    });
                    repaired(world).await
                })
            },
        }
    };
}

fn region(account: &mut AccountState) -> &mut RegionState {
    account.region("eu-central-1")
}

async fn repaired(world: &World) -> Outcome {
    sleep(NOTICED).await;
    world.ready(&gateway("ai-platform", "prod")).await?;
    world.ready(&tenant("team-search", "search")).await?;
    world.ready(&tenant("team-ads", "nightly")).await
}

/// Scenarios about REST API, stage, usage plans and keys.
pub fn api_gateway() -> Vec<Scenario> {
    vec![
        by_hand!("rest_api_deleted", |region| {
            region.rest_apis.clear();
            region.usage_plans.values_mut().for_each(|plan| plan.api_stages.clear());
        }),
        by_hand!("rest_api_retagged", |region| region
            .rest_apis
            .values_mut()
            .for_each(|api| drop(api.tags.insert("aigateway.dev/owner-uid".into(), "somebody".into())))),
        by_hand!("stage_deleted", |region| {
            region.rest_apis.values_mut().for_each(|api| api.stages.clear());
            region.usage_plans.values_mut().for_each(|plan| plan.api_stages.clear());
        }),
        by_hand!("stage_throttled", |region| region
            .rest_apis
            .values_mut()
            .flat_map(|api| api.stages.values_mut())
            .for_each(|stage| (stage.rate_limit, stage.burst_limit) = (Some(1.0), Some(1)))),
        by_hand!("stage_points_at_somebody_elses_deployment", |region| {
            for api in region.rest_apis.values_mut() {
                let own = api.deployments.values().next().cloned();
                api.deployments.extend(own.map(|own| {
                    let created_unix = own.created_unix + 60;
                    ("byhand0001".into(), Deployment { description: "by hand".into(), created_unix, ..own })
                }));
                api.stages.values_mut().for_each(|stage| stage.deployment_id = "byhand0001".into());
            }
        }),
        by_hand!("stage_untagged", |region| region
            .rest_apis
            .values_mut()
            .flat_map(|api| api.stages.values_mut())
            .for_each(|stage| stage.tags.clear())),
        by_hand!("usage_plan_deleted", |region| {
            region.usage_plans.retain(|_, plan| !plan.name.ends_with("silver"));
        }),
        by_hand!("usage_plan_limits_raised", |region| region.usage_plans.values_mut().for_each(|plan| (
            plan.rate_limit,
            plan.burst_limit
        ) =
            (Some(9999.0), Some(9999)))),
        by_hand!("usage_plan_detached", |region| region
            .usage_plans
            .values_mut()
            .for_each(|plan| plan.api_stages.clear())),
        by_hand!("api_key_deleted", |region| {
            let first = region.api_keys.pop_first().map(|(id, _)| id);
            region.usage_plans.values_mut().for_each(|plan| plan.keys.retain(|key| Some(key) != first.as_ref()));
        }),
        by_hand!("api_keys_disabled", |region| region.api_keys.values_mut().for_each(|key| key.enabled = false)),
        by_hand!("api_keys_detached", |region| region.usage_plans.values_mut().for_each(|plan| plan.keys.clear())),
    ]
}

/// Scenarios about functions, roles and log groups.
pub fn compute() -> Vec<Scenario> {
    vec![
        by_hand!("forwarder_deleted", |region| region.functions.retain(|name, _| !name.ends_with("forwarder"))),
        by_hand!("functions_memory_lowered", |region| region.functions.values_mut().for_each(|function| {
            function.configuration.memory_mib = 128;
            function.configuration.timeout_seconds = 3;
            function.revision += 1;
        })),
        by_hand!("functions_environment_changed", |region| region.functions.values_mut().for_each(|function| {
            function.configuration.environment.insert("AIGW_TABLE_NAME".into(), "another".into());
            function.revision += 1;
        })),
        by_hand!("functions_code_replaced", |region| region.functions.values_mut().for_each(|function| {
            function.configuration.code_sha256 = "sha256-evil".into();
            function.revision += 1;
        })),
        by_hand!("functions_untagged", |region| region
            .functions
            .values_mut()
            .for_each(|function| function.tags.clear())),
        by_hand!("aliases_gone", |region| region.functions.values_mut().for_each(|function| function.live = None)),
        by_hand!("permissions_gone", |region| region
            .functions
            .values_mut()
            .filter_map(|function| function.live.as_mut())
            .for_each(|alias| alias.permissions.clear())),
        by_hand!("permissions_opened", |region| region
            .functions
            .values_mut()
            .filter_map(|function| function.live.as_mut())
            .for_each(|alias| alias
                .permissions
                .values_mut()
                .for_each(|source| *source = "arn:aws:execute-api:*:*:*".into()))),
        by_hand!("log_groups_deleted", |region| region.log_groups.clear()),
        by_hand!("log_retention_changed", |region| region
            .log_groups
            .values_mut()
            .for_each(|group| group.retention_days = None)),
        by_hand_in_the_account!("roles_deleted", |account| account.roles.clear()),
        by_hand_in_the_account!("roles_widened", |account| for role in account.roles.values_mut() {
            let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            role.policies.values_mut().for_each(|policy| policy["Statement"] = json!([all]));
        }),
        by_hand_in_the_account!("roles_trust_changed", |account| account.roles.values_mut().for_each(|role| {
            role.trust = json!({"Version": "2012-10-17", "Statement": []});
        })),
        by_hand_in_the_account!("roles_untagged", |account| account
            .roles
            .values_mut()
            .for_each(|role| role.tags.clear())),
    ]
}

/// Scenarios about the table and its items.
pub fn table() -> Vec<Scenario> {
    fn forget(region: &mut RegionState, prefix: &str) {
        for table in region.tables.values_mut() {
            table.items.retain(|(pk, sk), _| !format!("{pk}/{sk}").starts_with(prefix));
        }
    }
    vec![
        by_hand!("table_unprotected", |region| region.tables.values_mut().for_each(|table| {
            (table.time_to_live, table.point_in_time_recovery, table.deletion_protection) = (false, false, false);
            table.tags.clear();
        })),
        by_hand!("table_deleted", |region| region.tables.clear()),
        by_hand!("configuration_item_deleted", |region| forget(region, "gateway/config")),
        by_hand!("ownership_record_deleted", |region| forget(region, "gateway/owner")),
        by_hand!("policy_items_deleted", |region| forget(region, "tenant#")),
        by_hand!("meter_items_deleted", |region| forget(region, "meter#")),
        by_hand!("meters_set_back", |region| for table in region.tables.values_mut() {
            for ((pk, _), item) in &mut table.items {
                if pk.starts_with("meter#") {
                    item.insert("policyVersion".into(), Attribute::Number(0));
                    item.insert("suspended".into(), Attribute::Bool(true));
                }
            }
        }),
    ]
}

/// Scenarios about objects in the cluster.
pub fn cluster() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "drift_secret_edited",
            start: Start::Converged,
            acts: |world: &World| {
                Box::pin(async move {
                    let data =
                        json!({"data": {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "aHR0cDovL2V2aWw=", "EXTRA": "eA=="}});
                    world.patch(&secret("team-search", "ai-gateway-search"), &data).await?;
                    repaired(world).await?;
                    let mended = world.get(&secret("team-search", "ai-gateway-search")).ok_or("no Secret")?;
                    ensure!(mended["data"]["EXTRA"].is_null(), "still there: {}", mended["data"]["EXTRA"]);
                    Ok(())
                })
            },
        },
        Scenario {
            name: "drift_finalizer_removed",
            start: Start::Converged,
            acts: |world: &World| {
                Box::pin(async move {
                    let none = json!({"metadata": {"finalizers": null}});
                    world.patch(&gateway("ai-platform", "prod"), &none).await?;
                    world.patch(&tenant("team-search", "search"), &none).await?;
                    repaired(world).await?;
                    let again = world.get(&tenant("team-search", "search")).ok_or("no Tenant")?;
                    ensure!(!again["metadata"]["finalizers"].is_null(), "no finalizer");
                    Ok(())
                })
            },
        },
    ]
}
