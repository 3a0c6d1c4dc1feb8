//! The main scenarios of a tenant as texts of plans, for a reviewer to read: `golden/*.txt`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aigw_api::{ApiKey, GatewayRef, SecretGroup, TenantSpec};
use aigw_contract::Credential;
use aigw_contract::table::MeterHead;
use serde_json::{Value, json};

use super::admit::{AdmittedTenant, TenantFacts, admit, bounds};
use super::fixtures::{NOW, World, admitted, facts};
use super::rotation::DEFAULT_OVERLAP;
use super::step::ObservedSecret;
use crate::gateway::fixtures::{identity, valid};
use crate::gateway::validate::ValidGateway;

fn gateway_with(auth: &Value) -> ValidGateway {
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}, {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}}],
        "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}, "allow": {"tiers": ["bronze", "silver"]}}]},
        "auth": auth,
    }))
}

fn gateway() -> ValidGateway {
    gateway_with(&json!({}))
}

fn tenant(tier: &str, suspend: bool) -> AdmittedTenant {
    let gateway_ref = GatewayRef { name: "prod".into(), namespace: None };
    admitted(
        &TenantSpec {
            gateway_ref,
            tier: Some(tier.into()),
            identities: None,
            api_key: None,
            models: None,
            resources: vec![],
            limits: None,
            budgets: vec![],
            time_zone: None,
            enforcement: None,
            expires_at: None,
            suspend: Some(suspend),
        },
        &gateway(),
    )
}

fn settled() -> World {
    let mut world = World::new(gateway());
    world.converge(&tenant("bronze", false));
    world.log.clear();
    world
}

fn check(name: &str, text: &str) {
    crate::golden::check("tenant", name, text);
}

/// Notes in the log what happens next.
fn note(world: &mut World, what: &str) {
    let _ = writeln!(world.log, "## {what}");
}

#[test]
fn from_nothing() {
    let mut world = World::new(gateway());
    world.converge(&tenant("bronze", false));
    check("from_nothing", &world.log);
}

#[test]
fn tier_move() {
    let mut world = settled();
    note(&mut world, "bronze to silver");
    world.converge(&tenant("silver", false));
    note(&mut world, "after the authorizer's cache time");
    world.now += 90;
    world.converge(&tenant("silver", false));
    check("tier_move", &world.log);
}

#[test]
fn suspend_and_resume() {
    let mut world = settled();
    note(&mut world, "suspended");
    world.converge(&tenant("bronze", true));
    note(&mut world, "resumed");
    world.converge(&tenant("bronze", false));
    note(&mut world, "suspended and moved at once");
    world.converge(&tenant("silver", true));
    check("suspend_and_resume", &world.log);
}

#[test]
fn suspended_for_longer_than_answers_are_cached() {
    let mut world = settled();
    note(&mut world, "suspended");
    world.converge(&tenant("bronze", true));
    note(&mut world, "after the authorizer's cache time");
    world.now += 90;
    world.converge(&tenant("bronze", true));
    note(&mut world, "the key enabled by hand");
    world.sim.observed.api_keys[0].enabled = true;
    world.converge(&tenant("bronze", true));
    note(&mut world, "resumed");
    world.converge(&tenant("bronze", false));
    check("key_disabled", &world.log);
}

#[test]
fn rotation() {
    let asks = |request| {
        let labels = BTreeMap::new();
        let facts = TenantFacts { rotation_request: request, ..facts(&labels) };
        let spec = json!({"gatewayRef": {"name": "prod"}, "apiKey": {"rotateEvery": "720h", "overlap": "24h"}});
        admit(&serde_json::from_value(spec).unwrap(), &facts, &gateway(), &identity()).unwrap()
    };
    let mut world = World::new(gateway());
    world.converge(&asks(None));
    world.log.clear();
    note(&mut world, "asked for");
    world.now += 3600;
    world.converge(&asks(Some("monday")));
    note(&mut world, "the old key was used two hours later");
    world.sim.observed.reading.last_used = vec![("k1".into(), NOW + 3 * 3600)];
    world.now += 25 * 3600;
    world.converge(&asks(Some("monday")));
    note(&mut world, "and not since");
    world.now += 2 * 3600;
    world.converge(&asks(Some("monday")));
    note(&mut world, "thirty days later");
    world.now += 720 * 3600;
    world.converge(&asks(Some("monday")));
    check("rotation", &world.log);
}

#[test]
fn models_and_resources() {
    let base = "arn:aws:bedrock:eu-central-1:111122223333:knowledge-base";
    let allowing = |models: &[&str]| {
        let models: Vec<_> = models.iter().map(|pattern| json!({"match": pattern})).collect();
        let allow = json!({"models": models, "resources": [{"arn": format!("{base}/*")}]});
        valid(json!({
            "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
            "endpoint": {"type": "Regional"},
            "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
            "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}, "allow": allow}]},
        }))
    };
    let asking = |gateway: &ValidGateway, more: Value| {
        let mut spec = json!({"gatewayRef": {"name": "prod"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admitted(&serde_json::from_value(spec).unwrap(), gateway)
    };
    let mut world = settled();
    note(&mut world, "the rule names models");
    let gateway = allowing(&["anthropic.*", "amazon.nova-*"]);
    world.converge(&asking(&gateway, json!({})));
    note(&mut world, "the team narrows them, and asks for a knowledge base");
    let models = json!({"allow": [{"match": "anthropic.claude-*"}], "deny": [{"match": "*opus*"}], "residency": "EU"});
    let narrower = json!({"models": models, "resources": [{"arn": format!("{base}/K")}]});
    world.converge(&asking(&gateway, narrower));
    note(&mut world, "the rule becomes narrower than what the team asks for, which is refused");
    let labels = BTreeMap::new();
    let spec = serde_json::from_value(json!({"gatewayRef": {"name": "prod"}})).unwrap();
    let bound = bounds(&spec, &facts(&labels), &allowing(&["amazon.nova-*"]), &identity()).unwrap();
    world.run(|world| world.bind(Some(&bound)));
    let rules = world.policy().models.clone().unwrap();
    assert!(rules.check("anthropic.claude-haiku", None).is_err());
    check("models_and_resources", &world.log);
}

#[test]
fn secret() {
    let mut world = settled();
    note(&mut world, "lost");
    world.sim.observed.secret = ObservedSecret::Absent;
    world.converge(&tenant("bronze", false));
    note(&mut world, "the old credential has retired");
    world.now += DEFAULT_OVERLAP;
    world.converge(&tenant("bronze", false));
    note(&mut world, "a variable changed by hand");
    let ObservedSecret::Ours(data) = &mut world.sim.observed.secret else { panic!("no Secret") };
    data.insert("AWS_ENDPOINT_URL_BEDROCK".into(), "https://elsewhere.example".into());
    world.converge(&tenant("bronze", false));
    note(&mut world, "a credential put there by hand");
    let forged = Credential::new(&tenant("bronze", false).tenant_id, "k2", &[99; 32]).unwrap();
    let ObservedSecret::Ours(data) = &mut world.sim.observed.secret else { panic!("no Secret") };
    data.insert("AWS_BEARER_TOKEN_BEDROCK".into(), forged.expose().into());
    world.converge(&tenant("bronze", false));
    note(&mut world, "further groups of variables");
    let gateway_ref = GatewayRef { name: "prod".into(), namespace: None };
    let api_key = ApiKey { env: vec![SecretGroup::Openai, SecretGroup::Region], ..ApiKey::default() };
    let spec = TenantSpec {
        gateway_ref,
        tier: Some("bronze".into()),
        identities: None,
        api_key: Some(api_key),
        models: None,
        resources: vec![],
        limits: None,
        budgets: vec![],
        time_zone: None,
        enforcement: None,
        expires_at: None,
        suspend: None,
    };
    world.converge(&admitted(&spec, &gateway()));
    check("secret", &world.log);
}

#[test]
fn limits_and_budgets() {
    let gateway = valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{
            "name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10},
            "limits": {"requestsPerMinute": 120, "tokensPerMinute": 50000, "concurrency": 10, "maxOutputTokens": {"default": 4096, "max": 16384}},
            "budgets": [{"window": "Month", "usd": "200"}],
        }],
        "tenants": {"rules": [{
            "name": "all", "match": {"namespaces": {"from": "All"}},
            "allow": {"shadow": true, "premiums": ["HourCache"]}, "ceilings": {"budgets": [{"window": "Month", "usd": "3000"}]},
        }]},
    }));
    let tenant = |more: Value| {
        let mut spec = json!({"gatewayRef": {"name": "prod"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admitted(&serde_json::from_value(spec).unwrap(), &gateway)
    };
    let mut world = World::new(gateway.clone());
    note(&mut world, "what the tier gives");
    world.converge(&tenant(json!({})));
    note(&mut world, "more money, less concurrency, in another time zone");
    let budgets = json!([{"window": "Day", "usd": "150"}, {"window": "Month", "usd": "2999.99"}]);
    let asked = json!({"limits": {"concurrency": 4}, "budgets": budgets, "timeZone": "Europe/Berlin"});
    world.converge(&tenant(asked));
    note(&mut world, "shadow, and an end");
    world.converge(&tenant(json!({"enforcement": "Shadow", "expiresAt": "2027-02-01T00:00:00Z"})));
    note(&mut world, "the next year, in UTC, changes nothing");
    world.now += 360 * 24 * 3600;
    world.converge(&tenant(json!({"enforcement": "Shadow", "expiresAt": "2027-02-01T00:00:00Z"})));
    check("limits_and_budgets", &world.log);
}

#[test]
fn api_keys_off_and_on() {
    let mut world = settled();
    note(&mut world, "off");
    world.gateway = gateway_with(&json!({"apiKeys": {"enabled": false}}));
    world.converge(&tenant("bronze", false));
    note(&mut world, "on");
    world.gateway = gateway();
    world.converge(&tenant("bronze", false));
    check("api_keys_off_and_on", &world.log);
}

#[test]
fn key_deleted_by_hand() {
    let mut world = settled();
    world.sim.observed.api_keys.clear();
    world.converge(&tenant("bronze", false));
    check("key_deleted_by_hand", &world.log);
}

#[test]
fn key_moved_to_another_plan_by_hand() {
    let mut world = settled();
    world.sim.observed.api_keys[0].usage_plans = vec!["plan-silver".into()];
    world.converge(&tenant("bronze", false));
    check("key_moved_by_hand", &world.log);
}

#[test]
fn drift_of_several_objects() {
    let mut world = settled();
    world.sim.observed.api_keys[0].enabled = false;
    world.sim.observed.api_keys[0].usage_plans.clear();
    world.sim.observed.meter = Some(MeterHead { policy_version: 1, suspended: true });
    change_a_variable(&mut world);
    world.converge(&tenant("bronze", false));
    check("drift_of_several_objects", &world.log);
}

fn change_a_variable(world: &mut World) {
    let ObservedSecret::Ours(data) = &mut world.sim.observed.secret else { panic!("no Secret") };
    data.insert("EXTRA".into(), "1".into());
}

#[test]
fn deleted_and_applied_again() {
    let mut world = settled();
    note(&mut world, "deleted");
    world.delete(&tenant("bronze", false));
    note(&mut world, "applied again");
    world.converge(&tenant("bronze", false));
    check("deleted_and_applied_again", &world.log);
}

#[test]
fn adopted_after_a_restore() {
    // AWS is as it was; the new cluster has no Secret.
    let mut world = settled();
    world.sim.observed.secret = ObservedSecret::Absent;
    world.converge(&tenant("bronze", false));
    check("adopted_after_restore", &world.log);
}

#[test]
fn lost_its_table() {
    let mut world = settled();
    (world.sim.observed.policy, world.sim.observed.meter) = (None, None);
    world.converge(&tenant("bronze", false));
    check("table_deleted_by_hand", &world.log);
}

#[test]
fn no_rule_admits_it_any_more() {
    let mut world = settled();
    world.run(|world| world.bind(None));
    check("revoked", &world.log);
}
