//! Changes of a gateway's spec.

use std::time::Duration;

use aigw_tests::simulation::scenario::Scenario;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::scenario::objects::{change, converged, nightly, prod, search, teams};

pub fn scenarios() -> Vec<Scenario> {
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
        converged!("prices_of_its_own_and_what_is_unknown", |world| {
            let price = json!({"match": "zai.glm-5", "usdPerMillionTokens": {"input": "0.9", "output": "3"}});
            change(world, json!({"models": {"prices": [price], "unknownPrice": "ChargeMaximum"}})).await?;
            let unmetered = json!({"policy": "Charge", "usdPerCall": "0.01"});
            change(world, json!({"models": null, "failMode": "Open", "bedrock": {"unmetered": unmetered}})).await
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

/// The usual rules, with models.
fn rules(patterns: &Value) -> Value {
    let models: Vec<_> = patterns.as_array().into_iter().flatten().map(|pattern| json!({"match": pattern})).collect();
    json!({"tenants": teams(&json!({"models": models}))})
}
