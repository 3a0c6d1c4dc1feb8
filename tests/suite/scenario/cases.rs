//! The scenarios: what happens, and up to where it has had its effect. What must be true at the end is the end state of
//! the undisturbed run, which `checks` looks at.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::DOCUMENT;
use aigw_fakes::aws::{InventoryOptions, Role};
use aigw_tests::cluster::{gateway, secret, tenant};
use aigw_tests::simulation::scenario::{End, Scenario, Start, from_nothing, objects};
use aigw_tests::simulation::state::difference;
use aigw_tests::simulation::{World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, manifests};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{drift, issuers};

/// A scenario that starts at rest, with a gateway and two tenants.
macro_rules! converged {
    ($name:literal, |$world:ident| $acts:block) => {
        Scenario { name: $name, start: Start::Converged, acts: |$world: &World| Box::pin(async move { $acts }) }
    };
}

/// All of them.
pub fn all() -> Vec<Scenario> {
    let own = [lifecycle(), gateway_changes(), tenant_changes(), admission(), removal(), issuers::scenarios()];
    let drift = [drift::api_gateway(), drift::compute(), drift::table(), drift::cluster()];
    [own.concat(), drift.concat()].concat()
}

/// Scenarios after which nothing is left in AWS.
const LEAVE_NOTHING: [&str; 3] = ["everything_deleted", "gateway_waits_for_its_tenants", "deleted_while_being_created"];
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
    if !REPLACE_CREDENTIALS.contains(&scenario.name) {
        ensure!(!end.state.contains("credential k2"), "a credential was replaced needlessly:\n{}", end.state);
    }
    match scenario.name {
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
            let rules = policy_of_search(end)?.models.ok_or("no model rules")?;
            ensure_eq!(rules.granted, ["amazon.*"], "what the rule allows");
            ensure_eq!(rules.allow, ["anthropic.claude-*"], "what the tenant asks for");
            ensure!(rules.check("anthropic.claude-haiku-4", None).is_err(), "the narrower rule does not bind");
        }
        "shared_resources_granted_and_taken_back" => {
            ensure!(policy_of_search(end)?.resources.is_empty(), "a grant outlived its rule");
        }
        name if name.starts_with("drift_") => as_before(end)?,
        _ => {}
    }
    Ok(())
}

/// After a repair everything is as it was, but for generated hashes and spare versions and deployments.
fn as_before(end: &End) -> Outcome {
    let options = InventoryOptions {
        spare_deployments: false,
        spare_versions: false,
        hidden_fields: ["heartbeat", "usageKeySince", "notAfter", "sha256", "restApiId"].map(str::to_owned).into(),
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

fn prod() -> aigw_tests::cluster::Object {
    gateway("ai-platform", "prod")
}

fn search() -> aigw_tests::cluster::Object {
    tenant("team-search", "search")
}

fn nightly() -> aigw_tests::cluster::Object {
    tenant("team-ads", "nightly")
}

/// A role the platform team made.
fn given_role(name: &str) -> Role {
    Role {
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        trust: aigw_plan::gateway::roles::trust(),
        boundary: None,
        policies: BTreeMap::new(),
        tags: BTreeMap::new(),
        created: Duration::ZERO,
    }
}

/// Changes the gateway's spec and waits until it, and with it its tenants, are ready.
async fn change(world: &World, spec: Value) -> Outcome {
    world.patch(&prod(), &json!({"spec": spec})).await?;
    world.ready(&prod()).await?;
    // The tenants look at their gateway's change as well.
    sleep(Duration::from_secs(5)).await;
    world.ready(&search()).await
}

fn lifecycle() -> Vec<Scenario> {
    vec![
        Scenario { name: "create", start: Start::Empty, acts: |world| Box::pin(from_nothing(world)) },
        Scenario {
            name: "tenants_before_their_gateway",
            start: Start::Empty,
            acts: |world| {
                Box::pin(async move {
                    let [gateway, tenants @ ..] = objects();
                    world.apply_all(&tenants).await?;
                    world.condition(&search(), "Accepted", "Unknown", Some("GatewayNotFound")).await?;
                    world.apply(&gateway).await?;
                    world.ready(&search()).await?;
                    world.ready(&nightly()).await
                })
            },
        },
        Scenario {
            name: "private_gateway_with_given_roles",
            start: Start::Empty,
            acts: |world| {
                Box::pin(async move {
                    let role = |name: &str| format!("arn:aws:iam::111122223333:role/given-{name}");
                    let spec = json!({"spec": {
                        "endpoint": {"type": "Private", "vpcEndpointIds": ["vpce-0a1b2c3d4e5f60718"]},
                        "functions": {"forwarder": {"roleArn": role("f")}, "authorizer": {"roleArn": role("a")}},
                    }});
                    world.aws.edit(|account| {
                        for name in ["given-f", "given-a"] {
                            account.roles.insert(name.into(), given_role(name));
                        }
                    });
                    world.apply(&manifests::with(manifests::gateway("ai-platform", "prod"), &spec)).await?;
                    world.ready(&prod()).await
                })
            },
        },
        Scenario {
            name: "two_gateways_in_one_account",
            start: Start::Empty,
            acts: |world| {
                Box::pin(async move {
                    world.apply(&manifests::gateway("ai-platform", "prod")).await?;
                    world.apply(&manifests::gateway("ai-platform", "test")).await?;
                    world.apply(&manifests::tenant("team-search", "search", ("ai-platform", "test"), "silver")).await?;
                    world.ready(&prod()).await?;
                    world.ready(&gateway("ai-platform", "test")).await?;
                    world.ready(&search()).await
                })
            },
        },
        converged!("nothing_happens", |world| {
            sleep(Duration::from_mins(12)).await;
            world.ready(&search()).await
        }),
    ]
}

/// The usual rule, with models.
fn rules(patterns: &Value) -> Value {
    let models: Vec<_> = patterns.as_array().into_iter().flatten().map(|pattern| json!({"match": pattern})).collect();
    json!({"tenants": {"rules": [{
        "name": "teams",
        "match": {"namespaces": {"selector": {"matchLabels": {"ai-gateway": "enabled"}}}},
        "allow": {"tiers": ["trial", "silver"], "maxTenantsPerNamespace": 3, "models": models},
        "defaults": {"tier": "trial"},
    }]}})
}

/// The policy of the tenant `search` in the table.
fn policy_of_search(end: &End) -> Outcome<TenantPolicy> {
    let account = end.world.aws.state();
    let tables = account.regions["eu-central-1"].tables.values();
    let documents = tables.flat_map(|table| table.items.values()).filter_map(|item| item.get(DOCUMENT)?.text());
    let mut policies = documents.filter_map(|text| serde_json::from_str::<TenantPolicy>(text).ok());
    Ok(policies.find(|policy| policy.name == "search").ok_or("no policy of search")?)
}

fn gateway_changes() -> Vec<Scenario> {
    vec![
        converged!("tier_limits_change", |world| {
            let tiers = json!([
                {"name": "trial", "plan": {"requestsPerSecond": 1, "burst": 2}},
                {"name": "silver", "plan": {"requestsPerSecond": 60, "burst": 120}},
            ]);
            change(world, json!({"tiers": tiers})).await
        }),
        converged!("tier_added", |world| {
            let tiers = json!([
                {"name": "trial", "plan": {"requestsPerSecond": 1, "burst": 2}},
                {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}},
                {"name": "gold", "plan": {"requestsPerSecond": 500, "burst": 900}},
            ]);
            change(world, json!({"tiers": tiers})).await
        }),
        converged!("tier_removed_while_a_tenant_is_in_it", |world| {
            let spec = json!({
                "tiers": [{"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}}],
                "tenants": {"rules": [{
                    "name": "teams",
                    "match": {"namespaces": {"selector": {"matchLabels": {"ai-gateway": "enabled"}}}},
                    "allow": {"tiers": ["silver"]},
                }]},
            });
            change(world, spec).await?;
            world.condition(&nightly(), "Accepted", "False", Some("TierNotAllowed")).await?;
            world.patch(&nightly(), &json!({"spec": {"tier": "silver"}})).await?;
            world.ready(&nightly()).await?;
            // The old plan goes once nobody is in it.
            sleep(Duration::from_mins(25)).await;
            Ok(())
        }),
        converged!("families_change", |world| {
            change(world, json!({"bedrock": {"families": ["bedrock-runtime", "bedrock-agent-runtime"]}})).await
        }),
        converged!("memory_and_timeout_change", |world| {
            change(world, json!({"functions": {"forwarder": {"memoryMiB": 512, "timeoutSeconds": 300}}})).await
        }),
        converged!("architecture_changes", |world| {
            let other = if aigw_tests::repository::architecture() == "arm64" { "x86_64" } else { "arm64" };
            change(world, json!({"functions": {"forwarder": {"architecture": other}}})).await
        }),
        converged!("stage_throttle_comes_and_goes", |world| {
            change(world, json!({"throttle": {"requestsPerSecond": 500, "burst": 1000}})).await?;
            change(world, json!({"throttle": null})).await
        }),
        converged!("source_ranges_and_cache_time_change", |world| {
            let spec = json!({"endpoint": {"sourceCidrs": ["203.0.113.0/24"]}, "auth": {"cacheSeconds": 0}});
            change(world, spec).await
        }),
        converged!("tags_change", |world| { change(world, json!({"tags": {"cost-center": "ai"}})).await }),
        converged!("api_keys_off_and_on", |world| {
            change(world, json!({"auth": {"apiKeys": {"enabled": false}}})).await?;
            world.condition(&search(), "CredentialsReady", "False", Some("APIKeysDisabled")).await?;
            change(world, json!({"auth": {"apiKeys": {"enabled": true}}})).await?;
            world.condition(&search(), "CredentialsReady", "True", None).await
        }),
        converged!("spec_refused_and_mended", |world| {
            let rules = |tiers: Value| {
                json!({"tenants": {"rules": [{
                    "name": "teams",
                    "match": {"namespaces": {"selector": {"matchLabels": {"ai-gateway": "enabled"}}}},
                    "allow": {"tiers": tiers},
                }]}})
            };
            world.patch(&prod(), &json!({"spec": rules(json!(["trial", "silver", "golden"]))})).await?;
            world.condition(&prod(), "Accepted", "False", Some("Invalid")).await?;
            change(world, rules(json!(["trial", "silver"]))).await
        }),
        converged!("model_rules_edited", |world| {
            change(world, rules(&json!(["anthropic.*", "amazon.nova-*"]))).await?;
            let models =
                json!({"allow": [{"match": "anthropic.claude-*"}], "deny": [{"match": "*opus*"}], "residency": "EU"});
            world.patch(&search(), &json!({"spec": {"models": models}})).await?;
            world.ready(&search()).await?;
            // Narrower than what a team asks for: its spec is refused, and the rule binds all the same.
            world.patch(&prod(), &json!({"spec": rules(&json!(["amazon.*"]))})).await?;
            world.condition(&search(), "Accepted", "False", Some("ModelNotAllowed")).await?;
            world.ready(&prod()).await?;
            world.ready(&nightly()).await
        }),
        converged!("shared_resources_granted_and_taken_back", |world| {
            let arn = "arn:aws:bedrock:eu-central-1:111122223333:knowledge-base";
            let grant = |resources: Value| {
                let mut spec = rules(&json!(["*"]));
                spec["tenants"]["rules"][0]["allow"]["resources"] = resources;
                spec["bedrock"] = json!({"families": ["bedrock-runtime", "bedrock-agent-runtime"]});
                spec
            };
            change(world, grant(json!([{"arn": format!("{arn}/*")}]))).await?;
            let asked = json!([{"arn": format!("{arn}/MINE")}]);
            world.patch(&search(), &json!({"spec": {"resources": asked}})).await?;
            world.ready(&search()).await?;
            world.patch(&prod(), &json!({"spec": grant(json!([{"arn": format!("{arn}/OTHER")}]))})).await?;
            world.condition(&search(), "Accepted", "False", Some("ResourceNotAllowed")).await?;
            world.ready(&prod()).await
        }),
        converged!("several_changes_at_once", |world| {
            let spec = json!({
                "bedrock": {"families": ["bedrock-runtime", "bedrock"]},
                "functions": {"forwarder": {"memoryMiB": 320}, "authorizer": {"memoryMiB": 256}},
                "throttle": {"requestsPerSecond": 100, "burst": 200},
                "tags": {"owner": "platform"},
            });
            change(world, spec).await
        }),
    ]
}

fn tenant_changes() -> Vec<Scenario> {
    vec![
        converged!("tenant_added", |world| {
            world.apply(&manifests::tenant("team-ads", "daily", ("ai-platform", "prod"), "silver")).await?;
            world.ready(&tenant("team-ads", "daily")).await
        }),
        converged!("tier_move", |world| {
            world.patch(&search(), &json!({"spec": {"tier": "trial"}})).await?;
            world.ready(&search()).await?;
            sleep(Duration::from_mins(3)).await;
            Ok(())
        }),
        converged!("tier_move_and_back", |world| {
            world.patch(&search(), &json!({"spec": {"tier": "trial"}})).await?;
            world.ready(&search()).await?;
            world.patch(&search(), &json!({"spec": {"tier": "silver"}})).await?;
            world.ready(&search()).await?;
            sleep(Duration::from_mins(3)).await;
            Ok(())
        }),
        converged!("suspended_by_the_team_and_resumed", |world| {
            world.patch(&search(), &json!({"spec": {"suspend": true}})).await?;
            world.condition(&search(), "Suspended", "True", Some("SuspendedByTeam")).await?;
            world.ready(&search()).await?;
            world.patch(&search(), &json!({"spec": {"suspend": false}})).await?;
            world.ready(&search()).await
        }),
        converged!("suspended_by_the_platform", |world| {
            let suspended = json!({"tenants": {"suspended": [{"namespace": "team-search", "name": "search"}]}});
            world.patch(&prod(), &json!({"spec": suspended})).await?;
            world.condition(&search(), "Suspended", "True", Some("SuspendedByPlatform")).await?;
            world.ready(&prod()).await
        }),
        converged!("secret_lost", |world| {
            world.delete(&secret("team-search", "ai-gateway-search")).await?;
            sleep(Duration::from_mins(15)).await;
            world.ready(&search()).await
        }),
        converged!("secret_regrouped", |world| {
            let spec = json!({"spec": {"apiKey": {"env": ["aws", "region", "openai"]}}});
            world.patch(&search(), &spec).await?;
            world.ready(&search()).await
        }),
        converged!("secret_of_that_name_is_not_ours", |world| {
            let own = json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"namespace": "team-ads", "name": "ai-gateway-daily"},
                "data": {"PASSWORD": "aHVudGVyMg=="},
            });
            world.apply(&own).await?;
            world.apply(&manifests::tenant("team-ads", "daily", ("ai-platform", "prod"), "silver")).await?;
            world.condition(&tenant("team-ads", "daily"), "CredentialsReady", "False", Some("SecretNotOurs")).await?;
            sleep(Duration::from_mins(2)).await;
            world.delete(&secret("team-ads", "ai-gateway-daily")).await?;
            world.ready(&tenant("team-ads", "daily")).await
        }),
    ]
}

fn admission() -> Vec<Scenario> {
    vec![
        converged!("namespace_without_the_label_is_refused", |world| {
            world.apply(&manifests::tenant("team-outside", "rogue", ("ai-platform", "prod"), "silver")).await?;
            world.condition(&tenant("team-outside", "rogue"), "Accepted", "False", Some("NotAllowed")).await
        }),
        converged!("namespace_loses_its_label_and_gets_it_back", |world| {
            let team =
                aigw_tests::cluster::Object { kind: "Namespace", namespace: String::new(), name: "team-search".into() };
            world.patch(&team, &json!({"metadata": {"labels": {"ai-gateway": null}}})).await?;
            world.condition(&search(), "Accepted", "False", Some("NotAllowed")).await?;
            world.patch(&team, &json!({"metadata": {"labels": {"ai-gateway": "enabled"}}})).await?;
            world.ready(&search()).await
        }),
        converged!("tier_that_is_not_allowed_changes_nothing", |world| {
            world.patch(&search(), &json!({"spec": {"tier": "platinum"}})).await?;
            world.condition(&search(), "Accepted", "False", Some("TierNotAllowed")).await
        }),
        converged!("too_many_tenants_until_one_goes", |world| {
            for name in ["one", "two", "three"] {
                world.apply(&manifests::tenant("team-ads", name, ("ai-platform", "prod"), "silver")).await?;
                sleep(Duration::from_secs(2)).await;
            }
            let third = tenant("team-ads", "three");
            world.condition(&third, "Accepted", "False", Some("TooManyTenants")).await?;
            world.ready(&tenant("team-ads", "one")).await?;
            world.delete(&tenant("team-ads", "one")).await?;
            world.ready(&third).await
        }),
    ]
}

fn removal() -> Vec<Scenario> {
    vec![
        converged!("tenant_deleted", |world| {
            world.delete(&search()).await?;
            world.gone(&search()).await
        }),
        converged!("tenant_deleted_and_applied_again", |world| {
            world.delete(&search()).await?;
            world.gone(&search()).await?;
            world.apply(&objects()[1]).await?;
            world.ready(&search()).await
        }),
        converged!("tenant_moved_to_another_gateway", |world| {
            world.apply(&manifests::gateway("ai-platform", "test")).await?;
            world.ready(&gateway("ai-platform", "test")).await?;
            world.delete(&search()).await?;
            world.gone(&search()).await?;
            world.apply(&manifests::tenant("team-search", "search", ("ai-platform", "test"), "silver")).await?;
            world.ready(&search()).await
        }),
        converged!("everything_deleted", |world| {
            world.delete(&search()).await?;
            world.delete(&nightly()).await?;
            world.delete(&prod()).await?;
            world.gone(&search()).await?;
            world.gone(&nightly()).await?;
            world.gone(&prod()).await
        }),
        converged!("gateway_waits_for_its_tenants", |world| {
            world.delete(&prod()).await?;
            world.condition(&prod(), "Ready", "False", Some("TenantsAttached")).await?;
            world.delete(&search()).await?;
            world.delete(&nightly()).await?;
            world.gone(&prod()).await?;
            world.gone(&search()).await?;
            world.gone(&nightly()).await
        }),
        converged!("gateway_deleted_before_its_tenants", |world| {
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            world.condition(&search(), "Programmed", "Unknown", Some("GatewayNotFound")).await?;
            world.delete(&search()).await?;
            world.gone(&search()).await
        }),
        converged!("gateway_applied_again_under_its_tenants", |world| {
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            world.apply(&objects()[0]).await?;
            world.ready(&prod()).await?;
            world.ready(&search()).await?;
            world.ready(&nightly()).await
        }),
        converged!("deleted_with_retain_and_applied_again", |world| {
            world
                .patch(&prod(), &json!({"spec": {"deletionPolicy": "Retain", "dataDeletionPolicy": "Retain"}}))
                .await?;
            world.ready(&prod()).await?;
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            world.apply(&objects()[0]).await?;
            world.ready(&prod()).await?;
            world.ready(&search()).await
        }),
        converged!("table_retained", |world| {
            world.patch(&prod(), &json!({"spec": {"dataDeletionPolicy": "Retain"}})).await?;
            world.ready(&prod()).await?;
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await
        }),
        converged!("namespace_of_a_team_deleted", |world| {
            let team =
                aigw_tests::cluster::Object { kind: "Namespace", namespace: String::new(), name: "team-search".into() };
            world.delete(&team).await?;
            world.gone(&search()).await?;
            world.gone(&team).await
        }),
        converged!("spec_made_invalid_then_deleted", |world| {
            let rules =
                json!([{"name": "all", "match": {"namespaces": {"from": "All"}}, "allow": {"tiers": ["none"]}}]);
            world.patch(&prod(), &json!({"spec": {"tenants": {"rules": rules}}})).await?;
            world.condition(&prod(), "Accepted", "False", Some("Invalid")).await?;
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            world.delete(&search()).await?;
            world.gone(&search()).await
        }),
        Scenario {
            name: "deleted_while_being_created",
            start: Start::Empty,
            acts: |world| {
                Box::pin(async move {
                    world.apply_all(&objects()).await?;
                    sleep(Duration::from_secs(14)).await;
                    for object in [search(), nightly(), prod()] {
                        world.delete(&object).await?;
                    }
                    for object in [search(), nightly(), prod()] {
                        world.gone(&object).await?;
                    }
                    Ok(())
                })
            },
        },
    ]
}
