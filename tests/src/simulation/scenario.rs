//! A scenario: a moment to start from, what happens then, and what must be true once everything has come to rest.
//!
//! The same scenario runs undisturbed, which gives the end state and the number of writes, and once for every write and
//! every blow at it, where it must come to the very same end.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::crash::{Blow, Crasher};
use super::state::{difference, state};
use super::{LOOK, Moment, Options, PATIENCE, World, simulate};
use crate::cluster::{gateway, tenant};
use crate::{Outcome, ensure, manifests};

/// No writes for this long is rest. Longer than any pause within a course of events: an internal key of an earlier tier
/// goes 90 s after its successor came.
const REST: Duration = Duration::from_secs(100);

/// What happens in a scenario.
pub type Acts = for<'a> fn(&'a World) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// Where a scenario starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Nothing is there.
    Empty,
    /// Gateway `ai-platform/prod` with the tenants `team-search/search` (silver) and `team-ads/nightly` (trial), at rest.
    Converged,
}

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Name.
    pub name: &'static str,
    /// Where it starts.
    pub start: Start,
    /// What happens, up to where it has had its effect.
    pub acts: Acts,
}

/// How a scenario ended.
pub struct End {
    /// Both sides at rest.
    pub state: String,
    /// Writes of the operator.
    pub writes: Vec<String>,
    /// The world.
    pub world: World,
    /// Virtual time from the start of the acts to rest.
    pub took: Duration,
}

impl Start {
    /// The moment itself. Made once for all scenarios.
    pub fn moment(self) -> Outcome<Option<Moment>> {
        static CONVERGED: OnceLock<Moment> = OnceLock::new();
        match self {
            Self::Empty => Ok(None),
            Self::Converged => {
                if let Some(moment) = CONVERGED.get() {
                    return Ok(Some(moment.clone()));
                }
                let made = simulate(None, |world| async move {
                    let operator = world.start(&Options::default());
                    from_nothing(&world).await?;
                    rest(&world).await?;
                    operator.kill().await;
                    Ok(world.moment())
                })?;
                Ok(Some(CONVERGED.get_or_init(|| made).clone()))
            }
        }
    }
}

/// Applies the gateway and its two tenants, and waits until they are ready.
pub async fn from_nothing(world: &World) -> Outcome {
    world.apply_all(&objects()).await?;
    world.ready(&gateway("ai-platform", "prod")).await?;
    world.ready(&tenant("team-search", "search")).await?;
    world.ready(&tenant("team-ads", "nightly")).await
}

/// The gateway and its two tenants.
pub fn objects() -> [serde_json::Value; 3] {
    let of = ("ai-platform", "prod");
    [
        manifests::gateway("ai-platform", "prod"),
        manifests::tenant("team-search", "search", of, "silver"),
        manifests::tenant("team-ads", "nightly", of, "trial"),
    ]
}

/// Writes by operators so far, leases aside.
pub fn writes(world: &World) -> usize {
    world.kube.write_count("leases") + world.aws.write_count()
}

/// Waits until nothing has been written for a while.
pub async fn rest(world: &World) -> Outcome {
    let patience = Instant::now() + PATIENCE;
    let (mut seen, mut since) = (writes(world), Instant::now());
    while since.elapsed() < REST {
        ensure!(Instant::now() < patience, "still writing after {PATIENCE:?} of virtual time");
        sleep(LOOK * 5).await;
        let now = writes(world);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    Ok(())
}

/// An operator without a lease: its renewals would be most of what a run does. The lease has scenarios of its own.
pub fn alone() -> Options {
    Options { adjust: |settings| settings.lease = None, ..Options::default() }
}

impl Scenario {
    /// Runs it undisturbed.
    pub fn run(&self) -> Outcome<End> {
        self.run_with(&alone(), &Crasher::counting("operator-0"))
    }

    /// Runs it with a blow at one write; it has to come to the end `expected`. Gives the write, or `None` where this run
    /// made fewer.
    pub fn run_struck(&self, expected: &str, index: usize, blow: Blow) -> Outcome<Option<String>> {
        let crasher = Crasher::striking("operator-0", index, blow);
        let end = self.run_with(&alone(), &crasher);
        let hit = crasher.hit();
        let told = |message: &str| format!("{} with {blow:?} at write {index} ({hit:?}): {message}", self.name);
        let end = end.map_err(|failed| told(failed.message().unwrap_or("no reason")))?;
        if end.state != expected {
            let difference = difference(expected, &end.state);
            return Err(told(&format!("another end:\n{difference}\n{}", end.world.log.tail(12))).into());
        }
        Ok(hit)
    }

    fn run_with(&self, options: &Options, crasher: &Arc<Crasher>) -> Outcome<End> {
        let start = self.start.moment()?;
        simulate(start.as_ref(), |world| async move {
            let supervisor = world.supervise(options, crasher.clone());
            // The operator has looked at everything once, and is at rest, before anything happens.
            sleep(Duration::from_secs(30)).await;
            crasher.arm();
            let began = Instant::now();
            (self.acts)(&world)
                .await
                .map_err(|failed| format!("{}\n{}", failed.message().unwrap_or("no reason"), world.log.tail(12)))?;
            rest(&world).await?;
            let took = began.elapsed().saturating_sub(REST);
            drop(supervisor);
            Ok(End { state: state(&world), writes: crasher.writes(), world, took })
        })
    }
}
