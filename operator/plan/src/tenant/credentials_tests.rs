use std::collections::BTreeMap;

use aigw_api::{ApiKey, TenantSpec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;
use crate::gateway::fixtures::{identity, valid};
use crate::gateway::validate::ValidGateway;
use crate::tenant::admit::{TenantFacts, admit};
use crate::tenant::fixtures::{NOW, World, facts};
use crate::tenant::step::TenantStep;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn gateway(api_keys: bool) -> ValidGateway {
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}}]},
        "auth": {"apiKeys": {"enabled": api_keys}},
    }))
}

fn tenant(every: Option<&str>, overlap: Option<&str>, request: Option<&str>) -> AdmittedTenant {
    let mut spec: TenantSpec = serde_json::from_value(json!({"gatewayRef": {"name": "prod"}})).unwrap();
    spec.api_key =
        Some(ApiKey { rotate_every: every.map(Into::into), overlap: overlap.map(Into::into), ..ApiKey::default() });
    let labels = BTreeMap::new();
    let facts = TenantFacts { rotation_request: request, ..facts(&labels) };
    admit(&spec, &facts, &gateway(true), &identity()).unwrap()
}

fn settled(tenant: &AdmittedTenant) -> World {
    let mut world = World::new(gateway(true));
    world.converge(tenant);
    world.log.clear();
    world
}

/// Ids of the accepted keys, the active one first.
fn ids(world: &World) -> Vec<&str> {
    world.policy().keys.iter().map(|key| key.id.as_str()).collect()
}

fn used(world: &mut World, key: &str, at: i64) {
    let uses = &mut world.sim.observed.reading.last_used;
    uses.retain(|(id, _)| id != key);
    uses.push((key.into(), NOW + at));
}

#[test]
fn a_request_brings_one_new_key_and_touches_nothing_else() {
    let asks = |request| tenant(None, None, request);
    let mut world = settled(&asks(None));
    let (policy, old) = (world.policy().clone(), world.credential());
    world.converge(&asks(Some("monday")));
    assert_eq!(ids(&world), ["k2", "k1"]);
    assert!(world.policy().accepts("k1", NOW) && world.policy().accepts("k2", NOW));
    assert!(old.matches(&world.policy().keys[1].sha256) && world.credential() != old);
    let TenantPolicy { keys, last_key, rotations, .. } = policy.clone();
    assert_eq!(TenantPolicy { keys, last_key, rotations, ..world.policy().clone() }, policy);
    let order = ["update secret", "write policy 2", "write meter"];
    let positions: Vec<_> = order.iter().map(|step| world.log.find(step).unwrap()).collect();
    assert!(positions.is_sorted() && !world.log.contains("api key"), "{}", world.log);
    // The same again, none at all, and the same after that: nothing.
    for request in [Some("monday"), None, Some("monday")] {
        assert!(world.plan(&asks(request)).in_sync());
    }
    world.converge(&asks(Some("tuesday")));
    assert_eq!(ids(&world), ["k2", "k1"], "waits for k1");
    world.now += 3 * DAY;
    world.converge(&asks(Some("tuesday")));
    assert_eq!(ids(&world), ["k3", "k2"]);
    // A restore brings an old request back.
    world.now += 3 * DAY;
    world.converge(&asks(Some("monday")));
    assert_eq!(ids(&world), ["k3"]);
}

#[test]
fn a_new_tenant_and_one_that_lost_its_secret_answer_the_request_with_the_key_they_get_anyway() {
    let asks = tenant(None, None, Some("monday"));
    let mut world = settled(&asks);
    assert_eq!(ids(&world), ["k1"]);
    let asks = tenant(None, None, Some("tuesday"));
    world.sim.observed.secret = ObservedSecret::Absent;
    world.converge(&asks);
    assert_eq!(ids(&world), ["k2", "k1"]);
    world.now += 3 * DAY;
    world.converge(&asks);
    assert_eq!(ids(&world), ["k2"]);
}

#[test]
fn an_interval_replaces_the_key_at_its_age() {
    let every = tenant(Some("720h"), Some("24h"), None);
    let mut world = settled(&every);
    assert_eq!(rotates_at(&every.rotation, world.policy()), Some(NOW + 720 * HOUR));
    world.now = 720 * HOUR - 1;
    assert_eq!(world.plan(&every).recheck, Some(std::time::Duration::from_secs(1)));
    world.now += 1;
    world.converge(&every);
    assert_eq!(ids(&world), ["k2", "k1"]);
    world.now += DAY;
    world.converge(&every);
    assert_eq!(ids(&world), ["k2"]);
    assert_eq!(rotates_at(&every.rotation, world.policy()), Some(NOW + 1440 * HOUR));
}

#[test]
fn a_replaced_key_ends_on_its_last_use() {
    let asks = tenant(None, Some("24h"), Some("monday"));
    let mut world = settled(&tenant(None, Some("24h"), None));
    world.converge(&asks);
    assert_eq!(ids(&world), ["k2", "k1"]);
    // Used once more after twenty hours, so it has twenty-four from then.
    used(&mut world, "k1", 20 * HOUR);
    assert!(is_still_used(&world.policy().keys[1], &world.sim.observed.reading));
    world.now = 44 * HOUR + LAST_USED_RETIRING_SECONDS - 1;
    assert!(world.plan(&asks).in_sync());
    world.now += 1;
    world.converge(&asks);
    assert_eq!(ids(&world), ["k2"]);
}

#[test]
fn an_old_look_does_not_tell_that_a_key_is_unused() {
    let asks = tenant(None, Some("1h"), Some("monday"));
    let mut world = settled(&tenant(None, Some("1h"), None));
    world.converge(&asks);
    let key = &world.policy().keys[1];
    let looked = |read_at| ObservedTenant { read_at: NOW + read_at, ..world.sim.observed.clone() };
    assert!(!has_ended(key, &asks.rotation, &looked(HOUR - 1), NOW + 2 * HOUR));
    assert!(has_ended(key, &asks.rotation, &looked(HOUR), NOW + HOUR));
    let next = next_change(&asks.rotation, world.policy(), &world.sim.observed.reading, NOW + 2 * HOUR);
    assert_eq!(next, Some(NOW + 2 * HOUR + NEXT_LOOK_SECONDS));
}

#[test]
fn a_key_in_use_ends_after_a_week_and_holds_the_next_rotation_up_until_then() {
    let asks = |request| tenant(Some("48h"), Some("24h"), Some(request));
    let mut world = settled(&asks("a"));
    world.converge(&asks("b"));
    let end = world.policy().keys[1].not_after.unwrap();
    assert_eq!(end, NOW + RETIRING_SECONDS);
    for hour in 1..RETIRING_SECONDS / HOUR {
        world.now = hour * HOUR;
        used(&mut world, "k1", hour * HOUR);
        world.converge(&asks("c"));
        assert_eq!(ids(&world), ["k2", "k1"], "at hour {hour}");
    }
    // The functions refuse it then, whether the operator is there or not.
    assert!(!world.policy().accepts("k1", end));
    world.now = RETIRING_SECONDS;
    world.converge(&asks("c"));
    assert_eq!(ids(&world), ["k3", "k2"]);
}

#[test]
fn without_an_overlap_the_old_key_ends_at_once() {
    let mut world = settled(&tenant(None, Some("0s"), None));
    let asks = tenant(None, Some("0s"), Some("leaked"));
    used(&mut world, "k1", 0);
    world.converge(&asks);
    assert!(world.policy().accepts("k2", NOW) && !world.policy().accepts("k1", NOW));
    world.now += LAST_USED_RETIRING_SECONDS;
    world.converge(&asks);
    assert_eq!(ids(&world), ["k2"]);
}

#[test]
fn a_key_that_has_ended_does_not_come_back_with_an_old_secret() {
    let mut world = settled(&tenant(None, None, None));
    let old = world.sim.observed.secret.clone();
    let asks = tenant(None, None, Some("monday"));
    world.converge(&asks);
    world.now += 3 * DAY;
    world.converge(&asks);
    assert_eq!(ids(&world), ["k2"]);
    world.sim.observed.secret = old;
    world.converge(&asks);
    assert_eq!(ids(&world), ["k3", "k2"]);
}

#[test]
fn a_restored_table_takes_the_key_of_the_secret() {
    let asks = |request| tenant(None, None, Some(request));
    let mut world = settled(&asks("a"));
    let backup = world.sim.observed.policy.clone();
    world.converge(&asks("b"));
    world.now += 3 * DAY;
    world.converge(&asks("c"));
    let held = world.credential();
    assert_eq!(held.key(), "k3");
    (world.sim.observed.policy, world.sim.observed.meter) = (backup, None);
    world.converge(&asks("c"));
    assert_eq!(world.credential(), held);
    assert_eq!(ids(&world), ["k3", "k1"]);
}

#[test]
fn keys_switched_off_and_on_again_are_the_same_and_a_request_meanwhile_is_answered_after() {
    let mut world = settled(&tenant(None, None, None));
    let held = world.credential();
    world.gateway = gateway(false);
    let asks = tenant(None, None, Some("monday"));
    world.converge(&asks);
    assert!(ids(&world).is_empty() && world.policy().last_key == 1);
    world.gateway = gateway(true);
    let plan = world.plan(&asks);
    plan.steps.iter().for_each(|step| world.apply(step));
    assert!(world.credential() == held && ids(&world) == ["k1"]);
    world.converge(&asks);
    assert_eq!(ids(&world), ["k2", "k1"]);
    // Lost while they are off: what comes then has another number.
    world.gateway = gateway(false);
    world.converge(&asks);
    world.sim.observed.secret = ObservedSecret::Absent;
    world.gateway = gateway(true);
    world.converge(&asks);
    assert_eq!(ids(&world), ["k3"]);
}

#[test]
fn secrets_lost_again_and_again_leave_a_bounded_number_of_keys() {
    let asks = tenant(None, None, None);
    let mut world = settled(&asks);
    for _ in 0..10 {
        world.sim.observed.secret = ObservedSecret::Absent;
        world.converge(&asks);
    }
    assert_eq!(ids(&world), ["k11", "k10", "k9", "k8", "k7"]);
}

/// What may happen in the life of a credential.
#[derive(Debug, Clone)]
enum Event {
    Asked(&'static str),
    Spans(Option<&'static str>, Option<&'static str>),
    Passed(i64),
    /// The n-th accepted key is used.
    Used(usize),
    Lost,
    /// The operator dies after so many steps.
    Died(usize),
    Switched(bool),
    Restored,
}

fn event() -> impl Strategy<Value = Event> {
    let spans = (
        prop::option::of(select(vec!["1h", "24h", "720h"])),
        prop::option::of(select(vec!["0s", "30m", "24h", "168h"])),
    );
    prop_oneof![
        4 => select(vec!["a", "b", "c", "d"]).prop_map(Event::Asked),
        2 => spans.prop_map(|(every, overlap)| Event::Spans(every, overlap)),
        4 => (1..4 * DAY).prop_map(Event::Passed),
        6 => (0..5_usize).prop_map(Event::Used),
        1 => Just(Event::Lost),
        3 => (0..4_usize).prop_map(Event::Died),
        1 => any::<bool>().prop_map(Event::Switched),
        1 => Just(Event::Restored),
    ]
}

/// Everything that was ever true of a tenant's keys.
#[derive(Default)]
struct History {
    hashes: BTreeMap<String, String>,
    used: BTreeMap<String, i64>,
    last: i64,
}

impl History {
    /// Looks at a world at rest.
    fn check(&mut self, world: &World, tenant: &AdmittedTenant, before: &[KeyHash], lost: bool) {
        let (policy, now) = (world.policy(), NOW + world.now);
        assert!(policy.last_key >= self.last, "numbers went back");
        self.last = policy.last_key;
        for key in &policy.keys {
            let known = self.hashes.entry(key.id.clone()).or_insert_with(|| key.sha256.clone());
            assert_eq!(*known, key.sha256, "{} was given twice", key.id);
        }
        if !world.gateway.api_keys {
            assert!(policy.keys.is_empty());
            return;
        }
        let accepted = policy.keys.iter().filter(|key| policy.accepts(&key.id, now)).count();
        assert!(accepted <= if lost { MOST_KEYS } else { 2 }, "{:?}", policy.keys);
        let held = world.credential();
        let active: Vec<_> = policy.keys.iter().filter(|key| key.not_after.is_none()).collect();
        assert!(active.len() == 1 && held.matches(&active[0].sha256) && active[0].id == held.key());
        for gone in before.iter().filter(|key| policy.keys.iter().all(|kept| kept.id != key.id)) {
            let unused = self.used.get(&gone.id).is_none_or(|used| now - used >= tenant.rotation.overlap);
            let old = gone.not_after.is_some_and(|end| end <= now);
            assert!(unused || old || policy.keys.len() == MOST_KEYS, "{} ended in use", gone.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Never without a key, never more than may be, no number twice, none ends that is in use, whatever dies in between.
    #[test]
    fn keys_come_and_go_in_order(events in prop::collection::vec(event(), 1..24)) {
        let (mut every, mut overlap, mut request) = (None, None, None);
        let mut world = settled(&tenant(None, None, None));
        let (mut history, mut lost) = (History::default(), false);
        for event in events {
            let before: Vec<KeyHash> = world.policy().keys.clone();
            match event {
                Event::Asked(value) => request = Some(value),
                Event::Spans(one, other) => (every, overlap) = (one, other),
                Event::Passed(seconds) => world.now += seconds,
                Event::Used(index) => {
                    let accepted = before.get(index % before.len().max(1));
                    if let Some(key) = accepted.filter(|key| world.policy().accepts(&key.id, NOW + world.now)) {
                        history.used.insert(key.id.clone(), NOW + world.now);
                        let at = world.now;
                        used(&mut world, &key.id, at);
                    }
                }
                Event::Lost => {
                    world.sim.observed.secret = ObservedSecret::Absent;
                    lost = true;
                }
                Event::Died(steps) => {
                    world.random = world.random.wrapping_add(1);
                    let plan = world.plan(&tenant(every, overlap, request));
                    plan.steps.iter().take(steps).for_each(|step| world.apply(step));
                }
                Event::Switched(on) => world.gateway = gateway(on),
                // Another cluster, without Secrets, with what Git has.
                Event::Restored => {
                    (world.sim.observed.secret, request, lost) = (ObservedSecret::Absent, Some("a"), true);
                }
            }
            let tenant = tenant(every, overlap, request);
            world.converge(&tenant);
            history.check(&world, &tenant, &before, lost);
            prop_assert!(world.plan(&tenant).in_sync());
        }
        prop_assert!(!world.log.contains("api key"), "a rotation is nothing to API Gateway:\n{}", world.log);
    }
}

#[test]
fn a_plan_that_reuses_a_number_or_accepts_too_many_is_not_executed() {
    let mut world = settled(&tenant(None, None, None));
    let mut plan = world.plan(&tenant(None, None, Some("monday")));
    let write = |plan: &mut crate::Plan<TenantStep>, edit: &dyn Fn(&mut TenantPolicy)| {
        for step in &mut plan.steps {
            if let TenantStep::WritePolicy { policy, .. } = step {
                edit(policy);
            }
        }
    };
    let found = |world: &World, plan: &crate::Plan<TenantStep>, what: &str| {
        let findings = crate::tenant::lint::lint(&plan.steps, &world.sim.observed);
        assert!(findings.iter().any(|finding| finding.contains(what)), "{what}: {findings:?}");
    };
    let clean = plan.clone();
    write(&mut plan, &|policy| policy.last_key = 0);
    found(&world, &plan, "goes back");
    plan = clean.clone();
    write(&mut plan, &|policy| policy.keys = vec![policy.keys[1].clone(); MOST_KEYS + 1]);
    found(&world, &plan, "more credentials");
    plan = clean;
    world.sim.observed.policy.as_mut().unwrap().content.last_key = 2;
    found(&world, &plan, "used again");
}
