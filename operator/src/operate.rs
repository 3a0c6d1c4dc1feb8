//! The operator, given its parts: waits for its definitions and its lease, then runs watches and controllers under it.
//!
//! No port, no signal, no environment is touched here and all time is tokio's, so a test runs the same operator as the
//! process. End on request: not ready → no new passes → those in flight end → lease released. A lost lease ends it at
//! once: another may already act, and what was in flight is found again by its tags.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::Arc;

use aigw_cloud::{Clouds, Documents, FunctionCodes, Prober};
use futures::future::join;
use kube::Client;

use crate::args::{LeaseSettings, Settings};
use crate::cluster::cluster;
use crate::context::{Clock, Context, Random};
use crate::harness::{Lease, Shutdown, error, timing};
use crate::http::Health;
use crate::metrics::Metrics;
use crate::run::{RunError, Watches, controllers};
use crate::sweep;

/// What one operator is made of. Nothing in it is shared between processes.
#[derive(Clone)]
pub struct Parts {
    /// The Kubernetes API.
    pub client: Client,
    /// AWS, by Region.
    pub clouds: Arc<dyn Clouds>,
    /// What identity providers publish.
    pub documents: Arc<dyn Documents>,
    /// The gateways, as clients reach them.
    pub prober: Arc<dyn Prober>,
    /// The functions' code.
    pub codes: Arc<FunctionCodes>,
    /// Settings.
    pub settings: Arc<Settings>,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// Where it tells whether it is alive and ready.
    pub health: Arc<Health>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// Runs the operator until `shutdown` is asked for. Dropping the future stops it where it stands.
///
/// # Errors
/// [`RunError`], after which the process should end with a failure and none of `parts` be used again.
pub async fn operate(parts: Parts, shutdown: Shutdown) -> Result<(), RunError> {
    let health = parts.health.clone();
    let unready = async {
        shutdown.requested().await;
        // Before anything is drained.
        health.set_ready(false);
        pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        never = unready => match never {},
        ended = Box::pin(campaign(parts, shutdown.clone())) => ended,
    }
}

/// Waits for what the operator needs, then leads: under the lease where there is one.
async fn campaign(parts: Parts, shutdown: Shutdown) -> Result<(), RunError> {
    let Some(cluster_uid) = unless(&shutdown, cluster(&parts.client, parts.settings.home())).await else {
        return Ok(());
    };
    let settings = parts.settings.clone();
    tracing::info!(installation = settings.installation, cluster_uid, version = env!("CARGO_PKG_VERSION"), "starting");
    let health = parts.health.clone();
    let (client, clock) = (parts.client.clone(), parts.clock.clone());
    // On the heap: it holds both controllers, which is much to move about.
    let leading = Box::pin(lead(parts, shutdown.clone()));
    match &settings.lease {
        None => leading.await,
        Some(LeaseSettings { name, holder }) => {
            // A replica in waiting has done all it can: ready, so that a roll-out goes on.
            health.set_ready(!shutdown.started());
            let lease = Lease::new(client, &settings.namespace, name, holder, clock);
            with_lease(&lease, &shutdown, leading).await
        }
    }
}

/// Watches, controllers, and the sweeper beside them.
async fn lead(parts: Parts, shutdown: Shutdown) -> Result<(), RunError> {
    let (health, metrics) = (parts.health.clone(), parts.metrics.clone());
    let watches = Watches::new(&parts.client, &parts.settings);
    let stores = watches.stores();
    health.controllers_started(watches.activities());
    metrics.set_leader(true);
    let context = Arc::new(Context::new(parts, stores.clone()));
    let ready = async {
        if stores.ready().await.is_ok() && !shutdown.started() {
            health.set_ready(true);
        }
    };
    let sweeping = sweep::run(context.clone(), shutdown.clone());
    let (result, ()) = tokio::select! {
        ended = join(controllers(context, watches, shutdown.clone()), ready) => ended,
        never = sweeping => match never {},
    };
    metrics.set_leader(false);
    if result.is_err() {
        health.controllers_ended();
    }
    result
}

/// Waits for the lease, runs `leading` under it, and gives it back.
async fn with_lease(
    lease: &Lease,
    shutdown: &Shutdown,
    leading: impl Future<Output = Result<(), RunError>>,
) -> Result<(), RunError> {
    let Some(mut held) = unless(shutdown, lease.acquire()).await else {
        // It may have been taken in this very moment.
        release(lease.release_if_held()).await;
        return Ok(());
    };
    let Ok(ended) = held.guard(leading).await else {
        return Err(RunError::LeaseLost);
    };
    release(held.release()).await;
    ended
}

async fn release(releasing: impl Future<Output = Result<(), kube::Error>>) {
    const EXPIRES: &str = "the lease could not be released; it will expire";
    match tokio::time::timeout(timing::RELEASE, releasing).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => tracing::warn!(problem = error::chain(&failure), "{EXPIRES}"),
        Err(_) => tracing::warn!(problem = "no answer in time", "{EXPIRES}"),
    }
}

/// `future`, or `None` once shutdown was asked for.
pub(crate) async fn unless<T>(shutdown: &Shutdown, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = future => Some(done),
        () = shutdown.requested() => None,
    }
}
