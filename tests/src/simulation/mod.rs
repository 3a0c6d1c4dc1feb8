//! The whole operator between two fakes, on virtual time: no process, no network, no second of waiting.
//!
//! [`simulate`] runs a test's body on a runtime whose clock is paused: time moves only when everything waits, and then at
//! once to the next thing that is due. A [`World`] is a Kubernetes apiserver and an AWS account; [`World::start`] puts an
//! operator process between them, which can be killed at any await. A [`Moment`] is a world's whole state, from which any
//! number of tests may start.

pub mod act;
pub mod crash;
pub mod invariants;
pub mod log;
pub mod observe;
pub mod process;
pub mod scale;
pub mod scenario;
pub mod state;
pub mod witness;

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aigw_fakes::aws::FakeAws;
use aigw_fakes::issuers::FakeIssuers;
use aigw_fakes::kube::FakeKube;
use aigw_fakes::{aws, kube};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::Outcome;
use log::Captured;
pub use process::{Options, Process};
use tracing::level_filters::LevelFilter;

/// Account of every simulated AWS, as in the examples.
pub const ACCOUNT: &str = "111122223333";
/// The identity provider of every world.
pub const ISSUER: &str = "https://login.example.com";
/// When virtual time begins: a Monday, away from ends of months and changes of the clock.
const EPOCH: &str = "2026-03-02T09:00:00Z";
/// Longest virtual time a test waits for anything.
pub const PATIENCE: Duration = Duration::from_hours(3);
/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);

/// A cluster and an AWS account. Clones are the same world.
#[derive(Clone)]
pub struct World {
    /// The cluster.
    pub kube: FakeKube,
    /// The account.
    pub aws: FakeAws,
    /// Identity providers: one at [`ISSUER`].
    pub issuers: FakeIssuers,
    /// What operators in it have logged.
    pub log: Captured,
}

/// Everything there is in a world at one moment.
#[derive(Clone)]
pub struct Moment {
    kube: kube::Snapshot,
    aws: aws::Snapshot,
}

/// Runs `body` in a world of its own: an empty one, or one as it was at `start`.
pub fn simulate<T, F>(start: Option<&Moment>, body: impl FnOnce(World) -> F) -> Outcome<T>
where
    F: Future<Output = Outcome<T>>,
{
    simulate_logging(LevelFilter::INFO, start, body)
}

/// The same, with everything kept that operators log at `level` and above.
pub fn simulate_logging<T, F>(level: LevelFilter, start: Option<&Moment>, body: impl FnOnce(World) -> F) -> Outcome<T>
where
    F: Future<Output = Outcome<T>>,
{
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let log = Captured::at(level);
    // All tasks of this runtime run on this thread, so the thread's subscriber sees them all.
    let _guard = log.subscribe();
    runtime.block_on(async {
        let world = match start {
            Some(moment) => World::at(moment, log.clone()),
            None => World::empty(log.clone()),
        };
        body(world).await
    })
}

impl World {
    /// A cluster with our definitions and the namespaces of the tests, and an account with nothing in it.
    fn empty(log: Captured) -> Self {
        let aws = FakeAws::new(ACCOUNT);
        aws.behaviour(realistic);
        Self { kube: cluster(1, epoch()), aws, issuers: issuers(), log }
    }

    fn at(moment: &Moment, log: Captured) -> Self {
        let aws = FakeAws::restore(&moment.aws);
        Self { kube: FakeKube::restore(&moment.kube), aws, issuers: issuers(), log }
    }

    /// This moment. No operator should be running: one that is goes on in this world alone.
    pub fn moment(&self) -> Moment {
        Moment { kube: self.kube.snapshot(), aws: self.aws.snapshot() }
    }

    /// The same account seen from another cluster, which has our definitions and nothing else.
    #[must_use]
    pub fn other_cluster(&self) -> Self {
        let kube = cluster(2, self.kube.now());
        Self { kube, aws: self.aws.clone(), issuers: self.issuers.clone(), log: self.log.clone() }
    }

    /// Looks each virtual second until `holds` gives `Ok`; the last error says what was missing.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> Outcome) -> Outcome {
        let patience = tokio::time::Instant::now() + PATIENCE;
        loop {
            let Err(missing) = holds(self) else { return Ok(()) };
            if tokio::time::Instant::now() >= patience {
                let missing = missing.message().unwrap_or("no reason").to_owned();
                return Err(format!("not within {PATIENCE:?} of virtual time: {what}: {missing}").into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn issuers() -> FakeIssuers {
    let issuers = FakeIssuers::default();
    issuers.publish(ISSUER, &["corp-1"]);
    issuers
}

/// What AWS does that a careless operator trips over.
fn realistic(behaviour: &mut aws::Behaviour) {
    behaviour.list_lag = Duration::from_secs(4);
    behaviour.function_pending_reads = 2;
    behaviour.role_assumable_after = Duration::from_secs(8);
    behaviour.table_creating_reads = 2;
    behaviour.table_deleting_reads = 2;
    behaviour.data_plane.key_lag = Duration::from_secs(6);
    behaviour.epoch = epoch().as_second();
}

fn epoch() -> Timestamp {
    EPOCH.parse().expect("a constant")
}

/// Our definitions. Made once, as thousands of clusters are.
static DEFINITIONS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    use ::kube::CustomResourceExt;
    [aigw_api::AIGateway::crd(), aigw_api::Tenant::crd()].map(|definition| json!(definition))
});

fn cluster(number: u32, now: Timestamp) -> FakeKube {
    let kube = FakeKube::cluster(number, now);
    for definition in &*DEFINITIONS {
        kube.put(definition);
    }
    for (name, labels) in [
        ("aigw-system", json!({})),
        ("ai-platform", json!({})),
        ("team-search", json!({"ai-gateway": "enabled"})),
        ("team-ads", json!({"ai-gateway": "enabled"})),
        ("team-outside", json!({})),
    ] {
        kube.put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}));
    }
    kube
}

/// Code of the functions in a simulated build: small, and different for each function, architecture and build.
fn codes(build: &str) -> Arc<aigw_cloud::FunctionCodes> {
    use aigw_cloud::{FunctionCode, FunctionCodes};
    let codes = aigw_plan::Function::ALL.into_iter().flat_map(|function| {
        FunctionCodes::ARCHITECTURES.map(|architecture| {
            let name = format!("{}-{architecture}{build}", function.as_str());
            let code = FunctionCode::held(name.as_bytes(), format!("sha256-{name}"));
            ((function, architecture.to_owned()), code)
        })
    });
    Arc::new(FunctionCodes::from_codes(codes))
}
