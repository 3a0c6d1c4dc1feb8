//! AWS refuses, fails and loses answers; the gateway gets ready all the same, and nothing is there twice.

use aigw_env::aws_proxy::Fault;
use aigw_tests::calls::{fault, unmet_faults};
use aigw_tests::clients::Client;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, inventory};
use libtest_mimic::Trial;
use serde_json::json;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "throttled_refused_and_failed_calls_are_made_again", refused),
        test(module_path!(), "lost_responses_make_nothing_twice", lost_responses),
        test(module_path!(), "deletion_gets_through_failures_too", deletion),
    ]
}

fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault { status: Some(status), retry_after, ..Fault::default() }
}

/// A gateway made under faults is Ready and whole; every fault was met.
fn made(shared: &Shared, name: &str, faults: &[(&str, u64, Fault)]) -> Outcome<aigw_tests::shared::Own> {
    let proxy = shared.world.proxy()?;
    for (operation, nth, each) in faults {
        fault(proxy, operation, *nth, each.clone());
    }
    let own = shared.own(name, &json!({}), &[("one", "silver"), ("two", "trial")]);
    let unmet = unmet_faults(proxy);
    let own = own?;
    ensure!(unmet.is_empty(), "faults that no call met: {unmet:?}");
    inventory::of(&shared.world, &own.gateway)?.must_be_whole(2, 2)?;
    Client::of(&shared.world, &own.tenants[0])?.until_answered()?;
    Ok(own)
}

fn refused() -> Outcome {
    let shared = prod()?;
    let own = made(
        &shared,
        "refused",
        &[
            ("CreateRestApi", 1, status(429, Some(2))),
            ("PutRestApi", 1, status(429, None)),
            ("CreateDeployment", 1, status(500, None)),
            ("CreateUsagePlan", 1, status(409, None)),
            ("CreateApiKey", 1, status(429, Some(1))),
            ("CreateFunction", 1, status(409, None)),
            ("PublishVersion", 1, status(500, None)),
            ("CreateRole", 1, status(409, None)),
            ("CreateTable", 1, status(500, None)),
        ],
    )?;
    own.remove(&shared)
}

fn lost_responses() -> Outcome {
    let shared = prod()?;
    let lost = || Fault { drop: true, after_effect: true, ..Fault::default() };
    let operations = [
        "CreateRestApi",
        "PutRestApi",
        "CreateDeployment",
        "CreateStage",
        "CreateUsagePlan",
        "CreateApiKey",
        "CreateUsagePlanKey",
        "CreateFunction",
        "PublishVersion",
        "CreateAlias",
        "AddPermission",
        "CreateRole",
        "CreateTable",
        "CreateLogGroup",
    ];
    let faults: Vec<_> = operations.iter().map(|operation| (*operation, 1, lost())).collect();
    let own = made(&shared, "lost", &faults)?;
    let found = inventory::of(&shared.world, &own.gateway)?;
    for function in &found.0["functions"] {
        ensure!(function["versions"].as_array().is_some_and(|versions| versions.len() == 1), "versions: {function}");
    }
    own.remove(&shared)
}

fn deletion() -> Outcome {
    let shared = prod()?;
    let own = shared.own("undone", &json!({}), &[("one", "silver")])?;
    let proxy = shared.world.proxy()?;
    for (operation, each) in [
        ("DeleteStage", status(500, None)),
        ("DeleteRestApi", status(429, Some(1))),
        ("DeleteUsagePlan", Fault { drop: true, after_effect: true, ..Fault::default() }),
        ("DeleteFunction", status(409, None)),
        ("DeleteRole", Fault { drop: true, after_effect: true, ..Fault::default() }),
        ("DeleteTable", status(500, None)),
    ] {
        fault(proxy, operation, 1, each);
    }
    let removed = own.remove(&shared);
    let unmet = unmet_faults(proxy);
    removed?;
    ensure!(unmet.is_empty(), "faults that no call met: {unmet:?}");
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])
}
