//! The main scenarios of a gateway as texts of plans, for a reviewer to read: `golden/*.txt`.

use std::fmt::Write as _;
use std::time::Duration;

use aigw_api::DeletionPolicy;
use serde_json::{Value, json};

use super::fixtures::{World, identity, valid};
use super::harm::{HARMS, harm, is_about_domains};
use super::ownership::{Claimant, Ownership, decide};
use super::step::GatewayStep;
use crate::tenant::step::ObservedApiKey;

fn spec() -> Value {
    json!({
        "region": "eu-central-1",
        "accountId": "111122223333",
        "stages": [{"name": "v1"}],
        "endpoint": {"type": "Regional"},
        "tiers": [
            {"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}},
            {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}},
        ],
        "tenants": {"rules": []},
    })
}

fn private() -> Value {
    let mut spec = spec();
    spec["endpoint"] = json!({"type": "Private", "vpcEndpointIds": ["vpce-1", "vpce-2"]});
    spec["functions"] = json!({
        "forwarder": {"roleArn": "arn:aws:iam::111122223333:role/given"},
        "authorizer": {"roleArn": "arn:aws:iam::111122223333:role/given"},
    });
    spec
}

/// Under a name of its own, and closed to all else.
fn with_domain(name: &str, base_path: Option<&str>) -> Value {
    let mut spec = spec();
    let certificate = "arn:aws:acm:eu-central-1:111122223333:certificate/c1";
    spec["endpoint"]["domain"] = json!({"name": name, "certificateArn": certificate, "basePath": base_path});
    spec["endpoint"]["disableDefaultEndpoint"] = json!(true);
    spec
}

fn check(name: &str, text: &str) {
    crate::golden::check("gateway", name, text);
}

#[test]
fn from_nothing() {
    for (name, spec) in [("from_nothing", spec()), ("from_nothing_private_with_given_roles", private())] {
        let mut world = World::default();
        world.converge(&valid(spec));
        check(name, &world.log);
    }
}

#[test]
fn each_kind_of_spec_change() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 19] = [
        ("limits of a tier", |spec| spec["tiers"][0]["plan"] = json!({"requestsPerSecond": 6, "burst": 10})),
        ("another tier", |spec| {
            let tier = json!({"name": "gold", "plan": {"requestsPerSecond": 90, "burst": 90}});
            spec["tiers"].as_array_mut().unwrap().push(tier);
        }),
        ("a tier less, nobody in it", |spec| drop(spec["tiers"].as_array_mut().unwrap().remove(1))),
        ("tiers in another order", |spec| spec["tiers"].as_array_mut().unwrap().reverse()),
        ("throttle of the stage", |spec| spec["throttle"] = json!({"requestsPerSecond": 9, "burst": 9})),
        ("families", |spec| spec["bedrock"] = json!({"families": ["bedrock-runtime", "bedrock-agent-runtime"]})),
        ("access log, kept longer", |spec| spec["logs"] = json!({"access": true, "retentionDays": 90})),
        ("cache time", |spec| spec["auth"] = json!({"cacheSeconds": 5})),
        ("API keys off", |spec| spec["auth"] = json!({"apiKeys": {"enabled": false}})),
        ("source ranges", |spec| spec["endpoint"]["sourceCidrs"] = json!(["203.0.113.0/24"])),
        ("memory of a function", |spec| spec["functions"] = json!({"forwarder": {"memoryMiB": 512}})),
        ("architecture", |spec| spec["functions"] = json!({"forwarder": {"architecture": "x86_64"}})),
        ("a given role", |spec| {
            spec["functions"] = json!({"forwarder": {"roleArn": "arn:aws:iam::111122223333:role/given"}});
        }),
        ("tags", |spec| spec["tags"] = json!({"cost-center": "ai"})),
        ("rules and suspensions", |spec| {
            let rule = json!({"name": "all", "match": {"namespaces": {"from": "All"}}});
            spec["tenants"] = json!({"rules": [rule], "suspended": [{"namespace": "team", "name": "ads"}]});
        }),
        ("a price of its own", |spec| {
            let price = json!({"match": "zai.glm-5", "usdPerMillionTokens": {"input": "0.9", "output": "3"}});
            spec["models"] = json!({"prices": [price]});
        }),
        ("unknown prices, calls that cannot be metered, no table", |spec| {
            spec["models"] = json!({"unknownPrice": "ChargeMaximum"});
            spec["bedrock"] = json!({"unmetered": {"policy": "Charge", "usdPerCall": "0.01"}});
            spec["failMode"] = json!("Open");
        }),
        ("a guardrail", |spec| spec["models"] = json!({"guardrails": [{"id": "abc1", "version": "7"}]})),
        ("deletion policies", |spec| spec["deletionPolicy"] = json!("Retain")),
    ];
    let mut text = String::new();
    for (name, change) in changes {
        let mut world = World::settled(&valid(spec()));
        let mut changed = spec();
        change(&mut changed);
        world.converge(&valid(changed));
        let plans = if world.log.is_empty() { "in sync\n" } else { &world.log };
        let _ = writeln!(text, "## {name}\n{plans}");
    }
    check("spec_changes", &text);
}

#[test]
fn a_custom_domain_from_nothing_to_deletion() {
    let specs = [
        ("added to a gateway that serves", with_domain("ai.example.com", Some("prod"))),
        ("another base path", with_domain("ai.example.com", Some("main"))),
        ("another name, at its root", with_domain("llm.example.com", None)),
        ("no domain", spec()),
    ];
    let mut world = World::settled(&valid(spec()));
    let mut text = String::new();
    for (name, spec) in specs {
        world.log.clear();
        world.converge(&valid(spec));
        let _ = writeln!(text, "## {name}\n{}", world.log);
    }
    check("domain_changes", &text);
    let mut world = World::settled(&valid(with_domain("ai.example.com", None)));
    world.delete(DeletionPolicy::Delete, DeletionPolicy::Retain);
    check("domain_deleted", &world.log);
}

#[test]
fn a_shared_domain_goes_with_the_last_gateway() {
    let mut world = World::settled(&valid(with_domain("ai.example.com", Some("prod"))));
    world.wanted_elsewhere = ["ai.example.com".to_owned()].into();
    world.delete(DeletionPolicy::Delete, DeletionPolicy::Delete);
    assert_eq!(world.sim.aws.domains.len(), 1, "another gateway asks for it");
    world.wanted_elsewhere.clear();
    world.delete(DeletionPolicy::Delete, DeletionPolicy::Delete);
    assert!(world.sim.aws.domains.is_empty());
}

#[test]
fn vpc_endpoints_change() {
    let mut world = World::settled(&valid(private()));
    let mut changed = private();
    changed["endpoint"]["vpcEndpointIds"] = json!(["vpce-2", "vpce-3"]);
    world.converge(&valid(changed));
    check("vpc_endpoints_change", &world.log);
}

#[test]
fn drift_of_several_objects() {
    let mut world = World::settled(&valid(spec()));
    let done = [
        "memory",
        "deployment made",
        "burst of a plan",
        "permission changed",
        "policy of a role deleted",
        "time to live off",
    ];
    for number in (0..HARMS.len()).filter(|number| done.contains(&HARMS[*number].0)) {
        harm(number, &mut world.sim.aws);
    }
    world.converge(&valid(spec()));
    check("drift_of_several_objects", &world.log);
}

#[test]
fn drift_of_each_kind() {
    let mut with_all = private();
    with_all["functions"] = Value::Null;
    with_all["logs"] = json!({"access": true});
    with_all["throttle"] = json!({"requestsPerSecond": 9, "burst": 9});
    let mut text = String::new();
    for (number, (name, _)) in HARMS.iter().enumerate() {
        let spec = if is_about_domains(name) { with_domain("ai.example.com", Some("prod")) } else { with_all.clone() };
        let mut world = World::settled(&valid(spec.clone()));
        harm(number, &mut world.sim.aws);
        world.converge(&valid(spec));
        let _ = writeln!(text, "## {name}\n{}", world.log);
    }
    check("drift_of_each_kind", &text);
}

#[test]
fn deletion() {
    let policies = [
        ("deleted_with_its_table", DeletionPolicy::Delete, DeletionPolicy::Delete),
        ("deleted_table_retained", DeletionPolicy::Delete, DeletionPolicy::Retain),
        ("retained", DeletionPolicy::Retain, DeletionPolicy::Retain),
    ];
    for (name, compute, data) in policies {
        let mut world = World::settled(&valid(spec()));
        world.sim.api_keys = vec![ObservedApiKey {
            id: "key1".into(),
            name: format!("{}t1-0", identity().api_key_prefix()),
            enabled: true,
            tags: super::observed::Tags::new(),
            usage_plans: Vec::new(),
        }];
        world.delete(compute, data);
        check(name, &world.log);
    }
}

#[test]
fn table_of_an_earlier_gateway_is_still_being_deleted() {
    let mut world = World::settled(&valid(spec()));
    world.sim.aws.table.iter_mut().for_each(|table| (table.active, table.deleting) = (false, true));
    (world.sim.aws.owner, world.sim.aws.config, world.sim.aws.prices) = (None, None, None);
    world.converge(&valid(spec()));
    check("table_being_deleted", &world.log);
}

#[test]
fn adoption_after_a_restore() {
    let mut world = World::settled(&valid(spec()));
    // Another cluster, from Git: the same name, another UID. The old owner has been silent for long.
    world.owner = "uid-2".into();
    let claimant = Claimant {
        cluster_uid: "cluster-2",
        object_uid: "uid-2",
        take_over: None,
        now: 1_000_000,
        heartbeat: Duration::from_mins(5),
    };
    let Ownership::Claim { expected, record, adopts: true } = decide(world.sim.aws.owner.as_ref(), &claimant) else {
        panic!("does not adopt")
    };
    let claim = GatewayStep::ClaimOwnership { table: identity().physical_name(), expected, record };
    let _ = writeln!(world.log, "# claim\n{claim}");
    world.apply(&claim);
    world.converge(&valid(spec()));
    check("adopted_after_restore", &world.log);
}
