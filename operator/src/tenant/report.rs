//! Writes what a pass came to: conditions and the rest of the status in one write, Events for what changed.

use aigw_api::conditions::{kind, reason};
use aigw_api::{Tenant, TenantStatus, TenantUsage};
use aigw_plan::ConditionSpec;
use aigw_plan::tenant::issued;
use aigw_plan::tenant::report::{InForce, TenantOutcome, conditions, status};
use aigw_plan::tenant::step::ObservedTenant;
use aigw_plan::tenant::usage::{self, Warning};

use super::Pass;
use crate::context::Context;
use crate::harness::Error;
use crate::report::{apply, held_for_generation};

/// A pass ended.
pub(super) async fn passed(context: &Context, tenant: &Tenant, pass: &Pass) -> Result<(), Error> {
    let previous = tenant.status.clone().unwrap_or_default();
    let was_ready = held_for_generation(&previous.conditions, kind::READY, tenant.metadata.generation);
    let in_force = pass.observed.as_ref().or(pass.kept.as_ref()).and_then(in_force);
    let now = context.clock.now().as_second();
    let mut specs = conditions(&pass.outcome, pass.admitted.as_ref(), in_force, was_ready, now);
    let live = in_force.filter(|in_force| !in_force.policy.deleted);
    let (shown, warnings) = spent(tenant, live, previous.usage.as_ref(), now);
    let enforcement = live.map(|in_force| in_force.policy.enforcement).unwrap_or_default();
    specs.extend(shown.as_ref().map(|usage| usage::condition(usage, enforcement)));
    specs.extend(pass.probed.condition.clone());
    let issued = previous.credentials.clone();
    let mut next = match (&pass.admitted, &pass.outcome) {
        (Some(admitted), _) => {
            let next = status(admitted.tenant_id.clone(), pass.endpoint.clone(), Some(admitted), in_force, &previous);
            // A pass that could not look keeps what an earlier one saw.
            TenantStatus {
                credentials: next.credentials.or_else(|| previous.credentials.filter(|_| in_force.is_none())),
                suspension: previous.suspension,
                ..next
            }
        }
        // Not admitted: nothing is in force that could be shown.
        (None, TenantOutcome::Refused(_)) => TenantStatus { effective: None, ..previous },
        (None, _) => previous,
    };
    next.usage = shown;
    if let Some(suspension) = &pass.probed.suspension {
        next.suspension.clone_from(suspension);
    }
    let off = pass.probed.off.then_some(kind::PROBED);
    let optional: Vec<_> = off.into_iter().chain([kind::IDENTITIES_READY, kind::WITHIN_BUDGET]).collect();
    let rotated = issued::rotated(issued.as_ref(), next.credentials.as_ref());
    if write(context, tenant, next, specs, &optional).await? {
        // Told once it is written: what stands in the status is not told again.
        for Warning { reason, message } in warnings {
            context.events.note(tenant, true, reason, message).await;
        }
        if let Some(message) = rotated {
            context.events.note(tenant, false, reason::CREDENTIAL_ROTATED, message).await;
        }
    }
    Ok(())
}

/// What binds a tenant, where it was read: also a refused one, which goes on with what it has.
fn in_force(observed: &ObservedTenant) -> Option<InForce<'_>> {
    let policy = &observed.policy.as_ref()?.content;
    Some(InForce { policy, reading: &observed.reading })
}

/// What to show of what was spent, and what to warn of. A pass that could not look keeps what an earlier one saw.
fn spent(
    tenant: &Tenant,
    in_force: Option<InForce<'_>>,
    previous: Option<&TenantUsage>,
    now: i64,
) -> (Option<TenantUsage>, Vec<Warning>) {
    match in_force {
        Some(InForce { policy, reading }) => usage::usage(previous, policy, &tenant.spec.budgets, reading, now),
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
