use aigw_api::DeletionPolicy;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::gateway::cleanup::cleanup;
use crate::gateway::observed::ObservedGateway;
use crate::gateway::simulated::{Simulated, identity, valid};

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
fn settled(spec: &Value) -> Simulated {
    let mut world = Simulated::default();
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
fn from_nothing() {
    let mut world = Simulated::default();
    world.converge(&valid(spec()));
    let golden = include_str!("golden/from_nothing.txt");
    assert_eq!(world.log.trim(), golden.trim(), "\n--- actual ---\n{}", world.log);
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
    let harms: [(&str, Harm); 12] = [
        ("stage's deployment", |aws| {
            let mut other = aws.deployments[0].clone();
            (other.id, other.description, other.created) = ("hand".into(), "by hand".into(), other.created + 1);
            aws.deployments.push(other);
            aws.stages.get_mut("v1").unwrap().deployment_id = "hand".into();
        }),
        ("stage deleted", |aws| drop(aws.stages.remove("v1"))),
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
        harm(&mut world.aws);
        let before = world.aws.clone();
        let rounds = world.converge(&valid(spec()));
        assert!(rounds > 0, "{name} was not noticed");
        assert_ne!(world.aws, before, "{name}");
    }
}

#[test]
fn duplicates_stop_everything() {
    let mut world = settled(&spec());
    let mut twin = world.aws.rest_apis[0].clone();
    twin.id = "twin".into();
    world.aws.rest_apis.push(twin);
    let blocked = diff(&world.desired(&valid(spec())), &world.aws, &BTreeSet::new()).unwrap_err();
    assert!(matches!(blocked, Blocked::Duplicate { count: 2, .. }), "{blocked}");
}

#[test]
fn a_dropped_tier_goes_when_nobody_is_in_it() {
    let world = settled(&spec());
    let mut smaller = spec();
    smaller["tiers"].as_array_mut().unwrap().remove(1);
    let desired = world.desired(&valid(smaller));
    let kept = diff(&desired, &world.aws, &BTreeSet::from(["silver".to_owned()])).unwrap();
    assert!(kept.in_sync(), "{kept}");
    let deleted = diff(&desired, &world.aws, &BTreeSet::new()).unwrap().to_string();
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
        let before = world.aws.clone();
        for _ in 0..5 {
            for step in cleanup(&identity(), compute, data, &world.aws, &[]).steps {
                world.apply(&step);
            }
        }
        assert!(cleanup(&identity(), compute, data, &world.aws, &[]).in_sync());
        assert_eq!(world.aws == ObservedGateway::default(), nothing_left);
        if compute == DeletionPolicy::Retain {
            assert_eq!(world.aws.rest_apis, before.rest_apis);
            assert_eq!(world.aws.table, before.table);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// From any state a crash can leave (a prefix of the steps, again and again) the same end is reached.
    #[test]
    fn any_crash_ends_in_the_same_state(crashes in prop::collection::vec(0_usize..9, 0..12), rate in 1_i32..50) {
        let target = valid(changed("/tiers/0/plan", json!({"requestsPerSecond": rate, "burst": 50})));
        let mut world = Simulated::default();
        for keep in crashes {
            let plan = world.plan(&target);
            for step in plan.steps.iter().take(keep) {
                world.apply(step);
            }
            for function in world.aws.functions.values_mut() {
                function.state = FunctionState::Ready;
            }
        }
        world.converge(&target);
        prop_assert!(world.plan(&target).in_sync());
        prop_assert_eq!(world.aws.rest_apis.len(), 1);
        prop_assert_eq!(world.aws.usage_plans.len(), 2);
        prop_assert_eq!(world.aws.stages.len(), 1);
        prop_assert!(world.aws.functions.values().all(|function| function.versions.len() == 1 && function.permissions.len() == 1));
        let stage = &world.aws.stages["v1"];
        let document = world.desired(&target).document.unwrap();
        let serving = world.aws.deployments.iter().find(|deployment| deployment.id == stage.deployment_id).unwrap();
        prop_assert_eq!(&serving.description, &document.hash);
    }
}

#[test]
fn held_back_are_only_creates_that_cannot_be_repeated() {
    let world = Simulated::default();
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
