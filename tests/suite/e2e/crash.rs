//! The operator is killed in the middle of a first reconcile, five times, and comes to the same end as undisturbed.

use std::time::{Duration, Instant};

use aigw_env::process::Signal;
use aigw_tests::clients::Client;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, inventory, wait};
use libtest_mimic::Trial;
use serde_json::json;

/// After which writes it is killed: spread over the forty or so of a first reconcile, from the first to the tenants'.
const AFTER: [usize; 5] = [2, 9, 17, 25, 33];

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "killed_five_times_in_a_first_reconcile_nothing_is_there_twice", killed)]
}

fn killed() -> Outcome {
    let shared = prod()?;
    let calls = shared.calls()?;
    let own = shared.begin("killed", &json!({}), &[("one", "silver"), ("two", "trial")])?;
    let mut moments = Vec::new();
    for after in AFTER {
        wait_for_writes(&calls, after)?;
        let made = kill(&shared)?;
        let last = calls.writes().last().map(|call| call.operation.clone()).unwrap_or_default();
        moments.push(format!("after write {} ({last}), restart {made}", calls.writes().len()));
    }
    own.wait_ready(&shared)?;
    let found = inventory::of(&shared.world, &own.gateway)?;
    found.must_be_whole(2, 2)?;
    ensure_eq!(found.one("restApis")?["stages"].as_array().map(Vec::len), Some(1), "stages");
    ensure_eq!(found.one("restApis")?["deployments"].as_array().map(Vec::len), Some(1), "deployments");
    for function in &found.0["functions"] {
        ensure_eq!(function["versions"].as_array().map(Vec::len), Some(1), "versions of {}", function["name"]);
    }
    for tenant in &own.tenants {
        Client::of(&shared.world, tenant)?.until_answered()?;
    }
    figures::note("operator killed during a first reconcile", moments.join("\n"));
    own.remove(&shared)?;
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])
}

fn wait_for_writes(calls: &aigw_tests::calls::Calls, count: usize) -> Outcome {
    let started = Instant::now();
    while calls.writes().len() < count {
        ensure!(started.elapsed() < wait::patience(), "only {} writes, waiting for {count}", calls.writes().len());
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Kills the operator's process and waits until the kubelet has started it again; gives how often it has.
fn kill(shared: &Shared) -> Outcome<u32> {
    let kubelet = shared.world.cluster.kubelet();
    let before = kubelet.restarts();
    ensure!(kubelet.kill(Signal::Kill), "no operator runs");
    let pod = shared.world.block(kubelet.wait_restarts(before + 1, wait::patience()))?;
    Ok(pod.restarts)
}
