//! The Tenant controller: drives one tenant's key, Secret, policy and meter through the plan's stages.
//!
//! This file holds the order of the stages and no logic: [`gather`] reads, `aigw_plan` decides, [`execute`] changes,
//! and what came of it is written to the status once. A tenant acts only while its gateway is programmed, and never
//! needs more of the gateway than its spec, its URL and its usage plans.

mod execute;
mod gather;
mod inventory;
mod neighbours;
mod probe;
mod probe_identity;
mod report;
mod target;
mod teardown;
mod valid_gateways;

use std::sync::Arc;
use std::time::Duration;

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, Tenant, annotations};
use aigw_cloud::CloudError;
use aigw_plan::gateway::capacity::hold_keys;
use aigw_plan::tenant::admit::{AdmittedTenant, TenantFacts, admit, bounds};
use aigw_plan::tenant::bind::{Bounds, bind};
use aigw_plan::tenant::diff::{GatewayFacts, diff};
use aigw_plan::tenant::identities::conflicts;
use aigw_plan::tenant::lint::lint;
use aigw_plan::tenant::namespace::{ALONE, Neighbours};
use aigw_plan::tenant::report::{TenantOutcome, conflict};
use aigw_plan::tenant::step::{ObservedTenant, TenantStep};
use aigw_plan::violation::Violation;
use aigw_plan::{Class, Plan};
use kube::ResourceExt;

use crate::context::Context;
use crate::harness::triggers::refers_to;
use crate::harness::{Error, Outcome, Reconciler, finalizer};

pub(crate) use gather::identities;
pub(crate) use inventory::Inventories;
pub(crate) use neighbours::Grants;
pub(crate) use probe_identity::{Identity, ensure, execute_in_aws, observe_in_aws};
pub(crate) use target::Site;
use target::{GATEWAY_RECHECK, Target};
pub(crate) use valid_gateways::ValidGateways;

/// Most rounds of observe → plan → execute in one pass. From nothing to ready takes four.
const MAX_ROUNDS: usize = 10;
/// When to look again where AWS is at work and gave no time of its own.
const POLL: Duration = Duration::from_secs(2);

/// When to look again at what a tenant has spent. The look itself is at a list that all tenants of a gateway share.
const USAGE_RECHECK: Duration = Duration::from_mins(5);

/// Reconciles Tenants.
pub struct TenantReconciler {
    context: Arc<Context>,
}

/// How a pass ended.
struct Pass {
    outcome: TenantOutcome,
    admitted: Option<AdmittedTenant>,
    observed: Option<ObservedTenant>,
    /// What a refused tenant keeps, which it goes on using.
    kept: Option<ObservedTenant>,
    endpoint: Option<String>,
    /// Whether anything was changed.
    changed: bool,
    /// What a probe showed, and since when calls are refused.
    probed: probe::Probed,
    next: Outcome,
}

impl TenantReconciler {
    /// A reconciler over `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn apply(&self, tenant: &Tenant) -> Result<Outcome, Error> {
        let began = self.context.clock.now();
        let pass = match target::resolve(&self.context, tenant).await {
            Ok(target) => {
                let pass = self.admitted(tenant, &target).await?;
                probe::tenant(&self.context, tenant, &target, pass, began).await
            }
            Err(pending) => Pass::without_look(pending.outcome, pending.next),
        };
        report::passed(&self.context, tenant, &pass).await?;
        Ok(pass.next)
    }

    async fn admitted(&self, tenant: &Tenant, target: &Target) -> Result<Pass, Error> {
        let (namespace, name) = (tenant.namespace().unwrap_or_default(), tenant.name_any());
        let Some(labels) = self.context.stores.namespace_labels(&namespace) else {
            // The two watches are not in step; to decide without labels would refuse, and revoke, by mistake.
            let message = "the labels of the namespace are not known yet".to_owned();
            let outcome = TenantOutcome::Working { reason: reason::WAITING, message };
            return Ok(Pass::without_look(outcome, Outcome::Waiting { after: POLL }));
        };
        let facts = TenantFacts {
            namespace: &namespace,
            name: &name,
            namespace_labels: &labels,
            earlier_in_namespace: earlier_in_namespace(&self.context, tenant, &target.gateway),
            neighbours: &ALONE,
            rotation_request: rotation_request(tenant),
        };
        let (admitted, neighbours) = match neighbours::read(&self.context, tenant, target, &facts).await {
            Ok(Some(namespace)) => namespace.admit(&self.context.memory.grants, tenant, &facts, target),
            Ok(None) => (admit(&tenant.spec, &facts, &target.valid, &target.site.identity), Neighbours::default()),
            Err(error) => return Ok(Pass::failed(&error, None, None, target)),
        };
        match admitted {
            Ok(admitted) => self.converge(tenant, target, admitted).await,
            Err(violation) => {
                let facts = TenantFacts { neighbours: &neighbours, ..facts };
                let bounds = bounds(&tenant.spec, &facts, &target.valid, &target.site.identity);
                Ok(self.refused(tenant, target, violation, bounds.as_ref()).await)
            }
        }
    }

    /// A tenant that no rule admits loses access; one that asks for too much keeps what it had, as far as its rule still
    /// allows that.
    async fn refused(&self, tenant: &Tenant, target: &Target, violation: Violation, bounds: Option<&Bounds>) -> Pass {
        let revoked = violation.reason == reason::NOT_ALLOWED;
        match self.bind(tenant, target, bounds).await {
            Ok((observed, due)) => {
                let next = next_look(due, look_within(&self.context, &observed));
                let pass = Pass::without_look(TenantOutcome::Refused(violation), next);
                let (observed, kept) = if revoked { (Some(observed), None) } else { (None, Some(observed)) };
                Pass { observed, kept, ..pass }
            }
            Err(error) => Pass::failed(&error, None, None, target),
        }
    }

    /// Binds the policy of a refused tenant to what its rule allows: nothing where no rule does. Gives what it has then, and
    /// when something of it is due.
    async fn bind(
        &self,
        tenant: &Tenant,
        target: &Target,
        bounds: Option<&Bounds>,
    ) -> Result<(ObservedTenant, Option<Duration>), CloudError> {
        let site = &target.site;
        let tenant_id = site.tenant_id(tenant);
        loop {
            let observed = gather::in_aws(&self.context, site, &target.gateway, &tenant_id, &[]).await?;
            let now = self.context.clock.now().as_second();
            let plan = bind(&tenant_id, &site.identity, &observed, bounds, (target.valid.cache_seconds, now));
            if plan.steps.is_empty() {
                return Ok((observed, plan.recheck));
            }
            refused(&plan.steps, &observed).map_or(Ok(()), Err)?;
            execute::cloud_steps(&self.context, site, &plan.steps).await?;
        }
    }

    async fn converge(&self, tenant: &Tenant, target: &Target, admitted: AdmittedTenant) -> Result<Pass, Error> {
        let (mut last, mut changed) = (None, false);
        for _ in 0..MAX_ROUNDS {
            let observed = match gather::tenant(&self.context, tenant, target, &admitted).await? {
                Ok(observed) => observed,
                Err(error) => return Ok(Pass::failed(&error, Some(admitted), last, target)),
            };
            let mut plan = match self.plan(target, &admitted, &observed).await {
                Ok(Ok(plan)) => plan,
                Ok(Err(not_ours)) => {
                    return Ok(Pass::secret_not_ours(&not_ours.to_string(), admitted, observed, target));
                }
                Err(error) => return Ok(Pass::failed(&error, Some(admitted), Some(observed), target)),
            };
            if let Some(refused) = refused(&plan.steps, &observed) {
                return Ok(Pass::failed(&refused, Some(admitted), Some(observed), target));
            }
            let no_room = self.hold_keys(target, &mut plan).await;
            tracing::debug!(plan = %plan, "planned");
            if let Some(message) = no_room.filter(|_| plan.steps.is_empty()) {
                return Ok(Pass::no_room(message, admitted, observed, target));
            }
            if plan.steps.is_empty() {
                let settled = Pass::settled(&self.context, &plan, admitted, observed, target);
                return Ok(Pass { changed, ..settled });
            }
            let owner = execute::owner(tenant);
            if let Err(error) = execute::steps(&self.context, &owner, &target.site, &plan.steps).await? {
                return Ok(Pass::failed(&error, Some(admitted), Some(observed), target));
            }
            // A whole plan went through: what fails after it is another matter than what failed before.
            self.context.backoff.reset(Self::NAME, &tenant.uid().unwrap_or_default());
            (last, changed) = (Some(observed), true);
        }
        let message = "more steps are left than one pass takes".to_owned();
        let outcome = TenantOutcome::Working { reason: reason::PROGRESSING, message };
        Ok(Pass::looked(outcome, Some(admitted), last, target, Outcome::Waiting { after: POLL }))
    }

    /// Takes out of a plan the key that the account has no room for, and says why.
    async fn hold_keys(&self, target: &Target, plan: &mut Plan<TenantStep>) -> Option<String> {
        // Whatever needs no key, such as a suspension, waits for nothing.
        if !plan.steps.iter().any(|step| matches!(step, TenantStep::CreateApiKey { .. })) {
            return None;
        }
        let (capacities, cloud, region) = (&self.context.memory.capacities, &target.site.cloud, &target.valid.region);
        capacities.of(cloud, region).await.no_room_for_a_key()?;
        hold_keys(plan, &capacities.recent(cloud, region).await)
    }

    async fn plan(
        &self,
        target: &Target,
        admitted: &AdmittedTenant,
        observed: &ObservedTenant,
    ) -> Result<Result<Plan<TenantStep>, aigw_plan::tenant::diff::SecretNotOurs>, CloudError> {
        let site = &target.site;
        let usage_plan = usage_plan(&self.context, site, &target.gateway, &admitted.tier.name).await?;
        let facts = GatewayFacts {
            identity: &site.identity,
            endpoint: &target.endpoint,
            region: &target.valid.region,
            usage_plan_id: usage_plan.as_deref(),
            api_keys: target.valid.api_keys,
            cache_seconds: target.valid.cache_seconds,
        };
        let mut random = [0; 32];
        self.context.random.fill(&mut random);
        Ok(diff(admitted, &facts, observed, self.context.clock.now().as_second(), &random))
    }
}

impl Pass {
    fn without_look(outcome: TenantOutcome, next: Outcome) -> Self {
        let probed = probe::Probed::default();
        Self { outcome, admitted: None, observed: None, kept: None, endpoint: None, changed: false, probed, next }
    }

    fn looked(
        outcome: TenantOutcome,
        admitted: Option<AdmittedTenant>,
        observed: Option<ObservedTenant>,
        target: &Target,
        next: Outcome,
    ) -> Self {
        Self { admitted, observed, endpoint: Some(target.endpoint.clone()), ..Self::without_look(outcome, next) }
    }

    fn settled(
        context: &Context,
        plan: &Plan<TenantStep>,
        admitted: AdmittedTenant,
        observed: ObservedTenant,
        target: &Target,
    ) -> Self {
        let (outcome, next) = if let Some(wait) = &plan.wait {
            (
                TenantOutcome::Working { reason: reason::WAITING, message: wait.message.clone() },
                Outcome::Waiting { after: wait.after.max(POLL) },
            )
        } else {
            let drift = look_within(context, &observed);
            let now = context.clock.now().as_second();
            let taken = conflicts(&admitted.tenant_id, &admitted.identities, &observed, now);
            let outcome = if taken.is_empty() { TenantOutcome::InSync } else { conflict(&taken) };
            (outcome, next_look(plan.recheck, drift))
        };
        Self::looked(outcome, Some(admitted), Some(observed), target, next)
    }

    fn secret_not_ours(message: &str, admitted: AdmittedTenant, observed: ObservedTenant, target: &Target) -> Self {
        let outcome = TenantOutcome::Stalled { reason: reason::SECRET_NOT_OURS, message: message.to_owned() };
        // Nothing tells us when a Secret we may not list goes away, so look again now and then.
        Self::looked(outcome, Some(admitted), Some(observed), target, Outcome::Waiting { after: GATEWAY_RECHECK })
    }

    fn no_room(message: String, admitted: AdmittedTenant, observed: ObservedTenant, target: &Target) -> Self {
        let next = Outcome::Failed { class: Class::Quota, retry_after: None, message: message.clone() };
        let outcome = TenantOutcome::Stalled { reason: reason::QUOTA_EXCEEDED, message };
        Self::looked(outcome, Some(admitted), Some(observed), target, next)
    }

    fn failed(
        error: &CloudError,
        admitted: Option<AdmittedTenant>,
        observed: Option<ObservedTenant>,
        target: &Target,
    ) -> Self {
        let (reason, message) = (error.class.reason(), error.to_string());
        let outcome = if error.class.stalls() {
            TenantOutcome::Stalled { reason, message }
        } else {
            TenantOutcome::Working { reason, message }
        };
        Self::looked(outcome, admitted, observed, target, Outcome::failed(error))
    }
}

impl Reconciler for TenantReconciler {
    type Object = Tenant;

    const NAME: &'static str = "tenant";

    async fn reconcile(&self, tenant: Arc<Tenant>) -> Result<Outcome, Error> {
        if tenant.metadata.deletion_timestamp.is_some() {
            return teardown::tenant(&self.context, &tenant).await;
        }
        let tenant = finalizer::add(&self.context.client, &*tenant).await?;
        self.apply(&tenant).await
    }
}

/// Id of the usage plan of a tier, if there is one.
async fn usage_plan(
    context: &Context,
    site: &Site,
    gateway: &AIGateway,
    tier: &str,
) -> Result<Option<String>, CloudError> {
    let tenants = || gather::tenant_ids(context, site, gateway);
    let listed = context.memory.inventories.usage_plan(&site.cloud, &site.identity, tier, tenants).await?;
    // The gateway's controller knows of one it has just made before a list does.
    let made = || context.memory.creations.usage_plan(&gateway.uid().unwrap_or_default(), tier);
    Ok(listed.or_else(made))
}

/// When to look again at a tenant at rest: sooner where it has a budget, so that its status tells what was spent.
fn look_within(context: &Context, observed: &ObservedTenant) -> Duration {
    let drift = context.settings.drift_interval;
    let has_budget = observed.policy.as_ref().is_some_and(|policy| !policy.content.budgets.is_empty());
    if has_budget { drift.min(USAGE_RECHECK) } else { drift }
}

/// When to look again at a tenant at rest of which something is due.
fn next_look(due: Option<Duration>, drift: Duration) -> Outcome {
    match due.filter(|due| *due < drift) {
        Some(due) => Outcome::Waiting { after: due },
        None => Outcome::Done { requeue: drift },
    }
}

/// The value of the annotation that asks for a rotation.
pub(crate) fn rotation_request(tenant: &Tenant) -> Option<&str> {
    tenant.annotations().get(annotations::ROTATE).map(String::as_str)
}

/// Why a plan of our own is not executed: it breaks an invariant.
fn refused(steps: &[TenantStep], observed: &ObservedTenant) -> Option<CloudError> {
    let findings = lint(steps, observed);
    debug_assert!(findings.is_empty(), "plan breaks an invariant: {findings:?}\n{steps:?}");
    let message = format!("refused a plan of our own: {}", findings.join("; "));
    (!findings.is_empty()).then(|| CloudError::new("plan", Class::Bug, reason::INTERNAL_ERROR, message))
}

/// Tenants of the same namespace and gateway that were there first, by creation time, then name.
fn earlier_in_namespace(context: &Context, tenant: &Tenant, gateway: &AIGateway) -> usize {
    let order = |tenant: &Tenant| (tenant.creation_timestamp(), tenant.name_any());
    let own = order(tenant);
    let (namespace, name) = (gateway.namespace().unwrap_or_default(), gateway.name_any());
    let earlier = context.stores.tenants.state_filter(|other| {
        other.metadata.namespace == tenant.metadata.namespace
            && other.metadata.deletion_timestamp.is_none()
            && refers_to(other, &namespace, &name)
            && other.metadata.uid != tenant.metadata.uid
            && order(other) < own
    });
    earlier.len()
}
