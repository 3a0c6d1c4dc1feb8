//! The next steps for one tenant.
//!
//! Order: suspension, models, resources, limits, budgets and identities given up first, because they must bind whatever else
//! is stuck; then
//! identities are claimed, so that a policy lists only what is the tenant's; then the internal key and its plan; then the
//! Secret; then the policy that makes key and credential valid; the meter last, the commit point of the policy. So a
//! crash anywhere leaves either the old state or a credential that is not valid yet, never one that is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_api::labels;
use aigw_contract::Credential;
use aigw_contract::policy::{KeyHash, TenantPolicy};
use aigw_contract::table::MeterHead;

use super::admit::AdmittedTenant;
use super::bind::{binding, binding_change, narrow};
use super::identities;
use super::secret;
use super::step::{ObservedSecret, ObservedTenant, TenantStep};
use crate::gateway::observed::{Document, Tags};
use crate::identity::{GatewayIdentity, TAG_ID, TAG_INSTALLATION, TAG_TENANT_ID, TAG_TIER, sha256_hex};
use crate::plan::Plan;

/// How long a credential stays valid after another took its place without being asked to: a Secret lost with its
/// cluster may still be in running containers, whose environment never changes.
pub const RETIRING_SECONDS: i64 = 7 * 24 * 3600;
/// How long a deleted tenant's policy and meter stay, so that re-applying it continues its counters: longer than the
/// longest budget window, a month, with room.
pub const TOMBSTONE_SECONDS: i64 = 70 * 24 * 3600;
/// When to look again for a usage plan that is missing, beside being woken by its gateway.
const PLAN_RECHECK: Duration = Duration::from_secs(30);
/// Added to the authorizer's cache time before a replaced internal key is deleted: clocks and requests in flight.
const CACHE_MARGIN_SECONDS: i64 = 30;

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
    let generation = key_generation(tenant, gateway, observed);
    let key_ready = diff_api_key(tenant, gateway, observed, generation, &mut plan);
    let credential = gateway.api_keys.then(|| diff_secret(tenant, gateway, observed, random, &mut plan));
    if !key_ready {
        return Ok(plan);
    }
    let usage_key = key_value(gateway.identity, &tenant.tenant_id, generation);
    let previous = observed.policy.as_ref().map(|policy| &policy.content);
    let same_key = previous.is_some_and(|policy| policy.usage_key == usage_key);
    let wanted = TenantPolicy {
        namespace: tenant.namespace.clone(),
        name: tenant.name.clone(),
        tier: tenant.tier.name.clone(),
        usage_key_generation: generation,
        usage_key_since: if same_key { previous.map_or(now, |policy| policy.usage_key_since) } else { now },
        usage_key,
        deleted: false,
        keys: accepted_keys(credential.as_ref(), previous, now),
        identities: identities::accepted(&tenant.tenant_id, &tenant.identities, observed),
        ..TenantPolicy::default()
    };
    let wanted = binding(tenant, wanted, now);
    if !identities::conflicts(&tenant.tenant_id, &tenant.identities, observed, now).is_empty() {
        plan.recheck(identities::CONFLICT_RECHECK);
    }
    if let Some(end) = wanted.expires_at.filter(|end| *end > now) {
        plan.recheck(seconds(end - now));
    }
    if let Some(end) = wanted.keys.iter().filter_map(|key| key.not_after).min() {
        plan.recheck(seconds(end - now));
    }
    diff_policy(tenant, gateway.identity, observed, wanted.clone(), &mut plan);
    if same_key {
        diff_old_keys(gateway, observed, &wanted, now, &mut plan);
    } else {
        plan.recheck(seconds(i64::from(gateway.cache_seconds) + CACHE_MARGIN_SECONDS));
    }
    Ok(plan)
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

/// A tenant that changes its tier gets another key: a key can be in one plan of a stage only. So does one whose key is
/// in another plan: moved by hand, or made for a tier that the spec has left again before the policy named the key.
fn key_generation(tenant: &AdmittedTenant, gateway: &GatewayFacts<'_>, observed: &ObservedTenant) -> i64 {
    let mut generation = match observed.policy.as_ref().map(|policy| &policy.content) {
        None => 0,
        Some(policy) if policy.tier == tenant.tier.name && !policy.deleted => policy.usage_key_generation,
        Some(policy) => policy.usage_key_generation + 1,
    };
    // While the plan of the tier is not there, nothing tells a wrong plan.
    let Some(usage_plan_id) = gateway.usage_plan_id else { return generation };
    let spoilt = |generation| {
        let name = key_name(gateway.identity, &tenant.tenant_id, generation);
        let key = observed.api_keys.iter().find(|key| key.name == name);
        key.is_some_and(|key| key.usage_plans.iter().any(|plan| plan != usage_plan_id))
    };
    while spoilt(generation) {
        generation += 1;
    }
    generation
}

/// Returns whether the key exists, is enabled and is in its plan.
fn diff_api_key(
    tenant: &AdmittedTenant,
    gateway: &GatewayFacts<'_>,
    observed: &ObservedTenant,
    generation: i64,
    plan: &mut Plan<TenantStep>,
) -> bool {
    let name = key_name(gateway.identity, &tenant.tenant_id, generation);
    let Some(key) = observed.api_keys.iter().find(|key| key.name == name) else {
        let tags = Tags::from([
            (TAG_ID.into(), gateway.identity.id()),
            (TAG_INSTALLATION.into(), gateway.identity.installation.clone()),
            (TAG_TENANT_ID.into(), tenant.tenant_id.clone()),
            (TAG_TIER.into(), tenant.tier.name.clone()),
        ]);
        plan.step(TenantStep::CreateApiKey {
            name,
            value: key_value(gateway.identity, &tenant.tenant_id, generation),
            tags,
        });
        plan.wait("the internal key is being created", Duration::ZERO);
        return false;
    };
    if !key.enabled {
        plan.step(TenantStep::EnableApiKey { id: key.id.clone() });
    }
    let Some(usage_plan_id) = gateway.usage_plan_id else {
        // Its gateway's status wakes the tenant; this is for when that is missed.
        plan.wait("the usage plan of the tier is being created", PLAN_RECHECK);
        return false;
    };
    if !key.usage_plans.iter().any(|attached| attached == usage_plan_id) {
        plan.step(TenantStep::AttachApiKey { key_id: key.id.clone(), usage_plan_id: usage_plan_id.into() });
    }
    true
}

fn diff_secret(
    tenant: &AdmittedTenant,
    gateway: &GatewayFacts<'_>,
    observed: &ObservedTenant,
    random: &[u8; 32],
    plan: &mut Plan<TenantStep>,
) -> Credential {
    let known: &[KeyHash] = observed.policy.as_ref().map_or(&[], |policy| &policy.content.keys);
    let current = match &observed.secret {
        ObservedSecret::Ours(data) => secret::credential(data, &tenant.tenant_id),
        ObservedSecret::Absent | ObservedSecret::Foreign | ObservedSecret::Leaving => None,
    };
    // A key id the policy knows must come with the hash it knows, and must not be on its way out.
    let usable = current.filter(|credential| {
        known
            .iter()
            .find(|key| key.id == credential.key())
            .is_none_or(|key| key.not_after.is_none() && credential.matches(&key.sha256))
    });
    let credential = usable.unwrap_or_else(|| {
        let highest = known.iter().filter_map(|key| key.id.strip_prefix('k')?.parse::<u64>().ok()).max().unwrap_or(0);
        Credential::new(&tenant.tenant_id, &format!("k{}", highest + 1), random)
            .expect("tenant ids and key ids are of the credential's alphabet by construction")
    });
    let data = secret::data(&tenant.groups, gateway.endpoint, gateway.region, &credential);
    if observed.secret != ObservedSecret::Ours(data.clone()) {
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
    credential
}

/// The active key, then those on their way out, newest first.
fn accepted_keys(credential: Option<&Credential>, previous: Option<&TenantPolicy>, now: i64) -> Vec<KeyHash> {
    let Some(credential) = credential else { return Vec::new() };
    let active = KeyHash { id: credential.key().into(), sha256: credential.sha256(), not_after: None };
    let retiring =
        previous.into_iter().flat_map(|policy| &policy.keys).filter(|key| key.id != active.id).filter_map(|key| {
            let end = key.not_after.unwrap_or(now + RETIRING_SECONDS);
            (end > now).then(|| KeyHash { not_after: Some(end), ..key.clone() })
        });
    std::iter::once(active.clone()).chain(retiring).collect()
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

/// Deletes internal keys of earlier tiers once no cached authorizer answer can name them.
fn diff_old_keys(
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
    let due = policy.usage_key_since + i64::from(gateway.cache_seconds) + CACHE_MARGIN_SECONDS;
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

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count.max(1)).unwrap_or(1))
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
