use aigw_api::TenantSpec;
use serde_json::{Value, json};

use super::super::limits::Ceilings;
use super::*;
use crate::gateway::fixtures::{identity, valid};
use crate::tenant::access::Ceiling;
use crate::tenant::admit::{AdmittedTenant, admit, bounds};
use crate::tenant::bind::Bounds;
use crate::tenant::fixtures::{NOW, World, admitted, facts};
use crate::tenant::namespace::Share;

fn gateway(auth: &Value, values: &Value) -> ValidGateway {
    let grants = if values.is_null() {
        json!({})
    } else {
        json!({"jwt": [{"issuer": "corp", "claim": "groups", "values": values}]})
    };
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "auth": auth, "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}},
            "allow": {"tiers": ["bronze"], "identities": grants}}]},
    }))
}

fn auth() -> Value {
    json!({"jwt": [{"name": "corp", "issuer": "https://i", "audiences": ["a"]}],
        "serviceAccounts": {"clusters": [{"name": "local", "audience": "a"}]}})
}

fn standard() -> ValidGateway {
    gateway(&auth(), &json!(["team-*"]))
}

fn spec(accounts: &[&str], groups: &[&str]) -> TenantSpec {
    let accounts: Vec<_> = accounts.iter().map(|name| json!({"name": name})).collect();
    let groups: Vec<_> =
        groups.iter().map(|value| json!({"issuer": "corp", "claim": "groups", "value": value})).collect();
    let identities = json!({"serviceAccounts": accounts, "jwt": groups});
    serde_json::from_value(json!({"gatewayRef": {"name": "prod"}, "identities": identities})).unwrap()
}

fn tenant(accounts: &[&str], groups: &[&str]) -> AdmittedTenant {
    admitted(&spec(accounts, groups), &standard())
}

fn group(value: &str) -> String {
    Identity::Jwt { issuer: "corp", claim: "groups", value }.hash()
}

fn account(name: &str) -> String {
    Identity::ServiceAccount { cluster: "local", namespace: "team-search", name }.hash()
}

fn listed(world: &World) -> Vec<String> {
    world.policy().identities.iter().map(|one| one.hash.clone()).collect()
}

fn of_another(held: bool, since: i64) -> ObservedIdentity {
    let claim = IdentityClaim { tenant: "other".into(), since };
    ObservedIdentity { version: 3, claim, held, holder: "team-ads/ads".into() }
}

#[test]
fn what_neither_gateway_nor_rule_allows_is_refused_by_rule_and_value() {
    let refused = |gateway: &ValidGateway, spec: &TenantSpec| {
        let labels = BTreeMap::new();
        let facts = facts(&labels);
        let violation = admit(spec, &facts, gateway, &identity()).unwrap_err();
        assert_eq!(violation.reason, reason::IDENTITY_NOT_ALLOWED);
        let permitted = bounds(spec, &facts, gateway, &identity()).unwrap().identities;
        (violation.to_string(), permitted.len())
    };
    let (message, permitted) = refused(&standard(), &spec(&["api"], &["team-a", "finance"]));
    assert!(message.starts_with("spec.identities.jwt[1]: ") && message.contains("\"finance\""), "{message}");
    assert!(message.contains("rule \"all\""), "{message}");
    assert_eq!(permitted, 2);
    let none = gateway(&auth(), &Value::Null);
    assert_eq!(refused(&none, &spec(&["api"], &["team-a"])).1, 1);
    let closed = gateway(&json!({}), &Value::Null);
    let (message, permitted) = refused(&closed, &spec(&["api"], &[]));
    assert!(message.starts_with("spec.identities.serviceAccounts: ") && permitted == 0, "{message}");
    let (message, _) = refused(&closed, &spec(&[], &["team-a"]));
    assert!(message.contains("no issuer \"corp\""), "{message}");
}

#[test]
fn identities_are_claimed_before_the_policy_lists_them_and_released_when_it_does_not() {
    let mut world = World::new(standard());
    world.converge(&tenant(&["api"], &["team-a"]));
    let at = |log: &str, step: &str| log.find(step).unwrap_or_else(|| panic!("no {step} in {log}"));
    assert!(at(&world.log, "claim identity") < at(&world.log, "write policy"), "{}", world.log);
    let mut both = vec![account("api"), group("team-a")];
    both.sort();
    assert_eq!(listed(&world), both);
    assert_eq!(world.converge(&tenant(&["api"], &["team-a"])), 0);
    world.log.clear();
    world.converge(&tenant(&[], &["team-a"]));
    assert!(at(&world.log, "release identity") < at(&world.log, "write policy"), "{}", world.log);
    assert_eq!(listed(&world), [group("team-a")]);
    assert_eq!(world.sim.observed.identities.len(), 1);
    world.delete(&tenant(&[], &["team-a"]));
    assert!(world.sim.observed.identities.is_empty() && listed(&world).is_empty());
}

#[test]
fn a_suspended_tenant_and_one_without_a_plan_still_lose_what_they_give_up() {
    let mut world = World::new(standard());
    world.converge(&tenant(&["api"], &[]));
    // Its key is gone and its plan, too: the rest is stuck.
    world.sim.observed.api_keys.clear();
    let plan = world.plan(&tenant(&[], &[]));
    let text = plan.to_string();
    assert!(text.contains("release identity") && text.contains("write meter"), "{text}");
}

#[test]
fn an_identity_of_another_is_left_alone_and_reported() {
    let mut world = World::new(standard());
    world.sim.observed.identities.insert(group("team-a"), of_another(true, 0));
    let tenant = tenant(&["api"], &["team-a"]);
    world.converge(&tenant);
    assert_eq!(listed(&world), [account("api")]);
    let found = conflicts(&tenant.tenant_id, &tenant.identities, &world.sim.observed, NOW);
    assert_eq!(found, [("groups=team-a of issuer corp", "team-ads/ads")]);
    let plan = world.plan(&tenant);
    assert_eq!((plan.in_sync(), plan.recheck), (true, Some(CONFLICT_RECHECK)));
    // It lets go.
    world.sim.observed.identities.remove(&group("team-a"));
    world.converge(&tenant);
    assert_eq!(listed(&world).len(), 2);
}

#[test]
fn a_claim_that_no_policy_backs_is_taken_over_once_it_is_old() {
    let tenant = tenant(&[], &["team-a"]);
    for (since, taken) in [(NOW, false), (NOW - CLAIM_GRACE_SECONDS + 1, false), (NOW - CLAIM_GRACE_SECONDS, true)] {
        let mut world = World::new(standard());
        world.sim.observed.identities.insert(group("team-a"), of_another(false, since));
        world.converge(&tenant);
        assert_eq!(listed(&world).len(), usize::from(taken), "{since}");
    }
}

#[test]
fn what_another_took_over_is_no_longer_accepted_and_a_lost_claim_is_made_again() {
    let mut world = World::new(standard());
    let tenant = tenant(&["api"], &["team-a"]);
    world.converge(&tenant);
    world.sim.observed.identities.insert(group("team-a"), of_another(true, 0));
    world.converge(&tenant);
    assert_eq!(listed(&world), [account("api")]);
    world.sim.observed.identities.clear();
    world.log.clear();
    world.converge(&tenant);
    assert_eq!(listed(&world).len(), 2);
    assert_eq!(world.log.matches("claim identity").count(), 2, "{}", world.log);
}

#[test]
fn a_grant_that_is_withdrawn_binds_although_the_spec_is_refused() {
    let mut world = World::new(standard());
    let tenant = tenant(&["api"], &["team-a"]);
    world.converge(&tenant);
    let permitted = [account("api")];
    let bounds = Bounds {
        ceiling: Ceiling::of(&standard().rules[0]),
        limits: Ceilings::of(&standard().rules[0]),
        share: Share::default(),
        tiers: standard().tiers,
        identities: permitted.to_vec(),
        suspended: None,
    };
    world.run(|world| world.bind(Some(&bounds)));
    assert_eq!(listed(&world), permitted);
    world.run(|world| world.bind(None));
    assert!(listed(&world).is_empty() && world.policy().denied() && world.sim.observed.identities.is_empty());
}

#[test]
fn any_crash_comes_to_the_same_end() {
    for cut in 1..6 {
        let mut world = World::new(standard());
        let tenant = tenant(&["api"], &["team-a", "team-b"]);
        for _ in 0..14 {
            world.random += 1;
            let mut plan = world.plan(&tenant);
            plan.steps.truncate(cut);
            plan.steps.iter().for_each(|step| world.apply(step));
        }
        world.converge(&tenant);
        assert_eq!(listed(&world).len(), 3);
        assert!(world.sim.observed.identities.values().all(|found| found.claim.tenant == tenant.tenant_id));
    }
}
