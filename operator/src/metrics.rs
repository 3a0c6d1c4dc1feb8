//! Metrics. Labels are fixed words of the program, never names of objects: a metric must not grow with the cluster. The one
//! exception are probes, which are told by gateway: an account has room for few of them, and an alert has to say which.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use aigw_plan::probe::Finding;

use crate::harness::Backoff;
use crate::harness::watch::Activity;

/// Controllers whose failing objects are reported.
pub const CONTROLLERS: [&str; 2] = ["gateway", "tenant"];

/// Longest error code taken over as a label; AWS's are far shorter.
const CODE_LIMIT: usize = 64;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Pass {
    controller: &'static str,
    phase: Phase,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Controller {
    controller: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    operation: &'static str,
    // Error codes come from AWS: few, fixed per operation, and bounded here.
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Probe {
    gateway: String,
    of: &'static str,
    result: &'static str,
}

/// What is probed, as a label.
pub const PROBED: [&str; 3] = ["gateway", "tenant", "domain"];

/// What a pass was for.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Phase {
    /// Making AWS match.
    Apply,
    /// Deletion.
    Cleanup,
}

impl EncodeLabelValue for Phase {
    fn encode(&self, encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let label = match self {
            Self::Apply => "apply",
            Self::Cleanup => "cleanup",
        };
        EncodeLabelValue::encode(&label, encoder)
    }
}

/// Metrics of the process.
pub struct Metrics {
    registry: Registry,
    passes: Family<Pass, Counter>,
    durations: Family<Controller, Histogram>,
    cloud_requests: Family<Request, Counter>,
    cloud_durations: Family<Operation, Histogram>,
    cloud_waits: Family<Operation, Histogram>,
    leader: Gauge,
    silence: Family<Kind, Gauge<f64, AtomicU64>>,
    invalid: Family<Kind, Gauge>,
    failing: Family<Controller, Gauge>,
    consecutive: Family<Controller, Gauge>,
    orphans: Family<Kind, Gauge>,
    oldest_issuer: Gauge,
    over_budget: Gauge,
    probes: Family<Probe, Counter>,
    backoff: Arc<Backoff>,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.01, 3.0, 10));
        let mut metrics = Self {
            registry: Registry::with_prefix("aigw"),
            passes: Family::default(),
            durations: Family::new_with_constructor(seconds),
            cloud_requests: Family::default(),
            cloud_durations: Family::new_with_constructor(seconds),
            cloud_waits: Family::new_with_constructor(seconds),
            leader: Gauge::default(),
            silence: Family::default(),
            invalid: Family::default(),
            failing: Family::default(),
            consecutive: Family::default(),
            orphans: Family::default(),
            oldest_issuer: Gauge::default(),
            over_budget: Gauge::default(),
            probes: Family::default(),
            backoff: Arc::default(),
        };
        let Self {
            registry,
            passes,
            durations,
            cloud_requests,
            cloud_durations,
            cloud_waits,
            leader,
            silence,
            invalid,
            failing,
            consecutive,
            orphans,
            oldest_issuer,
            over_budget,
            probes,
            backoff: _,
        } = &mut metrics;
        registry.register("reconciliations", "Passes by how they ended", passes.clone());
        registry.register("reconcile_duration_seconds", "Duration of passes", durations.clone());
        registry.register(
            "cloud_requests",
            "AWS calls by operation and error code (OK: success)",
            cloud_requests.clone(),
        );
        registry.register(
            "cloud_request_duration_seconds",
            "Duration of AWS calls, retries included",
            cloud_durations.clone(),
        );
        registry.register("cloud_limiter_wait_seconds", "Time calls waited for AWS's quota", cloud_waits.clone());
        registry.register("leader", "1 while this process holds the lease", leader.clone());
        registry.register(
            "watch_last_activity_seconds",
            "Time since the last sign of life of a watch",
            silence.clone(),
        );
        registry.register("watch_invalid_objects", "Objects left out because they cannot be read", invalid.clone());
        registry.register("failing_objects", "Objects whose last pass failed", failing.clone());
        registry.register("consecutive_errors", "Longest series of failed passes of one object", consecutive.clone());
        registry.register(
            "orphans",
            "AWS objects of this installation that no object of the cluster owns, as of the last sweep",
            orphans.clone(),
        );
        registry.register(
            "issuer_keys_oldest_timestamp_seconds",
            "When the issuer of tokens that was read longest ago was read; 0 where there is none",
            oldest_issuer.clone(),
        );
        registry.register(
            "tenants_over_budget",
            "Tenants with a budget that is exhausted, as of the last look at a gateway",
            over_budget.clone(),
        );
        registry.register("probes", "Probes of a gateway and of its tenants by what they came to", probes.clone());
        metrics
    }
}

impl Metrics {
    /// A pass ended.
    pub fn reconciled(&self, controller: &'static str, phase: Phase, outcome: &'static str, duration: Duration) {
        self.passes.get_or_create(&Pass { controller, phase, outcome }).inc();
        self.durations.get_or_create(&Controller { controller }).observe(duration.as_secs_f64());
    }

    /// An AWS call ended, after waiting `waited` for the limiter. `code` is `OK` or AWS's error code.
    pub fn cloud_call(&self, operation: &'static str, code: &str, duration: Duration, waited: Duration) {
        let code = code.get(..CODE_LIMIT).unwrap_or(code).to_owned();
        self.cloud_requests.get_or_create(&Request { operation, code }).inc();
        self.cloud_durations.get_or_create(&Operation { operation }).observe(duration.as_secs_f64());
        self.cloud_waits.get_or_create(&Operation { operation }).observe(waited.as_secs_f64());
    }

    /// Whether this process holds the lease.
    pub fn set_leader(&self, leader: bool) {
        self.leader.set(i64::from(leader));
    }

    /// A sweep found `count` objects of that kind without an owner.
    pub fn set_orphans(&self, kind: &'static str, count: usize) {
        self.orphans.get_or_create(&Kind { kind }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The issuer that was read longest ago was read at this time, in seconds since the Unix epoch.
    pub fn set_oldest_issuer(&self, time: i64) {
        self.oldest_issuer.set(time);
    }

    /// So many tenants have exhausted a budget.
    pub fn set_over_budget(&self, count: usize) {
        self.over_budget.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A probe of `gateway` (namespace and name), or of one of its tenants, came to `result`.
    pub fn probed(&self, gateway: &str, of: &'static str, result: &'static str) {
        self.probes.get_or_create(&Probe { gateway: gateway.to_owned(), of, result }).inc();
    }

    /// A gateway is gone.
    pub fn forget_gateway(&self, gateway: &str) {
        for of in PROBED {
            for result in Finding::LABELS {
                self.probes.remove(&Probe { gateway: gateway.to_owned(), of, result });
            }
        }
    }

    /// The failures this reports on.
    pub fn backoff(&self) -> Arc<Backoff> {
        self.backoff.clone()
    }

    /// Everything as OpenMetrics text, with the state of `watches` as of now.
    pub fn encode(&self, watches: &[Arc<Activity>]) -> Result<String, fmt::Error> {
        for watch in watches {
            let kind = Kind { kind: watch.kind() };
            self.silence.get_or_create(&kind).set(watch.silence().unwrap_or_default().as_secs_f64());
            self.invalid.get_or_create(&kind).set(watch.invalid());
        }
        for controller in CONTROLLERS {
            let (objects, longest) = self.backoff.failing(controller);
            self.failing.get_or_create(&Controller { controller }).set(i64::try_from(objects).unwrap_or(i64::MAX));
            self.consecutive.get_or_create(&Controller { controller }).set(i64::from(longest));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_in_the_text() {
        let metrics = Metrics::default();
        metrics.reconciled("gateway", Phase::Apply, "done", Duration::from_millis(20));
        metrics.cloud_call("iam:GetRole", "OK", Duration::from_millis(5), Duration::ZERO);
        metrics.set_leader(true);
        metrics.set_orphans("retained_table", 2);
        metrics.set_over_budget(3);
        metrics.probed("ai/prod", "gateway", "passed");
        metrics.probed("ai/gone", "tenant", "failed");
        metrics.forget_gateway("ai/gone");
        metrics.backoff().failure("tenant", "u");
        let text = metrics.encode(&[]).unwrap();
        for line in [
            "aigw_reconciliations_total{controller=\"gateway\",phase=\"apply\",outcome=\"done\"} 1",
            "aigw_cloud_requests_total{operation=\"iam:GetRole\",code=\"OK\"} 1",
            "aigw_leader 1",
            "aigw_tenants_over_budget 3",
            "aigw_probes_total{gateway=\"ai/prod\",of=\"gateway\",result=\"passed\"} 1",
            "aigw_orphans{kind=\"retained_table\"} 2",
            "aigw_failing_objects{controller=\"tenant\"} 1",
            "aigw_consecutive_errors{controller=\"gateway\"} 0",
            "aigw_reconcile_duration_seconds_count{controller=\"gateway\"} 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("ai/gone"), "{text}");
    }
}
