//! Probes: asks gateways what a plan's checks say, counts the answers, and remembers them between passes.
//!
//! What is remembered may be lost: then what the status says was found is asked again some time within the interval, and
//! what failed at once. Nothing is ever written for it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aigw_api::AIGateway;
use aigw_api::conditions::kind;
use aigw_plan::probe::Finding;
use aigw_plan::probe::gateway::{Check, shown};
use aigw_plan::probe::schedule::Memo;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

use crate::context::Context;
use crate::harness::conditions::{Status, find};
use crate::harness::predicates::hash_of;

/// What was found last, by a hash of the object's UID: there may be thousands.
#[derive(Default)]
pub(crate) struct Probes(Mutex<HashMap<u64, Memo>>);

impl Probes {
    /// What was found last.
    pub(crate) fn get(&self, uid: &str) -> Option<Memo> {
        self.lock().get(&hash_of(&uid)).cloned()
    }

    /// Remembers what was found.
    pub(crate) fn set(&self, uid: &str, memo: Memo) {
        self.lock().insert(hash_of(&uid), memo);
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(&hash_of(&uid));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Memo>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gateway as metrics name it.
pub(crate) fn label(gateway: &AIGateway) -> String {
    format!("{}/{}", gateway.namespace().unwrap_or_default(), gateway.name_any())
}

/// Makes the checks in order, up to the first whose answer is wrong.
pub(crate) async fn run(context: &Context, gateway: &AIGateway, of: &'static str, checks: &[Check]) -> Finding {
    let finding = made(context, checks).await;
    context.metrics.probed(&label(gateway), of, finding.label());
    finding
}

async fn made(context: &Context, checks: &[Check]) -> Finding {
    for check in checks {
        let wrong = match context.prober.ask(&check.request).await {
            Ok(answer) => check.judge(&answer),
            Err(unreachable) => Some(Finding::unreachable(&unreachable)),
        };
        if let Some(wrong) = wrong {
            tracing::debug!(expected = ?check.expected, found = ?wrong, "a probe did not pass");
            return wrong;
        }
    }
    shown(checks)
}

/// What is known of an object's last probe: as remembered, else as its status tells.
pub(crate) fn known(context: &Context, uid: &str, told: &[Condition], interval: Duration) -> Option<Memo> {
    if let Some(memo) = context.memory.probes.get(uid) {
        return Some(memo);
    }
    let (now, jitter) = (context.clock.now().as_second(), context.random.jitter());
    let condition = find(told, kind::PROBED)?;
    if condition.status == Status::True.as_str() {
        let memo = Memo::resumed(&condition.message, interval, now, jitter);
        context.memory.probes.set(uid, memo.clone());
        return Some(memo);
    }
    let failing = condition.status == Status::False.as_str();
    let since = condition.last_transition_time.0.as_second();
    failing.then(|| Memo::failing_since(since, Finding::Unclear(condition.message.clone())))
}

/// Whether the status tells of a probe of this generation.
pub(crate) fn told_of(told: &[Condition], generation: Option<i64>) -> bool {
    find(told, kind::PROBED).is_some_and(|condition| condition.observed_generation == generation)
}
