use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::class::Class;
use crate::gateway::diff::diff;
use crate::gateway::fixtures::{World, valid};
use crate::gateway::observed::Tags;
use crate::gateway::validate::ValidGateway;

fn spec(kind: &str, tiers: &[&str]) -> ValidGateway {
    let plan = json!({"requestsPerSecond": 5, "burst": 10});
    let tiers: Vec<Value> = tiers.iter().map(|name| json!({"name": name, "plan": plan})).collect();
    let mut endpoint = json!({"type": kind});
    if kind == "Private" {
        endpoint["vpcEndpointIds"] = json!(["vpce-0123456789abcdef0"]);
    }
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": endpoint,
        "tiers": tiers, "tenants": {"rules": []},
    }))
}

fn quotas() -> AccountQuotas {
    AccountQuotas { usage_plans: 10, api_keys: 100, regional_apis: 5, private_apis: 3 }
}

fn room(plans: usize, used: AccountUse) -> World {
    let mut world = World::default();
    world.sim.aws.usage_plans_in_account = plans;
    world.sim.aws.capacity = Capacity { quotas: quotas(), unread: None, used: Some(used) };
    world
}

fn refused(world: &World, valid: &ValidGateway) -> Option<String> {
    match diff(&world.desired(valid), &world.sim.aws, &BTreeSet::new()) {
        Ok(_) => None,
        Err(blocked) => {
            assert_eq!((blocked.class(), blocked.reason()), (Class::Quota, reason::QUOTA_EXCEEDED));
            Some(blocked.to_string())
        }
    }
}

#[test]
fn a_gateway_that_cannot_fit_is_not_begun() {
    let none = AccountUse::default();
    let regional = AccountUse { regional_apis: 5, ..none };
    let private = AccountUse { private_apis: 3, ..none };
    let two = ["bronze", "silver"];
    let cases = [
        ("Regional", 8, none, None),
        ("Regional", 9, none, Some("spec.tiers needs 2 more usage plans, and the account has 9 of 10")),
        ("Regional", 0, regional, Some("5 of 5 Regional APIs")),
        ("Private", 0, regional, None),
        ("Private", 0, private, Some("3 of 3 Private APIs")),
    ];
    for (kind, plans, used, expected) in cases {
        let told = refused(&room(plans, used), &spec(kind, &two));
        match expected {
            None => assert_eq!(told, None, "{kind} {plans} {used:?}"),
            Some(expected) => assert!(told.as_ref().is_some_and(|told| told.contains(expected)), "{kind}: {told:?}"),
        }
    }
}

#[test]
fn what_is_not_known_for_certain_is_left_to_aws() {
    let mut world = room(10, AccountUse { regional_apis: 5, ..AccountUse::default() });
    world.sim.aws.capacity.unread = Some("AccessDeniedException".into());
    assert_eq!(refused(&world, &spec("Regional", &["bronze"])), None, "quotas may have been raised");
    let mut world = room(0, AccountUse::default());
    world.sim.aws.capacity.used = None;
    assert_eq!(refused(&world, &spec("Regional", &["bronze"])), None, "not counted");
}

#[test]
fn a_gateway_that_serves_is_kept_as_it_should_be_beside_a_tier_that_cannot_fit() {
    let mut world = World::settled(&spec("Regional", &["bronze"]));
    world.sim.aws.usage_plans_in_account = 10;
    world.sim.aws.capacity = room(10, AccountUse { regional_apis: 5, ..AccountUse::default() }).sim.aws.capacity;
    assert_eq!(refused(&world, &spec("Regional", &["bronze"])), None, "nothing more is needed");
    let more = spec("Regional", &["bronze", "silver"]);
    assert!(refused(&world, &more).is_some());
    // Drift is still mended, and a plan that goes makes the room.
    world.sim.aws.usage_plans[0].rate_limit = Some(1.0);
    let mended = diff(&world.desired(&more), &world.sim.aws, &BTreeSet::new()).unwrap().to_string();
    assert!(mended.contains("update usage plan") && !mended.contains("create usage plan"), "{mended}");
    let other = spec("Regional", &["silver"]);
    let freed = diff(&world.desired(&other), &world.sim.aws, &BTreeSet::new()).unwrap().to_string();
    assert!(freed.contains("delete usage plan") && !freed.contains("create usage plan"), "{freed}");
}

#[test]
fn a_key_without_room_is_held_and_what_comes_before_it_is_done() {
    let enable = TenantStep::EnableApiKey { id: "k1".into() };
    let create = TenantStep::CreateApiKey { name: "n".into(), value: "v".into(), tags: Tags::new() };
    let planned = || Plan { steps: vec![enable.clone(), create.clone(), enable.clone()], ..Plan::default() };
    let capacity = |api_keys| room(0, AccountUse { api_keys, ..AccountUse::default() }).sim.aws.capacity;
    let mut plan = planned();
    assert_eq!(hold_keys(&mut plan, &capacity(99)), None);
    assert_eq!(plan.steps.len(), 3);
    let told = hold_keys(&mut plan, &capacity(100)).unwrap();
    assert!(told.contains("100 of 100 API keys"), "{told}");
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(hold_keys(&mut plan, &capacity(100)), None, "no key is asked for");
}

#[test]
fn the_condition_has_figures_that_do_not_move_with_each_tenant() {
    let told = |plans, keys| {
        let observed = room(plans, AccountUse { api_keys: keys, ..AccountUse::default() }).sim.aws;
        let ConditionSpec { status, reason, message, .. } = condition(&observed);
        (status, reason, message)
    };
    let (status, reason, message) = told(8, 0);
    assert_eq!((status, reason), (Some(true), reason::BELOW_QUOTA));
    assert_eq!(
        message,
        "usage plans 8/10, API keys up to 5/100, Regional APIs up to 1/5, Private APIs up to 1/3 of the account in this Region; quotas as Service Quotas tells"
    );
    assert_eq!(told(8, 5).2, message, "the same step");
    let (status, reason, message) = told(8, 90);
    assert_eq!((status, reason), (Some(false), reason::NEAR_QUOTA));
    assert!(message.starts_with("little room is left for API keys: "), "{message}");
    assert!(told(9, 90).2.starts_with("little room is left for usage plans, API keys: "));

    let mut observed = room(1, AccountUse::default()).sim.aws;
    observed.capacity = Capacity { unread: Some("AccessDeniedException".into()), ..Capacity::default() };
    assert_eq!(
        condition(&observed).message,
        "usage plans 1/300 of the account in this Region; quotas as AWS publishes them, because Service Quotas was not read: AccessDeniedException"
    );
}
