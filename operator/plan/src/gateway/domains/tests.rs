use serde_json::{Value, json};

use super::super::fixtures::{World, build, identity, valid};
use super::super::observed::{DomainState, ObservedMapping};
use super::tell::{self, RETIREMENT};
use super::*;

const NOW: i64 = 1_000_000;

fn spec(domain: &Value) -> Value {
    json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
        "endpoint": {"type": "Regional", "domain": domain},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}], "tenants": {"rules": []},
    })
}

fn asked(name: &str, base_path: Option<&str>, certificate: &str) -> Value {
    let arn = format!("arn:aws:acm:eu-central-1:111122223333:certificate/{certificate}");
    json!({"name": name, "certificateArn": arn, "basePath": base_path})
}

const OLD: &str = "https://old.example.com/v1";

#[test]
fn clients_are_told_of_a_domain_once_a_call_came_through_it_and_then_for_good() {
    let target = valid(spec(&asked("ai.example.com", Some("prod"), "c1")));
    let mut world = World::settled(&target);
    let own = "https://ai.example.com/prod";
    let api = world.sim.aws.rest_apis[0].id.clone();
    let told = |endpoint: &str| {
        let rest_api_id = Some(api.clone());
        AIGatewayStatus { endpoint: Some(endpoint.into()), rest_api_id, ..AIGatewayStatus::default() }
    };
    let endpoint = |world: &World, previous: &AIGatewayStatus, proven| {
        tell::endpoint(&target, &world.sim.aws, &build(), previous, proven).unwrap()
    };
    assert_eq!(endpoint(&world, &told(OLD), false), OLD);
    assert_eq!(
        endpoint(&world, &AIGatewayStatus::default(), false),
        format!("https://{api}.execute-api.eu-central-1.amazonaws.com/v1")
    );
    assert_eq!(tell::untold(&target, &world.sim.aws, &build(), &told(OLD)).as_deref(), Some(own));
    assert_eq!(endpoint(&world, &told(OLD), true), own);
    assert_eq!(endpoint(&world, &told(own), false), own);
    assert_eq!(tell::untold(&target, &world.sim.aws, &build(), &told(own)), None);
    // The status is lost, and only the domain is open.
    world.sim.aws.rest_apis[0].default_endpoint_disabled = true;
    assert_eq!(endpoint(&world, &AIGatewayStatus::default(), false), own);
    // A mapping that was deleted by hand is no reason to send clients elsewhere: it comes back.
    world.sim.aws.domains[0].mappings.clear();
    assert_eq!(endpoint(&world, &told(own), false), own);
}

#[test]
fn what_is_replaced_is_retired_an_hour_after_clients_are_told_and_not_before() {
    let mut world = World::settled(&valid(spec(&asked("ai.example.com", Some("prod"), "c1"))));
    let target = valid(spec(&asked("llm.example.com", None, "c1")));
    world.wanted_elsewhere = ["ai.example.com".to_owned()].into();
    let (old, new) = ("https://ai.example.com/prod", "https://llm.example.com");
    let api = world.sim.aws.rest_apis[0].id.clone();
    let mut seen = AIGatewayStatus { rest_api_id: Some(api), endpoint: Some(old.into()), ..AIGatewayStatus::default() };
    let look = |seen: &AIGatewayStatus, endpoint: &str, now| {
        tell::status(&target, &world.sim.aws, &build(), seen, (Some(endpoint), now))
    };
    let facts = |seen: &AIGatewayStatus, now| DomainFacts::of(&target, "a", &[], (seen, now), &build());
    seen.domains = look(&seen, old, NOW);
    assert_eq!(seen.domains[0].retires_at, None, "the new one does not work yet");
    seen.domains = look(&seen, new, NOW);
    let at = seen.domains[0].retires_at.clone().unwrap();
    assert_eq!(tell::next_retirement(&seen.domains, NOW), Some(RETIREMENT));
    // The time stays what it was.
    seen.domains = look(&seen, new, NOW + 600);
    assert_eq!(seen.domains[0].retires_at, Some(at));
    let hour = i64::try_from(RETIREMENT.as_secs()).unwrap();
    assert!(facts(&seen, NOW + hour - 1).retired.is_empty());
    assert_eq!(facts(&seen, NOW + hour).retired, [old.to_owned()].into());
}

#[test]
fn what_a_person_has_to_act_on_is_said_with_its_reason() {
    let target = valid(spec(&asked("ai.example.com", None, "c1")));
    let reason = |change: fn(&mut World), decided_by: Option<&str>| {
        let mut world = World::settled(&target);
        change(&mut world);
        let facts = DomainFacts { decided_by: decided_by.map(str::to_owned), ..DomainFacts::default() };
        let condition = tell::condition(&target, &world.sim.aws, &facts, (Some(OLD), None), &build()).unwrap();
        (condition.status, condition.reason)
    };
    assert_eq!(reason(|_| {}, None), (None, "DomainPending"));
    assert_eq!(reason(|world| world.sim.aws.domains[0].ours = false, None), (Some(false), "DomainNotOurs"));
    assert_eq!(
        reason(|world| world.sim.aws.domains[0].state = DomainState::Failed("no".into()), None),
        (Some(false), "DomainFailed")
    );
    assert_eq!(
        reason(|world| world.sim.aws.domains[0].mappings[0].rest_api_id = "other".into(), None),
        (Some(false), "BasePathTaken")
    );
    assert_eq!(reason(|_| {}, Some("z")), (Some(false), "DomainConflict"));
    assert_eq!(reason(|world| world.sim.aws.domains.clear(), None), (Some(false), "DomainPending"));
}

#[test]
fn gateways_that_share_a_domain_do_not_take_turns() {
    let mine = valid(spec(&asked("ai.example.com", Some("a"), "c1")));
    let claim = |gateway_id: &str, certificate: &str, region: &str| Claim {
        gateway_id: gateway_id.into(),
        region: region.into(),
        account_id: "111122223333".into(),
        domain: serde_json::from_value(asked("ai.example.com", Some("b"), certificate)).unwrap(),
    };
    let facts = |claims: &[Claim]| {
        let previous = AIGatewayStatus::default();
        DomainFacts::of(&mine, "m", claims, (&previous, NOW), &build())
    };
    assert_eq!(facts(&[claim("a", "c2", "eu-central-1")]).decided_by.as_deref(), Some("a"));
    assert_eq!(facts(&[claim("z", "c2", "eu-central-1")]).decided_by, None, "this one decides");
    assert_eq!(facts(&[claim("a", "c1", "eu-central-1")]).decided_by, None, "they agree");
    let elsewhere = facts(&[claim("a", "c2", "eu-west-1"), claim("m", "c2", "eu-central-1")]);
    assert_eq!((elsewhere.decided_by, elsewhere.wanted_elsewhere.len()), (None, 0), "another Region, and itself");
}

#[test]
fn what_is_not_ours_is_never_changed() {
    let target = valid(spec(&asked("ai.example.com", Some("prod"), "c1")));
    let mut world = World::settled(&target);
    let domain = &mut world.sim.aws.domains[0];
    (domain.ours, domain.certificate_arn) = (false, "theirs".into());
    domain.mappings = vec![ObservedMapping { base_path: "prod".into(), rest_api_id: "x".into(), stage: "y".into() }];
    assert!(world.plan(&target).in_sync());
    let tags = |id: &str, installation: &str| {
        Tags::from([(TAG_ID.to_owned(), id.to_owned()), (TAG_INSTALLATION.to_owned(), installation.to_owned())])
    };
    let of = &identity().installation;
    assert!(is_ours(of, "a.b", &tags(&domain_id(of, "a.b"), of)));
    assert!(!is_ours(of, "a.b", &tags(&domain_id(of, "a.c"), of)));
    assert!(!is_ours(of, "a.b", &tags(&domain_id("x", "a.b"), "x")));
    assert!(!is_ours(of, "a.b", &Tags::new()));
}
