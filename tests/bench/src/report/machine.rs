//! Where and when a run took place.

use std::fs;
use std::process::Command;

use crate::measure::Bench;

/// Load above which figures are not to be trusted: this program alone keeps one core busy.
const QUIET: f64 = 0.5;

/// A list of facts; warns where the machine was busy when the run began.
pub fn describe(bench: &Bench) -> String {
    let Bench { placement, rounds, .. } = bench;
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let all = cpuinfo.lines().filter(|line| line.starts_with("processor")).count().max(cores);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load: f64 = read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
    let apart = if placement.harness == placement.subject { "one and the same" } else { "apart" };
    let mut text = format!(
        "- {}, revision {}\n- {}, {all} cores, Linux {}; harness on core {}, subject on core {}: {apart}\n\
         - {rounds} rounds; load average when it began: {load:.2}\n",
        jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"),
        revision(),
        model.unwrap_or("unknown processor"),
        kernel.trim(),
        placement.harness,
        placement.subject,
    );
    if load > QUIET {
        text.push_str("\n**The machine was busy when this run began: its figures are a smoke test, no result.**\n");
    }
    text
}

fn revision() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() { "unknown".to_owned() } else { text }
}
