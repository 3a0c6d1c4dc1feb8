use aigw_api::DeletionPolicy;
use serde_json::{Value, json};

use super::*;
use crate::gateway::cleanup::cleanup;
use crate::gateway::fixtures::{World, identity, valid};
use crate::gateway::observed::ObservedGateway;

fn spec() -> Value {
    json!({
        "region": "eu-central-1",
        "accountId": "111122223333",
        "stages": [{"name": "v1"}],
        "endpoint": {"type": "Regional"},
        "tiers": [
            {"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}},
            {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}},
        ],
        "tenants": {"rules": []},
    })
}

/// A gateway that is in sync, and its log cleared.
fn settled(spec: &Value) -> World {
    let mut world = World::default();
    world.converge(&valid(spec.clone()));
    world.log.clear();
    world
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut spec = spec();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[field] = value;
    spec
}

#[test]
fn each_change_of_the_spec_costs_what_it_must_and_no_more() {
    let cases: [(&str, Value, &str); 6] = [
        ("tier", changed("/tiers/0/plan", json!({"requestsPerSecond": 6, "burst": 10})), "to 6/10, stages +0 -0"),
        (
            "stage throttle",
            changed("/throttle", json!({"requestsPerSecond": 9, "burst": 9})),
            "update stage v1 of rest api api1: throttle 9/9",
        ),
        (
            "families",
            changed("/bedrock", json!({"families": ["bedrock-runtime", "bedrock-agent-runtime"]})),
            "create deployment",
        ),
        ("memory", changed("/functions", json!({"forwarder": {"memoryMiB": 512}})), "publish function"),
        ("cache", changed("/auth", json!({"cacheSeconds": 5})), "create deployment"),
        ("access", changed("/endpoint/sourceCidrs", json!(["203.0.113.0/24"])), "create deployment"),
    ];
    for (name, spec_after, expected) in cases {
        let mut world = settled(&spec());
        world.converge(&valid(spec_after));
        let deployments = world.log.matches("create deployment").count();
        assert!(world.log.contains(expected), "{name}: {}", world.log);
        assert_eq!(deployments, usize::from(["families", "cache", "access"].contains(&name)), "{name}: {}", world.log);
    }
}

#[test]
fn what_was_changed_by_hand_is_put_back() {
    type Harm = fn(&mut ObservedGateway);
    let harms: [(&str, Harm); 13] = [
        ("stage's deployment", |aws| {
            let mut other = aws.deployments[0].clone();
            (other.id, other.description, other.created) = ("hand".into(), "by hand".into(), other.created + 1);
            aws.deployments.push(other);
            aws.stages.get_mut("v1").unwrap().deployment_id = "hand".into();
        }),
        ("stage deleted", |aws| {
            aws.stages.remove("v1");
            aws.usage_plans.iter_mut().for_each(|plan| plan.api_stages.clear());
        }),
        ("one half of the stage's throttle", |aws| aws.stages.get_mut("v1").unwrap().rate_limit = Some(1.0)),
        ("plan limits", |aws| aws.usage_plans[0].burst_limit = Some(1)),
        ("plan deleted", |aws| drop(aws.usage_plans.remove(0))),
        ("plan detached", |aws| aws.usage_plans[0].api_stages.clear()),
        ("function memory", |aws| aws.functions.get_mut(&Function::Forwarder).unwrap().memory_mib = 1024),
        ("function deleted", |aws| drop(aws.functions.remove(&Function::Authorizer))),
        ("alias deleted", |aws| aws.functions.get_mut(&Function::Forwarder).unwrap().live_version = None),
        ("permission deleted", |aws| aws.functions.get_mut(&Function::Forwarder).unwrap().permissions.clear()),
        ("role policy", |aws| aws.roles.get_mut(&Function::Forwarder).unwrap().policy = Some(json!({}))),
        ("retention", |aws| aws.log_groups.get_mut(&Function::Forwarder).unwrap().retention_days = None),
        ("config item", |aws| aws.config = None),
    ];
    for (name, harm) in harms {
        let mut world = settled(&spec());
        harm(&mut world.sim.aws);
        let before = world.sim.aws.clone();
        let rounds = world.converge(&valid(spec()));
        assert!(rounds > 0, "{name} was not noticed");
        assert_ne!(world.sim.aws, before, "{name}");
    }
}

#[test]
fn duplicates_stop_everything() {
    let mut world = settled(&spec());
    let mut twin = world.sim.aws.rest_apis[0].clone();
    twin.id = "twin".into();
    world.sim.aws.rest_apis.push(twin);
    let blocked = diff(&world.desired(&valid(spec())), &world.sim.aws, &BTreeSet::new()).unwrap_err();
    assert!(matches!(blocked, Blocked::Duplicate { count: 2, .. }), "{blocked}");
}

#[test]
fn a_dropped_tier_goes_when_nobody_is_in_it() {
    let world = settled(&spec());
    let mut smaller = spec();
    smaller["tiers"].as_array_mut().unwrap().remove(1);
    let desired = world.desired(&valid(smaller));
    let kept = diff(&desired, &world.sim.aws, &BTreeSet::from(["silver".to_owned()])).unwrap();
    assert!(kept.in_sync(), "{kept}");
    let deleted = diff(&desired, &world.sim.aws, &BTreeSet::new()).unwrap().to_string();
    assert!(deleted.starts_with("delete usage plan"), "{deleted}");
}

#[test]
fn deletion_leaves_nothing_and_retain_leaves_everything() {
    for (compute, data, nothing_left) in [
        (DeletionPolicy::Delete, DeletionPolicy::Delete, true),
        (DeletionPolicy::Delete, DeletionPolicy::Retain, false),
        (DeletionPolicy::Retain, DeletionPolicy::Delete, false),
    ] {
        let mut world = settled(&spec());
        let before = world.sim.aws.clone();
        for _ in 0..5 {
            for step in cleanup(&identity(), compute, data, &world.sim.aws, (&[], &BTreeSet::new())).steps {
                world.apply(&step);
            }
            world.sim.settle();
        }
        assert!(cleanup(&identity(), compute, data, &world.sim.aws, (&[], &BTreeSet::new())).in_sync());
        // A setting of the account, and nobody's of ours.
        world.sim.aws.account_log_role = None;
        assert_eq!(world.sim.aws == ObservedGateway::default(), nothing_left);
        if compute == DeletionPolicy::Retain {
            assert_eq!(world.sim.aws.rest_apis, before.rest_apis);
            assert_eq!(world.sim.aws.table, before.table);
        }
    }
}

#[test]
fn held_back_are_only_creates_that_cannot_be_repeated() {
    let world = World::default();
    let mut plan = world.plan(&valid(spec()));
    let all = plan.steps.len();
    hold_back(&mut plan, Duration::from_secs(9));
    assert_eq!(plan.steps.len(), all - 1);
    assert!(!plan.steps.iter().any(|step| matches!(step, GatewayStep::CreateRestApi { .. })));
    assert!(plan.wait.is_some());
    let mut in_sync = Plan::default();
    hold_back(&mut in_sync, Duration::from_secs(9));
    assert!(in_sync.in_sync());
}
