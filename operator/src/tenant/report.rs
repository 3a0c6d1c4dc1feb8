//! Writes what a pass came to: conditions and the rest of the status in one write, Events for what changed.

use aigw_api::conditions::kind;
use aigw_api::{Tenant, TenantStatus, TenantUsage};
use aigw_contract::meter::MeterReading;
use aigw_contract::policy::TenantPolicy;
use aigw_plan::ConditionSpec;
use aigw_plan::tenant::report::{TenantOutcome, conditions, status};
use aigw_plan::tenant::usage::{self, Warning};

use super::Pass;
use super::probe::Refused;
use crate::context::Context;
use crate::harness::Error;
use crate::report::{apply, held_for_generation};

/// A pass ended.
pub(super) async fn passed(context: &Context, tenant: &Tenant, pass: &Pass) -> Result<(), Error> {
    let previous = tenant.status.clone().unwrap_or_default();
    let was_ready = held_for_generation(&previous.conditions, kind::READY, tenant.metadata.generation);
    let policy = pass.observed.as_ref().and_then(|observed| observed.policy.as_ref()).map(|document| &document.content);
    let now = context.clock.now().as_second();
    let mut specs = conditions(&pass.outcome, pass.admitted.as_ref(), policy, was_ready, now);
    let (shown, warnings) = spent(tenant, pass, previous.usage.as_ref(), now);
    let in_force = usage_of(pass).map(|(policy, _)| policy.enforcement).unwrap_or_default();
    specs.extend(pass.probed.condition.clone());
    specs.extend(shown.as_ref().map(|usage| usage::condition(usage, in_force)));
    let mut next = match (&pass.admitted, &pass.outcome) {
        (Some(admitted), _) => {
            let next = status(admitted.tenant_id.clone(), pass.endpoint.clone(), Some(admitted), policy);
            // A pass that could not look keeps what an earlier one saw.
            TenantStatus {
                credentials: next.credentials.or_else(|| previous.credentials.filter(|_| policy.is_none())),
                suspension: previous.suspension,
                ..next
            }
        }
        // Not admitted: nothing is in force that could be shown.
        (None, TenantOutcome::Refused(_)) => TenantStatus { effective: None, ..previous },
        (None, _) => previous,
    };
    next.usage = shown;
    match &pass.probed.suspension {
        Refused::AsTold => {}
        Refused::No => next.suspension = None,
        Refused::Since(suspension) => next.suspension = Some(suspension.clone()),
    }
    let off = pass.probed.off.then_some(kind::PROBED);
    let optional: Vec<_> = off.into_iter().chain([kind::IDENTITIES_READY, kind::WITHIN_BUDGET]).collect();
    if write(context, tenant, next, specs, &optional).await? {
        // Told once it is written: what stands in the status is not told again.
        for Warning { reason, message } in warnings {
            context.events.note(tenant, true, reason, message).await;
        }
    }
    Ok(())
}

/// Policy and counts of a tenant, where they were read: those of a refused tenant bind as well.
fn usage_of(pass: &Pass) -> Option<(&TenantPolicy, &MeterReading)> {
    let observed = pass.observed.as_ref().or(pass.kept.as_ref())?;
    let policy = observed.policy.as_ref().filter(|policy| !policy.content.deleted)?;
    Some((&policy.content, &observed.reading))
}

/// What to show of what was spent, and what to warn of. A pass that could not look keeps what an earlier one saw.
fn spent(
    tenant: &Tenant,
    pass: &Pass,
    previous: Option<&TenantUsage>,
    now: i64,
) -> (Option<TenantUsage>, Vec<Warning>) {
    match usage_of(pass) {
        Some((policy, reading)) => usage::usage(previous, policy, &tenant.spec.budgets, reading, now),
        None => (previous.cloned(), Vec::new()),
    }
}

/// Conditions only, as while deleting.
pub(super) async fn conditions_only(
    context: &Context,
    tenant: &Tenant,
    specs: Vec<ConditionSpec>,
) -> Result<(), Error> {
    write(context, tenant, tenant.status.clone().unwrap_or_default(), specs, &[]).await.map(drop)
}

async fn write(
    context: &Context,
    tenant: &Tenant,
    mut next: TenantStatus,
    specs: Vec<ConditionSpec>,
    optional: &[&str],
) -> Result<bool, Error> {
    let generation = tenant.metadata.generation;
    let previous = tenant.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
    next.observed_generation = generation;
    next.conditions.clone_from(&previous);
    apply(&mut next.conditions, specs, optional, generation, context.clock.now());
    let written = context.statuses.write(tenant, &next).await?;
    if written {
        context.events.transitions(tenant, &previous, &next.conditions).await;
    }
    Ok(written)
}
