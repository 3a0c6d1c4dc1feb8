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
use crate::gateway::observed::Document;
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
    let bound = |policy: &TenantPolicy| match bounds {
        Some(bounds) => bounds.ceiling.bound(policy),
        None => TenantPolicy { suspended: Some(Suspension::Platform), ..policy.clone() },
    };
    if let Some(kept) = narrow(tenant_id, identity, observed, keep, bound, &mut plan) {
        diff_meter(tenant_id, identity, observed, kept.version, kept.content.denied(), None, &mut plan);
    }
    plan
}

/// Releases the identities that `keep` lacks, and makes the policy what `bound` makes of it, less those and those that
/// another tenant has by now. Gives the policy where there is one and it is that already.
pub(super) fn narrow<'a>(
    tenant_id: &str,
    identity: &GatewayIdentity,
    observed: &'a ObservedTenant,
    keep: &[String],
    bound: impl FnOnce(&TenantPolicy) -> TenantPolicy,
    plan: &mut Plan<TenantStep>,
) -> Option<&'a Document<TenantPolicy>> {
    identities::release(tenant_id, identity, keep, observed, plan);
    let policy = observed.policy.as_ref().filter(|policy| !policy.content.deleted)?;
    let content = identities::without_lost(tenant_id, keep, bound(&policy.content), &observed.identities);
    if content == policy.content {
        return Some(policy);
    }
    write_policy(tenant_id, identity, observed, content, None, plan);
    None
}
