//! The internal API Gateway key of a tenant: made, put in its tier's plan, disabled while the tenant is refused, moved by
//! taking another one.
//!
//! A key can be in one plan of a stage, so a tenant that changes its tier gets another key: attached, confirmed to be there,
//! named by the policy, and only then, once no cached answer of the authorizer can name the old one, is that deleted.

use std::time::Duration;

use aigw_contract::policy::TenantPolicy;

use super::admit::AdmittedTenant;
use super::diff::{GatewayFacts, seconds};
use super::step::{ObservedApiKey, ObservedTenant, TenantStep};
use crate::gateway::observed::Tags;
use crate::identity::{GatewayIdentity, TAG_ID, TAG_INSTALLATION, TAG_TENANT_ID, TAG_TIER, sha256_hex};
use crate::plan::Plan;

/// When to look again for a usage plan that is missing, beside being woken by its gateway.
const PLAN_RECHECK: Duration = Duration::from_secs(30);
/// Added to the authorizer's cache time before a replaced internal key is deleted, or that of a refused tenant disabled:
/// clocks and requests in flight.
const CACHE_MARGIN_SECONDS: i64 = 30;

/// Name of an internal key.
pub fn key_name(identity: &GatewayIdentity, tenant_id: &str, generation: i64) -> String {
    format!("{}{generation}", key_prefix(identity, tenant_id))
}

/// First characters of the names of a tenant's internal keys.
pub fn key_prefix(identity: &GatewayIdentity, tenant_id: &str) -> String {
    format!("{}{tenant_id}-", identity.api_key_prefix())
}

/// Value of an internal key: the same at every try, so that a repeated create collides. No secret: with key source
/// AUTHORIZER a client cannot present it.
pub fn key_value(identity: &GatewayIdentity, tenant_id: &str, generation: i64) -> String {
    sha256_hex(&format!("aigw internal key 1\n{}\n{tenant_id}\n{generation}", identity.id()))
}

/// A tenant that changes its tier gets another key. So does one whose key is in another plan: moved by hand, or made for a
/// tier that the spec has left again before the policy named the key.
pub(super) fn generation(tenant: &AdmittedTenant, gateway: &GatewayFacts<'_>, observed: &ObservedTenant) -> i64 {
    let mut generation = match observed.policy.as_ref().map(|policy| &policy.content) {
        None => 0,
        Some(policy) if policy.tier == tenant.tier.name && !policy.deleted => policy.usage_key_generation,
        Some(policy) => policy.usage_key_generation + 1,
    };
    // While the plan of the tier is not there, nothing tells a wrong plan.
    let Some(usage_plan_id) = gateway.usage_plan_id else { return generation };
    let spoilt = |generation| {
        let key = find(gateway.identity, &tenant.tenant_id, generation, observed);
        key.is_some_and(|key| key.usage_plans.iter().any(|plan| plan != usage_plan_id))
    };
    while spoilt(generation) {
        generation += 1;
    }
    generation
}

fn find<'a>(
    identity: &GatewayIdentity,
    tenant_id: &str,
    generation: i64,
    observed: &'a ObservedTenant,
) -> Option<&'a ObservedApiKey> {
    let name = key_name(identity, tenant_id, generation);
    observed.api_keys.iter().find(|key| key.name == name)
}

/// Returns whether the key exists and is in its plan, or will be after the steps.
pub(super) fn diff(
    tenant: &AdmittedTenant,
    gateway: &GatewayFacts<'_>,
    observed: &ObservedTenant,
    generation: i64,
    plan: &mut Plan<TenantStep>,
) -> bool {
    let Some(key) = find(gateway.identity, &tenant.tenant_id, generation, observed) else {
        let tags = Tags::from([
            (TAG_ID.into(), gateway.identity.id()),
            (TAG_INSTALLATION.into(), gateway.identity.installation.clone()),
            (TAG_TENANT_ID.into(), tenant.tenant_id.clone()),
            (TAG_TIER.into(), tenant.tier.name.clone()),
        ]);
        plan.step(TenantStep::CreateApiKey {
            name: key_name(gateway.identity, &tenant.tenant_id, generation),
            value: key_value(gateway.identity, &tenant.tenant_id, generation),
            tags,
        });
        plan.wait("the internal key is being created", Duration::ZERO);
        return false;
    };
    let Some(usage_plan_id) = gateway.usage_plan_id else {
        // Its gateway's status wakes the tenant; this is for when that is missed.
        plan.wait("the usage plan of the tier is being created", PLAN_RECHECK);
        return false;
    };
    let attached = key.usage_plans.iter().any(|attached| attached == usage_plan_id);
    if !attached {
        plan.step(TenantStep::AttachApiKey { key_id: key.id.clone(), usage_plan_id: usage_plan_id.into() });
    }
    // A tenant that is being served goes on with its old key until AWS itself tells of the new one: what it answered to our
    // own write is not yet what it tells others.
    let served = observed.policy.as_ref().map(|policy| &policy.content);
    let moves = served.is_some_and(|policy| !policy.deleted && policy.usage_key_generation != generation);
    if moves {
        plan.step(TenantStep::ConfirmApiKey { key_id: key.id.clone(), usage_plan_id: usage_plan_id.into() });
    }
    true
}

/// Enables or disables the key that `policy` names: a second line behind the policy's own word, and a late one. It comes
/// after the policy, so that a suspension never waits for API Gateway's pace, and once no answer in the authorizer's cache
/// leads past it, so that clients are told why they are refused instead of that their key is not known.
pub(super) fn switch(
    policy: &TenantPolicy,
    identity: &GatewayIdentity,
    observed: &ObservedTenant,
    (cache_seconds, now): (i32, i64),
    plan: &mut Plan<TenantStep>,
) {
    let tenant_id = identity.tenant_id(&policy.namespace, &policy.name);
    let Some(key) = find(identity, &tenant_id, policy.usage_key_generation, observed) else { return };
    let refused_since =
        [policy.suspended.map(|_| policy.suspended_since.unwrap_or(0)), policy.expires_at].into_iter().flatten().min();
    let due = refused_since.map(|since| since + i64::from(cache_seconds) + CACHE_MARGIN_SECONDS);
    let enabled = due.is_none_or(|due| now < due);
    match (enabled, key.enabled) {
        (true, false) => plan.step(TenantStep::EnableApiKey { id: key.id.clone() }),
        (false, true) => plan.step(TenantStep::DisableApiKey { id: key.id.clone() }),
        (true, true) | (false, false) => {}
    }
    if let Some(due) = due.filter(|due| now < *due) {
        plan.recheck(seconds(due - now));
    }
}

/// Deletes internal keys of earlier tiers once no cached authorizer answer can name them.
pub(super) fn diff_old(
    gateway: &GatewayFacts<'_>,
    observed: &ObservedTenant,
    policy: &TenantPolicy,
    now: i64,
    plan: &mut Plan<TenantStep>,
) {
    let tenant_id = gateway.identity.tenant_id(&policy.namespace, &policy.name);
    let current = key_name(gateway.identity, &tenant_id, policy.usage_key_generation);
    let mut old: Vec<_> = observed.api_keys.iter().filter(|key| key.name != current).collect();
    if old.is_empty() {
        return;
    }
    let due = policy.usage_key_since + cached(gateway);
    if now < due {
        plan.recheck(seconds(due - now));
        return;
    }
    // AWS lists in no fixed order.
    old.sort_by_key(|key| &key.name);
    for key in old {
        plan.step(TenantStep::DeleteApiKey { id: key.id.clone(), name: key.name.clone() });
    }
}

/// Seconds for which an answer of the authorizer may go on naming what a policy names no more.
pub(super) fn cached(gateway: &GatewayFacts<'_>) -> i64 {
    i64::from(gateway.cache_seconds) + CACHE_MARGIN_SECONDS
}
