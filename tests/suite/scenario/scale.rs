//! A small crowd held to the bounds that the bench reports for large ones.

use std::time::Duration;

use aigw_tests::harness::test;
use aigw_tests::simulation::scale::{Measured, crowd};
use aigw_tests::simulation::scenario::alone;
use aigw_tests::{Outcome, ensure, ensure_eq, figures};
use libtest_mimic::Trial;

/// Time for all tenants of a gateway that serves, as a multiple of what the quotas imply at the operator's share.
const RATIO: f64 = 1.2;
/// What a gateway from nothing may take before its tenants can be shown to work: roles, functions and lists have their
/// pace, and API Gateway knows a key seconds after it was made, for which probes are repeated after 1, 2 and 4 seconds.
const GATEWAY: Duration = Duration::from_secs(35);

/// Writes of a tenant's status on its way: it waits for its gateway, for the gateway's probe, for API Gateway to know its
/// key, and is ready.
const STATUSES: usize = 4;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_hundred_tenants_take_what_the_quotas_imply", creation),
        test(module_path!(), "a_restart_writes_nothing_and_reads_lists", restart),
    ]
}

fn creation() -> Outcome {
    let measured = crowd(100, alone(), |mut crowd| async move {
        let (measured, operator) = crowd.create().await?;
        operator.kill().await;
        Ok(measured)
    })?;
    let Some((full, share)) = measured.bound else { return Err("no bound".into()) };
    figures::note("a hundred tenants and their gateway, all at once", format!("{:?}, bound {share:?}", measured.took));
    let allowed = GATEWAY + share.mul_f64(RATIO);
    ensure!(measured.took <= allowed, "took {:?}, bound {full:?} / {share:?}, allowed {allowed:?}", measured.took);
    ensure_eq!(measured.refused, 0, "calls refused by AWS");
    ensure!(measured.statuses.0 <= 100 * STATUSES, "{} writes of tenants' status", measured.statuses.0);
    Ok(())
}

fn restarted(tenants: usize) -> Outcome<Measured> {
    crowd(tenants, alone(), |mut crowd| async move {
        let (_, operator) = crowd.create().await?;
        let (measured, operator) = crowd.restart(operator).await?;
        operator.kill().await;
        Ok(measured)
    })
}

fn restart() -> Outcome {
    let (fifty, hundred) = (restarted(50)?, restarted(100)?);
    for measured in [&fifty, &hundred] {
        ensure_eq!(measured.writes(), 0, "writes to AWS");
        ensure_eq!(measured.statuses, (0, 0), "writes of status");
        ensure!(measured.took <= Duration::from_secs(5), "one pass of everything took {:?}", measured.took);
    }
    // A page holds 500 keys, a batch 50 tenants' items.
    ensure_eq!(hundred.sum(true, false), fifty.sum(true, false), "reads of API Gateway");
    let more = hundred.sum(false, false) - fifty.sum(false, false);
    ensure!(more <= 1, "{more} more other reads for 50 more tenants");
    Ok(())
}
