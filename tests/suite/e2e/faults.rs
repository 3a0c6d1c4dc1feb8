//! AWS refuses, fails and loses answers; the gateway gets ready all the same, and nothing is there twice.

use std::time::{Duration, Instant};

use aigw_env::aws_proxy::Fault;
use aigw_tests::calls::{fault, unmet_faults};
use aigw_tests::clients::Client;
use aigw_tests::cluster::{conditions, find_condition};
use aigw_tests::harness::{self, environment_test as test};
use aigw_tests::inventory::{Inventory, by_hand};
use aigw_tests::shared::{Shared, operator, prod};
use aigw_tests::wait::within;
use aigw_tests::weather::Storm;
use aigw_tests::{Outcome, ensure, ensure_eq, figures, inventory};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// A pass over a gateway makes some twenty calls, of which a sixth fails on a bad day: most passes come to nothing.
const WEATHERED: Duration = Duration::from_mins(10);
/// Which calls the bad day hits.
const SEED: u64 = 1;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "throttled_refused_and_failed_calls_are_made_again", refused),
        test(module_path!(), "lost_responses_make_nothing_twice", lost_responses),
        test(module_path!(), "deletion_gets_through_failures_too", deletion),
        test(module_path!(), "a_bad_day_ends_in_the_same_state_as_a_good_one", bad_day),
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

/// A gateway's life: made from nothing, a tier changed, a tenant moved to another tier, two drifts repaired. Gives what is
/// in AWS then, in a form in which two lives that ended alike are equal; everything is deleted after that.
fn life(shared: &Shared, name: &str) -> Outcome<Value> {
    let (world, cluster) = (&shared.world, &shared.world.cluster);
    let tiers = |silver: u32| {
        json!([
            {"name": "silver", "plan": {"requestsPerSecond": silver, "burst": 100}},
            {"name": "trial", "plan": {"requestsPerSecond": 40, "burst": 80}},
        ])
    };
    let spec = json!({"auth": {"cacheSeconds": 1}, "tiers": tiers(50)});
    let own = shared.begin(name, &spec, &[("one", "silver"), ("two", "trial")])?;
    let everything: Vec<_> = own.tenants.iter().chain([&own.gateway]).cloned().collect();
    let ready = |what: &str| {
        within(WEATHERED, &format!("{what}: everything is Ready"), || {
            for object in &everything {
                let found = cluster.get(object)?;
                let current = found["status"]["observedGeneration"] == found["metadata"]["generation"];
                ensure!(current && find_condition(&found, "Ready")["status"] == "True", "{}", conditions(&found));
            }
            Ok(())
        })
    };
    let found = |what: &str, check: &dyn Fn(&Inventory) -> Outcome| {
        within(WEATHERED, what, || check(&inventory::of(world, &own.gateway)?))
    };
    let rate = |tier: &'static str, wanted: f64| {
        move |found: &Inventory| {
            let plan = found.0["usagePlans"].iter().find(|plan| plan["tags"]["aigateway.dev/tier"] == tier);
            ensure_eq!(plan.map(|plan| plan["throttle"]["rateLimit"].clone()), Some(json!(wanted)), "rate of {tier}");
            Ok(())
        }
    };
    ready("made")?;

    cluster.patch(&own.gateway, &json!({"spec": {"tiers": tiers(60)}}))?;
    found("the tier is changed", &rate("silver", 60.0))?;

    cluster.patch(&own.tenants[1], &json!({"spec": {"tier": "silver"}}))?;
    found("the tenant is moved, and its old key gone", &|found| {
        let tiers: Vec<_> = found.0["apiKeys"].iter().map(|key| key["tags"]["aigateway.dev/tier"].clone()).collect();
        ensure_eq!(tiers, ["silver"; 3], "tiers of the keys, of which one is the gateway's probe's");
        Ok(())
    })?;

    by_hand(world, &own.gateway, &["plan-limits", "--tier", "trial"])?;
    by_hand(world, &own.gateway, &["function-memory", "--memory", "512"])?;
    found("the drift of the plan is repaired", &rate("trial", 40.0))?;
    found("the drift of the function is repaired", &|found| {
        ensure_eq!(found.named("functions", "-forwarder")?["memoryMiB"], 256, "memory");
        Ok(())
    })?;
    ready("repaired")?;
    for tenant in &own.tenants {
        Client::of(world, tenant)?.until_answered()?;
    }
    // Nothing may be left twice, but what is left over goes at a later pass.
    let state = within(WEATHERED, "nothing is there twice", || {
        let found = inventory::of(world, &own.gateway)?;
        found.must_be_whole(2, 2)?;
        ensure_eq!(found.one("restApis")?["deployments"].as_array().map(Vec::len), Some(1), "deployments");
        Ok(found.anonymous())
    })?;

    for object in &everything {
        cluster.delete(object)?;
    }
    within(WEATHERED, "everything is gone from the cluster", || {
        for object in &everything {
            if let Some(found) = cluster.find(object)? {
                return Err(format!("{object:?}: {}", conditions(&found)).into());
            }
        }
        Ok(())
    })?;
    inventory::of(world, &own.gateway)?.must_be_empty_but(&[])?;
    Ok(state)
}

fn bad_day() -> Outcome {
    let shared = operator()?;
    let started = Instant::now();
    let calm = life(&shared, "weather")?;
    let calm_took = started.elapsed();
    let (storm, started) = (Storm::begin(shared.world.proxy()?, SEED), Instant::now());
    let stormy = life(&shared, "weather");
    let figure = storm.figure();
    figures::note(
        "a gateway's life on a bad day",
        format!(
            "{figure}\n{:.0} s, and {:.0} s on a good day",
            started.elapsed().as_secs_f64(),
            calm_took.as_secs_f64()
        ),
    );
    let stormy = stormy.map_err(|error| format!("{}\n{figure}", harness::text(&error)))?;
    for (part, hits) in storm.hits() {
        ensure!(hits > 0, "the weather had no '{part}'");
    }
    ensure_eq!(stormy, calm, "what is in AWS after a bad day and after a good one");
    Ok(())
}
