//! What holds of the gateway's plan whatever the spec and whatever state AWS is in.

use aigw_api::{AIGatewaySpec, DeletionPolicy};
use aigw_contract::guardrail::Guardrails;
use proptest::prelude::*;
use serde_json::json;

use super::desired::version_description;
use super::fixtures::{World, identity};
use super::harm::{HARMS, harm, is_about_domains};
use super::observed::{ObservedGateway, ObservedMapping};
use super::validate::{ValidGateway, validate};
use crate::identity::Function;
use crate::strategies::{Fixed, deletion_policy, fixed, gateway, shuffle};
use crate::tenant::step::ObservedApiKey;

/// How a world came to be as it is.
#[derive(Debug, Clone)]
enum Start {
    /// Nothing there.
    Nothing,
    /// In sync with another spec.
    Other,
    /// In sync with another spec, then changed by hand.
    Harmed(Vec<usize>),
    /// Plans towards the target, each broken off after so many steps, AWS done or not.
    Crashed { from_other: bool, cuts: Vec<(usize, bool)> },
}

fn start() -> impl Strategy<Value = Start> {
    let cuts = prop::collection::vec((0_usize..9, any::<bool>()), 1..5);
    prop_oneof![
        1 => Just(Start::Nothing),
        1 => Just(Start::Other),
        4 => prop::collection::vec(0..HARMS.len(), 1..6).prop_map(Start::Harmed),
        4 => (any::<bool>(), cuts).prop_map(|(from_other, cuts)| Start::Crashed { from_other, cuts }),
    ]
}

/// A world, and the spec it is to be.
fn case() -> impl Strategy<Value = (Start, AIGatewaySpec, AIGatewaySpec)> {
    fixed().prop_flat_map(|fixed: Fixed| (start(), gateway(&fixed), gateway(&fixed)))
}

fn checked(spec: &AIGatewaySpec) -> ValidGateway {
    validate(spec).expect("the strategies draw valid specs")
}

fn begin(start: &Start, other: &ValidGateway, target: &ValidGateway) -> World {
    let world = World::settled(other);
    match start {
        Start::Nothing => World { sim: empty(&world), ..world },
        Start::Other => world,
        Start::Harmed(harms) => {
            let mut world = world;
            for number in harms {
                harm(*number, &mut world.sim.aws);
            }
            world
        }
        Start::Crashed { from_other, cuts } => {
            let mut world = if *from_other { world } else { World { sim: empty(&world), ..world } };
            for (steps, settles) in cuts {
                let plan = world.plan(target);
                plan.steps.iter().take(*steps).for_each(|step| world.apply(step));
                if *settles {
                    world.sim.settle();
                }
            }
            world
        }
    }
}

fn empty(world: &World) -> super::simulated::SimulatedGateway {
    let mut sim = world.sim.clone();
    let account_log_role = sim.aws.account_log_role.take();
    sim.aws = ObservedGateway { account_log_role, ..ObservedGateway::default() };
    sim
}

/// The domain of the spec leads here, and nothing else of ours does.
fn must_be_mapped(target: &ValidGateway, world: &World) {
    let aws = &world.sim.aws;
    let found: Vec<_> =
        aws.domains.iter().map(|domain| (&domain.name, &domain.certificate_arn, &domain.security_policy)).collect();
    let wanted = target.domain.as_ref();
    let asked: Vec<_> =
        wanted.iter().map(|domain| (&domain.name, &domain.certificate_arn, &domain.security_policy)).collect();
    assert_eq!(found, asked);
    let mappings: Vec<_> = aws.domains.iter().flat_map(|domain| &domain.mappings).collect();
    let asked: Vec<_> = wanted
        .iter()
        .map(|domain| ObservedMapping {
            base_path: domain.base_path.clone(),
            rest_api_id: aws.rest_apis[0].id.clone(),
            stage: target.stage.clone(),
        })
        .collect();
    assert_eq!(mappings, asked.iter().collect::<Vec<_>>());
    assert_eq!(aws.rest_apis[0].default_endpoint_disabled, target.disable_default_endpoint);
}

/// What must be true of a gateway that is in sync, said without the diff.
fn must_be(target: &ValidGateway, world: &World) {
    let (aws, desired) = (&world.sim.aws, world.desired(target));
    assert_eq!(aws.rest_apis.len(), 1);
    assert_eq!(aws.rest_apis[0].vpc_endpoint_ids, target.vpc_endpoint_ids);
    assert_eq!(aws.stages.len(), 1);
    let stage = &aws.stages[&target.stage];
    let serving = aws.deployments.iter().find(|deployment| deployment.id == stage.deployment_id).unwrap();
    assert_eq!(serving.description, desired.document.unwrap().hash);
    let throttle = target.throttle.as_ref();
    assert_eq!(stage.rate_limit, throttle.map(|throttle| f64::from(throttle.requests_per_second)));
    assert_eq!(stage.burst_limit, throttle.map(|throttle| throttle.burst));
    if target.logs.access {
        assert_eq!(stage.access_log.as_ref(), Some(&desired.logs.access_log));
        assert_eq!(aws.access_log_group.as_ref().unwrap().retention_days, Some(target.logs.retention_days));
    } else {
        assert_ne!(stage.access_log.as_ref(), Some(&desired.logs.access_log));
    }
    let limits = |tier: &str| target.tier(tier).map(|tier| (f64::from(tier.requests_per_second), tier.burst));
    assert_eq!(aws.usage_plans.len(), target.tiers.len());
    for plan in &aws.usage_plans {
        assert_eq!(plan.rate_limit.zip(plan.burst_limit), limits(&plan.tier), "{}", plan.tier);
        assert_eq!(plan.api_stages, [(aws.rest_apis[0].id.clone(), target.stage.clone())]);
    }
    for function in Function::ALL {
        let (actual, wanted) = (&aws.functions[&function], &desired.functions[&function]);
        let live =
            actual.versions.iter().find(|version| Some(&version.version) == actual.live_version.as_ref()).unwrap();
        assert_eq!(live.description, version_description(wanted));
        assert_eq!((&actual.role_arn, actual.memory_mib), (&wanted.role_arn, wanted.memory_mib));
        assert_eq!(actual.permissions.len(), 1);
        assert_eq!(actual.permissions[0].source_arn, desired.permission_sources[&function]);
        assert_eq!(aws.log_groups[&function].retention_days, Some(target.logs.retention_days));
        assert!(aws.roles.contains_key(&function) || !desired.roles.contains_key(&function));
    }
    must_be_mapped(target, world);
    let config = &aws.config.as_ref().unwrap().content;
    assert_eq!((&config.rest_api_id, &config.families), (&aws.rest_apis[0].id, &target.families));
    assert_eq!(config.fips, target.fips);
    assert_eq!(config.guardrails, Guardrails { apply: target.guardrail.clone(), transition: None });
    // A role that a given one replaced is nobody's to keep up.
    let made = desired.roles.contains_key(&Function::Forwarder);
    if let Some(role) = aws.roles.get(&Function::Forwarder).filter(|_| made) {
        let policy = role.policy.as_ref().unwrap().to_string();
        let carried = target.guardrail.as_ref().map(|guardrail| guardrail.condition_value(target.place()));
        assert_eq!(policy.contains("DenyUnguarded"), carried.is_some());
        assert!(carried.is_none_or(|carried| policy.contains(&format!("[\"{carried}\"]"))), "{policy}");
    }
    let table = aws.table.as_ref().unwrap();
    assert!(table.deletion_protection && table.time_to_live && table.point_in_time_recovery);
    let tagged = [&table.tags, &aws.rest_apis[0].tags, &stage.tags];
    let all = tagged.into_iter().chain(aws.usage_plans.iter().map(|plan| &plan.tags));
    for tags in all.chain(aws.functions.values().map(|function| &function.tags)) {
        assert!(target.tags.iter().all(|(key, value)| tags.get(key) == Some(value)));
        assert_eq!(tags["aigateway.dev/id"], identity().id());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// From any state the same end is reached within one pass of the operator, and there is nothing left to do then.
    #[test]
    fn every_state_converges_and_stays((start, other, target) in case()) {
        let (other, target) = (checked(&other), checked(&target));
        let mut world = begin(&start, &other, &target);
        world.converge(&target);
        prop_assert!(world.plan(&target).in_sync());
        must_be(&target, &world);
    }

    /// The same input gives the same plan, and the order of what is a set is no input.
    #[test]
    fn order_is_no_input((start, other, target) in case(), seed in any::<u64>()) {
        let (before, mut shuffled_target) = (checked(&other), target.clone());
        let world = begin(&start, &before, &checked(&target));
        let mut shuffled = world.clone();
        let ObservedGateway { deployments, usage_plans, functions, .. } = &mut shuffled.sim.aws;
        shuffle(deployments, seed);
        shuffle(usage_plans, seed);
        for function in functions.values_mut() {
            shuffle(&mut function.permissions, seed);
        }
        shuffle(&mut shuffled_target.tiers, seed);
        shuffle(&mut shuffled_target.endpoint.source_cidrs, seed);
        shuffle(&mut shuffled_target.endpoint.vpc_endpoint_ids, seed);
        shuffled_target.bedrock.iter_mut().for_each(|bedrock| shuffle(&mut bedrock.families, seed));
        shuffled_target.tenants.rules.iter_mut().flat_map(|rule| &mut rule.allow).for_each(|allow| shuffle(&mut allow.tiers, seed));
        let (plan, again, other_order) =
            (world.plan(&checked(&target)), world.plan(&checked(&target)), shuffled.plan(&checked(&shuffled_target)));
        prop_assert_eq!(&plan, &again);
        prop_assert_eq!(plan.to_string(), other_order.to_string());
        prop_assert_eq!(plan, other_order);
    }

    /// Whatever is there, deletion takes away all of it, or what the policies leave of it.
    #[test]
    fn deletion_leaves_what_the_policies_say(
        (start, other, target) in case(), compute in deletion_policy(), data in deletion_policy(), twin in any::<bool>(), keys in 0_usize..4,
    ) {
        let mut world = begin(&start, &checked(&other), &checked(&target));
        world.sim.api_keys = (0..keys).map(key).collect();
        if let (true, Some(api)) = (twin, world.sim.aws.rest_apis.first().cloned()) {
            // With two APIs nobody looks at stages and deployments of either.
            world.sim.aws.rest_apis.push(super::observed::ObservedRestApi { id: "twin".into(), ..api });
            (world.sim.aws.stages, world.sim.aws.deployments) = Default::default();
        }
        let mut settled = world.sim.clone();
        settled.settle();
        let mut before = settled.aws;
        world.delete(compute, data);
        prop_assert!(world.cleanup(compute, data).in_sync());
        world.sim.settle();
        let (mut after, account) = (world.sim.aws.clone(), before.usage_plans_in_account);
        // Time passes while a guardrail settles.
        (before.observed_at, after.observed_at) = (0, 0);
        match (compute, data) {
            (DeletionPolicy::Delete, DeletionPolicy::Delete) => {
                prop_assert_eq!(after.usage_plans_in_account, account - before.usage_plans.len());
                (after.usage_plans_in_account, after.account_log_role) = (0, None);
                prop_assert_eq!(after, ObservedGateway::default());
            }
            (DeletionPolicy::Delete, DeletionPolicy::Retain) => {
                prop_assert_eq!((&after.owner, after.rest_apis.len(), after.usage_plans.len()), (&None, 0, 0));
                prop_assert_eq!((after.functions.len(), after.roles.len(), after.log_groups.len()), (0, 0, 0));
                prop_assert_eq!(after.config, before.config);
                prop_assert_eq!(after.access_log_group, before.access_log_group);
                prop_assert_eq!(after.table, before.table);
            }
            (DeletionPolicy::Retain, _) => {
                before.owner = None;
                prop_assert_eq!(after, before);
                prop_assert_eq!(world.sim.api_keys.len(), keys);
            }
        }
        prop_assert!(compute == DeletionPolicy::Retain || world.sim.api_keys.is_empty());
    }
}

fn key(number: usize) -> ObservedApiKey {
    ObservedApiKey {
        id: format!("key{number}"),
        name: format!("{}t{number}-0", identity().api_key_prefix()),
        enabled: true,
        tags: super::observed::Tags::new(),
        usage_plans: Vec::new(),
    }
}

#[test]
fn every_harm_does_harm_and_is_put_right() {
    let spec = json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
        "endpoint": {"type": "Private", "vpcEndpointIds": ["vpce-1", "vpce-2"]},
        "throttle": {"requestsPerSecond": 5, "burst": 10}, "logs": {"access": true}, "tags": {"team": "ai"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": []},
    });
    let mut with_domain = spec.clone();
    let certificate = "arn:aws:acm:eu-central-1:111122223333:certificate/c1";
    let domain = json!({"name": "ai.example.com", "certificateArn": certificate, "basePath": "prod"});
    with_domain["endpoint"] = json!({"type": "Regional", "domain": domain, "disableDefaultEndpoint": true});
    let targets = [spec, with_domain].map(super::fixtures::valid);
    for (number, (name, _)) in HARMS.iter().enumerate() {
        let target = &targets[usize::from(is_about_domains(name))];
        let mut world = World::settled(target);
        let before = world.sim.aws.clone();
        harm(number, &mut world.sim.aws);
        assert_ne!(world.sim.aws, before, "{name}");
        assert!(world.converge(target) > 0, "{name} was not noticed");
        must_be(target, &world);
    }
}
