use serde_json::json;

use super::*;
use crate::gateway::fixtures::valid;
use crate::tenant::admit::AdmittedTenant;
use crate::tenant::fixtures::{World, admitted};

fn world() -> (World, AdmittedTenant) {
    let gateway = valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}}]},
    }));
    let spec = serde_json::from_value(json!({"gatewayRef": {"name": "prod"}})).unwrap();
    (World::new(gateway.clone()), admitted(&spec, &gateway))
}

fn settled() -> World {
    let (mut world, tenant) = world();
    world.converge(&tenant);
    world
}

/// The plan that gives a first credential out, and what was observed before it.
fn first_policy() -> (ObservedTenant, Vec<TenantStep>) {
    let (mut world, tenant) = world();
    let first = world.plan(&tenant);
    first.steps.iter().for_each(|step| world.apply(step));
    world.sim.observed.secret = ObservedSecret::Absent;
    let second = world.plan(&tenant);
    (world.sim.observed.clone(), second.steps)
}

fn finds(steps: &[TenantStep], observed: &ObservedTenant, what: &str) {
    let findings = lint(steps, observed);
    assert!(findings.iter().any(|finding| finding.contains(what)), "{what}: {findings:?}");
}

fn position(steps: &[TenantStep], is: impl Fn(&TenantStep) -> bool) -> usize {
    steps.iter().position(is).unwrap()
}

fn secret(step: &TenantStep) -> bool {
    matches!(step, TenantStep::WriteSecret { .. })
}

fn policy(step: &TenantStep) -> bool {
    matches!(step, TenantStep::WritePolicy { .. })
}

#[test]
fn the_secret_comes_before_the_policy_and_the_meter_after_it() {
    let (observed, steps) = first_policy();
    assert_eq!(lint(&steps, &observed), Vec::<String>::new());
    let (of_secret, of_policy) = (position(&steps, secret), position(&steps, policy));
    let mut swapped = steps.clone();
    swapped.swap(of_secret, of_policy);
    finds(&swapped, &observed, "the policy comes first");
    let mut without = steps.clone();
    without.remove(of_secret);
    finds(&without, &observed, "a credential is accepted that no Secret holds");
    finds(&steps[..=of_policy], &observed, "without the meter");
    let mut early = steps.clone();
    early.swap(of_policy, of_policy + 1);
    finds(&early, &observed, "no policy the meter could be of");
    let attach = position(&steps, |step| matches!(step, TenantStep::AttachApiKey { .. }));
    let mut late = steps.clone();
    let step = late.remove(attach);
    late.push(step);
    finds(&late, &observed, "before its plan holds it");
    let twice: Vec<_> = steps.iter().chain(&steps).cloned().collect();
    for what in ["second Secret", "second policy", "second write of the meter"] {
        let steps: Vec<_> = match what {
            "second Secret" => vec![steps[of_secret].clone(), steps[of_secret].clone()],
            _ => twice.clone(),
        };
        finds(&steps, &observed, what);
    }
}

#[test]
fn keys_in_use_stay_and_keys_of_others_are_not_touched() {
    let observed = settled().sim.observed;
    let (id, name) = (observed.api_keys[0].id.clone(), observed.api_keys[0].name.clone());
    finds(&[TenantStep::DeleteApiKey { id: id.clone(), name: name.clone() }], &observed, "the policy names this key");
    finds(&[TenantStep::DeleteApiKey { id: "other".into(), name: "x-9".into() }], &observed, "was not observed");
    finds(&[TenantStep::EnableApiKey { id: "other".into() }], &observed, "was not observed");
    let attach = |key_id: &str| TenantStep::AttachApiKey { key_id: key_id.into(), usage_plan_id: "p".into() };
    finds(&[attach("other")], &observed, "was not observed");
    finds(&[attach(&id)], &observed, "in a plan of this stage");
    let create = |name: &str, value: &str| TenantStep::CreateApiKey {
        name: name.into(),
        value: value.into(),
        tags: observed.api_keys[0].tags.clone(),
    };
    finds(&[create(&name, "v")], &observed, "a key of this name");
    finds(&[create("a-1", "v"), create("a-2", "v")], &observed, "second key");
    finds(&[create("a-1", "")], &observed, "never be found again");
}

#[test]
fn secrets_of_others_are_not_written() {
    let (observed, steps) = first_policy();
    let write = &steps[position(&steps, secret)..=position(&steps, secret)];
    for (found, what) in [
        (ObservedSecret::Foreign, "not ours"),
        (ObservedSecret::Leaving, "not ours"),
        (ObservedSecret::Ours([].into()), "there is a Secret"),
    ] {
        finds(write, &ObservedTenant { secret: found, ..observed.clone() }, what);
    }
    let mut update = write.to_vec();
    if let TenantStep::WriteSecret { create, .. } = &mut update[0] {
        *create = false;
    }
    finds(&update, &observed, "there is no Secret");
}

type Edit = fn(&mut TenantPolicy, &mut i64, &mut MeterHead);

#[test]
fn counters_only_grow_and_credentials_do_not_end_at_once() {
    let observed = settled().sim.observed;
    let before = observed.policy.clone().unwrap();
    let cases: [(&str, Edit); 9] = [
        ("version does not grow", |_, version, head| (*version, head.policy_version) = (1, 1)),
        ("of another policy", |_, _, head| head.policy_version = 7),
        ("disagree", |policy, _, _| policy.suspended = Some(aigw_contract::policy::Suspension::Team)),
        ("used again", |policy, _, _| policy.usage_key_generation = -1),
        ("used again", |policy, _, _| policy.usage_key = "other".into()),
        ("another hash", |policy, _, _| policy.keys[0].sha256 = "other".into()),
        ("no Secret holds", |policy, _, _| policy.keys[0].id = "k9".into()),
        ("two credentials", |policy, _, _| policy.keys.push(policy.keys[0].clone())),
        ("nothing changes", |_, _, _| {}),
    ];
    for (what, edit) in cases {
        let (mut policy, mut version) = (before.content.clone(), before.version + 1);
        let mut head = MeterHead { policy_version: version, suspended: false };
        edit(&mut policy, &mut version, &mut head);
        let (table, tenant_id, expected) = ("aigw-x".to_owned(), "t".to_owned(), Some(before.version));
        let steps = [
            TenantStep::WritePolicy {
                table: table.clone(),
                tenant_id: tenant_id.clone(),
                expected,
                version,
                policy: Box::new(policy),
                expires: None,
            },
            TenantStep::WriteMeter { table, tenant_id, head, expires: None },
        ];
        finds(&steps, &observed, what);
    }
}

#[test]
fn an_active_credential_needs_time_to_retire() {
    let (mut world, tenant) = world();
    world.converge(&tenant);
    world.sim.observed.secret = ObservedSecret::Absent;
    let mut steps = world.plan(&tenant).steps;
    let of_policy = position(&steps, policy);
    if let TenantStep::WritePolicy { policy, .. } = &mut steps[of_policy] {
        policy.keys.truncate(1);
    }
    finds(&steps, &world.sim.observed, "without a time to retire");
}

#[test]
fn the_meter_does_not_go_back() {
    let mut observed = settled().sim.observed;
    observed.meter = Some(MeterHead { policy_version: 9, suspended: true });
    let head = MeterHead { policy_version: 1, suspended: false };
    let write = TenantStep::WriteMeter { table: "aigw-x".into(), tenant_id: "t".into(), head, expires: None };
    finds(&[write], &observed, "the meter goes back");
}
