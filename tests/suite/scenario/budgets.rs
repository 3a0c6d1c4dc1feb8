//! What a quiet day costs: passes, calls of AWS and writes of status, when all is well and when one operation never works.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aigw_fakes::intercept::{Call, Failure, Verdict};
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Start, alone};
use aigw_tests::simulation::{World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, figures};
use libtest_mimic::Trial;
use tokio::time::sleep;

/// A day, looked at in virtual time.
const DAY: Duration = Duration::from_hours(24);
/// Passes of one gateway and two tenants in a day: each object is looked at every 5 to 10 minutes, and the gateway more
/// often only around its heartbeats.
const PASSES: usize = 3 * 288;
/// Reads of AWS in a day: two dozen for a look at the gateway, ten for the list its tenants share, at each pass.
const READS: usize = 300 * 30;
/// Writes to AWS in a day: the ownership heartbeat, every 5 to 10 minutes.
const WRITES: usize = 290;
/// Writes of status when an operation never works: what is wrong is told once per object.
const STATUS_WRITES_FAILING: usize = 12;
/// Passes when an operation never works: backoff ends at five minutes, jittered down to half of it.
const PASSES_FAILING: usize = 3 * 600;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_quiet_day", a_quiet_day),
        test(module_path!(), "a_day_on_which_a_read_never_works", || failing_day("apigateway:GetStage")),
        test(module_path!(), "a_day_on_which_a_write_never_works", || failing_day("dynamodb:PutItem")),
        test(module_path!(), "a_day_on_which_the_tenants_list_never_works", || failing_day("apigateway:GetApiKeys")),
    ]
}

struct Day {
    passes: usize,
    reads: usize,
    writes: usize,
    statuses: usize,
}

async fn day(world: &World) -> Outcome<Day> {
    let operator = world.start(&alone());
    sleep(Duration::from_mins(15)).await;
    world.aws.forget_calls();
    world.kube.clear_log();
    let before = passes(&operator.metrics);
    sleep(DAY).await;
    let calls = world.aws.calls();
    let writes = calls.iter().filter(|call| call.write).count();
    let statuses = world.kube.writes().iter().filter(|write| write.resource.ends_with("/status")).count();
    let day = Day { passes: passes(&operator.metrics) - before, reads: calls.len() - writes, writes, statuses };
    ensure!(operator.running(), "the operator ended");
    operator.kill().await;
    Ok(day)
}

/// Passes of both controllers, from the metrics a person would look at.
fn passes(metrics: &aigw_operator::Metrics) -> usize {
    let text = metrics.encode(&[]).unwrap_or_default();
    let counts = text.lines().filter(|line| line.starts_with("aigw_reconciliations_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

fn a_quiet_day() -> Outcome {
    let moment = Start::Converged.moment()?;
    let day = simulate(moment.as_ref(), |world| async move { day(&world).await })?;
    let Day { passes, reads, writes, statuses } = day;
    figures::note(
        "a quiet day of one gateway and two tenants",
        format!("{passes} passes, {reads} AWS reads, {writes} AWS writes, {statuses} status writes"),
    );
    ensure!(passes > 100, "{passes} passes: it does not look for drift");
    ensure!(passes <= PASSES, "{passes} passes");
    ensure!(reads <= READS, "{reads} reads");
    ensure!(writes <= WRITES, "{writes} writes");
    ensure_eq!(statuses, 0, "status writes");
    Ok(())
}

fn failing_day(operation: &'static str) -> Outcome {
    let moment = Start::Converged.moment()?;
    let day = simulate(moment.as_ref(), |world| async move {
        let count = AtomicUsize::new(0);
        world.aws.set_intercept(Arc::new(move |call: &Call| {
            if call.operation != operation {
                return Verdict::Serve;
            }
            let number = count.fetch_add(1, Ordering::Relaxed);
            // As AWS does: another request id, another time.
            let message = format!("Internal failure (request 8f14e45f-ceea-467f-a3f0-{number:012x}) after {number} ms");
            Verdict::Fail(Failure::Other { status: 500, code: "InternalFailure".into(), message })
        }));
        day(&world).await
    })?;
    let Day { passes, reads, writes, statuses } = day;
    figures::note(
        format!("a day on which {operation} never works"),
        format!("{passes} passes, {reads} AWS reads, {writes} AWS writes, {statuses} status writes"),
    );
    ensure!(passes <= PASSES_FAILING, "{passes} passes");
    ensure!(statuses <= STATUS_WRITES_FAILING, "{statuses} status writes");
    Ok(())
}
