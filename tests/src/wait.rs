//! Waiting for something to become true.

use std::time::{Duration, Instant};

use crate::{Outcome, harness, weather};

/// For anything the operator does by itself. Generous: two busy cores are ten times slower than two idle ones.
pub const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);

/// How much longer everything may take where the whole suite runs on a bad day: most passes come to nothing then.
const BAD_DAY: u32 = 6;

/// [`PATIENCE`], and more on a bad day.
pub fn patience() -> Duration {
    weathered(PATIENCE)
}

fn weathered(limit: Duration) -> Duration {
    if weather::always() { BAD_DAY * limit } else { limit }
}

/// Probes until the probe succeeds; the last error is part of the failure.
pub fn until<T>(what: &str, probe: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    within(PATIENCE, what, probe)
}

/// [`until`] with a limit of one's own.
pub fn within<T>(limit: Duration, what: &str, mut probe: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let (limit, started) = (weathered(limit), Instant::now());
    loop {
        match probe() {
            Ok(found) => return Ok(found),
            Err(error) if started.elapsed() > limit => {
                return Err(format!("{what}: not within {} s: {}", limit.as_secs(), harness::text(&error)).into());
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Lets time pass.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
