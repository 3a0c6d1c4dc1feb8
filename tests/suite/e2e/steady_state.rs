//! Nothing changed, nothing is written: not in AWS, not in a status.

use std::time::Duration;

use aigw_tests::calls::names;
use aigw_tests::harness::environment_test as test;
use aigw_tests::installation::DRIFT_SECONDS;
use aigw_tests::shared::prod;
use aigw_tests::{Outcome, ensure, ensure_eq, figures, wait};
use libtest_mimic::Trial;

const INTERVALS: u64 = 3;
/// A pass and a half: of gateways that other tests removed, a status hears at the next pass, as the account has room again.
const SETTLED: Duration = Duration::from_secs(DRIFT_SECONDS + DRIFT_SECONDS / 2);

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "drift_passes_write_nothing", nothing_is_written)]
}

fn nothing_is_written() -> Outcome {
    let shared = prod()?;
    let objects = [shared.gateway(), shared.search(), shared.ads()];
    let versions = || -> Outcome<Vec<_>> {
        objects
            .iter()
            .map(|object| Ok(shared.world.cluster.get(object)?["metadata"]["resourceVersion"].clone()))
            .collect()
    };
    wait::until("what the tests before have changed has settled", || {
        let before = versions()?;
        wait::pause(SETTLED);
        ensure_eq!(versions()?, before, "versions of gateway and tenants");
        Ok(())
    })?;
    let (before, calls) = (versions()?, shared.calls()?);
    wait::pause(Duration::from_secs(INTERVALS * DRIFT_SECONDS));
    ensure_eq!(versions()?, before, "versions of gateway and tenants");
    let (writes, all) = (calls.writes(), calls.all());
    // The owner's heartbeat, one item every five minutes, is the one thing that may fall into this time.
    let heartbeats = writes.iter().filter(|call| call.service == "dynamodb" && call.operation == "PutItem").count();
    ensure!(writes.len() == heartbeats && heartbeats <= 1, "writes while nothing changed: {}", names(&writes));
    ensure!(all.len() > writes.len(), "nothing was looked at either");
    let seconds = INTERVALS * DRIFT_SECONDS;
    figures::note(
        format!("steady state of one gateway and two tenants over {seconds} s, drift interval {DRIFT_SECONDS} s"),
        format!("{} status writes 0, heartbeats {heartbeats}", calls.figure()),
    );
    Ok(())
}
