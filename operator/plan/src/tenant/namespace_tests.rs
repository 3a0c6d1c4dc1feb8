use aigw_api::TenantSpec;
use serde_json::{Value, json};

use super::*;
use crate::gateway::fixtures::{identity, valid};
use crate::gateway::validate::ValidGateway;
use crate::tenant::admit::{AdmittedTenant, TenantFacts, admit, bounds};
use crate::tenant::fixtures::{World, admitted, facts};

fn gateway(per_namespace: &Value) -> ValidGateway {
    let ceilings = json!({
        "limits": {"requestsPerMinute": 100, "tokensPerMinute": 1000},
        "budgets": [{"window": "Month", "usd": "100"}],
        "perNamespace": per_namespace,
    });
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}, "ceilings": ceilings}]},
    }))
}

fn requests_together(most: i32) -> ValidGateway {
    gateway(&json!({"limits": {"requestsPerMinute": most}}))
}

fn spec(requests: i64) -> TenantSpec {
    serde_json::from_value(json!({"gatewayRef": {"name": "prod"}, "limits": {"requestsPerMinute": requests}})).unwrap()
}

/// One that was granted and asks for so many requests.
fn one(granted: i64, asks: Option<i64>) -> Neighbour {
    let amounts = |requests| Amounts([requests, 0, 0, 0, 0]);
    Neighbour { granted: amounts(granted), asks: asks.map(amounts) }
}

fn neighbours(older: &[Neighbour], younger: &[Neighbour], granted: i64) -> Neighbours {
    Neighbours { older: older.to_vec(), younger: younger.to_vec(), granted: one(granted, None).granted }
}

fn ask(gateway: &ValidGateway, spec: &TenantSpec, neighbours: &Neighbours) -> Result<AdmittedTenant, Violation> {
    let labels = std::collections::BTreeMap::new();
    admit(spec, &TenantFacts { neighbours, ..facts(&labels) }, gateway, &identity())
}

fn fits(asks: i64, older: &[Neighbour], younger: &[Neighbour], granted: i64) -> bool {
    ask(&requests_together(100), &spec(asks), &neighbours(older, younger, granted)).is_ok()
}

#[test]
fn what_is_granted_together_stays_within_the_ceiling() {
    assert!(fits(100, &[], &[], 0));
    assert!(fits(40, &[one(60, Some(60))], &[], 0) && !fits(41, &[one(60, Some(60))], &[], 0));
    // The younger keep what they were granted, though an older one would like it.
    assert!(fits(40, &[], &[one(60, Some(60))], 10) && !fits(41, &[], &[one(60, Some(60))], 10));
    // What the older ask for and may have comes first; what they may not have does not count.
    assert!(!fits(50, &[one(0, Some(60))], &[], 0));
    assert!(fits(40, &[one(60, Some(120))], &[], 0));
    assert!(fits(40, &[one(60, None)], &[], 0));
    // What the younger only ask for does not count.
    assert!(fits(100, &[], &[one(0, Some(60))], 0));
}

#[test]
fn where_the_ceiling_was_lowered_the_oldest_keep_theirs() {
    let (old, young) = (one(80, Some(80)), one(60, Some(60)));
    assert!(fits(80, &[], &[young], 80));
    assert!(!fits(60, &[old], &[], 60) && fits(20, &[old], &[], 60));
    // Only the part that is left is kept; lowering what one asks for makes room for the others.
    let rule = &requests_together(100).rules[0];
    let share = Share::of(rule, &neighbours(&[old], &[], 60));
    assert_eq!((share.keeps[0], share.room[0]), (20, 20));
    // Not before they have given it back.
    let share = Share::of(rule, &neighbours(&[one(80, Some(30))], &[], 20));
    assert_eq!((share.keeps[0], share.room[0]), (20, 20));
    let share = Share::of(rule, &neighbours(&[one(30, Some(30))], &[], 20));
    assert_eq!((share.keeps[0], share.room[0]), (20, 70));
}

#[test]
fn one_without_a_limit_is_told_to_name_one() {
    let unlimited = one(UNLIMITED, Some(UNLIMITED));
    let most = gateway(&json!({"limits": {"concurrency": 50}}));
    let refused = ask(&most, &spec(1), &ALONE).unwrap_err();
    assert_eq!((refused.path.as_str(), refused.reason), ("spec.limits.concurrency", reason::NAMESPACE_CEILING_REACHED));
    assert!(refused.message.contains("none is set") && refused.message.contains("at most 50"), "{refused}");
    // It keeps what the others leave, and takes nothing from them.
    let rule = &requests_together(100).rules[0];
    let share = Share::of(rule, &neighbours(&[], &[one(70, Some(70))], UNLIMITED));
    assert_eq!((share.keeps[0], share.room[0]), (30, 30));
    assert!(fits(70, &[unlimited], &[], 70));
}

#[test]
fn a_refusal_names_rule_ceiling_value_and_what_is_left() {
    let refused = ask(&requests_together(100), &spec(41), &neighbours(&[one(60, Some(60))], &[], 0)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "spec.limits.requestsPerMinute: 41 is more than 40, which is left for this tenant: rule \"all\" of the gateway lets the tenants of namespace team-search have 100 together (ceilings.perNamespace.limits.requestsPerMinute); ask for less, lower or delete another tenant of the namespace, or ask the platform team to raise that ceiling"
    );
}

#[test]
fn money_is_summed_up_by_window() {
    let most = gateway(&json!({"budgets": [{"window": "Month", "usd": "150"}]}));
    let asking = |usd: &str| {
        let spec = json!({"gatewayRef": {"name": "prod"}, "budgets": [{"window": "Month", "usd": usd}]});
        let granted = Amounts([0, 0, 0, 0, 60_000_000]);
        let older = vec![Neighbour { granted, asks: Some(granted) }];
        ask(&most, &serde_json::from_value(spec).unwrap(), &Neighbours { older, ..ALONE.clone() })
    };
    assert!(asking("90").is_ok());
    let refused = asking("90.000001").unwrap_err();
    assert_eq!(refused.path, "spec.budgets");
    assert!(refused.message.starts_with("USD 90.000001 is more than USD 90"), "{refused}");
    assert!(refused.message.contains("USD 150 together (ceilings.perNamespace.budgets (Month))"), "{refused}");
}

#[test]
fn a_refused_tenant_keeps_no_more_than_its_share() {
    let gateway = requests_together(100);
    let mut world = World::new(gateway.clone());
    world.converge(&admitted(&spec(80), &gateway));
    let labels = std::collections::BTreeMap::new();
    let neighbours =
        Neighbours { granted: Amounts::granted(world.policy()), ..neighbours(&[one(70, Some(70))], &[], 0) };
    let facts = TenantFacts { neighbours: &neighbours, ..facts(&labels) };
    assert!(admit(&spec(80), &facts, &gateway, &identity()).is_err());
    let bounds = bounds(&spec(80), &facts, &gateway, &identity()).unwrap();
    world.run(|world| world.bind(Some(&bounds)));
    assert_eq!(world.policy().limits.requests_per_minute, Some(30));
    assert_eq!(Amounts::granted(world.policy()).0[0], 30);
}

/// Tenants that ask, raise, lower, come and go under a ceiling that changes, looked at in any order: once nobody's
/// decision changes any more, what is granted fits, and whoever is refused really had no room.
#[test]
fn any_order_of_looks_ends_within_the_ceiling() {
    let mut random = 7_u64;
    let mut draw = |most: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    let number = |drawn: u64| i64::try_from(drawn).unwrap();
    for _ in 0..2_000 {
        let mut tenants: Vec<(i64, i64)> = (0..=draw(5)).map(|_| (0, 0)).collect();
        for _ in 0..4 {
            let most = i32::try_from(1 + draw(150)).unwrap();
            let rule = requests_together_rule(most);
            let lowest = tenants.iter().map(|(granted, _)| granted).sum::<i64>() <= i64::from(most);
            let changed = usize::try_from(draw(u64::try_from(tenants.len()).unwrap())).unwrap();
            tenants[changed].1 = number(1 + draw(100));
            for _ in 0..40 {
                let own = usize::try_from(draw(u64::try_from(tenants.len()).unwrap())).unwrap();
                let seen: Vec<_> = tenants.iter().map(|(granted, asks)| one(*granted, Some(*asks))).collect();
                let share = Share::of(&rule, &neighbours(&seen[..own], &seen[own + 1..], tenants[own].0));
                tenants[own].0 = share.outcome(seen[own].asks).0[0];
                let sum: i64 = tenants.iter().map(|(granted, _)| granted).sum();
                assert!(!lowest || sum <= i64::from(most), "{tenants:?} of {most}");
            }
            for own in 0..tenants.len() {
                let seen: Vec<_> = tenants.iter().map(|(granted, asks)| one(*granted, Some(*asks))).collect();
                let share = Share::of(&rule, &neighbours(&seen[..own], &seen[own + 1..], tenants[own].0));
                tenants[own].0 = share.outcome(seen[own].asks).0[0];
            }
            let sum: i64 = tenants.iter().map(|(granted, _)| granted).sum();
            assert!(sum <= i64::from(most), "{tenants:?} of {most}");
        }
    }
}

fn requests_together_rule(most: i32) -> TenantRule {
    serde_json::from_value(json!({
        "name": "all", "match": {"namespaces": {"from": "All"}},
        "ceilings": {"perNamespace": {"limits": {"requestsPerMinute": most}}},
    }))
    .unwrap()
}
