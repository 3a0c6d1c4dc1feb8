//! When to ask again, and since when something fails. What is remembered here may be lost at any time: it costs a probe.

use std::time::Duration;

use super::answer::Finding;

/// After a change API Gateway, Lambda and IAM take seconds to agree; a failure that lasts longer is one.
pub const GRACE: Duration = Duration::from_mins(1);
/// Longest time until what failed is asked again.
const LONGEST_RETRY: Duration = Duration::from_mins(5);
/// Between two probes of a tenant at rest. What tenants share is probed with their gateway.
pub const TENANT_INTERVAL: Duration = Duration::from_hours(24);

/// What was asked last of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memo {
    /// When, in seconds since the Unix epoch.
    pub asked: i64,
    /// When to ask again, in seconds since the Unix epoch.
    pub next: i64,
    /// Times in a row that it did not pass.
    pub failures: u32,
    /// Since when it has not passed, in seconds since the Unix epoch.
    pub since: i64,
    /// What it came to.
    pub finding: Finding,
}

impl Memo {
    /// Remembers what a probe came to at `now`, after `before`. `jitter` is in 0..1.
    pub fn record(before: Option<&Self>, finding: Finding, interval: Duration, now: i64, jitter: f64) -> Self {
        let (failures, since) = match (&finding, before) {
            (Finding::Passed(_), _) => (0, now),
            (_, Some(before)) if before.failures > 0 => (before.failures + 1, before.since),
            (_, _) => (1, now),
        };
        let pause = match &finding {
            Finding::Passed(_) => interval,
            Finding::Unknown { .. } => interval.min(LONGEST_RETRY),
            Finding::Failed { .. } | Finding::Unclear(_) => retry(failures),
        };
        Self { asked: now, next: now + spread(pause, jitter), failures, since, finding }
    }

    /// What a process before this one found, by what it wrote: a passed probe is made again some time within `interval`, so
    /// that a restart does not ask for thousands of tenants at once.
    pub fn resumed(message: &str, interval: Duration, now: i64, jitter: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a day at most")]
        let next = now + interval.mul_f64(jitter.clamp(0.0, 1.0)).as_secs_f64() as i64;
        Self { asked: now, next, failures: 0, since: now, finding: Finding::Passed(message.to_owned()) }
    }

    /// A probe failed before this process began: since then.
    pub fn failing_since(since: i64, finding: Finding) -> Self {
        Self { asked: since, next: since, failures: 1, since, finding }
    }

    /// Whether it has failed for longer than what passes by itself.
    pub fn persists(&self, now: i64) -> bool {
        self.failures > 0 && now - self.since >= i64::try_from(GRACE.as_secs()).unwrap_or(i64::MAX)
    }

    /// Whether it is to be asked again.
    pub fn due(&self, now: i64) -> bool {
        now >= self.next
    }

    /// Time until it is to be asked again.
    pub fn wait(&self, now: i64) -> Duration {
        Duration::from_secs(u64::try_from((self.next - now).max(1)).unwrap_or(1))
    }
}

/// 1 s, 2 s, 4 s, … up to five minutes.
fn retry(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(10)).min(LONGEST_RETRY)
}

/// The upper half of `pause`, in whole seconds and at least one.
fn spread(pause: Duration, jitter: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a day at most")]
    let seconds = pause.mul_f64(f64::midpoint(1.0, jitter.clamp(0.0, 1.0))).as_secs_f64().round() as i64;
    seconds.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn failed() -> Finding {
        Finding::failed("R", "m")
    }

    #[test]
    fn what_fails_is_asked_again_sooner_at_first_and_ever_more_seldom() {
        let mut now = 1_000;
        let mut memo = Memo::record(None, failed(), HOUR, now, 1.0);
        let mut pauses = vec![memo.next - now];
        for _ in 0..12 {
            now = memo.next;
            memo = Memo::record(Some(&memo), failed(), HOUR, now, 1.0);
            pauses.push(memo.next - now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]);
        assert_eq!(memo.since, 1_000);
        assert!(memo.persists(1_060) && !memo.persists(1_059));
        let passed = Memo::record(Some(&memo), Finding::Passed(String::new()), HOUR, now, 0.0);
        assert_eq!((passed.failures, passed.next - now), (0, 1_800));
        assert!(!passed.persists(now + 1_000_000));
    }

    #[test]
    fn a_restart_spreads_what_had_passed_over_the_interval() {
        let next = |jitter| Memo::resumed("", HOUR, 0, jitter).next;
        assert_eq!((next(0.0), next(0.5), next(1.0)), (0, 1_800, 3_600));
    }
}
