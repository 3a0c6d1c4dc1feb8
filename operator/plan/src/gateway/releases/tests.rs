use serde_json::{Value, json};

use super::decide::Hold;
use super::note::{Cause, Rejected};
use super::*;
use crate::gateway::fixtures::{World, valid};
use crate::gateway::observed::{Calls, CanaryCalls, FunctionState, ObservedCanary};
use crate::gateway::validate::ValidGateway;
use crate::identity::Function;

const BEGAN: i64 = 1_772_442_000;
const FORWARDER: Function = Function::Forwarder;

/// A gateway whose forwarder has that much memory.
fn target(memory: i32, canary: &Value) -> ValidGateway {
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}], "tenants": {"rules": []},
        "functions": {"forwarder": {"memoryMiB": memory}}, "releases": {"policy": "Canary", "canary": canary},
    }))
}

/// A settled gateway at [`BEGAN`].
fn world() -> World {
    let mut world = World::settled(&target(256, &json!({})));
    world.sim.aws.observed_at = BEGAN;
    world
}

fn forwarder(world: &World) -> &ObservedFunction {
    &world.sim.aws.functions[&FORWARDER]
}

/// Version that serves, the one with a share, and that share.
fn split(world: &World) -> (String, Option<(String, u8)>) {
    let actual = forwarder(world);
    let canary = actual.canary.clone().map(|ObservedCanary { version, percent }| (version, percent));
    (actual.live_version.clone().unwrap(), canary)
}

/// Versions are numbered through over both functions: the forwarder's first is 1 or 2.
fn newest(world: &World) -> String {
    forwarder(world).versions.last().unwrap().version.clone()
}

/// Lets time pass, in which the new version took those calls.
fn later(world: &mut World, seconds: i64, calls: u64, errors: u64) {
    world.sim.aws.observed_at += seconds;
    let calls = CanaryCalls::Counted(Calls { calls, errors, slow: 0 });
    world.sim.aws.canary_calls.insert(FORWARDER, calls);
}

fn told(world: &World, target: &ValidGateway) -> (&'static str, String) {
    let condition = tell::condition(&world.desired(target), &world.sim.aws).unwrap();
    (condition.reason, condition.message)
}

#[test]
fn a_version_takes_growing_shares_and_then_all() {
    let (mut world, target) = (world(), target(512, &json!({})));
    let old = split(&world).0;
    world.converge(&target);
    let new = newest(&world);
    assert_eq!(split(&world), (old.clone(), Some((new.clone(), 5))));
    assert!(world.log.contains(&format!("at version {old}, 5 % of the calls at version {new}")), "{}", world.log);
    assert_eq!(world.plan(&target).recheck, Some(LOOK));
    assert_eq!(told(&world, &target).0, "RollingOut");
    later(&mut world, 599, 500, 5);
    assert_eq!((world.converge(&target), world.plan(&target).recheck), (0, Some(Duration::from_secs(1))));
    later(&mut world, 1, 99, 0);
    assert_eq!(world.converge(&target), 0, "too few calls");
    later(&mut world, 3_600, 100, 1);
    world.converge(&target);
    assert_eq!(split(&world), (old.clone(), Some((new.clone(), 25))));
    later(&mut world, 599, 1_000, 10);
    assert_eq!(world.converge(&target), 0, "the second step began later");
    later(&mut world, 1, 1_000, 10);
    world.converge(&target);
    assert_eq!(split(&world), (new, None));
    assert_eq!((forwarder(&world).release_note.as_str(), world.plan(&target).recheck), ("", None));
    assert_eq!(told(&world, &target).0, "RolledOut");
}

#[test]
fn a_version_that_fails_goes_back_and_is_not_tried_again() {
    let (mut world, bad) = (world(), target(512, &json!({})));
    let old = split(&world).0;
    world.converge(&bad);
    let rejected = newest(&world);
    later(&mut world, 120, 400, 12);
    world.converge(&bad);
    assert_eq!(split(&world), (old.clone(), None));
    let (reason, message) = told(&world, &bad);
    assert!(reason == "RolledBack" && message.contains("at 5 % of the calls, 12 of 400 failed"), "{message}");
    let status = tell::function(FORWARDER, forwarder(&world)).unwrap();
    assert_eq!(status.rejected.unwrap().at, "2026-03-02T09:02:00Z");
    later(&mut world, 86_400, 0, 0);
    assert_eq!((world.converge(&bad), world.plan(&bad).recheck), (0, None));
    // Another one is another matter, and what was said of the first stays.
    let good = target(768, &json!({}));
    world.converge(&good);
    assert_eq!(split(&world), (old.clone(), Some((newest(&world), 5))));
    world.converge(&bad);
    assert_eq!(split(&world), (old, None));
    assert_eq!(told(&world, &bad).0, "RolledBack");
    world.release_facts.promote = [(FORWARDER, rejected.clone())].into();
    world.converge(&bad);
    assert_eq!((split(&world), forwarder(&world).release_note.as_str()), ((rejected, None), ""));
}

#[test]
fn people_promote_and_abort() {
    let (mut world, target) = (world(), target(512, &json!({})));
    world.converge(&target);
    let (old, new) = (split(&world).0, newest(&world));
    world.release_facts.abort = [(FORWARDER, new.clone()), (Function::Authorizer, new.clone())].into();
    world.converge(&target);
    assert_eq!(split(&world), (old.clone(), None));
    assert!(told(&world, &target).1.contains("because the annotation says so"));
    world.release_facts.promote.clone_from(&world.release_facts.abort);
    assert_eq!(world.converge(&target), 0, "to send back comes before to promote");
    world.release_facts.abort.clear();
    world.converge(&target);
    assert_eq!(split(&world), (new, None));
}

#[test]
fn a_change_of_the_role_and_the_other_policy_are_at_once() {
    let mut world = world();
    let mut changed = target(512, &json!({}));
    changed.forwarder_role_arn = Some("arn:aws:iam::111122223333:role/given".into());
    world.converge(&changed);
    assert_eq!(split(&world), (newest(&world), None));
    let canary = target(640, &json!({}));
    world.converge(&canary);
    let at_once = ValidGateway { releases: Releases::AllAtOnce, ..canary };
    world.converge(&at_once);
    assert_eq!(split(&world), (newest(&world), None));
    assert_eq!(tell::condition(&world.desired(&at_once), &world.sim.aws), None);
}

#[test]
fn only_new_code_waits_for_its_turn() {
    let (mut world, target) = (world(), target(512, &json!({"interval": "1h"})));
    world.release_facts.ahead = 2;
    world.converge(&target);
    assert!(split(&world).1.is_some(), "a change of one gateway's spec is its own matter");
    let old = split(&world).0;
    for function in world.sim.aws.functions.values_mut() {
        function.versions.iter_mut().filter(|version| version.version == old).for_each(|version| {
            version.code_sha256 = "older".into();
        });
        function.canary = None;
    }
    assert_eq!((world.converge(&target), world.plan(&target).recheck), (0, Some(Duration::from_hours(2))));
    assert_eq!(told(&world, &target).0, "AwaitingTurn");
    world.release_facts.rejected_elsewhere = [("code-forwarder-arm64".to_owned(), "a/b".to_owned())].into();
    assert_eq!(world.plan(&target).recheck, None);
    let (reason, message) = told(&world, &target);
    assert!(reason == "HeldBack" && message.contains("because a/b sent its code back"), "{message}");
    world.release_facts.rejected_elsewhere.clear();
    world.sim.aws.observed_at += 7_200;
    world.converge(&target);
    assert!(split(&world).1.is_some());
}

#[test]
fn a_share_of_what_nobody_wants_any_more_ends_while_its_successor_waits() {
    let (mut world, first) = (world(), target(512, &json!({"interval": "1h"})));
    world.converge(&first);
    let old = split(&world).0;
    let share = forwarder(&world).canary.clone();
    // Another build came meanwhile: to it, what serves is older code.
    let mut second = target(768, &json!({"interval": "1h"}));
    world.release_facts.ahead = 1;
    world.converge(&second);
    for function in world.sim.aws.functions.values_mut() {
        function.versions.iter_mut().filter(|version| version.version == old).for_each(|version| {
            version.code_sha256 = "older".into();
        });
    }
    world.sim.aws.functions.get_mut(&FORWARDER).unwrap().canary.clone_from(&share);
    world.converge(&second);
    assert_eq!((split(&world), told(&world, &second).0), ((old.clone(), None), "AwaitingTurn"));
    world.sim.aws.functions.get_mut(&FORWARDER).unwrap().canary = share;
    world.release_facts.rejected_elsewhere = [("code-forwarder-arm64".to_owned(), "a/b".to_owned())].into();
    world.converge(&second);
    assert_eq!((split(&world), told(&world, &second).0), ((old.clone(), None), "HeldBack"));
    // Nor does another role bring it to all calls at once.
    second.forwarder_role_arn = Some("arn:aws:iam::111122223333:role/given".into());
    world.converge(&second);
    assert_eq!((split(&world), told(&world, &second).0), ((old, None), "HeldBack"));
}

#[test]
fn a_failing_share_ends_whatever_else_cannot_be_done() {
    let (mut world, target) = (world(), target(512, &json!({})));
    world.converge(&target);
    let old = split(&world).0;
    later(&mut world, 120, 400, 12);
    // Lambda works on the next build, and everything else of the gateway is gone.
    world.sim.aws.functions.get_mut(&FORWARDER).unwrap().state = FunctionState::Pending;
    world.sim.aws.roles.clear();
    world.sim.aws.log_groups.clear();
    let plan = world.plan(&target);
    let [GatewayStep::PointAlias { target: to, create: false, .. }] = plan.steps.as_slice() else {
        panic!("not a plan of its own: {plan}")
    };
    assert_eq!((&to.version, &to.canary), (&old, &None));
    // One of which nobody knows the calls is ended by a person only.
    world.sim.aws.canary_calls.clear();
    assert!(world.plan(&target).steps.len() > 1);
    world.release_facts.abort = [(FORWARDER, newest(&world))].into();
    assert_eq!(world.plan(&target).steps.len(), 1);
}

#[test]
fn nothing_is_said_to_serve_before_it_was_seen() {
    let (mut world, target) = (world(), target(512, &json!({})));
    assert_eq!(told(&world, &target).0, "RollingOut", "the new version is not published");
    world.converge(&target);
    world.sim.aws.functions.get_mut(&FORWARDER).unwrap().canary = None;
    assert!(told(&world, &target).1.contains("is being made ready"), "its share is not given yet");
    world.sim.aws.functions.clear();
    assert_eq!(told(&world, &target).0, "RollingOut", "there are no functions");
}

#[test]
fn code_that_was_sent_back_for_its_memory_is_no_news_to_others() {
    let status: aigw_api::AIGatewayStatus = serde_json::from_value(json!({"functions": [{
        "name": "forwarder", "version": "1", "codeSha256": "same",
        "rejected": {"version": "2", "codeSha256": "same", "message": "m", "at": "t"},
    }]}))
    .unwrap();
    let spec = serde_json::from_value::<aigw_api::AIGatewaySpec>(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
        "endpoint": {"type": "Regional"}, "tiers": [], "tenants": {"rules": []},
    }))
    .unwrap();
    let name = |name: &str| ("platform".to_owned(), name.to_owned());
    let other = Contender { name: name("a"), spec: &spec, status: Some(&status) };
    let facts = ReleaseFacts::of(&name("b"), &std::collections::BTreeMap::new(), [other]);
    assert_eq!(facts.rejected_elsewhere, std::collections::BTreeMap::new());
}

#[test]
fn without_metrics_nothing_moves() {
    let (mut world, target) = (world(), target(512, &json!({})));
    world.converge(&target);
    world.sim.aws.observed_at += 86_400;
    assert_eq!((world.converge(&target), world.plan(&target).recheck), (0, Some(LOOK)));
    world.sim.aws.canary_calls.insert(FORWARDER, CanaryCalls::Unreadable("denied".into()));
    assert_eq!((world.converge(&target), world.plan(&target).recheck), (0, Some(LOOK)));
    let (reason, message) = told(&world, &target);
    assert!(reason == "MetricsUnreadable" && message.ends_with("denied"), "{message}");
}

#[test]
fn versions_in_use_are_kept() {
    let mut world = world();
    // Each is sent back, so the oldest goes on serving.
    for memory in [320, 384, 448, 512, 576, 640, 704] {
        let target = target(memory, &json!({}));
        world.converge(&target);
        world.release_facts.abort = [(FORWARDER, newest(&world))].into();
        world.converge(&target);
    }
    world.release_facts.abort.clear();
    let target = target(768, &json!({}));
    world.converge(&target);
    let (serving, canary) = split(&world);
    let versions = &forwarder(&world).versions;
    assert_eq!(versions.len(), KEPT_VERSIONS + 2);
    assert_eq!((&versions[0].version, &versions.last().unwrap().version), (&serving, &canary.clone().unwrap().0));
    let name = world.desired(&target).functions[&FORWARDER].name.clone();
    let delete = GatewayStep::DeleteVersion { name, version: canary.unwrap().0 };
    assert!(crate::gateway::lint::lint(&[delete], &world.sim.aws)[0].contains("the alias points at it"));
}

#[test]
fn weights_by_hand_begin_a_step_or_go() {
    let (mut world, target) = (world(), target(512, &json!({})));
    let serving = split(&world).0;
    world.converge(&target);
    let new = newest(&world);
    let actual = world.sim.aws.functions.get_mut(&FORWARDER).unwrap();
    (actual.canary, actual.release_note) = (Some(ObservedCanary { version: new.clone(), percent: 50 }), "mine".into());
    world.converge(&target);
    assert_eq!(Note::read(&forwarder(&world).release_note).since, Some(BEGAN));
    later(&mut world, 600, 100, 0);
    world.converge(&target);
    assert_eq!(split(&world).0, new, "after 50 comes 100");
    let actual = world.sim.aws.functions.get_mut(&FORWARDER).unwrap();
    actual.canary = Some(ObservedCanary { version: serving, percent: 50 });
    world.converge(&target);
    assert_eq!(split(&world), (new, None));
}

#[test]
fn verdicts() {
    let verdict = |canary: Value, (calls, errors, slow)| {
        let Releases::Canary(policy) = target(256, &canary).releases else { panic!() };
        policy.verdict(Calls { calls, errors, slow }).map(|verdict| (verdict.cause, verdict.bad, verdict.bound))
    };
    let errors = |bad| Some((Cause::Errors, bad, 1));
    for (calls, found) in [
        ((0, 0, 0), None),
        ((1, 1, 0), None),
        ((2, 2, 0), errors(2)),
        ((100, 1, 100), None),
        ((100, 2, 0), errors(2)),
        ((1_000, 10, 0), None),
        ((1_000, 11, 0), errors(11)),
    ] {
        assert_eq!(verdict(json!({}), calls), found, "{calls:?}");
    }
    let none = json!({"abortOn": {"errorRatePercent": 0, "latencyP99Ms": 500}, "minCalls": 200});
    assert_eq!(verdict(none.clone(), (1, 1, 0)), Some((Cause::Errors, 1, 0)));
    assert_eq!(verdict(none.clone(), (200, 0, 2)), None);
    assert_eq!(verdict(none, (200, 0, 3)), Some((Cause::Latency, 3, 500)));
}

#[test]
fn notes_fit_and_nonsense_says_nothing() {
    let rejected = Rejected {
        build: "aigw:0123456789abcdef".into(),
        version: u32::MAX.to_string(),
        percent: 99,
        cause: Cause::Latency,
        bad: u64::from(u32::MAX),
        calls: u64::from(u32::MAX),
        bound: 900_000,
        at: i64::from(u32::MAX),
    };
    let note = Note { since: Some(i64::from(u32::MAX)), rejected: Some(rejected) };
    assert!(note.text().len() <= 256, "{}", note.text().len());
    assert_eq!(Note::read(&note.text()), note);
    for text in ["", "by hand", "{}", "[1]", r#"{"since":"x"}"#] {
        assert_eq!(Note::read(text), Note::default(), "{text}");
    }
}

#[test]
fn facts_are_read_from_annotations_and_from_others() {
    let spec = |policy: &str| {
        serde_json::from_value::<aigw_api::AIGatewaySpec>(json!({
            "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
            "endpoint": {"type": "Regional"}, "tiers": [], "tenants": {"rules": []}, "releases": {"policy": policy},
        }))
        .unwrap()
    };
    let (canary, at_once) = (spec("Canary"), spec("AllAtOnce"));
    let status: aigw_api::AIGatewayStatus = serde_json::from_value(json!({"functions": [{
        "name": "forwarder", "version": "1", "codeSha256": "old",
        "rejected": {"version": "2", "codeSha256": "new", "message": "m", "at": "t"},
    }]}))
    .unwrap();
    let name = |name: &str| ("platform".to_owned(), name.to_owned());
    let others = [("a", &canary, None), ("b", &at_once, None), ("c", &canary, None), ("d", &canary, Some(&status))];
    let others = others.map(|(other, spec, status)| Contender { name: name(other), spec, status });
    let annotated = [
        (aigw_api::annotations::PROMOTE.to_owned(), "forwarder/12, authorizer/9".to_owned()),
        (aigw_api::annotations::ABORT.to_owned(), "forwarder".to_owned()),
    ];
    let facts = ReleaseFacts::of(&name("c"), &annotated.into(), others);
    let promote = [(FORWARDER, "12".to_owned()), (Function::Authorizer, "9".to_owned())];
    assert_eq!((facts.ahead, facts.promote), (1, promote.into()));
    assert_eq!((facts.unclear, facts.abort.len()), (Some(aigw_api::annotations::ABORT), 0));
    assert_eq!(facts.rejected_elsewhere, [("new".to_owned(), "platform/d".to_owned())].into());
    assert_eq!(Hold::HeldBack { gateway: String::new() }.again(), None);
}
