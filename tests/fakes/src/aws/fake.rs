//! The handle tests hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aigw_cloud::{Clouds, Prober};

use super::behaviour::Behaviour;
use super::client::{ClientOptions, FakeClouds};
use super::clock::Clock;
use super::data_plane::FakeProber;
use super::inventory::{self, InventoryOptions};
use super::log::CallRecord;
use super::quotas::OperationUse;
use super::server::Server;
use super::state::AccountState;
use crate::intercept::SharedIntercept;

/// AWS with one account. Clones are the same account.
#[derive(Clone)]
pub struct FakeAws {
    server: Arc<Server>,
}

/// A copy of an account at one moment: its state, its behaviour and its time.
#[derive(Clone)]
pub struct Snapshot {
    account_id: String,
    now: Duration,
    state: Arc<AccountState>,
    behaviour: Behaviour,
}

impl FakeAws {
    /// An empty account with that 12-digit id.
    pub fn new(account_id: &str) -> Self {
        let state = Arc::new(AccountState::default());
        let server = Server::new(account_id.to_owned(), Clock::at(Duration::ZERO), state, Behaviour::default());
        Self { server: Arc::new(server) }
    }

    /// The clients of one process with default options. `actor` names it in the log and to intercepts. Every call makes
    /// new limiters, as a new process would.
    pub fn clouds(&self, actor: &str) -> Arc<dyn Clouds> {
        self.clouds_with(actor, ClientOptions::default())
    }

    /// The clients of one process.
    pub fn clouds_with(&self, actor: &str, options: ClientOptions) -> Arc<dyn Clouds> {
        Arc::new(FakeClouds::new(Arc::clone(&self.server), actor, options))
    }

    /// Calls of the account's gateways.
    pub fn prober(&self) -> Arc<dyn Prober> {
        Arc::new(FakeProber(Arc::clone(&self.server)))
    }

    /// Whom to ask before every call from now on.
    pub fn set_intercept(&self, intercept: SharedIntercept) {
        self.server.inner().intercept = Some(intercept);
    }

    /// A copy of everything that lasts. Cheap: the first change after it pays.
    pub fn snapshot(&self) -> Snapshot {
        let inner = self.server.inner();
        Snapshot {
            account_id: self.server.account_id.clone(),
            now: self.server.clock.now(),
            state: Arc::clone(&inner.state),
            behaviour: inner.behaviour.clone(),
        }
    }

    /// An account that goes on from `snapshot`: no intercept, an empty log, full quotas. Its time continues from the
    /// snapshot's, whatever runtime it is in.
    pub fn restore(snapshot: &Snapshot) -> Self {
        let Snapshot { account_id, now, state, behaviour } = snapshot.clone();
        Self { server: Arc::new(Server::new(account_id, Clock::at(now), state, behaviour)) }
    }

    /// Turns knobs.
    pub fn behaviour<R>(&self, change: impl FnOnce(&mut Behaviour) -> R) -> R {
        change(&mut self.server.inner().behaviour)
    }

    /// Changes what exists, behind everyone's back.
    pub fn edit<R>(&self, change: impl FnOnce(&mut AccountState) -> R) -> R {
        change(Arc::make_mut(&mut self.server.inner().state))
    }

    /// What exists, to look at.
    pub fn state(&self) -> Arc<AccountState> {
        Arc::clone(&self.server.inner().state)
    }

    /// Time since the beginning.
    pub fn now(&self) -> Duration {
        self.server.clock.now()
    }

    /// Every call since the beginning or the last [`FakeAws::forget_calls`]; empty where only counts are kept.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.server.inner().log.records()
    }

    /// How many calls were writes. Cheap, for tests that ask often.
    pub fn write_count(&self) -> usize {
        self.server.inner().log.writes
    }

    /// How often each operation had each outcome.
    pub fn call_counts(&self) -> BTreeMap<(&'static str, String), usize> {
        self.server.inner().log.counts()
    }

    /// Keeps only counts from now on, for runs with many calls.
    pub fn keep_counts_only(&self) {
        self.server.inner().log.counts_only = true;
    }

    /// Empties the log of calls and the counts.
    pub fn forget_calls(&self) {
        self.server.inner().log.clear();
    }

    /// How API Gateway's rates were used, by Region and operation.
    pub fn quota_report(&self) -> Vec<OperationUse> {
        let inner = self.server.inner();
        inner.quotas.iter().flat_map(|(region, quotas)| quotas.report(region)).collect()
    }

    /// Everything that exists as sorted text with stable names for generated ids, without counters and times: worlds
    /// that should be equal give equal text.
    pub fn inventory(&self) -> String {
        self.inventory_with(&InventoryOptions::default())
    }

    /// The same, with other details.
    pub fn inventory_with(&self, options: &InventoryOptions) -> String {
        inventory::text(&self.state(), options)
    }

    /// Calls that each version of a function took.
    pub fn invocations(&self, function: &str) -> BTreeMap<u64, u64> {
        self.server.inner().invocations.of_function(function)
    }

    /// CPU time spent inside the fake, for benches.
    pub fn cpu_time(&self) -> Duration {
        self.server.cpu_time()
    }
}
