use serde_json::{Value, json};

use super::*;

fn spec() -> Value {
    json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": [{"name": "r", "match": {"namespaces": {"from": "All"}}}]},
    })
}

fn check(spec: Value) -> Result<ValidGateway, Vec<Violation>> {
    validate(&serde_json::from_value(spec).unwrap())
}

#[test]
fn the_smallest_spec_gets_the_documented_defaults() {
    let valid = check(spec()).unwrap();
    assert!(valid.api_keys);
    assert_eq!(
        (valid.cache_seconds, valid.forwarder_memory_mib, valid.authorizer_memory_mib, valid.timeout_seconds),
        (60, 256, 128, 900)
    );
    assert_eq!(valid.families, [WireFamily::BedrockRuntime]);
    assert_eq!((valid.unmetered, valid.unmetered_micro_usd), (Unmetered::Deny, 0));
    assert_eq!((valid.unknown_price, valid.fail_mode), (UnknownPrice::Deny, FailMode::Closed));
    assert_eq!((valid.deletion_policy, valid.data_deletion_policy), (DeletionPolicy::Delete, DeletionPolicy::Retain));
}

#[test]
fn each_violation_names_field_and_fix() {
    let cases: [(&str, Value, &str, &str); 9] = [
        ("/endpoint/sourceCidrs", json!(["203.0.113.0"]), "spec.endpoint.sourceCidrs[0]", "203.0.113.0/24"),
        (
            "/functions",
            json!({"forwarder": {"roleArn": "arn:aws:iam::999999999999:role/x"}}),
            "spec.functions.forwarder.roleArn",
            "spec.accountId is 111122223333",
        ),
        (
            "/functions",
            json!({"authorizer": {"roleArn": "arn:aws-us-gov:iam::111122223333:role/x"}}),
            "spec.functions.authorizer.roleArn",
            "partition",
        ),
        ("/tenants/rules/0/allow", json!({"tiers": ["gold"]}), "spec.tenants.rules[0].allow.tiers[0]", "bronze"),
        ("/tenants/rules/0/defaults", json!({"tier": "gold"}), "spec.tenants.rules[0].defaults.tier", "bronze"),
        ("/stages", json!([]), "spec.stages", "v1"),
        (
            "/models",
            json!({"prices": [{"match": "zai.*", "usdPerMillionTokens": {"input": "1,5"}}]}),
            "spec.models.prices[0].usdPerMillionTokens.input",
            "such as \"12.5\"",
        ),
        (
            "/bedrock",
            json!({"unmetered": {"policy": "Charge", "usdPerCall": "0.0000001"}}),
            "spec.bedrock.unmetered.usdPerCall",
            "at most 6 digits",
        ),
        ("/bedrock", json!({"fips": true}), "spec.bedrock.fips", "us-gov-west-1"),
    ];
    for (pointer, value, path, hint) in cases {
        let mut spec = spec();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let target = if parent.is_empty() { &mut spec } else { spec.pointer_mut(parent).unwrap() };
        target[field] = value;
        let violations = check(spec).unwrap_err();
        assert_eq!(violations[0].path, path);
        assert!(violations[0].to_string().contains(hint), "{}", violations[0]);
    }
}

#[test]
fn fips_needs_an_endpoint_of_every_family() {
    let fips = |region: &str, families: Value| {
        let mut spec = spec();
        spec["region"] = region.into();
        spec["bedrock"] = json!({"fips": true, "families": families});
        check(spec).map(|valid| valid.fips).map_err(|violations| violations.len())
    };
    assert_eq!(fips("us-east-1", json!([])), Ok(true));
    assert_eq!(fips("us-gov-east-1", json!(["bedrock-runtime", "bedrock"])), Ok(true));
    assert_eq!(fips("us-east-1", json!(["bedrock-runtime", "bedrock-agent", "bedrock-agentcore"])), Err(2));
}

#[test]
fn lists_are_sorted_so_that_their_order_changes_nothing() {
    let mut one = spec();
    one["bedrock"] = json!({"families": ["bedrock-agent-runtime", "bedrock-runtime"]});
    one["endpoint"]["sourceCidrs"] = json!(["10.0.0.0/8", "2001:db8::/32"]);
    let mut other = spec();
    other["bedrock"] = json!({"families": ["bedrock-runtime", "bedrock-agent-runtime"]});
    other["endpoint"]["sourceCidrs"] = json!(["2001:db8::/32", "10.0.0.0/8"]);
    assert_eq!(check(one), check(other));
}

#[test]
fn families_that_carry_no_guardrail_are_refused_beside_one() {
    let mut spec = spec();
    spec["bedrock"] = json!({"families": ["bedrock-runtime", "bedrock-agent-runtime", "bedrock", "bedrock-agentcore"]});
    assert_eq!(check(spec.clone()).unwrap().guardrail, None);
    spec["models"] = json!({"guardrails": [{"id": "abc1", "version": "7"}]});
    let violations = check(spec.clone()).unwrap_err();
    let paths: Vec<_> = violations.iter().map(|violation| violation.path.as_str()).collect();
    assert_eq!(paths, ["spec.bedrock.families[1]", "spec.bedrock.families[3]"]);
    let message = &violations[0].message;
    assert!(message.contains("bedrock-agent-runtime") && message.contains("spec.models.guardrails"), "{message}");
    spec["bedrock"] = json!({"families": ["bedrock-runtime", "bedrock"]});
    let guardrail = check(spec).unwrap().guardrail.unwrap();
    assert_eq!((guardrail.id.as_str(), guardrail.version.as_str()), ("abc1", "7"));
}
