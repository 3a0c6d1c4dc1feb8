//! The sweeper: a task of the leader that looks for AWS objects of this installation that nobody owns.
//!
//! One sweep: list the cloud, then the cluster, then ask the tables whose owner is in question; `aigw_plan::sweep`
//! decides. What is found is a metric, and when it is new an Event and a log line. It is deleted only with
//! `--sweep=delete`, and each gateway's absence is checked again before every step. Swept are the Regions of all
//! gateways this process has seen; what was left in a Region before it started, and no gateway is in now, stays unseen.

mod cloud;
mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use aigw_plan::GatewayIdentity;
use aigw_plan::sweep::{Found, Kind, Orphans, Owner, Standing, View, in_question, orphans, totals};
use tokio::time::{Instant, sleep_until};

use crate::args::SweepMode;
use crate::context::Context;
use crate::gateway;
use crate::harness::{Error, Shutdown, timing};
use crate::operate::unless;

/// Reason of the Event.
const ORPHANS_FOUND: &str = "OrphansFound";

/// Sweeps from time to time until `shutdown`; never ends by itself.
pub(crate) async fn run(context: Arc<Context>, shutdown: Shutdown) -> Infallible {
    if context.settings.sweep != SweepMode::Off {
        let mut sweeper =
            Sweeper { context, regions: BTreeSet::new(), seen: cloud::Seen::default(), told: BTreeMap::new() };
        unless(&shutdown, sweeper.run()).await;
    }
    pending().await
}

/// What is remembered between sweeps. Losing it costs a second Event, and another wait for the age of what AWS does not date.
struct Sweeper {
    context: Arc<Context>,
    regions: BTreeSet<String>,
    seen: cloud::Seen,
    told: BTreeMap<GatewayIdentity, BTreeSet<(Kind, String)>>,
}

impl Sweeper {
    async fn run(&mut self) -> Infallible {
        let interval = self.context.settings.sweep_interval;
        let mut next = Instant::now() + timing::SWEEP_FIRST.min(interval);
        loop {
            while Instant::now() < next {
                self.remember_regions();
                sleep_until(next.min(Instant::now() + timing::SWEEP_REGIONS)).await;
            }
            self.remember_regions();
            next = Instant::now() + interval;
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = error.chain(), "sweep failed");
                next = Instant::now() + interval.min(timing::SWEEP_FIRST);
            }
        }
    }

    fn remember_regions(&mut self) {
        let gateways = self.context.stores.gateways.state();
        self.regions.extend(gateways.iter().map(|gateway| gateway.spec.region.clone()));
    }

    /// One sweep. The order matters: an object made after the cloud was listed is not in the list, and one made before
    /// has its owner in the cluster's list.
    async fn sweep(&mut self) -> Result<(), Error> {
        let context = self.context.clone();
        let installation = &context.settings.installation;
        let found = cloud::list(&context, &self.regions, &mut self.seen).await?;
        let view = view(&context).await?;
        let asked = in_question(installation, &found, &view, timing::SWEEP_FLOOR);
        let owners = cloud::owners(&context, asked).await?;
        let groups = orphans(installation, &found, &view, &owners, timing::SWEEP_FLOOR);
        for (label, count) in totals(&groups) {
            context.metrics.set_orphans(label.0, count);
        }
        self.tell(&groups, &view).await;
        tracing::debug!(objects = found.len(), orphans = groups.len(), "swept");
        if context.settings.sweep == SweepMode::Delete {
            for group in groups {
                self.remove(group, &found, &owners).await?;
            }
        }
        Ok(())
    }

    /// An Event and a log line for each gateway with orphans not told of before.
    async fn tell(&mut self, groups: &[Orphans], view: &View) {
        let here = |group: &Orphans| -> BTreeSet<(Kind, String)> {
            group.objects.iter().map(|each| (each.object.kind, each.object.id.clone())).collect()
        };
        let context = &self.context;
        for group in groups {
            let new = self.told.get(&group.gateway).is_none_or(|told| !here(group).is_subset(told));
            if !new {
                continue;
            }
            let sentence = group.sentence();
            let kept = group.standing == Standing::Retained;
            if kept {
                tracing::info!(orphans = sentence, "AWS objects were kept");
            } else {
                tracing::warn!(orphans = sentence, objects = ids(&group.objects), "AWS objects without an owner");
            }
            let uid = view.gateways.get(&(group.gateway.namespace.clone(), group.gateway.name.clone()));
            if let Some(subject) = cluster::subject(&context.client, &context.settings, &group.gateway, uid).await {
                context.events.about(&subject, !kept, ORPHANS_FOUND, sentence).await;
            }
        }
        self.told = groups.iter().map(|group| (group.gateway.clone(), here(group))).collect();
    }

    /// Takes away what is left of one gateway, for as long as nobody has come for it. A step that fails ends this
    /// gateway's turn, since the steps stand in order; the next sweep finds what is left.
    async fn remove(
        &self,
        group: Orphans,
        found: &[Found],
        owners: &BTreeMap<GatewayIdentity, Owner>,
    ) -> Result<(), Error> {
        let context = &self.context;
        if group.standing != Standing::Abandoned {
            return Ok(());
        }
        // Other gateways' turns may have taken minutes.
        let view = view(context).await?;
        let again = orphans(&context.settings.installation, found, &view, owners, timing::SWEEP_FLOOR);
        let Some(group) = again.into_iter().find(|other| other.gateway == group.gateway) else { return Ok(()) };
        for (region, step) in group.removal() {
            let exists =
                cluster::exists(&context.client, &group.gateway).await.map_err(Error::kube("list gateways"))?;
            if exists != group.gateway_exists {
                return Ok(());
            }
            tracing::warn!(step = %step, region, gateway = group.gateway.id(), "sweeping");
            let cloud = context.clouds.region(&region).await;
            if let Err(error) = gateway::execute(context, &cloud, &step).await {
                tracing::warn!(step = %step, %error, "cannot sweep; the next sweep tries again");
                return Ok(());
            }
        }
        Ok(())
    }
}

async fn view(context: &Context) -> Result<View, Error> {
    if gateway::cluster_uid(context).is_empty() {
        return Err(Error::Internal("this cluster's UID is not known, so ownership cannot be told".to_owned()));
    }
    cluster::view(&context.client, &context.settings).await.map_err(Error::kube("list gateways and tenants"))
}

/// Kinds and ids, for the log.
fn ids(objects: &[Found]) -> String {
    let each = |found: &Found| format!("{} {} in {}", found.object.kind.words(), found.object.id, found.region);
    objects.iter().map(each).collect::<Vec<_>>().join(", ")
}
