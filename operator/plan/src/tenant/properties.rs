//! What holds of the tenant's plan whatever was asked for, done by hand, or broken off before.

use std::collections::BTreeMap;

use aigw_api::{AIGatewaySpec, EndpointType, TenantSpec};
use aigw_contract::Credential;
use proptest::prelude::*;

use super::admit::AdmittedTenant;
use super::fixtures::{NOW, World, admitted};
use super::step::{ObservedSecret, ObservedTenant};
use crate::gateway::fixtures::{identity, place};
use crate::gateway::validate::{ValidGateway, validate};
use crate::strategies::{self, Fixed, TIERS, shuffle};

/// A gateway and a tenant it admits.
type Asked = (AIGatewaySpec, TenantSpec);

/// What happens to a tenant before the plan that is looked at.
#[derive(Debug, Clone)]
enum Event {
    /// Served as asked.
    Served(Asked),
    /// So many steps of a plan for this.
    Crashed(Asked, usize),
    /// Changed by hand.
    Harmed(usize),
    /// Time passes, in seconds.
    Passed(i64),
    /// Deleted.
    Deleted(Asked),
    /// No rule admits it any more.
    Revoked(Asked),
}

/// Boxed, as [`event`] is: value trees of whole lives do not fit on a test's stack.
fn asked() -> BoxedStrategy<Asked> {
    let fixed = Fixed { place: place(), endpoint: EndpointType::Regional, stage: "v1".into() };
    let asked = strategies::gateway(&fixed).boxed().prop_flat_map(|gateway| {
        let tiers = gateway.tiers.iter().map(|tier| tier.name.clone()).collect();
        (Just(gateway), strategies::tenant(tiers).boxed())
    });
    asked.boxed()
}

fn event() -> BoxedStrategy<Event> {
    let events = prop_oneof![
        3 => asked().prop_map(Event::Served),
        4 => (asked(), 1_usize..6).prop_map(|(asked, steps)| Event::Crashed(asked, steps)),
        4 => (0..HARMS.len()).prop_map(Event::Harmed),
        1 => (1_i64..5000).prop_map(Event::Passed),
        1 => (8_i64..9).prop_map(|days| Event::Passed(days * 24 * 3600)),
        1 => asked().prop_map(Event::Deleted),
        1 => asked().prop_map(Event::Revoked),
    ];
    events.boxed()
}

type Harm = fn(&mut ObservedTenant);

const HARMS: [Harm; 15] = [
    |observed| observed.identities.clear(),
    |observed| drop(observed.identities.pop_first()),
    |observed| observed.api_keys.clear(),
    |observed| observed.api_keys.iter_mut().for_each(|key| key.enabled = false),
    |observed| observed.api_keys.iter_mut().for_each(|key| key.usage_plans.clear()),
    |observed| observed.api_keys.iter_mut().for_each(|key| key.usage_plans = vec![format!("plan-{}", TIERS[0])]),
    |observed| drop(observed.api_keys.pop()),
    |observed| observed.policy = None,
    |observed| observed.meter = None,
    |observed| observed.meter.iter_mut().for_each(|meter| meter.suspended = !meter.suspended),
    |observed| observed.secret = ObservedSecret::Absent,
    |observed| change(observed, BTreeMap::clear),
    |observed| change(observed, |data| drop(data.insert("EXTRA".into(), "1".into()))),
    |observed| change(observed, |data| drop(data.insert("AWS_BEARER_TOKEN_BEDROCK".into(), "made up".into()))),
    // A credential of ours by form, that nobody issued.
    |observed| {
        change(observed, |data| {
            let tenant = identity().tenant_id("team-search", "search");
            let forged = Credential::new(&tenant, "k1", &[99; 32]).unwrap();
            data.insert("AWS_BEARER_TOKEN_BEDROCK".into(), forged.expose().into());
        });
    },
];

fn change(observed: &mut ObservedTenant, change: impl FnOnce(&mut BTreeMap<String, String>)) {
    if let ObservedSecret::Ours(data) = &mut observed.secret {
        change(data);
    }
}

fn ask(world: &mut World, asked: &Asked) -> AdmittedTenant {
    let gateway: ValidGateway = validate(&asked.0).unwrap();
    let tenant = admitted(&asked.1, &gateway);
    world.gateway = gateway;
    tenant
}

fn live(events: &[Event], first: &Asked) -> World {
    let mut world = World::new(validate(&first.0).unwrap());
    for event in events {
        let versions = versions(&world);
        match event {
            Event::Served(asked) => {
                let tenant = ask(&mut world, asked);
                world.converge(&tenant);
            }
            Event::Crashed(asked, steps) => {
                let tenant = ask(&mut world, asked);
                world.random += 1;
                let plan = world.plan(&tenant);
                plan.steps.iter().take(*steps).for_each(|step| world.apply(step));
            }
            Event::Harmed(number) => HARMS[*number](&mut world.sim.observed),
            Event::Passed(seconds) => world.now += seconds,
            Event::Deleted(asked) => {
                let tenant = ask(&mut world, asked);
                world.delete(&tenant);
            }
            Event::Revoked(asked) => {
                ask(&mut world, asked);
                world.run(|world| world.bind(None));
            }
        }
        let loses = matches!(event, Event::Harmed(_));
        assert!(loses || versions.0 <= self::versions(&world).0, "the policy's version went back");
        assert!(loses || versions.1 <= self::versions(&world).1, "the meter's version went back");
    }
    world
}

fn versions(world: &World) -> (Option<i64>, Option<i64>) {
    let observed = &world.sim.observed;
    (observed.policy.as_ref().map(|policy| policy.version), observed.meter.map(|meter| meter.policy_version))
}

/// What must be true of a tenant that is in sync, said without the diff.
fn must_be(tenant: &AdmittedTenant, world: &World) {
    let (observed, policy) = (&world.sim.observed, world.policy());
    let meter = observed.meter.unwrap();
    assert_eq!(meter.policy_version, observed.policy.as_ref().unwrap().version);
    assert_eq!(meter.suspended, tenant.suspended.is_some());
    assert_eq!((policy.suspended, policy.deleted, &policy.tier), (tenant.suspended, false, &tenant.tier.name));
    assert_eq!((policy.models.as_ref(), &policy.resources), (Some(&tenant.models), &tenant.resources));
    let current =
        observed.api_keys.iter().find(|key| key.name.ends_with(&format!("-{}", policy.usage_key_generation))).unwrap();
    let refused = [policy.suspended.and(policy.suspended_since), policy.expires_at].into_iter().flatten().min();
    let long = i64::from(world.gateway.cache_seconds) + 30;
    assert_eq!(current.enabled, refused.is_none_or(|since| NOW + world.now < since + long));
    assert_eq!(current.usage_plans, [format!("plan-{}", tenant.tier.name)]);
    if world.gateway.api_keys {
        let credential = world.credential();
        let key = policy.key(credential.key(), NOW + world.now).unwrap();
        assert!(credential.matches(&key.sha256) && key.not_after.is_none());
        let ObservedSecret::Ours(data) = &observed.secret else { panic!("no Secret") };
        assert!(!data.contains_key("EXTRA"));
    } else {
        assert!(policy.keys.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// From any state the same end is reached within one pass of the operator, and there is nothing left to do then.
    #[test]
    fn every_life_converges_and_stays(events in prop::collection::vec(event(), 0..7), target in asked()) {
        let mut world = live(&events, &target);
        let tenant = ask(&mut world, &target);
        let held = match &world.sim.observed.secret {
            ObservedSecret::Ours(_) if world.sim.observed.policy.is_some() => Some(world.sim.observed.clone()),
            _ => None,
        };
        world.converge(&tenant);
        must_be(&tenant, &world);
        // A credential that is in the Secret and in force is not replaced, unless it is to be at some age.
        if let (Some(held), true, None) = (held, world.gateway.api_keys, tenant.rotation.every) {
            let ObservedSecret::Ours(data) = &held.secret else { unreachable!() };
            let token = data.get("AWS_BEARER_TOKEN_BEDROCK").and_then(|token| Credential::parse(token).ok());
            let in_force = |credential: &Credential| {
                held.policy.as_ref().unwrap().content.keys.iter().any(|key| key.not_after.is_none() && credential.matches(&key.sha256))
            };
            if let Some(credential) = token.filter(in_force) {
                prop_assert_eq!(world.credential(), credential);
            }
        }
        // Once no cached answer can name them, older keys are gone.
        world.now += 3600 + 60;
        world.converge(&tenant);
        must_be(&tenant, &world);
        prop_assert_eq!(world.sim.observed.api_keys.len(), 1);
        // No text of any plan shows a credential or the value of an internal key.
        if world.gateway.api_keys {
            prop_assert!(!world.log.contains(world.credential().expose()));
        }
        prop_assert!(!world.log.contains("aigw_") && !world.log.contains(&world.policy().usage_key));
    }

    /// The same input gives the same plan, the order of AWS's lists is none, and no form of it shows a secret.
    #[test]
    fn order_is_no_input(events in prop::collection::vec(event(), 0..5), target in asked(), seed in any::<u64>()) {
        let mut world = live(&events, &target);
        let tenant = ask(&mut world, &target);
        let (plan, again) = (world.plan(&tenant), world.plan(&tenant));
        prop_assert_eq!(&plan, &again);
        shuffle(&mut world.sim.observed.api_keys, seed);
        let (mut gateway, mut spec) = target;
        gateway.tenants.rules.iter_mut().flat_map(|rule| &mut rule.allow).for_each(|allow| shuffle(&mut allow.tiers, seed));
        spec.api_key.iter_mut().for_each(|api_key| shuffle(&mut api_key.env, seed));
        let tenant = ask(&mut world, &(gateway, spec));
        let other_order = world.plan(&tenant);
        prop_assert_eq!(plan.to_string(), other_order.to_string());
        prop_assert!(plan == other_order);
        let text = format!("{plan} {plan:?} {:?}", world.sim.observed.secret);
        prop_assert!(!text.contains("aigw_"), "{}", text);
    }

    /// Whatever is there, deletion ends every credential and leaves no key.
    #[test]
    fn deletion_leaves_the_tombstone_alone(events in prop::collection::vec(event(), 0..5), target in asked()) {
        let mut world = live(&events, &target);
        let tenant = ask(&mut world, &target);
        world.delete(&tenant);
        prop_assert!(world.cleanup(&tenant).in_sync());
        prop_assert!(world.sim.observed.api_keys.is_empty());
        if world.sim.observed.policy.is_some() {
            prop_assert!(world.policy().denied() && world.policy().usage_key.is_empty());
            prop_assert!(world.policy().keys.iter().all(|key| key.not_after.is_some_and(|end| end <= NOW + world.now)));
            prop_assert!(world.sim.observed.meter.unwrap().suspended);
        }
    }
}
