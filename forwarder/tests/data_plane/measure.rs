//! Not a test: prints what a 1 KB call costs between the fakes, which run in this process and are part of the time.
//!
//! `forwarder/build-functions.sh`, then
//! `AIGW_MEASURE=…/function/forwarder cargo test -p aigw-forwarder --test data_plane measure -- --ignored --nocapture`

use std::fs::read_to_string;
use std::time::Instant;

use crate::support::process::Process;
use crate::support::world::{World, converse};

#[tokio::test]
#[ignore = "a measurement, not a check"]
async fn measure_a_streamed_call() {
    let program = std::env::var("AIGW_MEASURE").unwrap_or_else(|_| env!("CARGO_BIN_EXE_forwarder").to_owned());
    let world = World::new().await;
    let function = Process::start(&world, &program, &[]);
    let mut event = converse();
    event["body"] = format!("{{\"messages\":\"{}\"}}", "x".repeat(1_000)).into();
    let mut durations = Vec::new();
    // As many as fit the pipe that nobody reads the log lines from.
    for _ in 0..150 {
        let started = Instant::now();
        world.call(&event).await;
        durations.push(started.elapsed());
        world.bedrock.take_arrived();
    }
    let status = read_to_string(format!("/proc/{}/status", function.id())).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap().to_owned();
    let scheduled = read_to_string(format!("/proc/{}/schedstat", function.id())).unwrap();
    let cpu: u64 = scheduled.split(' ').next().unwrap().parse().unwrap();
    println!("first {:?}", durations[0]);
    durations.sort_unstable();
    println!("p50 {:?}, p99 {:?}", durations[durations.len() / 2], durations[durations.len() * 99 / 100]);
    println!("CPU per call with start-up {} us, {peak}", cpu / 1_000 / durations.len() as u64);
}
