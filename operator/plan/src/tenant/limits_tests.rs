use aigw_api::TenantSpec;
use serde_json::{Value, json};

use super::super::admit::{AdmittedTenant, admit, bounds};
use super::super::fixtures::{World, admitted, facts};
use super::*;
use crate::gateway::fixtures::{identity, valid};
use crate::gateway::validate::ValidGateway;

fn gateway(tier: &Value, rule: &Value) -> ValidGateway {
    let mut bronze = json!({"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}});
    let mut all = json!({"name": "all", "match": {"namespaces": {"from": "All"}}});
    for (object, more) in [(&mut bronze, tier), (&mut all, rule)] {
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [bronze], "tenants": {"rules": [all]},
    }))
}

fn spec(more: &Value) -> TenantSpec {
    let mut spec = json!({"gatewayRef": {"name": "prod"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

fn admission(gateway: &ValidGateway, more: &Value) -> Result<AdmittedTenant, Violation> {
    admit(&spec(more), &facts(&std::collections::BTreeMap::new()), gateway, &identity())
}

/// Limits, rule and what is asked for; then what is in force, or a part of why it is refused.
fn requests(tier: Option<i32>, ceiling: Option<i32>, asked: Option<i32>) -> Result<Given<i64>, String> {
    let limits = |value: Option<i32>| value.map_or(json!({}), |value| json!({"limits": {"requestsPerMinute": value}}));
    let rule = ceiling.map_or(json!({}), |ceiling| json!({"ceilings": limits(Some(ceiling))}));
    let admitted = admission(&gateway(&limits(tier), &rule), &limits(asked));
    admitted.map(|tenant| tenant.limits.requests_per_minute).map_err(|violation| violation.to_string())
}

#[test]
fn tiers_give_tenants_ask_and_ceilings_bind() {
    assert_eq!(requests(None, None, None), Ok(None));
    assert_eq!(requests(Some(10), None, None), Ok(Some((10, Origin::Tier))));
    assert_eq!(requests(Some(10), Some(20), None), Ok(Some((10, Origin::Tier))));
    assert_eq!(requests(Some(10), Some(5), None), Ok(Some((5, Origin::Ceiling))));
    assert_eq!(requests(None, Some(5), None), Ok(Some((5, Origin::Ceiling))));
    assert_eq!(requests(None, None, Some(7)), Ok(Some((7, Origin::Tenant))));
    assert_eq!(requests(Some(10), Some(20), Some(20)), Ok(Some((20, Origin::Tenant))));
    assert_eq!(requests(Some(10), None, Some(10)), Ok(Some((10, Origin::Tenant))));
}

#[test]
fn a_violation_names_rule_ceiling_and_value() {
    let above = requests(Some(10), Some(20), Some(21)).unwrap_err();
    assert_eq!(
        above,
        "spec.limits.requestsPerMinute: 21 is above 20, the ceiling of rule \"all\" of the gateway; ask for less, or ask the platform team to raise ceilings.limits.requestsPerMinute of that rule"
    );
    let tier = requests(Some(10), None, Some(11)).unwrap_err();
    assert!(
        tier.contains("11 is above 10, what its tier gives, and rule \"all\" of the gateway has no ceiling"),
        "{tier}"
    );
}

#[test]
fn budgets_are_decided_window_by_window() {
    let tier = json!({"budgets": [{"window": "Month", "usd": "200"}, {"window": "Day", "usd": "20"}]});
    let rule = json!({"ceilings": {"budgets": [{"window": "Month", "usd": "3000"}]}});
    let gateway = gateway(&tier, &rule);
    let asked = |budgets: Value| admission(&gateway, &json!({"budgets": budgets}));
    let granted = asked(json!([{"window": "Month", "usd": "3000.00"}])).unwrap();
    assert_eq!(
        granted.limits.budgets,
        [(BudgetWindow::Day, 20_000_000, Origin::Tier), (BudgetWindow::Month, 3_000_000_000, Origin::Tenant)]
    );
    let only_warns = asked(json!([{"window": "Month", "warnPercent": [50]}])).unwrap();
    assert_eq!(only_warns.limits.budgets[1], (BudgetWindow::Month, 200_000_000, Origin::Tier));
    let above = asked(json!([{"window": "Month", "usd": "3000.000001"}])).unwrap_err();
    assert_eq!((above.path.as_str(), above.reason), ("spec.budgets[0].usd", reason::LIMIT_NOT_ALLOWED));
    assert!(above.message.starts_with("USD 3000.000001 is above USD 3000, the ceiling of rule"), "{}", above.message);
    let above = asked(json!([{"window": "Day", "usd": "20.5"}])).unwrap_err();
    assert!(above.message.contains("what its tier gives"), "{}", above.message);
    for nonsense in ["", "0", "0.0", "1e3", "-1", "1.0000000"] {
        let refused = asked(json!([{"window": "Day", "usd": nonsense}])).unwrap_err();
        assert_eq!((refused.path.as_str(), refused.reason), ("spec.budgets[0].usd", reason::INVALID), "{nonsense:?}");
    }
}

#[test]
fn output_by_default_stays_below_its_maximum() {
    let tier = json!({"limits": {"maxOutputTokens": {"default": 4096, "max": 16384}}});
    let gateway = gateway(&tier, &json!({"ceilings": {"limits": {"maxOutputTokens": {"max": 32000}}}}));
    let output = |output: Value| {
        let admitted = admission(&gateway, &json!({"limits": {"maxOutputTokens": output}}));
        admitted.map(|tenant| (tenant.limits.output_default.unwrap(), tenant.limits.output_max.unwrap()))
    };
    let (default, max) = output(json!({})).unwrap();
    assert_eq!((default, max), ((4096, Origin::Tier), (16384, Origin::Tier)));
    let (default, max) = output(json!({"max": 1000})).unwrap();
    assert_eq!((default, max), ((1000, Origin::Tenant), (1000, Origin::Tenant)));
    assert_eq!(output(json!({"default": 16384})).unwrap().0, (16384, Origin::Tenant));
    let above = output(json!({"default": 16385})).unwrap_err();
    assert_eq!(above.path, "spec.limits.maxOutputTokens.default");
    assert!(output(json!({"max": 32001})).is_err());
}

#[test]
fn shadow_and_premiums_are_the_rules_to_grant() {
    let plain = gateway(&json!({}), &json!({}));
    let refused = admission(&plain, &json!({"enforcement": "Shadow"})).unwrap_err();
    assert_eq!((refused.path.as_str(), refused.reason), ("spec.enforcement", reason::SHADOW_NOT_ALLOWED));
    let granting =
        gateway(&json!({}), &json!({"allow": {"shadow": true, "premiums": ["LongContext", "PriorityTier"]}}));
    let admitted = admission(&granting, &json!({"enforcement": "Shadow"})).unwrap();
    assert_eq!(admitted.limits.enforcement, Enforcement::Shadow);
    assert_eq!(admitted.limits.premiums, [Premium::PriorityTier, Premium::LongContext]);
}

#[test]
fn lowered_ceilings_bind_a_refused_tenant_at_once() {
    let tier = json!({
        "limits": {"requestsPerMinute": 100, "maxOutputTokens": {"default": 500}},
        "budgets": [{"window": "Month", "usd": "100"}],
    });
    let wide = json!({
        "ceilings": {"limits": {"requestsPerMinute": 500}, "budgets": [{"window": "Month", "usd": "1000"}]},
        "allow": {"shadow": true, "premiums": ["HourCache"]},
    });
    let asked = json!({
        "limits": {"requestsPerMinute": 400}, "budgets": [{"window": "Month", "usd": "900"}], "enforcement": "Shadow",
    });
    let before = gateway(&tier, &wide);
    let mut world = World::new(before.clone());
    world.converge(&admitted(&spec(&asked), &before));
    assert_eq!(world.policy().limits.requests_per_minute, Some(400));
    let narrow = json!({"ceilings": {"limits": {
        "requestsPerMinute": 300, "concurrency": 9, "maxOutputTokens": {"max": 200},
    }}});
    let after = gateway(&tier, &narrow);
    assert!(admission(&after, &asked).is_err());
    let labels = std::collections::BTreeMap::new();
    let bounds = bounds(&spec(&asked), &facts(&labels), &after, &identity());
    world.run(|world| world.bind(bounds.as_ref()));
    let policy = world.policy();
    assert_eq!(
        policy.limits,
        Limits {
            requests_per_minute: Some(300),
            tokens_per_minute: None,
            concurrency: Some(9),
            max_output_tokens: OutputTokens { default: Some(200), max: Some(200) },
        }
    );
    // No ceiling any more: the tier's value is one.
    assert_eq!(policy.budgets, [Budget { window: wire::BudgetWindow::Month, micro_usd: 100_000_000 }]);
    assert_eq!((policy.enforcement, policy.premiums.len()), (Enforcement::Enforce, 0));
    assert!(!policy.denied());
}

#[test]
fn a_changed_limit_binds_before_anything_else() {
    let tier = json!({"limits": {"requestsPerMinute": 100}});
    let mut world = World::new(gateway(&tier, &json!({})));
    world.converge(&admitted(&spec(&json!({})), &world.gateway));
    // The tier's plan is gone, so nothing else can go on.
    let lowered = admitted(&spec(&json!({"limits": {"requestsPerMinute": 50}})), &world.gateway);
    let plan = world.plan(&lowered);
    assert_eq!(plan.steps.len(), 2, "{plan}");
    plan.steps.iter().for_each(|step| world.apply(step));
    assert_eq!(world.policy().limits.requests_per_minute, Some(50));
}

#[test]
fn the_status_says_where_a_value_comes_from() {
    let tier =
        json!({"limits": {"requestsPerMinute": 100, "concurrency": 9}, "budgets": [{"window": "Day", "usd": "1.50"}]});
    let rule = json!({"ceilings": {"limits": {"concurrency": 5}}});
    let admitted = admission(&gateway(&tier, &rule), &json!({"limits": {"requestsPerMinute": 50}})).unwrap();
    let (limits, budgets) = admitted.limits.shown();
    let shown: Vec<_> = limits.iter().map(|limit| (limit.name.as_str(), limit.value, limit.from.as_str())).collect();
    assert_eq!(shown, [("requestsPerMinute", 50, "Tenant"), ("concurrency", 5, "Ceiling")]);
    assert_eq!((budgets[0].usd.as_str(), budgets[0].from.as_str()), ("1.5", "Tier"));
}
