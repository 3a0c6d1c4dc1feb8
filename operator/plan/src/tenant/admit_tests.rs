#![allow(clippy::needless_pass_by_value, reason = "the json! macro makes values")]

use serde_json::{Value, json};

use super::*;
use crate::gateway::fixtures::{identity, valid};
use crate::tenant::fixtures::facts;

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
    ask_for(rules, json!({"tier": tier}), name, labels, earlier)
}

fn ask_for(
    rules: Value,
    more: Value,
    name: &str,
    labels: &[(&str, &str)],
    earlier: usize,
) -> Result<AdmittedTenant, Violation> {
    let mut spec = json!({"gatewayRef": {"name": "prod", "namespace": "ai-platform"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec: TenantSpec = serde_json::from_value(spec).unwrap();
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let facts = TenantFacts { namespace: "team", name, earlier_in_namespace: earlier, ..facts(&labels) };
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

#[test]
fn models_and_resources_beyond_the_rule_are_refused_by_name() {
    let base = "arn:aws:bedrock:eu-central-1:111122223333:";
    let allow = json!({
        "models": [{"match": "anthropic.*"}, {"match": format!("{base}application-inference-profile/abc")}],
        "resources": [{"arn": format!("{base}knowledge-base/*")}, {"arn": format!("{base}flow/F"), "access": "Manage"}],
    });
    let asking = |more: Value| ask_for(json!([rule("r", json!({"from": "All"}), allow.clone())]), more, "a", &[], 0);
    let models = |list: &str| json!({"models": {"allow": [{"match": "anthropic.claude-*"}, {"match": list}]}});
    let resource = |end: &str, access: &str| json!({"resources": [{"arn": format!("{base}{end}"), "access": access}]});

    let plain = asking(json!({})).unwrap();
    assert_eq!((plain.models.granted.len(), plain.models.allow.len(), plain.resources.len()), (2, 0, 0));
    for fits in ["eu.anthropic.claude-v2:1", &format!("{base}application-inference-profile/abc")] {
        assert_eq!(asking(models(fits)).unwrap().models.allow.len(), 2, "{fits}");
    }
    for beyond in ["amazon.*", "*", "*claude*", &format!("{base}application-inference-profile/other")] {
        let refused = asking(models(beyond)).unwrap_err();
        assert_eq!((refused.path.as_str(), refused.reason), ("spec.models.allow[1].match", reason::MODEL_NOT_ALLOWED));
        assert!(refused.message.contains(beyond) && refused.message.contains("\"r\""), "{refused}");
    }
    for fits in [resource("knowledge-base/K", "Use"), resource("flow/F", "Manage"), resource("flow/F/alias/A", "Use")] {
        assert_eq!(asking(fits).unwrap().resources.len(), 1);
    }
    for beyond in [resource("knowledge-base/K", "Manage"), resource("flow/G", "Use"), resource("agent/*", "Use")] {
        let refused = asking(beyond).unwrap_err();
        assert_eq!((refused.path.as_str(), refused.reason), ("spec.resources[0].arn", reason::RESOURCE_NOT_ALLOWED));
        assert!(refused.message.contains("allow.resources") && refused.message.contains("\"r\""), "{refused}");
    }
    let denied = asking(json!({"models": {"deny": [{"match": "*opus*"}], "residency": "EU"}})).unwrap();
    assert_eq!(denied.models.residency.map(|residency| residency.to_string()).as_deref(), Some("EU"));
    let mut unruled = rule("r", json!({"from": "All"}), json!({}));
    unruled["allow"] = json!({});
    let refused = ask_for(json!([unruled]), models(&format!("{base}custom-model/x")), "a", &[], 0).unwrap_err();
    assert!(refused.message.contains("every foundation model"), "{refused}");
}
