#![allow(clippy::needless_pass_by_value, reason = "the json! macro makes values")]

use serde_json::{Value, json};

use super::*;
use crate::gateway::fixtures::{identity, valid};

fn gateway(rules: Value) -> ValidGateway {
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}, {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}}],
        "tenants": {"rules": rules, "suspended": [{"namespace": "team", "name": "bad"}]},
    }))
}

fn ask(
    rules: Value,
    tier: Option<&str>,
    name: &str,
    labels: &[(&str, &str)],
    earlier: usize,
) -> Result<AdmittedTenant, Violation> {
    let spec: TenantSpec =
        serde_json::from_value(json!({"gatewayRef": {"name": "prod", "namespace": "ai-platform"}, "tier": tier}))
            .unwrap();
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let facts = TenantFacts { namespace: "team", name, namespace_labels: &labels, earlier_in_namespace: earlier };
    admit(&spec, &facts, &gateway(rules), &identity())
}

fn rule(name: &str, namespaces: Value, allow: Value) -> Value {
    json!({"name": name, "match": {"namespaces": namespaces}, "allow": allow})
}

#[test]
fn the_first_matching_rule_decides() {
    let rules = || {
        json!([
            rule("labelled", json!({"selector": {"matchLabels": {"ai": "true"}}}), json!({"tiers": ["silver"]})),
            rule("rest", json!({"from": "All"}), json!({"tiers": ["bronze"]})),
        ])
    };
    assert_eq!(ask(rules(), None, "a", &[("ai", "true")], 0).unwrap().rule, "labelled");
    assert_eq!(ask(rules(), None, "a", &[], 0).unwrap().tier.name, "bronze");
    let refused = ask(rules(), Some("bronze"), "a", &[("ai", "true")], 0).unwrap_err();
    assert_eq!(refused.reason, reason::TIER_NOT_ALLOWED);
}

#[test]
fn no_rule_no_entry() {
    assert_eq!(ask(json!([]), None, "a", &[], 0).unwrap_err().reason, reason::NOT_ALLOWED);
    let same = json!([rule("own", json!({"from": "Same"}), json!({}))]);
    assert_eq!(ask(same, None, "a", &[], 0).unwrap_err().reason, reason::NOT_ALLOWED);
}

#[test]
fn tiers_default_in_a_fixed_order() {
    let all = || json!({"from": "All"});
    assert_eq!(ask(json!([rule("r", all(), json!({}))]), None, "a", &[], 0).unwrap().tier.name, "bronze");
    assert!(ask(json!([rule("r", all(), json!({}))]), Some("silver"), "a", &[], 0).is_err());
    let mut with_default = rule("r", all(), json!({"tiers": ["bronze", "silver"]}));
    with_default["defaults"] = json!({"tier": "silver"});
    assert_eq!(ask(json!([with_default.clone()]), None, "a", &[], 0).unwrap().tier.name, "silver");
    assert_eq!(ask(json!([with_default]), Some("bronze"), "a", &[], 0).unwrap().tier.name, "bronze");
}

#[test]
fn a_namespace_has_room_for_so_many() {
    let rules = || json!([rule("r", json!({"from": "All"}), json!({"maxTenantsPerNamespace": 2}))]);
    assert!(ask(rules(), None, "a", &[], 1).is_ok());
    assert_eq!(ask(rules(), None, "a", &[], 2).unwrap_err().reason, reason::TOO_MANY_TENANTS);
}

#[test]
fn the_platforms_suspension_outranks_the_teams() {
    let rules = json!([rule("r", json!({"from": "All"}), json!({}))]);
    assert_eq!(ask(rules.clone(), None, "bad", &[], 0).unwrap().suspended, Some(Suspension::Platform));
    assert_eq!(ask(rules, None, "good", &[], 0).unwrap().suspended, None);
}

#[test]
fn selectors_follow_kubernetes() {
    let labels: BTreeMap<String, String> = [("env".to_owned(), "prod".to_owned())].into();
    let cases = [
        ("In", json!(["prod"]), true),
        ("In", json!(["dev"]), false),
        ("NotIn", json!(["dev"]), true),
        ("Exists", json!([]), true),
        ("DoesNotExist", json!([]), false),
        ("Nonsense", json!([]), false),
    ];
    for (operator, values, expected) in cases {
        let selector = json!({"matchExpressions": [{"key": "env", "operator": operator, "values": values}]});
        assert_eq!(selects(&serde_json::from_value(selector).unwrap(), &labels), expected, "{operator}");
    }
}
