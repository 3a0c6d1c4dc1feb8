//! An operator process: the whole library, from the lease on, over the fakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aigw_cloud::quotas::DEFAULT_SHARE;
use aigw_fakes::aws::{ClientOptions, FakeAws};
use aigw_fakes::issuers::FakeIssuers;
use aigw_fakes::kube::FakeKube;
use aigw_operator::args::LeaseSettings;
use aigw_operator::harness::Shutdown;
use aigw_operator::http::Health;
use aigw_operator::operate::{Parts, operate};
use aigw_operator::run::RunError;
use aigw_operator::{Clock, Metrics, Random, Settings};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::{World, codes};

/// How a process is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Installation it belongs to.
    pub installation: String,
    /// Name of its pod: who it is to both fakes and in the lease.
    pub pod: String,
    /// Part of the account's rates it takes.
    pub share: f64,
    /// Whether calls pass the limiter.
    pub limiter: bool,
    /// Account its credentials belong to.
    pub account: String,
    /// Longest time between looks at an object that is fine.
    pub drift_interval: Duration,
    /// Build of the functions it brings along; empty for the first.
    pub build: &'static str,
    /// Changes to the settings.
    pub adjust: fn(&mut Settings),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            installation: "test".into(),
            pod: "operator-0".into(),
            share: DEFAULT_SHARE,
            limiter: true,
            account: super::ACCOUNT.into(),
            drift_interval: Duration::from_mins(10),
            build: "",
            adjust: |_| {},
        }
    }
}

impl Options {
    /// The same under another pod's name.
    #[must_use]
    pub fn pod(&self, pod: &str) -> Self {
        Self { pod: pod.into(), ..self.clone() }
    }

    /// Another installation.
    #[must_use]
    pub fn installation(&self, installation: &str) -> Self {
        Self { installation: installation.into(), ..self.clone() }
    }

    /// The parts of such an operator: over `client`, which may be of any server, and `aws`.
    pub fn parts(&self, client: kube::Client, aws: &FakeAws, issuers: &FakeIssuers, clock: Arc<dyn Clock>) -> Parts {
        let calls = ClientOptions {
            share: self.share,
            limiter: self.limiter,
            account: Some(self.account.clone()),
            ..ClientOptions::default()
        };
        Parts {
            client,
            clouds: aws.clouds_with(&self.pod, calls),
            documents: Arc::new(issuers.clone()),
            prober: aws.prober(),
            codes: codes(self.build),
            settings: Arc::new(self.settings()),
            metrics: Arc::new(Metrics::default()),
            health: Arc::new(Health::default()),
            clock,
            random: Arc::new(SeededRandom::default()),
        }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::for_installation(&self.installation);
        settings.drift_interval = self.drift_interval;
        settings.pod_name = Some(self.pod.clone());
        settings.lease = Some(LeaseSettings { name: "aigw-operator".into(), holder: self.pod.clone() });
        (self.adjust)(&mut settings);
        settings
    }
}

/// A running operator.
pub struct Process {
    /// What its probes would answer.
    pub health: Arc<Health>,
    /// Its metrics.
    pub metrics: Arc<Metrics>,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), RunError>>,
}

impl World {
    /// Starts a process.
    pub fn start(&self, options: &Options) -> Process {
        Process::start(options.parts(self.kube.client(&options.pod), &self.aws, &self.issuers, clock_of(&self.kube)))
    }
}

impl Process {
    /// Starts one of these parts, on the runtime of the caller.
    pub fn start(parts: Parts) -> Self {
        let (health, metrics, shutdown) = (parts.health.clone(), parts.metrics.clone(), Shutdown::default());
        let task = tokio::spawn(operate(parts, shutdown.clone()));
        Self { health, metrics, shutdown, task }
    }

    /// Ends it in the middle of whatever it does, as SIGKILL would.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(self) -> Result<(), RunError> {
        self.shutdown.start();
        self.task.await.unwrap_or(Ok(()))
    }

    /// Waits until it ends by itself; a panic is passed on.
    pub async fn ended(&mut self) -> Result<(), RunError> {
        match (&mut self.task).await {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Ok(()),
        }
    }

    /// Whether it still runs.
    pub fn running(&self) -> bool {
        !self.task.is_finished()
    }
}

/// The time of a cluster that is a fake.
pub fn clock_of(kube: &FakeKube) -> Arc<dyn Clock> {
    Arc::new(VirtualClock(kube.clone()))
}

struct VirtualClock(FakeKube);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// Differs from draw to draw and from process to process, and is the same in every run of a test on its own.
#[derive(Default)]
struct SeededRandom(AtomicU64);

/// Processes started so far by all tests: no two draw the same.
static PROCESSES: AtomicU64 = AtomicU64::new(0);

impl SeededRandom {
    fn draw(&self) -> [u8; 32] {
        // The upper half of the state names the process.
        let _ = self.0.compare_exchange(
            0,
            (PROCESSES.fetch_add(1, Ordering::Relaxed) + 1) << 32,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        Sha256::digest(self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes()).into()
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8; 32]) {
        *bytes = self.draw();
    }

    fn jitter(&self) -> f64 {
        f64::from(self.draw()[0]) / 256.0
    }
}
