//! The lease that lets one replica act: client-go's protocol, on tokio's clock.
//!
//! A candidate takes the lease where it is absent, released, or unchanged for as long as its holder promised at most to
//! be silent. That is judged by watching it on our own clock: clocks of two nodes are never compared. Every change names
//! the version it replaces, so of two candidates one conflicts. A holder counts from before a renewal was sent and gives
//! up [`timing::LEASE_RENEW_DEADLINE`] later, which is before anybody else may take the lease. What is decided is in
//! [`record`]; this file asks, writes and waits.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use k8s_openapi::api::coordination::v1::{Lease as LeaseObject, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{error, timing};
use crate::context::Clock;

mod record;
#[cfg(test)]
mod tests;

use record::{Claim, Observation};

/// A lease by name, and who wants it.
pub struct Lease {
    api: Api<LeaseObject>,
    name: String,
    holder: String,
    clock: Arc<dyn Clock>,
}

/// The lease is held by somebody else, or may be: whoever sees this must stop acting at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lease was lost")]
pub struct Lost;

/// A lease that is held: as it was last written, and when that was sent.
pub struct Held<'a> {
    lease: &'a Lease,
    object: LeaseObject,
    renewed: Instant,
    troubles: Troubles,
}

/// What came of an attempt to take or renew.
enum Attempt {
    /// It is ours, in this version.
    Ours(Box<LeaseObject>),
    /// Somebody else holds it.
    Theirs,
}

/// Why an attempt came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error("no answer in time")]
    Hung,
}

impl Lease {
    /// The lease `name` in `namespace`, for `holder`: unique among replicas, and the same for a container that was
    /// started anew in its pod, which takes up its own lease at once. `clock` gives the times written for people to read.
    pub fn new(client: Client, namespace: &str, name: &str, holder: &str, clock: Arc<dyn Clock>) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.to_owned(), holder: holder.to_owned(), clock }
    }

    /// Waits until the lease is ours. Never gives up: what stands in the way is logged once a minute.
    pub async fn acquire(&self) -> Held<'_> {
        let mut troubles = Troubles::default();
        let mut seen = None;
        loop {
            let started = Instant::now();
            match bounded(started + timing::LEASE_REQUEST, self.try_take(&mut seen)).await {
                Ok(Attempt::Ours(object)) => {
                    tracing::info!(lease = self.name, holder = self.holder, "took the lease");
                    return Held { lease: self, object: *object, renewed: started, troubles: Troubles::default() };
                }
                Ok(Attempt::Theirs) => {}
                Err(failure) => troubles.tell(&self.name, "take", &failure),
            }
            sleep(timing::LEASE_RETRY).await;
        }
    }

    /// Gives the lease back where it is ours: for a candidate that stops while its attempt may have been in flight.
    ///
    /// # Errors
    /// Where the Kubernetes API refused or failed; the lease then expires.
    pub async fn release_if_held(&self) -> Result<(), kube::Error> {
        match self.api.get_opt(&self.name).await? {
            Some(object) if record::holder(object.spec.as_ref()) == Some(&self.holder) => self.release(object).await,
            _ => Ok(()),
        }
    }

    /// One look, and the change that follows from it.
    async fn try_take(&self, seen: &mut Option<Observation>) -> Result<Attempt, kube::Error> {
        let Some(object) = self.api.get_opt(&self.name).await? else {
            *seen = None;
            return self.write(None).await;
        };
        // After the answer: silence must not be counted before it was seen to begin.
        let now = Instant::now();
        let observation = Observation::next(seen.take(), object.spec.clone().unwrap_or_default(), now);
        let claim = observation.claim(&self.holder, now);
        *seen = Some(observation);
        match claim {
            Claim::Free | Claim::Ours => self.write(Some(object)).await,
            Claim::Theirs => Ok(Attempt::Theirs),
        }
    }

    /// Makes the lease ours, replacing exactly `current`.
    async fn write(&self, current: Option<LeaseObject>) -> Result<Attempt, kube::Error> {
        let now = self.clock.now();
        let written = match current {
            None => {
                let spec = record::held(&LeaseSpec::default(), &self.holder, now);
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                let object = LeaseObject { metadata, spec: Some(spec) };
                self.api.create(&PostParams::default(), &object).await
            }
            Some(mut object) => {
                object.spec = Some(record::held(&object.spec.unwrap_or_default(), &self.holder, now));
                self.api.replace(&self.name, &PostParams::default(), &object).await
            }
        };
        match written {
            Ok(object) => Ok(Attempt::Ours(Box::new(object))),
            // Somebody was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Attempt::Theirs),
            Err(failure) => Err(failure),
        }
    }

    /// One renewal. A conflict is looked into: another holder is the end, a label somebody set is not.
    async fn renew(&self, object: &LeaseObject) -> Result<Attempt, kube::Error> {
        let replaced = match self.write(Some(object.clone())).await {
            Err(kube::Error::Api(status)) if status.code == 404 => self.write(None).await?,
            other => other?,
        };
        if let Attempt::Ours(_) = replaced {
            return Ok(replaced);
        }
        match self.api.get_opt(&self.name).await? {
            None => self.write(None).await,
            Some(current) if record::holder(current.spec.as_ref()) == Some(&self.holder) => {
                self.write(Some(current)).await
            }
            Some(_) => Ok(Attempt::Theirs),
        }
    }

    /// Gives back the lease that is ours as `object`. A conflict is looked into: it may be our own last renewal, whose
    /// answer nobody waited for.
    async fn release(&self, object: LeaseObject) -> Result<(), kube::Error> {
        if self.give_back(object).await? {
            return Ok(());
        }
        match self.api.get_opt(&self.name).await? {
            Some(current) if record::holder(current.spec.as_ref()) == Some(&self.holder) => {
                self.give_back(current).await.map(drop)
            }
            // Ours no longer, so there is nothing to give back.
            _ => Ok(()),
        }
    }

    /// Whether the lease still was this object, and is free now.
    async fn give_back(&self, mut object: LeaseObject) -> Result<bool, kube::Error> {
        object.spec = Some(record::released(&object.spec.unwrap_or_default(), self.clock.now()));
        match self.api.replace(&self.name, &PostParams::default(), &object).await {
            Ok(_) => {
                tracing::info!(lease = self.name, "released the lease");
                Ok(true)
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

impl Held<'_> {
    /// Runs `guarded` for as long as the lease is held. The lease is looked at first, so that a process that stood still
    /// past the deadline learns of it before it acts again.
    ///
    /// # Errors
    /// [`Lost`], after `guarded` was dropped.
    pub async fn guard<F: Future>(&mut self, guarded: F) -> Result<F::Output, Lost> {
        tokio::select! {
            biased;
            lost = self.hold() => match lost { Err(lost) => Err(lost) },
            output = guarded => Ok(output),
        }
    }

    /// Gives the lease back, so that another may take it at once.
    ///
    /// # Errors
    /// Where the Kubernetes API refused or failed; the lease then expires.
    pub async fn release(self) -> Result<(), kube::Error> {
        self.lease.release(self.object).await
    }

    /// Renews until the lease is lost.
    async fn hold(&mut self) -> Result<Infallible, Lost> {
        let mut attempted = self.renewed;
        loop {
            let deadline = self.renewed + timing::LEASE_RENEW_DEADLINE;
            let next = deadline.min(attempted + timing::LEASE_RETRY);
            // Not left to the timer: what is late already must not be polled once more.
            if Instant::now() < next {
                sleep_until(next).await;
            }
            attempted = Instant::now();
            if attempted >= deadline {
                tracing::error!(lease = self.lease.name, "the lease was not renewed in time");
                return Err(Lost);
            }
            let limit = deadline.min(attempted + timing::LEASE_REQUEST);
            match bounded(limit, self.lease.renew(&self.object)).await {
                Ok(Attempt::Ours(object)) => (self.object, self.renewed) = (*object, attempted),
                Ok(Attempt::Theirs) => {
                    tracing::error!(lease = self.lease.name, "the lease was taken by another");
                    return Err(Lost);
                }
                Err(failure) => self.troubles.tell(&self.lease.name, "renew", &failure),
            }
        }
    }
}

/// `attempt`, cut off at `limit`.
async fn bounded<T>(limit: Instant, attempt: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    timeout_at(limit, attempt).await.map_err(|_| Failure::Hung)?.map_err(Failure::Kube)
}

/// Says what stands in the way, once a minute.
#[derive(Default)]
struct Troubles {
    said: Option<Instant>,
}

impl Troubles {
    fn tell(&mut self, lease: &str, action: &'static str, failure: &Failure) {
        let now = Instant::now();
        if !record::due(self.said, now) {
            return;
        }
        self.said = Some(now);
        let problem = match failure {
            Failure::Kube(failure) => error::chain(failure),
            Failure::Hung => failure.to_string(),
        };
        match failure {
            Failure::Kube(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => tracing::error!(
                lease,
                problem,
                "not allowed to {action} the lease, so this replica does nothing; its ServiceAccount needs create, get and update on leases.coordination.k8s.io in the operator's namespace"
            ),
            _ => tracing::warn!(lease, problem, "cannot {action} the lease; trying again"),
        }
    }
}
