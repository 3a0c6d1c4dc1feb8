//! The limiter in front of API Gateway's control plane: one per account and Region.
//!
//! A call takes a token from the bucket over all operations and, where its operation has a rate of its own, from that
//! bucket too; both at the same moment, so that neither rate is exceeded in any window. A 429 means that others use the
//! account as well: the bucket's rate is halved and climbs back slowly, and stays shut while AWS said so.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aigw_plan::Class;
use tokio::time::{Instant, sleep};

use crate::CloudError;
use crate::quotas::{ALL_OPERATIONS, ALL_OPERATIONS_BURST, BETWEEN_CUTS, FLOOR, LONGEST_WAIT, OPERATIONS, RECOVERY};

/// Code of the error a call gets when it would wait longer than [`LONGEST_WAIT`].
pub const HELD_BACK: &str = "HeldBack";

/// Token buckets of one account and Region.
#[derive(Debug)]
pub struct Limiter {
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    all: Bucket,
    operations: HashMap<&'static str, Bucket>,
}

impl Limiter {
    /// Full buckets, whose rates are `share` of AWS's quotas.
    pub fn new(share: f64) -> Self {
        let now = Instant::now();
        // Rates of single operations get no burst: with one token a window never holds more calls than the quota.
        let operations = OPERATIONS
            .iter()
            .map(|(operation, quota)| (*operation, Bucket::new(quota.rate() * share, 1.0, now)))
            .collect();
        let burst = (f64::from(ALL_OPERATIONS_BURST) * share).max(1.0);
        let all = Bucket::new(ALL_OPERATIONS.rate() * share, burst, now);
        Self { buckets: Mutex::new(Buckets { all, operations }) }
    }

    /// Waits until `operation` may be called; returns how long that took.
    ///
    /// # Errors
    /// Class [`Class::Throttled`] with the time to come back, where the wait would pass [`LONGEST_WAIT`].
    pub async fn acquire(&self, operation: &'static str) -> Result<Duration, CloudError> {
        let start = Instant::now();
        loop {
            let wait = match self.buckets().try_take(operation, Instant::now()) {
                Ok(()) => return Ok(start.elapsed()),
                Err(wait) => wait,
            };
            if start.elapsed() + wait > LONGEST_WAIT {
                return Err(held_back(operation, wait));
            }
            // Tokens are taken after the wait, not reserved before it: a token reserved in one bucket while waiting for
            // the other would let calls bunch up.
            sleep(wait).await;
        }
    }

    /// AWS answered 429: slow down. An operation without a rate of its own can only have met the rate over all.
    pub fn throttled(&self, operation: &str, retry_after: Option<Duration>) {
        let now = Instant::now();
        let mut buckets = self.buckets();
        let Buckets { all, operations } = &mut *buckets;
        operations.get_mut(operation).unwrap_or(all).cut(now, retry_after.unwrap_or_default());
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        // Buckets are numbers: whatever a panic left there is still usable.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn held_back(operation: &'static str, wait: Duration) -> CloudError {
    // No numbers: the text ends in a condition, and the wait is different each time.
    let message = "not sent, because the account's rate for this operation is used up for now";
    CloudError { retry_after: Some(wait), ..CloudError::new(operation, Class::Throttled, HELD_BACK, message) }
}

impl Buckets {
    /// Takes a token everywhere, or from nowhere and says how long to wait.
    fn try_take(&mut self, operation: &str, now: Instant) -> Result<(), Duration> {
        let own = self.operations.get_mut(operation);
        let mut wait = self.all.wait(now);
        if let Some(bucket) = &own {
            wait = wait.max(bucket.wait(now));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        self.all.take(now);
        if let Some(bucket) = own {
            bucket.take(now);
        }
        Ok(())
    }
}

/// One token bucket with a rate that gives way.
#[derive(Debug)]
struct Bucket {
    /// Full rate, tokens per second.
    full_rate: f64,
    /// Most tokens it holds.
    capacity: f64,
    /// Rate at `at`.
    rate: f64,
    /// Tokens at `at`.
    tokens: f64,
    /// When rate and tokens were as above. In the future while shut: nothing accrues until then.
    at: Instant,
    /// When the rate was last cut.
    last_cut: Option<Instant>,
}

impl Bucket {
    fn new(full_rate: f64, capacity: f64, now: Instant) -> Self {
        Self { full_rate, capacity, rate: full_rate, tokens: capacity, at: now, last_cut: None }
    }

    /// Tokens and rate at `now`. Tokens accrue at the rate of the start of the time passed, which errs on the slow side.
    fn state(&self, now: Instant) -> (f64, f64) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let tokens = (self.tokens + passed * self.rate).min(self.capacity);
        let rate = (self.rate + self.full_rate * passed / RECOVERY.as_secs_f64()).min(self.full_rate);
        (tokens, rate)
    }

    /// How long until there is a token; zero if there is one.
    fn wait(&self, now: Instant) -> Duration {
        let shut = self.at.saturating_duration_since(now);
        let (tokens, _) = self.state(now);
        if shut.is_zero() && tokens >= 1.0 {
            return Duration::ZERO;
        }
        // The timer counts in milliseconds; the one more spares a second, very short wait.
        shut + Duration::from_secs_f64((1.0 - tokens).max(0.0) / self.rate) + Duration::from_millis(1)
    }

    fn take(&mut self, now: Instant) {
        let (tokens, rate) = self.state(now);
        (self.tokens, self.rate, self.at) = (tokens - 1.0, rate, now);
    }

    fn cut(&mut self, now: Instant, shut_for: Duration) {
        let (_, rate) = self.state(now);
        let again = self.last_cut.is_some_and(|last| now.saturating_duration_since(last) < BETWEEN_CUTS);
        self.rate = if again { rate } else { (rate / 2.0).max(self.full_rate * FLOOR) };
        if !again {
            self.last_cut = Some(now);
        }
        self.tokens = 0.0;
        self.at = self.at.max(now + shut_for);
    }
}

#[cfg(test)]
#[path = "limiter_tests.rs"]
mod tests;
