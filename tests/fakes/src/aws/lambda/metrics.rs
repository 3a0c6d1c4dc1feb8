//! Invocations through aliases, and CloudWatch's counts of them.
//!
//! Like AWS, an alias with two versions takes one of them for each call, as its weights say. Which one is counted out
//! evenly instead of drawn, so that a test's figures are the same in every run.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_cloud::{CallQuery, CloudError, FunctionMetrics};
use aigw_plan::gateway::observed::Calls;
use async_trait::async_trait;

use super::Alias;
use crate::aws::client::Port;

/// Seconds of a point of a metric.
const MINUTE: i64 = 60;

/// What was invoked so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invocations {
    /// Calls through the alias, by function.
    through_alias: BTreeMap<String, u64>,
    /// Calls that failed, by function and version; a failing version fails evenly as well.
    of_version: BTreeMap<(String, u64), u64>,
    /// Points of metrics, by function, version and minute since the Unix epoch.
    points: BTreeMap<(String, u64, i64), Calls>,
}

impl Invocations {
    /// The version that takes the next call through an alias.
    pub fn choose(&mut self, function: &str, alias: &Alias) -> u64 {
        let count = self.through_alias.entry(function.to_owned()).or_default();
        *count += 1;
        let share = |percent: u8, count: u64| count * u64::from(percent) / 100;
        match alias.canary {
            Some((version, percent)) if share(percent, *count) > share(percent, *count - 1) => version,
            _ => alias.version,
        }
    }

    /// Counts a call that a version took at `now`, in seconds since the Unix epoch; gives whether it fails, as `percent`
    /// of a version's calls do.
    pub fn count(&mut self, (function, version): (&str, u64), percent: u8, slow: bool, now: i64) -> bool {
        let count = self.of_version.entry((function.to_owned(), version)).or_default();
        *count += 1;
        let share = |count: u64| count * u64::from(percent) / 100;
        let fails = share(*count) > share(*count - 1);
        let point = self.points.entry((function.to_owned(), version, now.div_euclid(MINUTE))).or_default();
        point.calls += 1;
        point.errors += u64::from(fails);
        point.slow += u64::from(slow);
        fails
    }

    /// Calls that each version of a function took.
    pub fn of_function(&self, function: &str) -> BTreeMap<u64, u64> {
        let of = self.of_version.iter().filter(|((name, _), _)| name == function);
        of.map(|((_, version), calls)| (*version, *calls)).collect()
    }

    /// Points from the minute of `since` on, of minutes that are over by `until`.
    fn of(&self, function: &str, version: u64, since: i64, until: i64) -> Calls {
        let (first, end) = (since.div_euclid(MINUTE), until.div_euclid(MINUTE));
        let mut sum = Calls::default();
        let of_function = self
            .points
            .iter()
            .filter(|((name, of, minute), _)| name == function && *of == version && (first..end).contains(minute));
        for (_, Calls { calls, errors, slow }) in of_function {
            (sum.calls, sum.errors, sum.slow) = (sum.calls + calls, sum.errors + errors, sum.slow + slow);
        }
        sum
    }
}

/// CloudWatch.
pub(crate) struct MetricsPort(pub Port);

#[async_trait]
impl FunctionMetrics for MetricsPort {
    async fn calls(&self, query: &CallQuery) -> Result<Calls, CloudError> {
        let CallQuery { function, version, since, until, slow_after_ms } = query;
        let target = format!("{function}:live");
        let port = &self.0;
        port.call("cloudwatch:GetMetricData", &target, |_, context| {
            let late = i64::try_from(context.behaviour.metrics_late.as_secs()).unwrap_or(0);
            // A version that took no call has no points.
            let known = context.unix_time().min(*until) - late;
            let mut calls = version
                .parse()
                .map_or(Calls::default(), |version| context.invocations.of(function, version, *since, known));
            if slow_after_ms.is_none() {
                calls.slow = 0;
            }
            Ok(calls)
        })
        .await
    }
}

/// How late CloudWatch is on an ordinary day.
pub(crate) const METRICS_LATE: Duration = Duration::from_mins(1);
