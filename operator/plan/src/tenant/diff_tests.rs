use aigw_api::{GatewayRef, SecretGroup, TenantSpec};
use aigw_contract::policy::Suspension;
use serde_json::json;

use super::*;
use crate::gateway::fixtures::{identity, valid};
use crate::gateway::validate::ValidGateway;
use crate::tenant::credentials::RETIRING_SECONDS;
use crate::tenant::fixtures::{NOW, World, admitted};
use crate::tenant::rotation::DEFAULT_OVERLAP;

fn gateway() -> ValidGateway {
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}, {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}}],
        "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}, "allow": {"tiers": ["bronze", "silver"]}}]},
    }))
}

fn tenant(tier: &str, suspend: bool) -> AdmittedTenant {
    let spec = TenantSpec {
        gateway_ref: GatewayRef { name: "prod".into(), namespace: None },
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
    };
    admitted(&spec, &gateway())
}

fn settled() -> World {
    let mut world = World::new(gateway());
    world.converge(&tenant("bronze", false));
    world.log.clear();
    world
}

#[test]
fn from_nothing_the_secret_comes_before_the_policy_that_makes_it_valid() {
    let mut world = World::new(gateway());
    world.converge(&tenant("bronze", false));
    let order = ["create api key", "create secret", "attach api key", "write policy 1", "write meter"];
    let positions: Vec<_> =
        order.iter().map(|step| world.log.find(step).unwrap_or_else(|| panic!("no {step} in {}", world.log))).collect();
    assert!(positions.is_sorted(), "{}", world.log);
    let credential = world.credential();
    assert!(credential.matches(&world.policy().key(credential.key(), NOW).unwrap().sha256));
    assert!(!world.log.contains(credential.expose()));
    assert!(!format!("{:?}", world.plan(&tenant("silver", false))).contains(credential.expose()));
}

#[test]
fn any_crash_keeps_the_credential_that_was_given_out() {
    for cut in 1..6 {
        let mut world = World::new(gateway());
        let mut seen = None;
        for _ in 0..12 {
            world.random += 1;
            let mut plan = world.plan(&tenant("bronze", false));
            plan.steps.truncate(cut);
            plan.steps.iter().for_each(|step| world.apply(step));
            if world.sim.observed.secret != ObservedSecret::Absent {
                let credential = world.credential();
                assert_eq!(seen.get_or_insert(credential.clone()), &credential);
            }
        }
        world.converge(&tenant("bronze", false));
        assert_eq!(world.sim.observed.api_keys.len(), 1);
        assert_eq!(seen, Some(world.credential()));
    }
}

#[test]
fn suspension_binds_before_anything_else_is_done() {
    let mut world = settled();
    world.sim.observed.api_keys.clear();
    let first = world.plan(&tenant("silver", true)).steps;
    assert!(
        matches!(&first[0], TenantStep::WritePolicy { policy, .. } if policy.suspended == Some(Suspension::Team)),
        "{first:?}"
    );
    assert!(matches!(&first[1], TenantStep::WriteMeter { head, .. } if head.suspended), "{first:?}");
    world.converge(&tenant("bronze", true));
    world.converge(&tenant("bronze", false));
    assert_eq!(
        world.sim.observed.meter,
        Some(MeterHead { policy_version: world.sim.observed.policy.as_ref().unwrap().version, suspended: false })
    );
}

#[test]
fn a_tier_move_keeps_the_old_key_until_no_cached_answer_names_it() {
    let mut world = settled();
    let old = world.policy().usage_key.clone();
    world.converge(&tenant("silver", false));
    assert_ne!(world.policy().usage_key, old);
    assert_eq!(world.sim.observed.api_keys.len(), 2);
    world.now += 89;
    assert_eq!(world.plan(&tenant("silver", false)).recheck, Some(Duration::from_secs(1)));
    world.now += 1;
    world.converge(&tenant("silver", false));
    assert_eq!(world.sim.observed.api_keys.len(), 1);
    // Back again: a third key, because a value is never used twice.
    world.converge(&tenant("bronze", false));
    assert_eq!(world.policy().usage_key_generation, 2);
}

#[test]
fn a_lost_secret_brings_a_new_key_and_the_old_one_retires_slowly() {
    let mut world = settled();
    let old = world.credential();
    world.sim.observed.secret = ObservedSecret::Absent;
    world.converge(&tenant("bronze", false));
    assert_eq!((old.key(), world.credential().key()), ("k1", "k2"));
    assert!(world.policy().key("k1", NOW + RETIRING_SECONDS - 1).is_some());
    world.now = DEFAULT_OVERLAP - 1;
    assert!(world.plan(&tenant("bronze", false)).in_sync());
    world.now = DEFAULT_OVERLAP;
    world.converge(&tenant("bronze", false));
    assert_eq!(world.policy().keys.len(), 1);
}

#[test]
fn a_secret_changed_by_hand_is_put_back_and_a_forged_credential_is_not_taken() {
    let mut world = settled();
    let credential = world.credential();
    let ObservedSecret::Ours(data) = &mut world.sim.observed.secret else { panic!() };
    data.insert("AWS_ENDPOINT_URL_BEDROCK_RUNTIME".into(), "https://evil.example".into());
    data.insert("EXTRA".into(), "1".into());
    world.converge(&tenant("bronze", false));
    assert_eq!(world.credential(), credential);
    let forged = Credential::new(credential.tenant(), credential.key(), &[7; 32]).unwrap();
    let ObservedSecret::Ours(data) = &mut world.sim.observed.secret else { panic!() };
    data.insert("AWS_BEARER_TOKEN_BEDROCK".into(), forged.expose().into());
    world.converge(&tenant("bronze", false));
    assert_ne!(world.credential(), forged);
    assert!(!world.policy().keys.iter().any(|key| forged.matches(&key.sha256)));
}

#[test]
fn drift_of_the_internal_key_is_repaired_with_the_same_value() {
    let mut world = settled();
    let value = world.policy().usage_key.clone();
    world.sim.observed.api_keys.clear();
    world.converge(&tenant("bronze", false));
    assert_eq!(world.policy().usage_key, value);
    world.sim.observed.api_keys[0].usage_plans.clear();
    world.sim.observed.api_keys[0].enabled = false;
    world.converge(&tenant("bronze", false));
    assert!(world.sim.observed.api_keys[0].enabled);
    assert_eq!(world.sim.observed.api_keys[0].usage_plans, ["plan-bronze"]);
    world.sim.observed.meter = None;
    world.converge(&tenant("bronze", false));
    assert!(world.sim.observed.meter.is_some());
}

#[test]
fn deleted_and_applied_again_a_tenant_goes_on_with_its_versions_and_a_new_credential() {
    let mut world = settled();
    let (before, old) = (world.sim.observed.policy.as_ref().unwrap().version, world.credential());
    world.delete(&tenant("bronze", false));
    assert!(world.sim.observed.api_keys.is_empty());
    assert!(world.policy().denied() && world.policy().key("k1", NOW + 1).is_none());
    assert!(world.sim.observed.meter.unwrap().suspended);
    world.converge(&tenant("bronze", false));
    assert!(world.sim.observed.policy.as_ref().unwrap().version > before + 1);
    assert_ne!(world.credential().key(), old.key());
    assert!(!world.policy().denied());
}

#[test]
fn a_policy_that_expired_before_its_meter_starts_above_it() {
    let mut world = settled();
    world.sim.observed.policy = None;
    world.sim.observed.meter = Some(MeterHead { policy_version: 41, suspended: true });
    world.converge(&tenant("bronze", false));
    assert_eq!(world.sim.observed.meter, Some(MeterHead { policy_version: 42, suspended: false }));
}

#[test]
fn a_key_in_the_plan_of_another_tier_is_replaced_and_not_waited_for() {
    let mut world = settled();
    world.sim.observed.api_keys[0].usage_plans = vec!["plan-silver".into()];
    world.converge(&tenant("bronze", false));
    assert_eq!(world.policy().usage_key_generation, 1);
    // A move that was broken off after the new key was attached, and then went elsewhere.
    let mut plan = world.plan(&tenant("silver", false));
    plan.steps.iter().for_each(|step| world.apply(step));
    plan = world.plan(&tenant("silver", false));
    plan.steps.iter().take(1).for_each(|step| world.apply(step));
    let last = world.sim.observed.api_keys.last_mut().unwrap();
    assert_eq!(last.usage_plans, ["plan-silver"]);
    last.usage_plans = vec!["plan-gold".into()];
    world.converge(&tenant("silver", false));
    assert_eq!(world.policy().usage_key_generation, 3);
}

#[test]
fn a_foreign_secret_is_never_touched() {
    let mut world = World::new(gateway());
    world.sim.observed.secret = ObservedSecret::Foreign;
    let identity = identity();
    let facts = GatewayFacts {
        identity: &identity,
        endpoint: "e",
        region: "r",
        usage_plan_id: None,
        api_keys: true,
        cache_seconds: 60,
    };
    let error = diff(&tenant("bronze", false), &facts, &world.sim.observed, NOW, &[0; 32]).unwrap_err();
    assert!(error.to_string().contains("team-search/ai-gateway-search"));
}

#[test]
fn revocation_writes_once() {
    let mut world = settled();
    let plan = world.bind(None);
    assert_eq!(plan.steps.len(), 2);
    plan.steps.iter().for_each(|step| world.apply(step));
    assert!(world.bind(None).in_sync());
    assert_eq!(world.policy().suspended, Some(Suspension::Platform));
}

#[test]
fn secret_groups_hold_exactly_their_variables() {
    let credential = Credential::new("t1", "k1", &[1; 32]).unwrap();
    let names = |groups: &[SecretGroup]| -> Vec<String> {
        secret::data(groups, "https://g/v1", "eu-central-1", &credential).into_keys().collect()
    };
    assert_eq!(
        names(&[SecretGroup::Aws]),
        ["AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
    );
    assert_eq!(names(&[SecretGroup::Region]), ["AWS_DEFAULT_REGION", "AWS_REGION"]);
    assert_eq!(names(&[SecretGroup::Openai]), ["OPENAI_API_KEY", "OPENAI_BASE_URL"]);
    assert_eq!(names(&[SecretGroup::ClaudeCode]), ["ANTHROPIC_BEDROCK_BASE_URL", "CLAUDE_CODE_USE_BEDROCK"]);
}
