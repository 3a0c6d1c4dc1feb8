//! The service's front door: every call of every caller comes through [`Server::serve`].
//!
//! Latency, then the intercept, then quotas, then the service's rule. From the intercept on nothing is awaited, so that a
//! caller that is dropped has either made its change or not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aigw_cloud::CloudError;
use tokio::time::sleep;

use super::behaviour::Behaviour;
use super::client::Caller;
use super::clock::Clock;
use super::failure;
use super::lambda::Invocations;
use super::log::{CallRecord, Log, NO_ANSWER};
use super::quotas::Quotas;
use super::refusal::Answer;
use super::state::AccountState;
use crate::cpu;
use crate::intercept::{Call, Failure, SharedIntercept, Side, Verdict};

/// One account.
pub(crate) struct Server {
    pub account_id: String,
    pub clock: Clock,
    inner: Mutex<Inner>,
    cpu_nanoseconds: AtomicU64,
}

/// What calls change.
pub(crate) struct Inner {
    /// Shared with snapshots; copied by the first change after one.
    pub state: Arc<AccountState>,
    pub behaviour: Behaviour,
    pub quotas: BTreeMap<String, Quotas>,
    pub log: Log,
    pub invocations: Invocations,
    pub intercept: Option<SharedIntercept>,
}

/// What a rule may know besides the state.
pub(crate) struct Context<'a> {
    pub account_id: &'a str,
    pub region: &'a str,
    pub now: Duration,
    pub behaviour: &'a Behaviour,
    /// What functions were invoked.
    pub invocations: &'a Invocations,
    /// The call breaks off in the middle, where the service does not do it in one piece.
    pub partial: bool,
}

impl Context<'_> {
    /// Seconds since the Unix epoch.
    pub fn unix_time(&self) -> i64 {
        self.behaviour.epoch.saturating_add(i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX))
    }

    /// Whether something made at `created` shows up in lists.
    pub fn listed(&self, created: Duration) -> bool {
        self.now.saturating_sub(created) >= self.behaviour.list_lag
    }
}

impl Server {
    pub fn new(account_id: String, clock: Clock, state: Arc<AccountState>, behaviour: Behaviour) -> Self {
        let inner = Inner {
            state,
            behaviour,
            quotas: BTreeMap::new(),
            log: Log::default(),
            invocations: Invocations::default(),
            intercept: None,
        };
        Self { account_id, clock, inner: Mutex::new(inner), cpu_nanoseconds: AtomicU64::new(0) }
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic of a test in `edit` must not hide behind a second one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn cpu_time(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanoseconds.load(Ordering::Relaxed))
    }

    /// One call, from the network to the answer. `rule` is the service's.
    pub async fn serve<T, F>(
        &self,
        caller: &Caller,
        operation: &'static str,
        target: String,
        rule: F,
    ) -> Result<T, CloudError>
    where
        F: FnOnce(&mut AccountState, &Context<'_>) -> Answer<T> + Send,
        T: Send,
    {
        let latency = self.inner().behaviour.latency;
        sleep(latency).await;
        let call = Call {
            side: Side::Aws,
            actor: caller.actor.clone(),
            operation: operation.to_owned(),
            write: is_write(operation),
            target,
        };
        // Cloned out of the lock: an intercept may look at the fake.
        let intercept = self.inner().intercept.clone();
        let mut verdict = intercept.map_or(Verdict::Serve, |intercept| intercept.call(&call));
        if let Verdict::Delay(time) = verdict {
            sleep(time).await;
            verdict = Verdict::Serve;
        }
        let answer = self.decide(caller, operation, call, verdict, rule);
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// Everything after the network; `None` where no answer comes.
    fn decide<T>(
        &self,
        caller: &Caller,
        operation: &'static str,
        call: Call,
        verdict: Verdict,
        rule: impl FnOnce(&mut AccountState, &Context<'_>) -> Answer<T>,
    ) -> Option<Result<T, CloudError>> {
        let started = cpu::thread_time();
        let now = self.clock.now();
        let mut inner = self.inner();
        let lost = |failure: Failure| Some(Err(failure::error(operation, &failure)));
        let effect = |partial| self.effect(&mut inner, caller, operation, now, partial, rule);
        let answer = match verdict {
            Verdict::Serve | Verdict::Delay(_) => Some(effect(false)),
            Verdict::Fail(failure) => lost(failure),
            Verdict::FailAfter(failure) => {
                drop(effect(true));
                lost(failure)
            }
            Verdict::Hang { effect: true } => {
                drop(effect(true));
                None
            }
            Verdict::Hang { effect: false } => None,
        };
        let outcome = match &answer {
            Some(Ok(_)) => "OK".to_owned(),
            Some(Err(error)) => error.code.clone(),
            None => NO_ANSWER.to_owned(),
        };
        let Call { side: _, actor, operation: _, write, target } = call;
        inner.log.add(CallRecord { at: now, actor, operation, write, target, outcome });
        drop(inner);
        let used = cpu::thread_time().saturating_sub(started);
        self.cpu_nanoseconds.fetch_add(u64::try_from(used.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        answer
    }

    fn effect<T>(
        &self,
        inner: &mut Inner,
        caller: &Caller,
        operation: &'static str,
        now: Duration,
        lost: bool,
        rule: impl FnOnce(&mut AccountState, &Context<'_>) -> Answer<T>,
    ) -> Result<T, CloudError> {
        let Inner { state, behaviour, quotas, log: _, invocations, intercept: _ } = inner;
        let region = caller.region.as_str();
        if !quotas.contains_key(region) {
            quotas.insert(region.to_owned(), Quotas::new(now));
        }
        if let Some(quotas) = quotas.get_mut(region) {
            quotas.take(operation, now, behaviour).map_err(|refusal| refusal.into_error(operation))?;
        }
        let partial = lost && behaviour.half_import;
        let context = Context { account_id: &self.account_id, region, now, behaviour, invocations, partial };
        rule(Arc::make_mut(state), &context).map_err(|refusal| refusal.into_error(operation))
    }
}

/// Whether an operation may change anything, by its name.
fn is_write(operation: &str) -> bool {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    !["Get", "List", "Describe", "BatchGet"].iter().any(|read| name.starts_with(read))
}
