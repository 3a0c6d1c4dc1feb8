//! The Tenant controller: drives one tenant's key, Secret, policy and meter through the plan's stages.
//!
//! This file holds the order of the stages and no logic: [`gather`] reads, `aigw_plan` decides, [`execute`] changes,
//! and what came of it is written to the status once. A tenant acts only while its gateway is programmed, and never
//! needs more of the gateway than its spec, its URL and its usage plans.

mod execute;
mod gather;
mod inventory;
mod report;
mod teardown;

use std::sync::Arc;
use std::time::Duration;

use aigw_api::conditions::{kind, reason};
use aigw_api::{AIGateway, Tenant};
use aigw_cloud::{Cloud, CloudError};
use aigw_plan::gateway::validate::{ValidGateway, validate};
use aigw_plan::tenant::admit::{AdmittedTenant, TenantFacts, admit};
use aigw_plan::tenant::diff::{GatewayFacts, diff, revoke};
use aigw_plan::tenant::report::TenantOutcome;
use aigw_plan::tenant::step::{ObservedTenant, TenantStep};
use aigw_plan::{GatewayIdentity, Plan};
use kube::ResourceExt;

use crate::context::Context;
use crate::gateway;
use crate::harness::conditions::holds;
use crate::harness::{Error, Outcome, Reconciler, finalizer};

pub(crate) use inventory::Inventories;

/// Most rounds of observe → plan → execute in one pass. From nothing to ready takes four.
const MAX_ROUNDS: usize = 10;
/// When to look again where AWS is at work and gave no time of its own.
const POLL: Duration = Duration::from_secs(2);
/// When a tenant whose gateway is missing or not ready is looked at again, beside being triggered by the gateway.
const GATEWAY_RECHECK: Duration = Duration::from_mins(1);

/// Reconciles Tenants.
pub struct TenantReconciler {
    context: Arc<Context>,
}

/// The gateway a tenant refers to, as far as tenants need it.
struct Target {
    gateway: Arc<AIGateway>,
    identity: GatewayIdentity,
    valid: ValidGateway,
    cloud: Cloud,
    endpoint: String,
}

/// How a pass ended.
struct Pass {
    outcome: TenantOutcome,
    admitted: Option<AdmittedTenant>,
    observed: Option<ObservedTenant>,
    endpoint: Option<String>,
    next: Outcome,
}

impl TenantReconciler {
    /// A reconciler over `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn apply(&self, tenant: &Tenant) -> Result<Outcome, Error> {
        let pass = match self.target(tenant).await {
            Ok(target) => self.admitted(tenant, &target).await?,
            Err(pass) => *pass,
        };
        report::passed(&self.context, tenant, &pass).await?;
        Ok(pass.next)
    }

    /// The gateway, once it is there, valid and programmed, in the account its spec names.
    async fn target(&self, tenant: &Tenant) -> Result<Target, Box<Pass>> {
        let pending = |reason, message: String| {
            let outcome = TenantOutcome::GatewayPending { reason, message };
            Box::new(Pass::without_look(outcome, Outcome::Waiting { after: GATEWAY_RECHECK }))
        };
        let reference = &tenant.spec.gateway_ref;
        let namespace = reference.namespace.clone().or_else(|| tenant.namespace()).unwrap_or_default();
        let name = format!("AIGateway {namespace}/{}", reference.name);
        let Some(gateway) =
            self.context.stores.gateway_of(tenant).filter(|gateway| gateway.metadata.deletion_timestamp.is_none())
        else {
            return Err(pending(
                reason::GATEWAY_NOT_FOUND,
                format!("{name} does not exist; create it or correct spec.gatewayRef"),
            ));
        };
        let status = gateway.status.clone().unwrap_or_default();
        let programmed = holds(&status.conditions, kind::PROGRAMMED);
        let (Some(endpoint), Ok(valid), true) = (status.endpoint, validate(&gateway.spec), programmed) else {
            return Err(pending(reason::GATEWAY_NOT_READY, format!("{name} is not programmed; see its conditions")));
        };
        let identity = gateway::identity(&self.context, &gateway);
        let cloud = self.context.clouds.region(&valid.region).await;
        if let Err(refusal) = gateway::account(&cloud, &valid.account_id).await {
            let (reason, message) = refusal.describe();
            let outcome = TenantOutcome::GatewayPending { reason, message };
            return Err(Box::new(Pass::without_look(outcome, refusal.outcome())));
        }
        Ok(Target { gateway, identity, valid, cloud, endpoint })
    }

    async fn admitted(&self, tenant: &Tenant, target: &Target) -> Result<Pass, Error> {
        let (namespace, name) = (tenant.namespace().unwrap_or_default(), tenant.name_any());
        let labels = self.context.stores.namespace_labels(&namespace).unwrap_or_default();
        let facts = TenantFacts {
            namespace: &namespace,
            name: &name,
            namespace_labels: &labels,
            earlier_in_namespace: earlier_in_namespace(&self.context, tenant, &target.gateway),
        };
        match admit(&tenant.spec, &facts, &target.valid, &target.identity) {
            Ok(admitted) => self.converge(tenant, target, admitted).await,
            Err(violation) => {
                // Only a tenant that no rule admits loses access; one that asks for too much keeps what it had.
                if violation.reason == reason::NOT_ALLOWED
                    && let Err(error) = self.cut_off(tenant, target).await
                {
                    return Ok(Pass::failed(&error, None, None, target));
                }
                let next = Outcome::Done { requeue: self.context.settings.drift_interval };
                Ok(Pass::without_look(TenantOutcome::Refused(violation), next))
            }
        }
    }

    async fn cut_off(&self, tenant: &Tenant, target: &Target) -> Result<(), CloudError> {
        let tenant_id = target.identity.tenant_id(&tenant.namespace().unwrap_or_default(), &tenant.name_any());
        for _ in 0..MAX_ROUNDS {
            let observed = gather::policy_and_meter(target, &tenant_id).await?;
            let plan = revoke(&tenant_id, &target.identity, &observed);
            if plan.steps.is_empty() {
                break;
            }
            execute::cloud_steps(&self.context, target, &plan.steps).await?;
        }
        Ok(())
    }

    async fn converge(&self, tenant: &Tenant, target: &Target, admitted: AdmittedTenant) -> Result<Pass, Error> {
        let mut last = None;
        for _ in 0..MAX_ROUNDS {
            let observed = match gather::tenant(&self.context, tenant, target, &admitted).await? {
                Ok(observed) => observed,
                Err(error) => return Ok(Pass::failed(&error, Some(admitted), last, target)),
            };
            let plan = match self.plan(target, &admitted, &observed).await {
                Ok(Ok(plan)) => plan,
                Ok(Err(not_ours)) => {
                    return Ok(Pass::secret_not_ours(&not_ours.to_string(), admitted, observed, target));
                }
                Err(error) => return Ok(Pass::failed(&error, Some(admitted), Some(observed), target)),
            };
            tracing::debug!(plan = %plan, "planned");
            if plan.steps.is_empty() {
                return Ok(Pass::settled(&self.context, &plan, admitted, observed, target));
            }
            if let Err(error) = execute::steps(&self.context, tenant, target, &plan.steps).await? {
                return Ok(Pass::failed(&error, Some(admitted), Some(observed), target));
            }
            last = Some(observed);
        }
        let message = "more steps are left than one pass takes".to_owned();
        let outcome = TenantOutcome::Working { reason: reason::PROGRESSING, message };
        Ok(Pass::looked(outcome, Some(admitted), last, target, Outcome::Waiting { after: POLL }))
    }

    async fn plan(
        &self,
        target: &Target,
        admitted: &AdmittedTenant,
        observed: &ObservedTenant,
    ) -> Result<Result<Plan<TenantStep>, aigw_plan::tenant::diff::SecretNotOurs>, CloudError> {
        let inventory = self.context.memory.inventories.get(&target.cloud, &target.identity).await?;
        let usage_plan = inventory.usage_plans.iter().find(|plan| plan.tier == admitted.tier.name);
        let facts = GatewayFacts {
            identity: &target.identity,
            endpoint: &target.endpoint,
            region: &target.valid.region,
            usage_plan_id: usage_plan.map(|plan| plan.id.as_str()),
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
        Self { outcome, admitted: None, observed: None, endpoint: None, next }
    }

    fn looked(
        outcome: TenantOutcome,
        admitted: Option<AdmittedTenant>,
        observed: Option<ObservedTenant>,
        target: &Target,
        next: Outcome,
    ) -> Self {
        Self { outcome, admitted, observed, endpoint: Some(target.endpoint.clone()), next }
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
            let drift = context.settings.drift_interval;
            let next = match plan.recheck.filter(|due| *due < drift) {
                Some(due) => Outcome::Waiting { after: due },
                None => Outcome::Done { requeue: drift },
            };
            (TenantOutcome::InSync, next)
        };
        Self::looked(outcome, Some(admitted), Some(observed), target, next)
    }

    fn secret_not_ours(message: &str, admitted: AdmittedTenant, observed: ObservedTenant, target: &Target) -> Self {
        let outcome = TenantOutcome::Stalled { reason: reason::SECRET_NOT_OURS, message: message.to_owned() };
        // Nothing tells us when a Secret we may not list goes away, so look again now and then.
        Self::looked(outcome, Some(admitted), Some(observed), target, Outcome::Waiting { after: GATEWAY_RECHECK })
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

/// Tenants of the same namespace and gateway that were there first, by creation time, then name.
fn earlier_in_namespace(context: &Context, tenant: &Tenant, gateway: &AIGateway) -> usize {
    let order = |tenant: &Tenant| (tenant.creation_timestamp(), tenant.name_any());
    let own = order(tenant);
    context
        .stores
        .tenants_of(&gateway.namespace().unwrap_or_default(), &gateway.name_any())
        .iter()
        .filter(|other| other.namespace() == tenant.namespace() && other.uid() != tenant.uid() && order(other) < own)
        .filter(|other| other.metadata.deletion_timestamp.is_none())
        .count()
}
