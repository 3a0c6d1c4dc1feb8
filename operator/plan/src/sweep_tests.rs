//! Tables of what is an orphan, what may go, and in which order.

use super::*;

const FLOOR: Duration = Duration::from_mins(10);
const OLD: Duration = Duration::from_hours(1);
const INSTALLATION: &str = "prod-eu";

fn gateway(namespace: &str, name: &str) -> GatewayIdentity {
    GatewayIdentity { installation: INSTALLATION.into(), namespace: namespace.into(), name: name.into() }
}

fn found(kind: Kind, id: &str, gateway: &GatewayIdentity) -> Found {
    let object = OwnedObject {
        kind,
        id: id.into(),
        name: format!("aigw-{id}"),
        gateway_id: gateway.id(),
        tenant_id: None,
        api_stages: Vec::new(),
        created: None,
    };
    Found { region: "eu-central-1".into(), object, age: OLD }
}

fn key(id: &str, gateway: &GatewayIdentity, tenant: &str) -> Found {
    let mut key = found(Kind::ApiKey, id, gateway);
    key.object.tenant_id = Some(tenant.into());
    key
}

/// A cluster with the gateway `ai/live`, whose UID is `u1`, and its tenant `t1`.
fn view() -> View {
    let live = ("ai".to_owned(), "live".to_owned());
    View {
        gateways: [(live.clone(), "u1".to_owned())].into(),
        tenants: [(live, ["t1".to_owned()].into())].into(),
        namespaces: None,
    }
}

fn here(uid: &str) -> Owner {
    Owner::Here { object_uid: uid.into() }
}

fn standings(found: &[Found], view: &View, owner: &Owner) -> Vec<(String, Standing, usize)> {
    let asked = in_question(INSTALLATION, found, view, FLOOR);
    let owners = asked.into_keys().map(|gateway| (gateway, owner.clone())).collect();
    let groups = orphans(INSTALLATION, found, view, &owners, FLOOR);
    groups.into_iter().map(|group| (group.gateway.name, group.standing, group.objects.len())).collect()
}

#[test]
fn what_a_missing_gateway_left_depends_on_its_table() {
    let gone = gateway("ai", "gone");
    let whole = [found(Kind::RestApi, "a1", &gone), found(Kind::Table, "aigw-x", &gone)];
    for (owner, expected) in [
        (here("old"), Some(Standing::Abandoned)),
        (Owner::NoTable, Some(Standing::Abandoned)),
        (Owner::Released, Some(Standing::Retained)),
        (Owner::Elsewhere { alive: false }, Some(Standing::Uncertain)),
        (Owner::Elsewhere { alive: true }, None),
    ] {
        let expected: Vec<_> = expected.map(|standing| ("gone".to_owned(), standing, 2)).into_iter().collect();
        assert_eq!(standings(&whole, &view(), &owner), expected, "{owner:?}");
    }
}

#[test]
fn roles_alone_do_not_tell_whose_they_are() {
    let gone = gateway("ai", "gone");
    let roles = [found(Kind::Role, "r1", &gone)];
    assert_eq!(standings(&roles, &view(), &Owner::NoTable), [("gone".to_owned(), Standing::Uncertain, 1)]);
    let asked = in_question(INSTALLATION, &roles, &view(), FLOOR);
    assert!(asked[&gone].is_empty(), "no Region to look for the table in");
    let elsewhere = Found { region: "us-east-1".into(), ..found(Kind::Function, "f2", &gone) };
    let with_functions = [roles[0].clone(), found(Kind::Function, "f1", &gone), elsewhere];
    let asked = in_question(INSTALLATION, &with_functions, &view(), FLOOR);
    assert_eq!(asked[&gone].iter().map(String::as_str).collect::<Vec<_>>(), ["eu-central-1", "us-east-1"]);
}

#[test]
fn doubt_keeps_an_object() {
    let gone = gateway("ai", "gone");
    let other = GatewayIdentity { installation: "prod-us".into(), ..gone.clone() };
    let longer = GatewayIdentity { installation: "prod-eu-2".into(), ..gone.clone() };
    let live = gateway("ai", "live");
    let young = Found { age: FLOOR.checked_sub(Duration::from_secs(1)).unwrap(), ..found(Kind::RestApi, "a1", &gone) };
    let strange = {
        let mut strange = found(Kind::RestApi, "a1", &gone);
        strange.object.gateway_id = "prod-eu/Something/ai/gone".into();
        strange
    };
    let somewhere = View { namespaces: Some(["elsewhere".to_owned()].into()), ..view() };
    let listed = View { namespaces: Some(["ai".to_owned()].into()), ..view() };
    let orphan = found(Kind::RestApi, "a1", &gone);
    for (name, found, view, orphans) in [
        ("orphan", orphan.clone(), view(), 1),
        ("as old as the floor", Found { age: FLOOR, ..orphan.clone() }, view(), 1),
        ("young", young, view(), 0),
        ("another installation's", found(Kind::RestApi, "a1", &other), view(), 0),
        ("an installation whose name begins like ours", found(Kind::RestApi, "a1", &longer), view(), 0),
        ("not a gateway's", strange, view(), 0),
        ("its gateway is there", found(Kind::RestApi, "a1", &live), view(), 0),
        ("a tier's plan of a gateway that is there", found(Kind::UsagePlan, "p1", &live), view(), 0),
        ("in a namespace that was not listed", orphan.clone(), somewhere, 0),
        ("in a namespace that was listed", orphan, listed.clone(), 1),
        ("a key whose tenant may be in another namespace", key("k1", &live, "gone"), listed, 0),
    ] {
        assert_eq!(standings(&[found], &view, &here("u1")).len(), orphans, "{name}");
    }
}

#[test]
fn what_was_not_answered_is_not_judged() {
    let found = [found(Kind::RestApi, "a1", &gateway("ai", "gone"))];
    assert!(orphans(INSTALLATION, &found, &view(), &BTreeMap::new(), FLOOR).is_empty());
}

#[test]
fn keys_of_a_missing_tenant_are_orphans_only_of_a_gateway_that_is_ours() {
    let live = gateway("ai", "live");
    let keys = [key("k1", &live, "t1"), key("k2", &live, "gone")];
    for (owner, expected) in [
        (here("u1"), 1),
        (here("the one before"), 0),
        (Owner::Elsewhere { alive: true }, 0),
        (Owner::Elsewhere { alive: false }, 0),
        (Owner::Released, 0),
        (Owner::NoTable, 0),
    ] {
        let groups = standings(&keys, &view(), &owner);
        assert_eq!(groups.iter().map(|(_, _, objects)| objects).sum::<usize>(), expected, "{owner:?}");
    }
}

#[test]
fn the_record_tells_whose_a_gateway_is() {
    let silence = Duration::from_mins(15);
    let record = |cluster: &str, heartbeat| OwnerRecord {
        cluster_uid: cluster.into(),
        object_uid: "o1".into(),
        epoch: 1,
        heartbeat,
    };
    for (record, expected) in [
        (None, Owner::Released),
        (Some(record("c1", 0)), here("o1")),
        (Some(record("c2", 9_101)), Owner::Elsewhere { alive: true }),
        (Some(record("c2", 9_100)), Owner::Elsewhere { alive: false }),
        // A clock ahead of ours.
        (Some(record("c2", 20_000)), Owner::Elsewhere { alive: true }),
    ] {
        assert_eq!(Owner::of(record.as_ref(), "c1", 10_000, silence), expected, "{record:?}");
    }
}

#[test]
fn of_several_tables_the_one_that_keeps_most_decides() {
    let (alive, dead) = (Owner::Elsewhere { alive: true }, Owner::Elsewhere { alive: false });
    for (owners, expected) in [
        (vec![], Owner::NoTable),
        (vec![Owner::NoTable, here("o")], here("o")),
        (vec![Owner::Released, here("o")], Owner::Released),
        (vec![dead.clone(), Owner::Released], dead.clone()),
        (vec![alive.clone(), dead, Owner::NoTable], alive),
    ] {
        assert_eq!(Owner::together(owners.clone()), expected, "{owners:?}");
    }
}

fn group(standing: Standing) -> Orphans {
    let gone = gateway("ai", "gone");
    let mut plan = found(Kind::UsagePlan, "p1", &gone);
    let stage = |api: &str| (api.to_owned(), "v1".to_owned());
    plan.object.api_stages = vec![stage("a1"), stage("foreign")];
    let objects = vec![
        found(Kind::RestApi, "a1", &gone),
        plan,
        key("k1", &gone, "t1"),
        found(Kind::Function, "f1", &gone),
        found(Kind::Role, "r1", &gone),
        found(Kind::LogGroup, "l1", &gone),
        found(Kind::Table, "t1", &gone),
    ];
    Orphans { gateway: gone, gateway_exists: false, standing, objects }
}

#[test]
fn removal_follows_the_order_of_a_gateways_deletion_and_keeps_the_table() {
    let steps: Vec<_> = group(Standing::Abandoned).removal().into_iter().map(|(_, step)| step.to_string()).collect();
    assert_eq!(
        steps,
        [
            "delete stage v1 of rest api a1",
            "delete usage plan p1",
            "delete api key aigw-k1",
            "delete rest api a1",
            "delete function aigw-f1",
            "delete log group aigw-l1",
            "delete role aigw-r1",
        ]
    );
    let detached = group(Standing::Abandoned).removal().into_iter().find_map(|(_, step)| match step {
        GatewayStep::DeleteUsagePlan { api_stages, .. } => Some(api_stages),
        _ => None,
    });
    assert_eq!(detached, Some(vec![("foreign".to_owned(), "v1".to_owned())]));
}

#[test]
fn what_is_kept_or_uncertain_is_never_removed() {
    for standing in [Standing::Retained, Standing::Uncertain] {
        assert!(group(standing).removal().is_empty(), "{standing:?}");
    }
}

#[test]
fn totals_have_every_label_and_tell_what_is_kept_apart() {
    let totals = totals(&[group(Standing::Abandoned), group(Standing::Retained)]);
    let words: Vec<_> = totals.iter().map(|(label, count)| format!("{label}={count}")).collect();
    assert_eq!(
        words,
        [
            "api_key=1",
            "function=1",
            "log_group=1",
            "rest_api=1",
            "retained_compute=6",
            "retained_table=1",
            "role=1",
            "table=1",
            "usage_plan=1"
        ]
    );
    assert_eq!(super::totals(&[]).len(), Label::ALL.len());
}

#[test]
fn a_sentence_says_what_and_why() {
    assert_eq!(
        group(Standing::Abandoned).sentence(),
        "1 rest api, 1 usage plan, 1 api key, 1 function, 1 role, 1 log group, 1 table carry the tags of AIGateway ai/gone, which does not exist"
    );
    assert!(group(Standing::Retained).sentence().ends_with("was deleted, and stay"));
    assert!(group(Standing::Uncertain).sentence().contains("may belong to another cluster"));
    let table =
        Orphans { objects: vec![found(Kind::Table, "t1", &gateway("ai", "gone"))], ..group(Standing::Retained) };
    assert_eq!(table.sentence(), "1 table was kept when AIGateway ai/gone was deleted, and stays");
    let keys = Orphans {
        gateway_exists: true,
        objects: vec![key("k1", &gateway("ai", "live"), "gone")],
        ..group(Standing::Abandoned)
    };
    assert_eq!(keys.sentence(), "AIGateway ai/gone has 1 api key of tenants that do not exist");
}
