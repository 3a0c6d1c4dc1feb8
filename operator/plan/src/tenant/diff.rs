//! The next steps for one tenant.
//!
//! Order: suspension, models, resources, limits, budgets and identities given up first, because they must bind whatever else
//! is stuck; then identities are claimed, so that a policy lists only what is the tenant's; then the internal key and its
//! plan; then the Secret; then the policy that makes key and credential valid; the meter last, the commit point of the
//! policy. So a crash anywhere leaves either the old state or a credential that is not valid yet, never one that is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_api::labels;
use aigw_contract::Credential;
use aigw_contract::policy::{KeyHash, TenantPolicy};
use aigw_contract::table::MeterHead;

use super::admit::AdmittedTenant;
use super::bind::{binding, binding_change, narrow};
use super::credentials::{self, Keys};
use super::internal_key::{self, key_value};
use super::step::{ObservedSecret, ObservedTenant, TenantStep};
use super::{identities, secret};
use crate::gateway::observed::Document;
use crate::identity::GatewayIdentity;
use crate::plan::Plan;

/// How long a deleted tenant's policy and meter stay, so that re-applying it continues its counters: longer than the
/// longest budget window, a month, with room.
pub const TOMBSTONE_SECONDS: i64 = 70 * 24 * 3600;

/// What the gateway contributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayFacts<'a> {
    /// Identity.
    pub identity: &'a GatewayIdentity,
    /// Base URL.
    pub endpoint: &'a str,
    /// Region.
    pub region: &'a str,
    /// Id of the usage plan of the tenant's tier, if it exists.
    pub usage_plan_id: Option<&'a str>,
    /// Whether credentials are issued.
    pub api_keys: bool,
    /// Seconds an authorizer's answer is reused.
    pub cache_seconds: i32,
}

/// A Secret of the wanted name exists and is not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Secret {0} exists and does not belong to this tenant; delete it or name another in spec.apiKey.secretName")]
pub struct SecretNotOurs(pub String);

/// Derives the next steps. `now` is in seconds since the Unix epoch; `random` becomes a credential if one is needed.
///
/// # Errors
/// [`SecretNotOurs`].
pub fn diff(
    tenant: &AdmittedTenant,
    gateway: &GatewayFacts<'_>,
    observed: &ObservedTenant,
    now: i64,
    random: &[u8; 32],
) -> Result<Plan<TenantStep>, SecretNotOurs> {
    let mut plan = Plan::default();
    if let Some(content) = binding_change(tenant, observed, now) {
        write_policy(&tenant.tenant_id, gateway.identity, observed, content, None, &mut plan);
        plan.wait("suspension, models, resources and limits are being written", Duration::ZERO);
        return Ok(plan);
    }
    let keep: Vec<String> = tenant.identities.iter().map(|one| one.hash.clone()).collect();
    narrow(&tenant.tenant_id, gateway.identity, observed, &keep, TenantPolicy::clone, &mut plan);
    if !plan.steps.is_empty() {
        plan.wait("identities are being given up", Duration::ZERO);
        return Ok(plan);
    }
    identities::claim(&tenant.tenant_id, gateway.identity, &tenant.identities, observed, now, &mut plan);
    if !plan.steps.is_empty() {
        plan.wait("identities are being claimed", Duration::ZERO);
        return Ok(plan);
    }
    if observed.secret == ObservedSecret::Foreign && gateway.api_keys {
        return Err(SecretNotOurs(format!("{}/{}", tenant.namespace, tenant.secret_name)));
    }
    if observed.secret == ObservedSecret::Leaving && gateway.api_keys {
        plan.wait("the Secret of an earlier Tenant of this name is being deleted", Duration::from_secs(2));
        return Ok(plan);
    }
    let generation = internal_key::generation(tenant, gateway, observed);
    let key_ready = internal_key::diff(tenant, gateway, observed, generation, &mut plan);
    let credential = gateway.api_keys.then(|| credentials::choose(tenant, observed, key_ready, now, random));
    if let Some(credential) = &credential {
        diff_secret(tenant, gateway, observed, credential, &mut plan);
    }
    if !key_ready {
        return Ok(plan);
    }
    let wanted = wanted(tenant, gateway, observed, generation, credential.as_ref(), now);
    note_due(tenant, observed, &wanted, now, &mut plan);
    let same_key = observed.policy.as_ref().is_some_and(|policy| policy.content.usage_key == wanted.usage_key);
    internal_key::switch(&wanted, gateway.identity, observed, (gateway.cache_seconds, now), &mut plan);
    diff_policy(tenant, gateway.identity, observed, wanted.clone(), &mut plan);
    if same_key {
        internal_key::diff_old(gateway, observed, &wanted, now, &mut plan);
    } else {
        plan.recheck(seconds(internal_key::cached(gateway)));
    }
    Ok(plan)
}

/// The policy with everything in place.
fn wanted(
    tenant: &AdmittedTenant,
    gateway: &GatewayFacts<'_>,
    observed: &ObservedTenant,
    generation: i64,
    credential: Option<&Credential>,
    now: i64,
) -> TenantPolicy {
    let usage_key = key_value(gateway.identity, &tenant.tenant_id, generation);
    let previous = observed.policy.as_ref().map(|policy| &policy.content);
    let same_key = previous.filter(|policy| policy.usage_key == usage_key);
    let Keys { accepted, last, rotations } = credentials::keys(tenant, credential, observed, now);
    let wanted = TenantPolicy {
        namespace: tenant.namespace.clone(),
        name: tenant.name.clone(),
        tier: tenant.tier.name.clone(),
        usage_key_generation: generation,
        usage_key_since: same_key.map_or(now, |policy| policy.usage_key_since),
        usage_key,
        deleted: false,
        keys: accepted,
        last_key: last,
        rotations,
        identities: identities::accepted(&tenant.tenant_id, &tenant.identities, observed),
        // Since when it is suspended, if it was already.
        suspended: previous.and_then(|policy| policy.suspended),
        suspended_since: previous.and_then(|policy| policy.suspended_since),
        ..TenantPolicy::default()
    };
    binding(tenant, wanted, now)
}

/// Asks to look again when something of `wanted` is due.
fn note_due(
    tenant: &AdmittedTenant,
    observed: &ObservedTenant,
    wanted: &TenantPolicy,
    now: i64,
    plan: &mut Plan<TenantStep>,
) {
    if !identities::conflicts(&tenant.tenant_id, &tenant.identities, observed, now).is_empty() {
        plan.recheck(identities::CONFLICT_RECHECK);
    }
    if let Some(end) = wanted.expires_at.filter(|end| *end > now) {
        plan.recheck(seconds(end - now));
    }
    if let Some(due) = credentials::next_change(&tenant.rotation, wanted, &observed.reading, now) {
        plan.recheck(seconds(due - now));
    }
}

/// What deletion of a tenant leaves to do while its gateway stands. The Secret goes with its owner reference.
pub fn cleanup(tenant_id: &str, identity: &GatewayIdentity, observed: &ObservedTenant, now: i64) -> Plan<TenantStep> {
    let mut plan = Plan::default();
    let expires = Some(now + TOMBSTONE_SECONDS);
    identities::release(tenant_id, identity, &[], observed, &mut plan);
    if let Some(policy) = &observed.policy {
        if policy.content.deleted {
            diff_meter(tenant_id, identity, observed, policy.version, true, expires, &mut plan);
        } else {
            // Ended, not forgotten: a re-applied tenant must not issue a key id again.
            let keys = policy.content.keys.iter().map(|key| KeyHash { not_after: Some(now), ..key.clone() }).collect();
            let content = TenantPolicy {
                deleted: true,
                usage_key: String::new(),
                keys,
                identities: Vec::new(),
                ..policy.content.clone()
            };
            write_policy(tenant_id, identity, observed, content, expires, &mut plan);
        }
    }
    let mut keys: Vec<_> = observed.api_keys.iter().collect();
    keys.sort_by_key(|key| &key.name);
    for key in keys {
        plan.step(TenantStep::DeleteApiKey { id: key.id.clone(), name: key.name.clone() });
    }
    plan
}

fn diff_secret(
    tenant: &AdmittedTenant,
    gateway: &GatewayFacts<'_>,
    observed: &ObservedTenant,
    credential: &Credential,
    plan: &mut Plan<TenantStep>,
) {
    let data = secret::data(&tenant.groups, gateway.endpoint, gateway.region, credential);
    if observed.secret == ObservedSecret::Ours(data.clone()) {
        return;
    }
    plan.step(TenantStep::WriteSecret {
        namespace: tenant.namespace.clone(),
        name: tenant.secret_name.clone(),
        create: observed.secret == ObservedSecret::Absent,
        data,
        labels: BTreeMap::from([
            (labels::MANAGED_BY.into(), labels::MANAGER.into()),
            (labels::TENANT_ID.into(), tenant.tenant_id.clone()),
        ]),
    });
}

fn diff_policy(
    tenant: &AdmittedTenant,
    identity: &GatewayIdentity,
    observed: &ObservedTenant,
    wanted: TenantPolicy,
    plan: &mut Plan<TenantStep>,
) {
    match &observed.policy {
        Some(Document { version, content }) if *content == wanted => {
            diff_meter(&tenant.tenant_id, identity, observed, *version, wanted.denied(), None, plan);
        }
        _ => write_policy(&tenant.tenant_id, identity, observed, wanted, None, plan),
    }
}

/// Policy item, then meter: the meter write is what makes the change bind.
pub(super) fn write_policy(
    tenant_id: &str,
    identity: &GatewayIdentity,
    observed: &ObservedTenant,
    policy: TenantPolicy,
    expires: Option<i64>,
    plan: &mut Plan<TenantStep>,
) {
    let expected = observed.policy.as_ref().map(|document| document.version);
    // The meter may outlive a policy item that expired; its version is never gone below.
    let version = expected.max(observed.meter.map(|meter| meter.policy_version)).unwrap_or(0) + 1;
    let head = MeterHead { policy_version: version, suspended: policy.denied() };
    let (table, tenant_id) = (identity.physical_name(), tenant_id.to_owned());
    plan.step(TenantStep::WritePolicy {
        table: table.clone(),
        tenant_id: tenant_id.clone(),
        expected,
        version,
        policy: Box::new(policy),
        expires,
    });
    plan.step(TenantStep::WriteMeter { table, tenant_id, head, expires });
}

pub(super) fn diff_meter(
    tenant_id: &str,
    identity: &GatewayIdentity,
    observed: &ObservedTenant,
    policy_version: i64,
    suspended: bool,
    expires: Option<i64>,
    plan: &mut Plan<TenantStep>,
) {
    let head = MeterHead { policy_version, suspended };
    if observed.meter != Some(head) {
        plan.step(TenantStep::WriteMeter {
            table: identity.physical_name(),
            tenant_id: tenant_id.into(),
            head,
            expires,
        });
    }
}

/// A time from now on; one that is past is a second away.
pub(super) fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count.max(1)).unwrap_or(1))
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
