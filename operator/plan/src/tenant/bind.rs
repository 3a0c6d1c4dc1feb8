//! What binds a tenant whatever else is stuck, and what becomes of the policy of one whose spec is refused: it is bound to
//! what its rule allows by now.
//!
//! A tenant that no rule admits any more loses access: the platform has revoked it. One that asks for too much keeps
//! what it had, because a mistake in a new spec must not take production down, but within its rule: else a rule that
//! became narrower would bind everybody but those who ask for more. Both switches of suspension bind it all the same: a
//! spec that is refused must not be a way past the platform's.

use aigw_contract::policy::{Suspension, TenantPolicy};

use super::access::Ceiling;
use super::admit::AdmittedTenant;
use super::diff::{diff_meter, write_policy};
use super::limits::Ceilings;
use super::namespace::Share;
use super::step::{ObservedTenant, TenantStep};
use super::{identities, internal_key, zone};
use crate::gateway::observed::Document;
use crate::gateway::validate::ValidTier;
use crate::identity::GatewayIdentity;
use crate::plan::Plan;

/// What the rule that decides about a tenant allows it.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Models and resources.
    pub ceiling: Ceiling,
    /// Limits and budgets.
    pub limits: Ceilings,
    /// What it keeps of what its namespace may have.
    pub share: Share,
    /// The gateway's tiers, whose values are ceilings where the rule has none.
    pub tiers: Vec<ValidTier>,
    /// Hashes of the identities it asks for and may have.
    pub identities: Vec<String>,
    /// Whether calls are refused, and by whom.
    pub suspended: Option<Suspension>,
}

impl Bounds {
    fn bound(&self, policy: &TenantPolicy, now: i64) -> TenantPolicy {
        let tier = self.tiers.iter().find(|tier| tier.name == policy.tier);
        let within_rule = self.limits.bound(self.ceiling.bound(policy), tier);
        suspend(self.share.bound(within_rule), self.suspended, now)
    }
}

/// `policy` with this suspension, and since when.
fn suspend(policy: TenantPolicy, suspended: Option<Suspension>, now: i64) -> TenantPolicy {
    let before = policy.suspended.and(policy.suspended_since);
    TenantPolicy { suspended, suspended_since: suspended.map(|_| before.unwrap_or(now)), ..policy }
}

/// Binds what a tenant has to its bounds; to nothing where no rule decides. What it may not have any more is released
/// first, so that others may have it from then on. `cache_seconds` is how long an authorizer's answer is reused, `now` in
/// seconds since the Unix epoch.
pub fn bind(
    tenant_id: &str,
    identity: &GatewayIdentity,
    observed: &ObservedTenant,
    bounds: Option<&Bounds>,
    (cache_seconds, now): (i32, i64),
) -> Plan<TenantStep> {
    let mut plan = Plan::default();
    let keep = bounds.map(|bounds| &*bounds.identities).unwrap_or_default();
    let bound = |policy: &TenantPolicy| match bounds {
        Some(bounds) => bounds.bound(policy, now),
        None => suspend(policy.clone(), Some(Suspension::Platform), now),
    };
    if let Some(kept) = narrow(tenant_id, identity, observed, keep, bound, &mut plan) {
        diff_meter(tenant_id, identity, observed, kept.version, kept.content.denied(), None, &mut plan);
        internal_key::switch(&kept.content, identity, observed, (cache_seconds, now), &mut plan);
    }
    plan
}

/// The policy with what must bind whatever else is stuck, where that changed.
pub(super) fn binding_change(tenant: &AdmittedTenant, observed: &ObservedTenant, now: i64) -> Option<TenantPolicy> {
    let policy = &observed.policy.as_ref().filter(|policy| !policy.content.deleted)?.content;
    let content = binding(tenant, policy.clone(), now);
    (content != *policy).then_some(content)
}

/// `policy`, its names, keys and identities, with everything that binds calls whatever their credential.
pub(super) fn binding(tenant: &AdmittedTenant, policy: TenantPolicy, now: i64) -> TenantPolicy {
    // Exhaustive: of a new field it has to be decided here whether it can wait.
    let TenantPolicy {
        namespace,
        name,
        tier,
        usage_key,
        usage_key_generation,
        usage_key_since,
        deleted,
        keys,
        last_key,
        rotations,
        identities,
        suspended,
        suspended_since,
        models: _,
        resources: _,
        limits: _,
        budgets: _,
        premiums: _,
        utc_offsets: _,
        enforcement: _,
        expires_at: _,
    } = policy;
    let policy = TenantPolicy {
        namespace,
        name,
        tier,
        usage_key,
        usage_key_generation,
        usage_key_since,
        deleted,
        keys,
        last_key,
        rotations,
        identities,
        suspended,
        suspended_since,
        models: Some(tenant.models.clone()),
        resources: tenant.resources.clone(),
        limits: tenant.limits.limits(),
        budgets: tenant.limits.budgets(),
        premiums: tenant.limits.premiums.clone(),
        utc_offsets: zone::utc_offsets(&tenant.time_zone, now),
        enforcement: tenant.limits.enforcement,
        expires_at: tenant.expires_at,
    };
    suspend(policy, tenant.suspended, now)
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
