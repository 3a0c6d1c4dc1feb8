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
use serde_json::json;
use tokio::time::sleep;

use super::objects::{change, search, spend};

/// A day, looked at in virtual time.
const DAY: Duration = Duration::from_hours(24);
/// Passes of one gateway and two tenants in a day: each object is looked at every 5 to 10 minutes, and the gateway more
/// often only around its heartbeats.
const PASSES: usize = 3 * 288;
/// Reads of AWS in a day: two dozen for a look at the gateway, ten for the list its tenants share, at each pass.
const READS: usize = 300 * 30;
/// Writes to AWS in a day: the ownership heartbeat, every 5 to 10 minutes.
const WRITES: usize = 290;
/// Looks at the account's quotas in a day: one every six hours.
const QUOTA_READS: usize = 4;
/// The same where keys cannot be counted: one an hour.
const QUOTA_READS_UNCOUNTED: usize = 24;
/// Writes of status when an operation never works: what is wrong is told once per object.
const STATUS_WRITES_FAILING: usize = 12;
/// Passes of one gateway and two tenants with budgets: each tenant is looked at every two and a half to five minutes.
const PASSES_SPENDING: usize = 288 + 2 * 576;
/// Reads of AWS then: the tenants' list is made anew up to every two minutes instead of every five.
const READS_SPENDING: usize = 300 * 30 + 720 * 10;
/// Writes of status then: one for each percent of the month's budget, one for each hour, and one for each tenant's midnight.
const STATUS_WRITES_SPENDING: usize = 34 + 24 + 4;
/// Passes when an operation never works: backoff ends at five minutes, jittered down to half of it.
const PASSES_FAILING: usize = 3 * 600;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_quiet_day", a_quiet_day),
        test(module_path!(), "a_day_of_spending", a_day_of_spending),
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

async fn day(world: &World, quota_reads: usize) -> Outcome<Day> {
    let operator = world.start(&alone());
    sleep(Duration::from_mins(15)).await;
    world.aws.forget_calls();
    world.kube.clear_log();
    let before = passes(&operator.metrics);
    sleep(DAY).await;
    let calls = world.aws.calls();
    let writes = calls.iter().filter(|call| call.write).count();
    let quotas = calls.iter().filter(|call| call.operation == "servicequotas:ListServiceQuotas").count();
    ensure!(quotas <= quota_reads, "{quotas} looks at quotas");
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
    let day = simulate(moment.as_ref(), |world| async move { day(&world, QUOTA_READS).await })?;
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

/// Two tenants with budgets, of which one spends a third of it within the day, a little every minute.
fn a_day_of_spending() -> Outcome {
    let moment = Start::Converged.moment()?;
    let day = simulate(moment.as_ref(), |world| async move {
        let budgets = json!([{"window": "Day", "usd": "50"}, {"window": "Month", "usd": "300"}]);
        let operator = world.start(&alone());
        let tiers = json!([
            {"name": "trial", "plan": {"requestsPerSecond": 1, "burst": 2}, "budgets": budgets},
            {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}, "budgets": budgets},
        ]);
        change(&world, json!({"tiers": tiers})).await?;
        operator.kill().await;
        let spending = world.clone();
        let spender = tokio::spawn(async move {
            for minute in 0.. {
                sleep(Duration::from_mins(1)).await;
                let _ = spend(&spending, &search(), minute * 70_000);
            }
        });
        let day = day(&world, QUOTA_READS).await;
        spender.abort();
        day
    })?;
    let Day { passes, reads, writes, statuses } = day;
    figures::note(
        "a day of one gateway and two tenants with budgets, of which one spends",
        format!("{passes} passes, {reads} AWS reads, {writes} AWS writes, {statuses} status writes"),
    );
    ensure!(passes <= PASSES_SPENDING, "{passes} passes");
    ensure!(reads <= READS_SPENDING, "{reads} reads");
    ensure!(writes <= WRITES, "{writes} writes");
    ensure!(statuses >= 30, "{statuses} status writes: what is spent is not told");
    ensure!(statuses <= STATUS_WRITES_SPENDING, "{statuses} status writes");
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
        day(&world, QUOTA_READS_UNCOUNTED).await
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
