//! Writes what a pass came to: conditions and the rest of the status in one write, Events for what changed.

use aigw_api::conditions::kind;
use aigw_api::{AIGateway, AIGatewayStatus, ProbeMode, Tenant};
use aigw_plan::gateway::capacity;
use aigw_plan::gateway::domains::tell;
use aigw_plan::gateway::guardrails::{Seen, condition};
use aigw_plan::gateway::issuers::{self, ObservedIssuer};
use aigw_plan::gateway::logs;
use aigw_plan::gateway::observed::ObservedGateway;
use aigw_plan::gateway::releases::Releases;
use aigw_plan::gateway::report::{GatewayOutcome, conditions, status};
use aigw_plan::gateway::validate::ValidGateway;
use aigw_plan::{ConditionSpec, GatewayIdentity, Violation};
use kube::ResourceExt;

use super::{Pass, domains, tenants_of};
use crate::context::Context;
use crate::harness::Error;
use crate::report::{apply, held_for_generation};

/// The spec was refused: AWS and the rest of the status stay as they are.
pub(super) async fn refused(context: &Context, gateway: &AIGateway, violations: Vec<Violation>) -> Result<(), Error> {
    let next = gateway.status.clone().unwrap_or_default();
    write(context, gateway, next, conditions(&GatewayOutcome::Refused(violations), false), &[]).await
}

/// A pass ended.
pub(super) async fn passed(
    context: &Context,
    gateway: &AIGateway,
    identity: &GatewayIdentity,
    valid: &ValidGateway,
    pass: &Pass,
    issuers: Option<&[ObservedIssuer]>,
) -> Result<(), Error> {
    context.metrics.set_over_budget(over_budget(context));
    let previous = gateway.status.clone().unwrap_or_default();
    let was_ready = held_for_generation(&previous.conditions, kind::READY, gateway.metadata.generation);
    // A pass that could not look keeps what an earlier one saw.
    let mut specs = conditions(&pass.outcome, was_ready);
    specs.extend(pass.probed.clone());
    // What tells that there was a probe stays until it is taken away, which is the last thing a pass does.
    let ended = valid.probe.mode == ProbeMode::Off && pass.outcome == GatewayOutcome::InSync;
    let off = ended.then_some(kind::PROBED);
    let mut next = match &pass.observed {
        Some(observed) => {
            specs.push(capacity::condition(observed));
            specs.extend(guardrails(valid, observed, pass));
            specs.extend(pass.released.clone());
            specs.extend(logs::condition(valid, identity, observed));
            let tenants = tenants_of(context, gateway).len();
            let now = context.clock.now().as_second();
            let (build, proven) = (&context.memory.build, pass.domain.proven);
            let next = status(valid, identity, build, observed, tenants, &previous, (proven, now));
            let facts = domains::facts(context, gateway, identity, valid);
            let told = (next.endpoint.as_deref(), pass.domain.not_reached.as_deref());
            specs.extend(tell::condition(valid, observed, &facts, told, build));
            next
        }
        None => previous,
    };
    // Only who has looked knows that there is none.
    let unguarded = pass.observed.is_some().then_some(kind::GUARDRAILS_ENFORCED);
    let no_domain = valid.domain.is_none().then_some(kind::DOMAIN_READY);
    let at_once = (valid.releases == Releases::AllAtOnce).then_some(kind::ROLLED_OUT);
    let unlogged = (!valid.logs.access).then_some(kind::ACCESS_LOGS_READY);
    let optional: Vec<_> = off.into_iter().chain(unguarded).chain(no_domain).chain(at_once).chain(unlogged).collect();
    let Some(issuers) = issuers else { return write(context, gateway, next, specs, &optional).await };
    next.issuers = issuers::status(issuers);
    specs.extend(issuers::condition(issuers, context.clock.now().as_second()));
    let optional: Vec<_> = optional.into_iter().chain([kind::ISSUERS_READY]).collect();
    write(context, gateway, next, specs, &optional).await
}

/// What is to be said of the gateway's guardrail.
fn guardrails(valid: &ValidGateway, observed: &ObservedGateway, pass: &Pass) -> Option<ConditionSpec> {
    let seen = Seen {
        observed,
        in_sync: matches!(pass.outcome, GatewayOutcome::InSync | GatewayOutcome::Unproven { .. }),
        own_role: valid.forwarder_role_arn.is_none(),
        // Without a model to ask for, Bedrock was not asked.
        probe: pass.finding.as_ref().filter(|_| valid.probe.model.is_some()),
    };
    condition(valid.guardrail.as_ref(), seen)
}

/// Tenants of all gateways that have exhausted a budget: a metric has no names of objects in it.
fn over_budget(context: &Context) -> usize {
    let over = |tenant: &Tenant| {
        let conditions = tenant.status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|condition| condition.type_ == kind::WITHIN_BUDGET && condition.status == "False")
    };
    context.stores.tenants.state_filter(over).len()
}

/// Conditions only, as while deleting.
pub(super) async fn conditions_only(
    context: &Context,
    gateway: &AIGateway,
    specs: Vec<ConditionSpec>,
) -> Result<(), Error> {
    write(context, gateway, gateway.status.clone().unwrap_or_default(), specs, &[]).await
}

async fn write(
    context: &Context,
    gateway: &AIGateway,
    mut next: AIGatewayStatus,
    specs: Vec<ConditionSpec>,
    optional: &[&str],
) -> Result<(), Error> {
    let generation = gateway.metadata.generation;
    let previous = gateway.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
    next.observed_generation = generation;
    next.conditions.clone_from(&previous);
    apply(&mut next.conditions, specs, optional, generation, context.clock.now());
    if context.statuses.write(gateway, &next).await? {
        tracing::debug!(name = gateway.name_any(), "status written");
        context.events.transitions(gateway, &previous, &next.conditions).await;
    }
    Ok(())
}
