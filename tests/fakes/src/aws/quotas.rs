//! API Gateway's control-plane rates as AWS enforces them: a token bucket per operation, account and Region, and one over
//! all operations.
//!
//! The table is written down from AWS's page of quotas ("API Gateway control plane service quotas"), not taken from the
//! operator: a wrong number there has to show here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::behaviour::Behaviour;
use super::refusal::Refusal;

/// Operation, calls, in how many seconds.
const RATES: [(&str, u32, u32); 11] = [
    ("apigateway:CreateRestApi", 1, 3),
    ("apigateway:PutRestApi", 1, 1),
    ("apigateway:DeleteRestApi", 1, 30),
    ("apigateway:CreateDeployment", 1, 5),
    ("apigateway:GetResources", 5, 2),
    ("apigateway:UpdateUsagePlan", 1, 20),
    ("apigateway:CreateDomainName", 1, 30),
    ("apigateway:UpdateDomainName", 1, 30),
    ("apigateway:DeleteDomainName", 1, 30),
    ("apigateway:CreateApiKey", 5, 1),
    ("apigateway:DeleteApiKey", 5, 1),
];
/// All operations together, in calls per second.
const ALL_RATE: f64 = 10.0;
const ALL_BURST: f64 = 40.0;
/// Name of the rate over all operations in reports.
const ALL: &str = "apigateway:*";
/// Part of a rate that other callers cannot take.
const LEFT_OVER: f64 = 0.05;

/// How one rate was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationUse {
    /// Region.
    pub region: String,
    /// Operation, or `apigateway:*` for all together.
    pub operation: &'static str,
    /// Calls served.
    pub served: u64,
    /// Calls answered 429.
    pub refused: u64,
    /// Most calls served in any window of the quota's length.
    pub most: u64,
    /// The window.
    pub window: Duration,
    /// Calls the quota allows in that window, the burst included.
    pub quota: u64,
}

/// The rates of one Region.
#[derive(Debug)]
pub(crate) struct Quotas {
    all: Rate,
    own: BTreeMap<&'static str, Rate>,
}

impl Quotas {
    /// Full buckets.
    pub fn new(now: Duration) -> Self {
        let own = |(operation, calls, seconds): &(&'static str, u32, u32)| {
            let (calls, seconds) = (f64::from(*calls), f64::from(*seconds));
            (*operation, Rate::new(calls / seconds, calls, Duration::from_secs_f64(seconds), now))
        };
        Self { all: Rate::new(ALL_RATE, ALL_BURST, Duration::from_secs(1), now), own: RATES.iter().map(own).collect() }
    }

    /// Takes a token of every rate `operation` counts against, or none and refuses.
    pub fn take(&mut self, operation: &str, now: Duration, behaviour: &Behaviour) -> Result<(), Refusal> {
        if !operation.starts_with("apigateway:") {
            return Ok(());
        }
        let load = &behaviour.other_load;
        let of_all: f64 = load.iter().filter(|(name, _)| name.starts_with("apigateway:")).map(|(_, rate)| rate).sum();
        self.all.refill(now, of_all);
        let mut own = self.own.get_mut(operation);
        if let Some(rate) = &mut own {
            rate.refill(now, load.get(operation).copied().unwrap_or_default());
        }
        let wait = self
            .all
            .wait(of_all)
            .max(own.as_ref().map_or(0.0, |rate| rate.wait(load.get(operation).copied().unwrap_or_default())));
        if wait > 0.0 && behaviour.quotas_enforced {
            self.all.refused += u64::from(own.is_none());
            if let Some(rate) = own {
                rate.refused += 1;
            }
            return Err(too_many_requests(wait));
        }
        self.all.take(now);
        if let Some(rate) = own {
            rate.take(now);
        }
        Ok(())
    }

    pub fn report(&self, region: &str) -> Vec<OperationUse> {
        let rates = self.own.iter().map(|(operation, rate)| (*operation, rate)).chain([(ALL, &self.all)]);
        let of = |(operation, rate): (&'static str, &Rate)| OperationUse {
            region: region.to_owned(),
            operation,
            served: rate.served,
            refused: rate.refused,
            most: rate.most,
            window: rate.window,
            quota: rate.allowed(),
        };
        rates.map(of).filter(|used| used.served + used.refused > 0).collect()
    }
}

/// `Retry-After` is in whole seconds.
fn too_many_requests(wait: f64) -> Refusal {
    let after = Duration::from_secs_f64(wait.ceil().max(1.0));
    Refusal { retry_after: Some(after), ..Refusal::new(429, "TooManyRequestsException", "Too Many Requests") }
}

/// One bucket, and how it was used.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    capacity: f64,
    tokens: f64,
    at: Duration,
    window: Duration,
    recent: VecDeque<Duration>,
    most: u64,
    served: u64,
    refused: u64,
}

impl Rate {
    fn new(per_second: f64, capacity: f64, window: Duration, now: Duration) -> Self {
        let (recent, most, served, refused) = (VecDeque::new(), 0, 0, 0);
        Self { per_second, capacity, tokens: capacity, at: now, window, recent, most, served, refused }
    }

    /// What others leave of the rate.
    fn left(&self, load: f64) -> f64 {
        (self.per_second - load).max(self.per_second * LEFT_OVER)
    }

    fn refill(&mut self, now: Duration, load: f64) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.left(load)).min(self.capacity);
        self.at = now;
    }

    /// Seconds until there is a token. A hair less than one is one: fractions of seconds do not add up exactly.
    fn wait(&self, load: f64) -> f64 {
        if self.tokens >= 1.0 - 1e-9 { 0.0 } else { (1.0 - self.tokens) / self.left(load) }
    }

    fn take(&mut self, now: Duration) {
        self.tokens -= 1.0;
        self.served += 1;
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|first| now.saturating_sub(*first) >= self.window) {
            self.recent.pop_front();
        }
        self.most = self.most.max(self.recent.len() as u64);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive numbers")]
    fn allowed(&self) -> u64 {
        let in_window = self.per_second * self.window.as_secs_f64();
        // Only the rate over all has a burst beyond its window.
        (if self.capacity > in_window { self.capacity + in_window } else { in_window }).round() as u64
    }
}
