//! `make bench-scale`: the whole operator on both fakes with AWS's quotas enforced, for crowds of several sizes.
//!
//! Without arguments it starts itself once per size, so that each has a peak of memory of its own.

use std::process::{Command, ExitCode};

use aigw_tests::Outcome;
use aigw_tests::harness::text;
use aigw_tests::simulation::Options;
use aigw_tests::simulation::scale::{Measured, crowd};
use aigw_tests::simulation::scenario::alone;

const SIZES: [usize; 4] = [1, 100, 1_000, 5_000];
/// Rounds of churn.
const ROUNDS: usize = 20;

fn main() -> ExitCode {
    let sizes: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match sizes.as_slice() {
        [] => all(),
        [size] => size.parse().map_err(Into::into).and_then(one),
        _ => Err("at most one argument: the number of tenants".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{}", text(&failed));
            ExitCode::FAILURE
        }
    }
}

fn all() -> Outcome {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    println!("Build profile {profile}. Time is virtual and AWS's quotas are enforced; every AWS call takes 60 ms.");
    println!(
        "bound: what the quotas imply for the calls needed, at all of the account's rates / at the operator's share."
    );
    println!("API Gateway and other AWS: calls as reads + writes. status: writes of tenants' + of the gateway's.");
    println!("CPU: this process without both fakes and without looking for the end.");
    println!(
        "{:>7} {:<32} {:>9} {:>17} {:>11} {:>15} {:>15} {:>5} {:>11} {:>9}",
        "tenants", "what", "time", "bound", "ratio", "API Gateway", "other AWS", "429", "status", "CPU"
    );
    for size in SIZES {
        let ended = Command::new(std::env::current_exe()?).arg(size.to_string()).status()?;
        if !ended.success() {
            return Err(format!("{size} tenants: failed").into());
        }
    }
    Ok(())
}

fn one(tenants: usize) -> Outcome {
    let share = std::env::var("AIGW_CONTROL_PLANE_SHARE").ok().and_then(|share| share.parse().ok());
    let options = alone();
    let options = Options { share: share.unwrap_or(options.share), ..options };
    crowd(tenants, options, |mut crowd| async move {
        let (created, operator) = crowd.create().await?;
        row(tenants, &created);
        let peak = peak_memory();
        row(tenants, &crowd.tier_changes().await?);
        row(tenants, &crowd.document_changes().await?);
        let (restarted, operator) = crowd.restart(operator).await?;
        row(tenants, &restarted);
        for (operation, count) in &restarted.calls {
            println!("{:>7}   restart: {count} {operation}", "");
        }
        let mut rounds = Vec::new();
        // One tenant alone has no twentieth.
        for round in 0..if tenants < 20 { 0 } else { ROUNDS } {
            rounds.push(crowd.churn(round).await?);
        }
        operator.kill().await;
        if !rounds.is_empty() {
            row(tenants, &together(&rounds));
        }
        println!(
            "{tenants:>7} peak memory of this process, both fakes in it: {peak} MiB created, {} MiB at the end",
            peak_memory()
        );
        Ok(())
    })
}

/// Rounds as one row, with the longest time of a round.
fn together(rounds: &[Measured]) -> Measured {
    let mut all = rounds[0].clone();
    for round in &rounds[1..] {
        all.took = all.took.max(round.took);
        for (operation, count) in &round.calls {
            *all.calls.entry(operation).or_default() += count;
        }
        all.refused += round.refused;
        all.statuses = (all.statuses.0 + round.statuses.0, all.statuses.1 + round.statuses.1);
        all.cpu += round.cpu;
    }
    all.what = format!("{} rounds of churn, the longest", rounds.len());
    all
}

fn row(tenants: usize, measured: &Measured) {
    let seconds = |time: std::time::Duration| format!("{:.1} s", time.as_secs_f64());
    let bound = measured.bound.map_or(String::new(), |(full, share)| format!("{} / {}", seconds(full), seconds(share)));
    let ratio = measured.ratios().map_or(String::new(), |(full, share)| format!("{full:.2} / {share:.2}"));
    let calls = |gateway| format!("{} + {}", measured.sum(gateway, false), measured.sum(gateway, true));
    println!(
        "{tenants:>7} {:<32} {:>9} {:>17} {:>11} {:>15} {:>15} {:>5} {:>11} {:>9}",
        measured.what,
        seconds(measured.took),
        bound,
        ratio,
        calls(true),
        calls(false),
        measured.refused,
        format!("{} + {}", measured.statuses.0, measured.statuses.1),
        seconds(measured.cpu)
    );
}

/// Most memory this process had, in MiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap_or_default() / 1024
}
