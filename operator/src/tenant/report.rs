//! Writes what a pass came to: conditions and the rest of the status in one write, Events for what changed.

use aigw_api::conditions::kind;
use aigw_api::{Tenant, TenantStatus};
use aigw_plan::ConditionSpec;
use aigw_plan::tenant::report::{TenantOutcome, conditions, status};

use super::Pass;
use crate::context::Context;
use crate::harness::Error;
use crate::report::{apply, held_for_generation};

/// A pass ended.
pub(super) async fn passed(context: &Context, tenant: &Tenant, pass: &Pass) -> Result<(), Error> {
    let previous = tenant.status.clone().unwrap_or_default();
    let was_ready = held_for_generation(&previous.conditions, kind::READY, tenant.metadata.generation);
    let policy = pass.observed.as_ref().and_then(|observed| observed.policy.as_ref()).map(|document| &document.content);
    let specs = conditions(&pass.outcome, pass.admitted.as_ref(), policy, was_ready);
    let next = match (&pass.admitted, &pass.outcome) {
        (Some(admitted), _) => {
            let next = status(admitted.tenant_id.clone(), pass.endpoint.clone(), Some(admitted), policy);
            // A pass that could not look keeps what an earlier one saw.
            TenantStatus {
                credentials: next.credentials.or_else(|| previous.credentials.filter(|_| policy.is_none())),
                ..next
            }
        }
        // Not admitted: nothing is in force that could be shown.
        (None, TenantOutcome::Refused(_)) => TenantStatus { effective: None, ..previous },
        (None, _) => previous,
    };
    write(context, tenant, next, specs, &[kind::IDENTITIES_READY]).await
}

/// Conditions only, as while deleting.
pub(super) async fn conditions_only(
    context: &Context,
    tenant: &Tenant,
    specs: Vec<ConditionSpec>,
) -> Result<(), Error> {
    write(context, tenant, tenant.status.clone().unwrap_or_default(), specs, &[]).await
}

async fn write(
    context: &Context,
    tenant: &Tenant,
    mut next: TenantStatus,
    specs: Vec<ConditionSpec>,
    optional: &[&str],
) -> Result<(), Error> {
    let generation = tenant.metadata.generation;
    let previous = tenant.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
    next.observed_generation = generation;
    next.conditions.clone_from(&previous);
    apply(&mut next.conditions, specs, optional, generation, context.clock.now());
    if context.statuses.write(tenant, &next).await? {
        context.events.transitions(tenant, &previous, &next.conditions).await;
    }
    Ok(())
}
