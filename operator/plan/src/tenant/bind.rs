//! What becomes of the policy of a tenant whose spec is refused: it is bound to what its rule allows by now.
//!
//! A tenant that no rule admits any more loses access: the platform has revoked it. One that asks for too much keeps
//! what it had, because a mistake in a new spec must not take production down, but within its rule: else a rule that
//! became narrower would bind everybody but those who ask for more.

use aigw_contract::policy::{Suspension, TenantPolicy};

use super::access::Ceiling;
use super::diff::{diff_meter, write_policy};
use super::identities;
use super::step::{ObservedTenant, TenantStep};
use crate::identity::GatewayIdentity;
use crate::plan::Plan;

/// What the rule that decides about a tenant allows it.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Models and resources.
    pub ceiling: Ceiling,
    /// Hashes of the identities it asks for and may have.
    pub identities: Vec<String>,
}

/// Binds what a tenant has to its bounds; to nothing where no rule decides. What it may not have any more is released
/// first, so that others may have it from then on.
pub fn bind(
    tenant_id: &str,
    identity: &GatewayIdentity,
    observed: &ObservedTenant,
    bounds: Option<&Bounds>,
) -> Plan<TenantStep> {
    let mut plan = Plan::default();
    let keep = bounds.map(|bounds| &*bounds.identities).unwrap_or_default();
    identities::release((&identity.physical_name(), tenant_id), keep, observed, &mut plan);
    let Some(policy) = observed.policy.as_ref().filter(|policy| !policy.content.deleted) else { return plan };
    let bound = match bounds {
        Some(bounds) => bounds.ceiling.bound(&policy.content),
        None => TenantPolicy { suspended: Some(Suspension::Platform), ..policy.content.clone() },
    };
    let content = identities::without_lost(tenant_id, keep, &bound, &observed.identities).unwrap_or(bound);
    if content == policy.content {
        diff_meter(tenant_id, identity, observed, policy.version, content.denied(), None, &mut plan);
    } else {
        write_policy(tenant_id, identity, observed, content, None, &mut plan);
    }
    plan
}
