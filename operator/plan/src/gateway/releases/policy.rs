//! The release policy of a gateway, with defaults filled in, and its judgement of calls.

use std::time::Duration;

use aigw_api::{self as api, EffectiveReleases, ReleasePolicy};

use super::note::Cause;
use crate::gateway::observed::Calls;
use crate::time_span;

/// Percent of the calls in each step, unless the spec says otherwise: one in twenty shows a build that fails within
/// minutes and costs few calls, a quarter shows what depends on load.
const DEFAULT_STEPS: [u8; 3] = [5, 25, 100];
/// Seconds between steps unless the spec says otherwise: several points of CloudWatch, which come a minute or two late.
const DEFAULT_INTERVAL: i64 = 10 * time_span::MINUTE;
/// Calls a step takes unless the spec says otherwise: the fewest in which one percent is a call.
const DEFAULT_MIN_CALLS: u64 = 100;
/// Percent of calls that may fail unless the spec says otherwise.
const DEFAULT_ERROR_PERCENT: u64 = 1;
/// Percent of calls that may be slower than a bound of the 99th percentile.
const SLOW_PERCENT: u64 = 1;

/// How a new version comes to serve.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Releases {
    /// It takes all calls as soon as it is ready.
    #[default]
    AllAtOnce,
    /// It takes a growing share of them.
    Canary(Canary),
}

/// Steps and bounds of a roll-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Percent of the calls, rising, 100 at the end.
    pub steps: Vec<u8>,
    /// Shortest time of a step, in seconds.
    pub interval: i64,
    /// Fewest calls of a step.
    pub min_calls: u64,
    /// Percent of calls that may fail.
    pub error_percent: u64,
    /// Milliseconds that 99 of 100 calls must stay within.
    pub slow_after_ms: Option<i32>,
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            steps: DEFAULT_STEPS.to_vec(),
            interval: DEFAULT_INTERVAL,
            min_calls: DEFAULT_MIN_CALLS,
            error_percent: DEFAULT_ERROR_PERCENT,
            slow_after_ms: None,
        }
    }
}

impl Releases {
    /// What the spec asks for. The schema has checked the form of everything in it.
    pub(in crate::gateway) fn of(asked: Option<&api::Releases>) -> Self {
        let Some(api::Releases { policy, canary }) = asked else { return Self::AllAtOnce };
        if policy.unwrap_or_default() == ReleasePolicy::AllAtOnce {
            return Self::AllAtOnce;
        }
        let api::Canary { steps, interval, min_calls, abort_on } = canary.clone().unwrap_or_default();
        let api::AbortOn { error_rate_percent, latency_p99_ms } = abort_on.unwrap_or_default();
        let usual = Canary::default();
        let whole = |number: Option<i32>, usual| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(usual);
        let asked_steps: Vec<u8> = steps.iter().filter_map(|step| u8::try_from(*step).ok()).collect();
        Self::Canary(Canary {
            steps: if asked_steps.is_empty() { usual.steps } else { asked_steps },
            interval: interval.as_deref().and_then(time_span::read).unwrap_or(usual.interval),
            min_calls: whole(min_calls, usual.min_calls),
            error_percent: whole(error_rate_percent, usual.error_percent),
            slow_after_ms: latency_p99_ms,
        })
    }
}

/// As it is shown in a status.
pub(in crate::gateway) fn effective(releases: &Releases) -> EffectiveReleases {
    let shown = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
    match releases {
        Releases::AllAtOnce => EffectiveReleases {
            policy: "AllAtOnce".into(),
            steps: Vec::new(),
            interval: None,
            min_calls: None,
            error_rate_percent: None,
            latency_p99_ms: None,
        },
        Releases::Canary(Canary { steps, interval, min_calls, error_percent, slow_after_ms }) => EffectiveReleases {
            policy: "Canary".into(),
            steps: steps.iter().map(|step| i32::from(*step)).collect(),
            interval: Some(time_span::written(*interval)),
            min_calls: Some(shown(*min_calls)),
            error_rate_percent: Some(shown(*error_percent)),
            latency_p99_ms: *slow_after_ms,
        },
    }
}

/// What is wrong with calls, and the figures that show it.
pub(super) struct Verdict {
    pub cause: Cause,
    /// Calls that failed, or were slow.
    pub bad: u64,
    /// What was allowed: percent, or milliseconds.
    pub bound: u64,
}

impl Canary {
    /// What is wrong with the calls of a step, if it is more than may be. As long as a step has had too few calls, its bad
    /// ones are held against as many as it will have: then one of three is no verdict, and ten of ten are.
    pub(super) fn verdict(&self, Calls { calls, errors, slow }: Calls) -> Option<Verdict> {
        let of = calls.max(self.min_calls);
        let too_many = |bad: u64, percent: u64| bad.saturating_mul(100) > percent.saturating_mul(of);
        if too_many(errors, self.error_percent) {
            return Some(Verdict { cause: Cause::Errors, bad: errors, bound: self.error_percent });
        }
        let bound = u64::try_from(self.slow_after_ms?).unwrap_or_default();
        too_many(slow, SLOW_PERCENT).then_some(Verdict { cause: Cause::Latency, bad: slow, bound })
    }

    /// The step after one at which a version takes `percent` of the calls.
    pub(super) fn after(&self, percent: u8) -> u8 {
        self.steps.iter().copied().find(|step| *step > percent).unwrap_or(100)
    }

    /// Shortest time of a step.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.interval).unwrap_or_default())
    }
}
