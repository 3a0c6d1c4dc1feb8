//! The operator at work on the server, as the chart's user, with AWS as a fake.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aigw_fakes::aws::FakeAws;
use aigw_fakes::issuers::FakeIssuers;
use aigw_operator::args::LeaseSettings;
use aigw_tests::cluster::{conditions, find_condition};
use aigw_tests::simulation::{ACCOUNT, Options, Process};
use aigw_tests::{Outcome, ensure, ensure_eq, manifests};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, WatchParams};
use kube::core::WatchEvent;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::rights::{SYSTEM, bind};
use super::target::Target;

/// For one wait on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// Longest time between looks at an object; shorter than an installation may set, so that little time is needed.
const DRIFT_INTERVAL: Duration = Duration::from_secs(2);
/// How long an operator at rest is looked at: on a real server, and where time costs nothing.
const QUIET: [Duration; 2] = [Duration::from_secs(20), Duration::from_mins(20)];
/// What the shortest distance between looks is of the longest.
const JITTER: u32 = 2;
/// How long the server is gone at least. Longer than a watch's first attempts to come back.
const GONE: Duration = Duration::from_secs(5);
const GATEWAY: &str = "prod";
const TENANT: &str = "one";

/// An operator, and what it writes to the server.
struct Operated {
    process: Process,
    writes: Arc<Writes>,
}

impl Operated {
    /// Starts one that watches the test's namespace, and applies a gateway with a tenant.
    async fn start(target: &Target, lease: bool) -> Outcome<Self> {
        let namespace = &target.namespace;
        let user = bind(target).await?;
        let writes = Arc::new(Writes::default());
        let counted = Counted { client: target.user(&user).await?, writes: writes.clone() };
        let options = Options { limiter: false, drift_interval: DRIFT_INTERVAL, ..Options::default() };
        let mut parts = options.parts(Client::new(counted, "default"), &aws(), &FakeIssuers::default(), target.clock());
        let settings = Arc::make_mut(&mut parts.settings);
        settings.watch_namespaces = vec![namespace.clone()];
        settings.namespace = SYSTEM.into();
        // The name the chart gives, on which alone there are rights.
        settings.lease =
            lease.then(|| LeaseSettings { name: "conformance-aigw-operator".into(), holder: namespace.clone() });
        let process = Process::start(parts);
        target.put(&manifests::gateway(namespace, GATEWAY)).await?;
        target.put(&manifests::tenant(namespace, TENANT, (namespace, GATEWAY), "silver")).await?;
        Ok(Self { process, writes })
    }

    /// Passes of both controllers so far.
    fn passes(&self) -> usize {
        let text = self.process.metrics.encode(&[]).unwrap_or_default();
        let counts = text.lines().filter(|line| line.starts_with("aigw_reconciliations_total{"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
    }
}

/// An AWS that answers fast: what is asked here is asked of Kubernetes.
fn aws() -> FakeAws {
    let aws = FakeAws::new(ACCOUNT);
    aws.behaviour(|behaviour| {
        behaviour.latency = Duration::from_millis(1);
        behaviour.list_lag = Duration::ZERO;
        behaviour.role_assumable_after = Duration::ZERO;
        behaviour.quotas_enforced = false;
    });
    aws
}

/// Waits until a condition is `True` for the present spec, by a watch, as `kubectl wait` does.
async fn wait(api: &Api<DynamicObject>, name: &str, condition: &str) -> Outcome {
    let holds = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| {
            let value = json!({"status": object.data["status"]});
            let found = find_condition(&value, condition);
            found["status"] == "True" && found["observedGeneration"].as_i64() == object.metadata.generation
        })
    };
    if timeout(PATIENCE, await_condition(api.clone(), name, holds)).await.is_ok_and(|waited| waited.is_ok()) {
        return Ok(());
    }
    let found = serde_json::to_value(api.get(name).await?)?;
    Err(format!("{name}: {condition} does not become True: {}", conditions(&found)).into())
}

async fn ready(target: &Target) -> Outcome {
    wait(&target.api("AIGateway"), GATEWAY, "Ready").await?;
    wait(&target.api("Tenant"), TENANT, "Ready").await
}

/// The number of the event of a watch in which each condition was first `True`, until `Ready` is.
async fn firsts(api: Api<DynamicObject>, name: &str) -> Outcome<BTreeMap<String, usize>> {
    let parameters = WatchParams::default().fields(&format!("metadata.name={name}"));
    let mut events = api.watch(&parameters, "0").await?.boxed();
    let mut firsts = BTreeMap::new();
    for number in 0.. {
        let event = timeout(PATIENCE, events.next()).await.map_err(|_| format!("{name}: not Ready: {firsts:?}"))?;
        let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event.ok_or("the watch ended")?? else {
            continue;
        };
        for condition in object.data["status"]["conditions"].as_array().into_iter().flatten() {
            if condition["status"] == "True" {
                firsts.entry(condition["type"].as_str().unwrap_or_default().to_owned()).or_insert(number);
            }
        }
        if firsts.contains_key("Ready") {
            break;
        }
    }
    Ok(firsts)
}

pub async fn end_to_end(target: &Target) -> Outcome {
    let gateways = firsts(target.api("AIGateway"), GATEWAY);
    let tenants = firsts(target.api("Tenant"), TENANT);
    let (operated, gateway, tenant) = futures::join!(Operated::start(target, true), gateways, tenants);
    let operated = operated?;
    for (kind, firsts) in [("AIGateway", gateway?), ("Tenant", tenant?)] {
        let at = |condition: &str| firsts.get(condition).copied().ok_or_else(|| format!("{condition} was never True"));
        let (accepted, programmed, ready) = (at("Accepted")?, at("Programmed")?, at("Ready")?);
        ensure!(accepted <= programmed && programmed <= ready, "{kind}: not in their order: {firsts:?}");
        // A tenant of a gateway that is ready takes one pass; the making of a gateway is told in between.
        ensure!(kind == "Tenant" || accepted < programmed, "{kind}: nothing told before the end: {firsts:?}");
    }
    ready(target).await?;
    target.kubectl_wait("aigateway", GATEWAY, "Ready").await?;
    target.kubectl_wait("tenant", TENANT, "Ready").await?;
    for (kind, name) in [("Tenant", TENANT), ("AIGateway", GATEWAY)] {
        let api = target.api(kind);
        api.delete(name, &DeleteParams::default()).await?;
        let gone = await_condition(api, name, |object: Option<&DynamicObject>| object.is_none());
        timeout(PATIENCE, gone).await.map_err(|_| format!("{kind} does not go"))??;
    }
    Ok(operated.process.stop().await.map_err(|error| error.to_string())?)
}

pub async fn at_rest(target: &Target) -> Outcome {
    let operated = Operated::start(target, false).await?;
    ready(target).await?;
    // What follows from having become ready.
    sleep(DRIFT_INTERVAL * 3).await;
    let versions = async || {
        let [gateway, tenant] = [(target.api("AIGateway"), GATEWAY), (target.api("Tenant"), TENANT)];
        let (gateway, tenant) = (gateway.0.get(gateway.1).await?, tenant.0.get(tenant.1).await?);
        Ok::<_, libtest_mimic::Failed>([gateway, tenant].map(|object| object.metadata.resource_version))
    };
    let (before, passes) = (versions().await?, operated.passes());
    operated.writes.forget();
    let quiet = QUIET[usize::from(target.is_fake())];
    sleep(quiet).await;
    let passes = operated.passes() - passes;
    ensure_eq!(operated.writes.all(), Vec::<String>::new(), "writes at rest");
    ensure_eq!(versions().await?, before, "versions at rest");
    // Two objects, and what is in flight at both ends.
    let looks = usize::try_from(quiet.as_secs() / DRIFT_INTERVAL.as_secs())?;
    let most = 2 * (looks * JITTER as usize + 1);
    ensure!(passes >= looks / 2, "{passes} passes in {quiet:?}: it does not look for drift");
    ensure!(passes <= most, "{passes} passes in {quiet:?}, more than {most}");
    operated.process.kill().await;
    Ok(())
}

pub async fn restart(target: &Target) -> Outcome {
    // Without a lease: one that cannot be renewed for long ends the process, as it should.
    let operated = Operated::start(target, false).await?;
    ready(target).await?;
    target.outage(GONE).await?;
    let (gateways, tenants) = (target.api("AIGateway"), target.api("Tenant"));
    // The first request may meet a connection that died with the server.
    let change = async |api: &Api<DynamicObject>, name: &str, spec: Value| {
        let patch = Patch::Merge(json!({"spec": spec}));
        target
            .eventually("the server answers again", async || {
                api.patch(name, &PatchParams::default(), &patch).await.map(drop).map_err(|error| error.to_string())
            })
            .await
    };
    change(&gateways, GATEWAY, json!({"tags": {"cost-center": "ai"}})).await?;
    change(&tenants, TENANT, json!({"suspend": true})).await?;
    wait(&tenants, TENANT, "Suspended").await?;
    wait(&gateways, GATEWAY, "Ready").await?;
    ensure!(operated.process.running(), "the operator ended");
    operated.process.kill().await;
    Ok(())
}

/// Requests that change something, in order.
#[derive(Default)]
struct Writes(Mutex<Vec<String>>);

impl Writes {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A way to the server on which writes are noted.
#[derive(Clone)]
struct Counted {
    client: Client,
    writes: Arc<Writes>,
}

impl tower_service::Service<http::Request<kube::client::Body>> for Counted {
    type Response = http::Response<kube::client::Body>;
    type Error = kube::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<kube::client::Body>) -> Self::Future {
        if request.method() != http::Method::GET {
            let write = format!("{} {}", request.method(), request.uri().path());
            self.writes.0.lock().unwrap_or_else(PoisonError::into_inner).push(write);
        }
        let client = self.client.clone();
        Box::pin(async move { client.send(request).await })
    }
}
