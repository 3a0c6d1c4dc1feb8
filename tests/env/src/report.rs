//! Progress on stderr: one line per thing a person waits for, and a line with the elapsed time where it takes long.

use std::future::Future;
use std::time::{Duration, Instant};

/// Nothing is said about work that is done before this.
const QUIET: Duration = Duration::from_secs(2);
/// How often long work says that it goes on.
const EVERY: Duration = Duration::from_secs(15);

/// Prints one line.
pub fn line(text: &str) {
    eprintln!("aigw-env: {text}");
}

/// Awaits `work`, saying `what` once it takes longer than a moment, and then how long it has taken.
pub async fn while_waiting<T>(what: &str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let mut work = std::pin::pin!(work);
    let mut next = QUIET;
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(next.saturating_sub(started.elapsed())) => {
                line(&format!("{what}: {}", elapsed(started.elapsed())));
                next = if next == QUIET { EVERY } else { next + EVERY };
            }
        }
    }
}

/// `5s` or `1m15s`.
pub fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds / 60 {
        0 => format!("{seconds}s"),
        minutes => format!("{minutes}m{:02}s", seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_reads_well() {
        assert_eq!(elapsed(Duration::from_secs(5)), "5s");
        assert_eq!(elapsed(Duration::from_secs(75)), "1m15s");
        assert_eq!(elapsed(Duration::from_mins(6)), "6m00s");
    }
}
