use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::gateway::fixtures::{World, valid};

fn spec(guardrail: Option<(&str, &str)>) -> Value {
    let guardrails: Vec<_> = guardrail.iter().map(|(id, version)| json!({"id": id, "version": version})).collect();
    json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}}]},
        "models": {"guardrails": guardrails},
    })
}

fn one(id: &str, version: &str) -> Guardrail {
    Guardrail { id: id.into(), version: version.into() }
}

/// The steps about it that were taken, in order.
fn taken(world: &World) -> Vec<&str> {
    let kinds = ["put policy", "write config", "wait"];
    world.log.lines().filter_map(|line| kinds.into_iter().find(|kind| line.starts_with(kind))).collect()
}

#[test]
fn a_new_gateway_has_its_guardrail_from_the_first_call_on() {
    let mut world = World::default();
    world.converge(&valid(spec(Some(("a", "1")))));
    assert_eq!(world.sim.aws.config.as_ref().unwrap().content.guardrails.apply, Some(one("a", "1")));
    assert!(!world.log.contains("wait: the guardrail"), "{}", world.log);
}

#[test]
fn each_change_goes_by_stages_in_which_both_sides_agree() {
    let (none, first, second) = (spec(None), spec(Some(("a", "1"))), spec(Some(("a", "2"))));
    let (role, config, wait) = ("put policy", "write config", "wait");
    let cases = [("added", &none, &first), ("changed", &first, &second), ("removed", &first, &none)];
    for (name, before, after) in cases {
        let mut world = World::settled(&valid(before.clone()));
        world.converge(&valid(after.clone()));
        let mut steps = taken(&world);
        steps.dedup();
        assert_eq!(steps, [role, config, wait, config, wait, role, config], "{name}:\n{}", world.log);
    }
}

/// What a process of the forwarder sends that has read one of these configurations.
fn sent(records: &[Guardrails]) -> Vec<Option<Guardrail>> {
    records.iter().map(|record| record.apply.clone()).collect()
}

fn passes(fence: &Fence, carried: Option<&Guardrail>) -> bool {
    carried.map_or(!fence.denies, |guardrail| fence.passing.contains(guardrail))
}

proptest! {
    /// Whatever is wanted and whenever it changes: a role that is up to a stage behind lets pass what processes send that are
    /// up to a stage behind; and what is wanted last is what comes of it.
    #[test]
    fn no_call_is_denied_on_the_way(
        wishes in prop::collection::vec((prop::sample::select(vec![None, Some("1"), Some("2"), Some("3")]), 1_i64..200), 1..12),
    ) {
        let wanted = |wish: &Option<&str>| wish.map(|version| one("a", version));
        // Every record that was in force, with when it came to be.
        let mut history = vec![(0_i64, next(wanted(&wishes[0].0).as_ref(), None, 0))];
        let mut now = 0;
        let last = wishes.last().unwrap().0;
        let tail = std::iter::repeat_n((last, 61), 6);
        for (wish, lasts) in wishes.into_iter().chain(tail) {
            let end = now + lasts;
            while now < end {
                now += 1;
                let (since, current) = history.last().unwrap().clone();
                let record = next(wanted(&wish).as_ref(), Some(&current), now);
                // Processes that read their configuration in the last half of a stage.
                let stale: Vec<_> = history.iter().enumerate().filter(|(index, _)| {
                    history.get(index + 1).is_none_or(|(replaced, _)| now - replaced < 30)
                }).map(|(_, (_, record))| record.clone()).collect();
                // Roles whose policy came in the last half of a stage may not be in force yet; the next one may be already.
                let mut fences: Vec<_> = stale.iter().map(fence).collect();
                fences.push(fence(&record));
                for fence in &fences {
                    for carried in sent(&stale) {
                        prop_assert!(passes(fence, carried.as_ref()), "{now}: {fence:?} denies {carried:?} after {since}");
                    }
                }
                if record != current {
                    history.push((now, record));
                }
            }
        }
        prop_assert_eq!(&history.last().unwrap().1, &Guardrails { apply: wanted(&last), transition: None });
    }
}

#[test]
fn a_clock_set_back_begins_the_stage_anew() {
    let record = next(Some(&one("a", "1")), Some(&Guardrails::default()), 1_000);
    let again = next(Some(&one("a", "1")), Some(&record), 10);
    assert_eq!(again.transition, Some(Transition { with: Some(one("a", "1")), since: 10 }));
}

#[test]
fn the_condition_says_what_was_seen() {
    let target = valid(spec(Some(("a", "1"))));
    let world = World::settled(&target);
    let told = |in_sync, own_role, probe: Option<&Finding>| {
        let seen = Seen { observed: &world.sim.aws, in_sync, own_role, probe };
        let ConditionSpec { status, reason, .. } = condition(target.guardrail.as_ref(), seen).unwrap();
        (status, reason)
    };
    let passed = Finding::Passed("all".into());
    let open = Finding::failed(reason::GUARDRAIL_NOT_ENFORCED, "open");
    let elsewhere = Finding::failed(reason::ROLE_DENIED, "other");
    assert_eq!(told(true, true, Some(&passed)), (Some(true), "Enforced"));
    assert_eq!(told(true, false, Some(&passed)), (Some(true), "Enforced"));
    assert_eq!(told(true, true, Some(&open)), (Some(false), "GuardrailNotEnforced"));
    assert_eq!(told(true, true, None), (Some(true), "Enforced"));
    assert_eq!(told(true, true, Some(&elsewhere)), (Some(true), "Enforced"));
    assert_eq!(told(true, false, None), (None, "NotShown"));
    assert_eq!(told(false, true, Some(&passed)), (Some(false), "Progressing"));

    let seen = Seen { observed: &world.sim.aws, in_sync: true, own_role: true, probe: None };
    assert_eq!(condition(None, seen).unwrap().status, Some(false));
    let other = one("a", "2");
    assert_eq!(condition(Some(&other), seen).unwrap().reason, "Progressing");
    let without = World::settled(&valid(spec(None)));
    assert_eq!(condition(None, Seen { observed: &without.sim.aws, ..seen }), None);
}
