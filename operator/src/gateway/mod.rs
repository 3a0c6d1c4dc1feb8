//! The AIGateway controller: drives one gateway's AWS objects through the plan's stages.
//!
//! This file holds the order of the stages and no logic: [`gather`] reads, `aigw_plan` decides, [`execute`] changes,
//! and what came of it is written to the status once. A pass repeats observe → plan → execute until nothing is left
//! to do or something has to pass by itself; nothing is remembered from one round to the next but ids as hints.

mod capacity;
mod creations;
mod domains;
mod execute;
mod gather;
mod guard;
mod issuers;
mod probe;
mod releases;
mod report;
mod teardown;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, Tenant};
use aigw_cloud::{Cloud, CloudError};
use aigw_plan::gateway::desired::{DesiredGateway, desire};
use aigw_plan::gateway::diff::{diff, hold_back};
use aigw_plan::gateway::issuers::{ObservedIssuer, never_read};
use aigw_plan::gateway::lint::lint;
use aigw_plan::gateway::observed::ObservedGateway;
use aigw_plan::gateway::releases::tell::condition as released;
use aigw_plan::gateway::report::GatewayOutcome;
use aigw_plan::gateway::validate::{ValidGateway, validate};
use aigw_plan::probe::Finding;
use aigw_plan::{Class, ConditionSpec, GatewayIdentity};
use kube::ResourceExt;

use crate::context::Context;
use crate::harness::{Error, Outcome, Reconciler, finalizer};

pub(crate) use capacity::{Capacities, read as read_capacity};
pub(crate) use creations::{Creations, LAG};
pub(crate) use domains::{Configurations, claim, look as look_for_domains};
pub(crate) use execute::{document, execute};
pub(crate) use gather::{access_log, observe, parse};
pub(crate) use guard::{HEARTBEAT, Refusal, account, cluster_uid};
pub(crate) use issuers::Attempts;
pub(crate) use releases::facts_among as release_facts;

/// Most rounds of observe → plan → execute in one pass. From nothing to serving takes about six.
const MAX_ROUNDS: usize = 15;
/// When to look again where AWS is at work and gave no time of its own.
const POLL: Duration = Duration::from_secs(2);
/// When a gateway kept by another owner is looked at again.
const ELSEWHERE_RECHECK: Duration = Duration::from_mins(1);

/// Reconciles AIGateways.
pub struct GatewayReconciler {
    context: Arc<Context>,
}

/// How a pass ended: what to tell, and what was last observed, if it came to look at all.
struct Pass {
    outcome: GatewayOutcome,
    observed: Option<ObservedGateway>,
    /// Whether anything was changed.
    changed: bool,
    /// What a probe showed; none where none is made now.
    probed: Option<ConditionSpec>,
    /// What the last probe found, where one was made of the gateway as it is.
    finding: Option<Finding>,
    /// How far releases of its functions are, where they are canaries.
    released: Option<ConditionSpec>,
    /// What was seen of its custom domain.
    domain: domains::Seen,
    next: Outcome,
}

impl GatewayReconciler {
    /// A reconciler over `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn apply(&self, gateway: &AIGateway) -> Result<Outcome, Error> {
        let identity = identity(&self.context, gateway);
        let valid = match validate(&gateway.spec) {
            Ok(valid) => valid,
            Err(violations) => {
                report::refused(&self.context, gateway, violations).await?;
                return Ok(Outcome::Done { requeue: self.context.settings.drift_interval });
            }
        };
        let cloud = self.context.clouds.region(&valid.region).await;
        let (mut pass, issuers) = match account(&cloud, &valid.account_id).await {
            Ok(()) => {
                let pass = self.converge(gateway, &identity, &valid, &cloud).await;
                self.mirror(gateway, &identity, &valid, &cloud, pass).await
            }
            Err(refusal) => (refusal.into_pass(), None),
        };
        probe::gateway(&self.context, gateway, &identity, &valid, &cloud, &mut pass).await?;
        let facts = domains::facts(&self.context, gateway, &identity, &valid);
        domains::conclude(&self.context, gateway, &valid, &facts, &mut pass);
        report::passed(&self.context, gateway, &identity, &valid, &pass, issuers.as_deref()).await?;
        Ok(pass.next)
    }

    /// Looks after the issuers' keys, whatever the pass came to: the data plane lives on them. Gives the issuers where it
    /// could look.
    async fn mirror(
        &self,
        gateway: &AIGateway,
        identity: &GatewayIdentity,
        valid: &ValidGateway,
        cloud: &Cloud,
        mut pass: Pass,
    ) -> (Pass, Option<Vec<ObservedIssuer>>) {
        let looked = issuers::refresh(&self.context, cloud, gateway, identity, valid, pass.observed.as_ref()).await;
        match looked {
            Ok(None) => (pass, None),
            Ok(Some(looked)) => {
                if let (Outcome::Done { requeue } | Outcome::Waiting { after: requeue }, Some(again)) =
                    (&pass.next, looked.again)
                    && again < *requeue
                {
                    pass.next = Outcome::Waiting { after: again };
                }
                if never_read(&looked.issuers) && pass.outcome == GatewayOutcome::InSync {
                    let message = "the keys of an issuer were never read; see the condition IssuersReady".to_owned();
                    pass.outcome = GatewayOutcome::Working { reason: reason::ISSUER_UNREACHABLE, message };
                }
                (pass, Some(looked.issuers))
            }
            Err(error) => (failed(&error, pass.observed), None),
        }
    }

    async fn converge(
        &self,
        gateway: &AIGateway,
        identity: &GatewayIdentity,
        valid: &ValidGateway,
        cloud: &Cloud,
    ) -> Pass {
        let (mut observed, mut released, mut changed) = (None, None, false);
        for _ in 0..MAX_ROUNDS {
            match self.round(gateway, identity, valid, cloud, (&mut observed, &mut released)).await {
                // A whole plan went through: what fails after it is another matter than what failed before.
                Ok(Round::Again) => {
                    changed = true;
                    self.context.backoff.reset(Self::NAME, &gateway.uid().unwrap_or_default());
                }
                Ok(Round::End(outcome, next)) => {
                    return Pass {
                        outcome,
                        observed,
                        changed,
                        probed: None,
                        finding: None,
                        released,
                        domain: domains::Seen::default(),
                        next,
                    };
                }
                Err(error) => return failed(&error, observed),
            }
        }
        let message = "more steps are left than one pass takes".to_owned();
        Pass {
            outcome: GatewayOutcome::Working { reason: reason::PROGRESSING, message },
            observed,
            changed,
            probed: None,
            finding: None,
            released,
            domain: domains::Seen::default(),
            next: Outcome::Waiting { after: POLL },
        }
    }

    async fn round(
        &self,
        gateway: &AIGateway,
        identity: &GatewayIdentity,
        valid: &ValidGateway,
        cloud: &Cloud,
        (observed, told): (&mut Option<ObservedGateway>, &mut Option<ConditionSpec>),
    ) -> Result<Round, CloudError> {
        // Only replaced by a look that succeeded: a failed one keeps what the round before saw.
        let observed = &*observed.insert(gather::gateway(&self.context, cloud, gateway, identity, valid).await?);
        if let Some(stop) = guard::ownership(&self.context, cloud, gateway, identity, observed).await? {
            return Ok(stop);
        }
        let uid = gateway.uid().unwrap_or_default();
        let facts = domains::facts(&self.context, gateway, identity, valid);
        let desired = match desire(
            valid,
            identity,
            &uid,
            &self.context.memory.build,
            (observed, &facts, &releases::facts(&self.context, gateway)),
        ) {
            Ok(desired) => desired,
            Err(error) => return Ok(stalled(reason::INVALID, error.to_string(), Class::Invalid)),
        };
        *told = released(&desired, observed);
        self.step(gateway, cloud, &desired, observed).await
    }

    async fn step(
        &self,
        gateway: &AIGateway,
        cloud: &Cloud,
        desired: &DesiredGateway,
        observed: &ObservedGateway,
    ) -> Result<Round, CloudError> {
        let mut plan = match diff(desired, observed, &tiers_in_use(&self.context, gateway)) {
            Ok(plan) => plan,
            Err(blocked) => {
                if blocked.class() == Class::Quota {
                    let (capacities, region) = (&self.context.memory.capacities, &gateway.spec.region);
                    if capacities.recent(cloud, region).await != observed.capacity {
                        return Ok(Round::Again);
                    }
                }
                return Ok(stalled(blocked.reason(), blocked.to_string(), blocked.class()));
            }
        };
        let findings = lint(&plan.steps, observed);
        debug_assert!(findings.is_empty(), "plan breaks an invariant: {findings:?}\n{plan}");
        if !findings.is_empty() {
            return Ok(stalled(
                reason::INTERNAL_ERROR,
                format!("refused a plan of our own: {}", findings.join("; ")),
                Class::Bug,
            ));
        }
        if let Some(wait) = self.context.memory.creations.hold(&gateway.uid().unwrap_or_default()) {
            hold_back(&mut plan, wait);
        }
        self.context.memory.configurations.hold_back(&gateway.uid().unwrap_or_default(), &mut plan);
        tracing::debug!(plan = %plan, "planned");
        if plan.in_sync() {
            // Also a long drift interval must not let the heartbeat lapse.
            let requeue = self.context.settings.drift_interval.min(2 * HEARTBEAT);
            let next = match plan.recheck.filter(|due| *due < requeue) {
                Some(due) => Outcome::Waiting { after: due.max(POLL) },
                None => Outcome::Done { requeue },
            };
            return Ok(Round::End(GatewayOutcome::InSync, next));
        }
        if plan.steps.is_empty() {
            let wait = plan.wait.expect("a plan that is not in sync and has no steps waits");
            let outcome = GatewayOutcome::Working { reason: reason::WAITING, message: wait.message };
            return Ok(Round::End(outcome, Outcome::Waiting { after: wait.after.max(POLL) }));
        }
        execute::steps(&self.context, cloud, gateway, &plan.steps).await?;
        Ok(Round::Again)
    }
}

/// How a round ended.
enum Round {
    /// Something was changed: observe again.
    Again,
    /// Nothing more to do in this pass.
    End(GatewayOutcome, Outcome),
}

fn stalled(reason: &'static str, message: String, class: Class) -> Round {
    let next = Outcome::Failed { class, retry_after: None, message: message.clone() };
    Round::End(GatewayOutcome::Stalled { reason, message }, next)
}

fn failed(error: &CloudError, observed: Option<ObservedGateway>) -> Pass {
    let (reason, message) = (error.class.reason(), error.to_string());
    let outcome = if error.class.stalls() {
        GatewayOutcome::Stalled { reason, message }
    } else {
        GatewayOutcome::Working { reason, message }
    };
    Pass {
        outcome,
        observed,
        changed: false,
        probed: None,
        finding: None,
        released: None,
        domain: domains::Seen::default(),
        next: Outcome::failed(error),
    }
}

impl Reconciler for GatewayReconciler {
    type Object = AIGateway;

    const NAME: &'static str = "gateway";

    async fn reconcile(&self, gateway: Arc<AIGateway>) -> Result<Outcome, Error> {
        if gateway.metadata.deletion_timestamp.is_some() {
            return teardown::gateway(&self.context, &gateway).await;
        }
        let gateway = finalizer::add(&self.context.client, &*gateway).await?;
        self.apply(&gateway).await
    }
}

/// Identity of a gateway in this installation.
pub(crate) fn identity(context: &Context, gateway: &AIGateway) -> GatewayIdentity {
    GatewayIdentity {
        installation: context.settings.installation.clone(),
        namespace: gateway.namespace().unwrap_or_default(),
        name: gateway.name_any(),
    }
}

/// Tenants that refer to this gateway.
fn tenants_of(context: &Context, gateway: &AIGateway) -> Vec<Arc<Tenant>> {
    context.stores.tenants_of(&gateway.namespace().unwrap_or_default(), &gateway.name_any())
}

fn tiers_in_use(context: &Context, gateway: &AIGateway) -> BTreeSet<String> {
    tenants_of(context, gateway)
        .iter()
        .filter_map(|tenant| Some(tenant.status.as_ref()?.effective.as_ref()?.tier.clone()))
        .collect()
}
