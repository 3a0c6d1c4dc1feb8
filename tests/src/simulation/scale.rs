//! Thousands of tenants on both fakes, with AWS's quotas enforced: how long things take against the time the quotas imply,
//! what they cost in calls, in writes of status, in CPU time.
//!
//! Used by the bench, which prints a table, and by the suite, which holds a small world to the same bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_fakes::cpu;
use aigw_operator::pace::minimum_time;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::level_filters::LevelFilter;

use super::{LOOK, Options, Process, World, simulate_logging};
use crate::cluster::{Object, find_condition, gateway};
use crate::{Outcome, ensure, manifests};

/// Namespaces the tenants are spread over.
const NAMESPACES: usize = 50;
/// Latency of every AWS call: about what API Gateway's control plane takes.
const LATENCY: Duration = Duration::from_millis(60);
/// Longest virtual time for anything here: five thousand tenants take 25 minutes.
const PATIENCE: Duration = Duration::from_hours(6);
/// No writes for this long is rest, where what follows a change cannot be seen otherwise.
const REST: Duration = Duration::from_secs(45);

/// A world of many tenants and what was spent in it by others than the operator.
pub struct Crowd {
    /// The world.
    pub world: World,
    /// Tenants.
    pub tenants: usize,
    options: Options,
    /// CPU time of the tests themselves.
    aside: Duration,
}

/// What happened from one moment on.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What it was.
    pub what: String,
    /// Virtual time until it was done.
    pub took: Duration,
    /// The quotas' bound for the calls it needs, at all of the account's rates and at the operator's share.
    pub bound: Option<(Duration, Duration)>,
    /// AWS calls that were answered, by operation.
    pub calls: BTreeMap<&'static str, u32>,
    /// Calls answered 429.
    pub refused: u32,
    /// Writes of tenants' statuses, and of the gateway's.
    pub statuses: (usize, usize),
    /// CPU time of everything but the fakes and the tests.
    pub cpu: Duration,
}

/// Where a measurement began.
struct Since {
    at: Instant,
    cpu: Duration,
}

impl Measured {
    /// Calls of API Gateway or of everything else, reads or writes.
    pub fn sum(&self, api_gateway: bool, write: bool) -> u32 {
        let of = |(operation, _): &(&&'static str, &u32)| {
            operation.starts_with("apigateway:") == api_gateway && is_write(operation) == write
        };
        self.calls.iter().filter(of).map(|(_, count)| count).sum()
    }

    /// Writes to AWS.
    pub fn writes(&self) -> u32 {
        self.sum(true, true) + self.sum(false, true)
    }

    /// The time it took as a multiple of the bounds.
    pub fn ratios(&self) -> Option<(f64, f64)> {
        self.bound.map(|(full, share)| {
            let of = |bound: Duration| self.took.as_secs_f64() / bound.as_secs_f64();
            (of(full), of(share))
        })
    }
}

/// Whether an operation may change anything, by its name.
fn is_write(operation: &str) -> bool {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    !["Get", "List", "Describe", "BatchGet"].iter().any(|read| name.starts_with(read))
}

/// The gateway of all tenants.
pub fn prod() -> Object {
    gateway("ai-platform", "prod")
}

/// Namespace and name of a tenant.
fn place(number: usize) -> (String, String) {
    (format!("team-{:02}", number % NAMESPACES), format!("tenant-{number:05}"))
}

fn tenant(number: usize) -> Value {
    let (namespace, name) = place(number);
    let tier = if number.is_multiple_of(2) { "silver" } else { "trial" };
    manifests::tenant(&namespace, &name, ("ai-platform", "prod"), tier)
}

fn ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    ready.is_some_and(|ready| {
        ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
    }) && object["metadata"].get("deletionTimestamp").is_none()
}

/// Runs `body` in a world with the gateway and `tenants` tenants, all applied and no operator there yet.
pub fn crowd<T, F>(tenants: usize, options: Options, body: impl FnOnce(Crowd) -> F) -> Outcome<T>
where
    F: Future<Output = Outcome<T>>,
{
    simulate_logging(LevelFilter::WARN, None, |world| async move {
        let world = World { kube: world.kube.without_cel(), ..world };
        world.aws.keep_counts_only();
        world.aws.behaviour(|behaviour| behaviour.latency = LATENCY);
        for number in 0..NAMESPACES {
            let metadata = json!({"name": format!("team-{number:02}"), "labels": {"ai-gateway": "enabled"}});
            world.kube.put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
        }
        let mut gateway = manifests::gateway("ai-platform", "prod");
        if let Some(allow) = gateway["spec"]["tenants"]["rules"][0]["allow"].as_object_mut() {
            allow.remove("maxTenantsPerNamespace");
        }
        world.kube.put(&gateway);
        for number in 0..tenants {
            world.kube.put(&tenant(number));
        }
        body(Crowd { world, tenants, options, aside: Duration::ZERO }).await
    })
}

impl Crowd {
    /// Starts an operator.
    pub fn start(&self) -> Process {
        self.world.start(&self.options)
    }

    fn busy(&self) -> Duration {
        let others = self.world.aws.cpu_time() + self.world.kube.cpu_time() + self.aside;
        cpu::thread_time().saturating_sub(others)
    }

    fn since(&self) -> Since {
        self.world.aws.forget_calls();
        self.world.kube.clear_log();
        Since { at: Instant::now(), cpu: self.busy() }
    }

    /// Looks at the world without counting that as the operator's work.
    fn look<T>(&mut self, look: impl FnOnce(&World) -> T) -> T {
        let started = cpu::thread_time();
        let seen = look(&self.world);
        self.aside += cpu::thread_time().saturating_sub(started);
        seen
    }

    fn measured(&self, what: &str, since: &Since, took: Duration) -> Measured {
        let cpu = self.busy().saturating_sub(since.cpu);
        let (mut calls, mut refused) = (BTreeMap::new(), 0);
        for ((operation, outcome), count) in self.world.aws.call_counts() {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            if outcome == "TooManyRequestsException" {
                refused += count;
            } else {
                *calls.entry(operation).or_default() += count;
            }
        }
        let requests = self.world.kube.requests_by_kind();
        let writes = |resource: &str| {
            requests.iter().filter(|((_, of), _)| of == resource).map(|(_, count)| *count).sum::<usize>()
        };
        let statuses = (writes("tenants/status"), writes("aigateways/status"));
        Measured { what: what.to_owned(), took, bound: None, calls, refused, statuses, cpu }
    }

    /// Adds the bound for the calls needed: what `per_tenant` tenants need, and `more`.
    fn bounded(&self, measured: Measured, needed: &BTreeMap<&'static str, u32>) -> Measured {
        let bound = (minimum_time(needed, 1.0), minimum_time(needed, self.options.share));
        Measured { bound: Some(bound), ..measured }
    }

    async fn until(&mut self, what: &str, mut holds: impl FnMut(&World) -> bool) -> Outcome {
        let patience = Instant::now() + PATIENCE;
        while !self.look(&mut holds) {
            ensure!(Instant::now() < patience, "not within {PATIENCE:?}: {what}\n{}", self.world.log.tail(5));
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until the gateway and all tenants there are to be are ready.
    async fn all_ready(&mut self, tenants: usize) -> Outcome {
        self.until("all ready", |world| {
            world.kube.count("aigateways", ready) == 1
                && world.kube.count("tenants", ready) == tenants
                && world.kube.count("tenants", |_| true) == tenants
        })
        .await
    }

    /// Waits until nothing is written for a while; gives when the last write was.
    async fn rest(&mut self) -> Outcome<Instant> {
        let (mut seen, mut last) = (usize::MAX, Instant::now());
        let patience = Instant::now() + PATIENCE;
        loop {
            let now = self.look(|world| world.kube.write_count("leases") + world.aws.write_count());
            if now != seen {
                (seen, last) = (now, Instant::now());
            } else if last.elapsed() >= REST {
                return Ok(last);
            }
            ensure!(Instant::now() < patience, "no rest within {PATIENCE:?}");
            sleep(LOOK).await;
        }
    }

    /// From nothing to all ready, with an operator that starts now.
    pub async fn create(&mut self) -> Outcome<(Measured, Process)> {
        let since = self.since();
        let operator = self.start();
        self.all_ready(self.tenants).await?;
        let measured = self.measured("all applied at once", &since, since.at.elapsed());
        let tenants = u32::try_from(self.tenants)?;
        let mut needed: BTreeMap<_, _> =
            measured.calls.iter().filter(|(operation, _)| is_write(operation)).map(|(name, n)| (*name, *n)).collect();
        // The gateway's own writes are what they are; each tenant needs one of these.
        for operation in ["apigateway:CreateApiKey", "apigateway:CreateUsagePlanKey"] {
            needed.insert(operation, tenants);
        }
        Ok((self.bounded(measured, &needed), operator))
    }

    /// The limits of one tier change.
    pub async fn tier_changes(&mut self) -> Outcome<Measured> {
        self.rest().await?;
        let since = self.since();
        let patch = json!([{"op": "replace", "path": "/spec/tiers/0/plan/requestsPerSecond", "value": 2}]);
        self.change("one tier changes", since, &patch, &[("apigateway:UpdateUsagePlan", 1)]).await
    }

    /// The document of the gateway changes.
    pub async fn document_changes(&mut self) -> Outcome<Measured> {
        self.rest().await?;
        let since = self.since();
        let families = ["bedrock-runtime", "bedrock-agent-runtime"];
        let patch = json!([{"op": "replace", "path": "/spec/bedrock/families", "value": families}]);
        let needed = [("apigateway:PutRestApi", 1), ("apigateway:CreateDeployment", 1), ("apigateway:UpdateStage", 1)];
        self.change("the gateway's document changes", since, &patch, &needed).await
    }

    async fn change(
        &mut self,
        what: &str,
        since: Since,
        patch: &Value,
        needed: &[(&'static str, u32)],
    ) -> Outcome<Measured> {
        self.world.patch_json(&prod(), patch).await?;
        self.until("the gateway is ready", |world| world.kube.count("aigateways", ready) == 1).await?;
        let took = since.at.elapsed();
        // What tenants do because of it counts as well.
        self.rest().await?;
        let measured = self.measured(what, &since, took);
        Ok(self.bounded(measured, &needed.iter().copied().collect()))
    }

    /// The operator is killed and another starts; done once that one has looked at everything.
    pub async fn restart(&mut self, operator: Process) -> Outcome<(Measured, Process)> {
        self.rest().await?;
        operator.kill().await;
        let since = self.since();
        let operator = self.start();
        let tenants = self.tenants;
        let metrics = operator.metrics.clone();
        let health = operator.health.clone();
        self.until("one pass of everything", |_| {
            let metrics = metrics.encode(&[]).unwrap_or_default();
            health.ready() && passes(&metrics, "tenant") >= tenants && passes(&metrics, "gateway") >= 1
        })
        .await?;
        let measured = self.measured("the operator restarts", &since, since.at.elapsed());
        Ok((measured, operator))
    }

    /// One round of churn: a twentieth of the tenants is deleted, as many are applied that were deleted in the round
    /// before, as many are suspended or resumed.
    pub async fn churn(&mut self, round: usize) -> Outcome<Measured> {
        let since = self.since();
        let each = (self.tenants / 20).max(1);
        let start = |round: usize| (round * each) % self.tenants;
        let those = |from: usize| (from..from + each).map(|number| number % self.tenants).map(place);
        let mut gone = 0;
        for (namespace, name) in those(start(round)) {
            self.world.delete(&crate::cluster::tenant(&namespace, &name)).await?;
            gone += 1;
        }
        if round > 0 {
            for number in start(round - 1)..start(round - 1) + each {
                let number = number % self.tenants;
                self.world.kube.put(&tenant(number));
            }
        }
        // Half the crowd away from those that come and go.
        let suspended = round.is_multiple_of(2);
        for (namespace, name) in those(start(round) + self.tenants / 2) {
            let patch = json!({"spec": {"suspend": suspended}});
            self.world.patch(&crate::cluster::tenant(&namespace, &name), &patch).await?;
        }
        let there = self.tenants - gone;
        self.until("churned", |world| {
            let settled = |tenant: &Value| {
                let state = find_condition(tenant, "Ready");
                let known = state["observedGeneration"] == tenant["metadata"]["generation"];
                known && (ready(tenant) || tenant["spec"]["suspend"] == true)
            };
            world.kube.count("tenants", settled) == there && world.kube.count("tenants", |_| true) == there
        })
        .await?;
        Ok(self.measured(&format!("round {round} of churn"), &since, since.at.elapsed()))
    }
}

/// Passes of one controller, from the metrics.
fn passes(metrics: &str, controller: &str) -> usize {
    let label = format!("controller=\"{controller}\"");
    let counts =
        metrics.lines().filter(|line| line.starts_with("aigw_reconciliations_total{") && line.contains(&label));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}
