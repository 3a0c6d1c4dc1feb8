//! Identities: which a tenant may have, and who has them.
//!
//! An identity belongs to the tenant whose claim is in the table, and is in force once that tenant's policy lists it.
//! Claims are written before the policy, so a crash in between leaves a claim that nobody's policy backs: such a one may
//! be taken over once it is too old to be on its way.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_api::conditions::reason;
use aigw_api::{JwtIdentity, TenantIdentities, TenantRule, TenantSpec};
use aigw_contract::glob;
use aigw_contract::identity::{Identity, IdentityClaim};
use aigw_contract::issuer::IssuerKind;
use aigw_contract::policy::{AcceptedIdentity, TenantPolicy};

use super::step::{ObservedIdentity, ObservedTenant, TenantStep};
use crate::gateway::validate::ValidGateway;
use crate::identity::GatewayIdentity;
use crate::plan::Plan;
use crate::violation::Violation;

/// The cluster whose ServiceAccounts a tenant names.
const LOCAL_CLUSTER: &str = "local";
/// How long a claim may wait for its policy: longer than an operator needs to come back, short enough to wait out.
const CLAIM_GRACE_SECONDS: i64 = 300;
/// When to look again at an identity that belongs to another tenant: nothing tells when that one lets go of it.
pub(super) const CONFLICT_RECHECK: Duration = Duration::from_mins(1);

/// An identity a tenant is to have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedIdentity {
    /// What table and policy know it by.
    pub hash: String,
    /// For people.
    pub text: String,
}

impl WantedIdentity {
    fn of(identity: Identity<'_>) -> Self {
        Self { hash: identity.hash(), text: identity.to_string() }
    }
}

/// Hashes of everything a spec asks for, allowed or not: what a tenant may have claimed.
pub fn asked(spec: &TenantSpec, namespace: &str) -> Vec<String> {
    let identities = spec.identities.iter();
    let accounts = identities.clone().flat_map(|identities| &identities.service_accounts);
    let accounts = accounts.map(|account| service_account(namespace, &account.name).hash());
    accounts.chain(identities.flat_map(|identities| &identities.jwt).map(|one| jwt(one).hash())).collect()
}

/// The identities a tenant asks for, in the order of their hashes.
///
/// # Errors
/// The first that neither the gateway nor the rule allows.
pub(super) fn wanted(
    identities: Option<&TenantIdentities>,
    namespace: &str,
    rule: &TenantRule,
    gateway: &ValidGateway,
) -> Result<Vec<WantedIdentity>, Violation> {
    let (permitted, refused) = sorted_out(identities, namespace, rule, gateway);
    refused.into_iter().next().map_or(Ok(permitted), Err)
}

/// Those of the identities asked for that are allowed, and why the others are not.
pub(super) fn sorted_out(
    identities: Option<&TenantIdentities>,
    namespace: &str,
    rule: &TenantRule,
    gateway: &ValidGateway,
) -> (Vec<WantedIdentity>, Vec<Violation>) {
    let (mut permitted, mut refused) = (Vec::new(), Vec::new());
    // Exhaustive: a kind nobody grants does not compile.
    let Some(TenantIdentities { service_accounts, jwt: claims }) = identities else { return (permitted, refused) };
    let accepts_accounts = gateway.issuers.iter().any(|issuer| issuer.contract.kind == IssuerKind::ServiceAccounts);
    if !accepts_accounts && !service_accounts.is_empty() {
        let message = "the gateway does not accept ServiceAccount tokens; ask the platform team to set spec.auth.serviceAccounts of the AIGateway, or remove the entries";
        refused.push(Violation::new("spec.identities.serviceAccounts", reason::IDENTITY_NOT_ALLOWED, message));
    } else {
        permitted.extend(
            service_accounts.iter().map(|account| WantedIdentity::of(service_account(namespace, &account.name))),
        );
    }
    for (index, one) in claims.iter().enumerate() {
        match grant(one, rule, gateway) {
            Ok(()) => permitted.push(WantedIdentity::of(jwt(one))),
            Err(message) => {
                let path = format!("spec.identities.jwt[{index}]");
                refused.push(Violation::new(path, reason::IDENTITY_NOT_ALLOWED, message));
            }
        }
    }
    permitted.sort();
    permitted.dedup_by(|one, other| one.hash == other.hash);
    (permitted, refused)
}

fn service_account<'a>(namespace: &'a str, name: &'a str) -> Identity<'a> {
    Identity::ServiceAccount { cluster: LOCAL_CLUSTER, namespace, name }
}

fn jwt(identity: &JwtIdentity) -> Identity<'_> {
    let JwtIdentity { issuer, claim, value } = identity;
    Identity::Jwt { issuer, claim, value }
}

fn grant(identity: &JwtIdentity, rule: &TenantRule, gateway: &ValidGateway) -> Result<(), String> {
    let JwtIdentity { issuer, claim, value } = identity;
    let mut issuers = gateway.issuers.iter().map(|one| &one.contract);
    if !issuers.any(|known| known.kind == IssuerKind::Jwt && known.name == *issuer) {
        return Err(format!("the gateway has no issuer {issuer:?} in its spec.auth.jwt"));
    }
    let granted = rule.allow.iter().filter_map(|allow| allow.identities.as_ref()).flat_map(|granted| &granted.jwt);
    let mut fitting = granted.filter(|grant| grant.issuer == *issuer && grant.claim == *claim);
    if fitting.any(|grant| grant.values.iter().any(|pattern| glob::matches(pattern, value))) {
        return Ok(());
    }
    Err(format!(
        "value {value:?} of claim {claim:?} of issuer {issuer:?} is not granted by rule {:?}; ask the platform team to add it to that rule's allow.identities.jwt",
        rule.name
    ))
}

/// Identities a tenant asks for that another one has, in the order of their hashes: what they are and whose.
pub fn conflicts<'a>(
    tenant_id: &str,
    wanted: &'a [WantedIdentity],
    observed: &'a ObservedTenant,
    now: i64,
) -> Vec<(&'a str, &'a str)> {
    let taken = |one: &'a WantedIdentity| {
        let found = observed.identities.get(&one.hash)?;
        found.belongs_to_another(tenant_id, now).then_some((one.text.as_str(), found.holder.as_str()))
    };
    wanted.iter().filter_map(taken).collect()
}

impl ObservedIdentity {
    /// Whether somebody else has it, or may be about to.
    pub(super) fn belongs_to_another(&self, tenant_id: &str, now: i64) -> bool {
        self.claim.tenant != tenant_id && (self.held || now.saturating_sub(self.claim.since) < CLAIM_GRACE_SECONDS)
    }
}

/// Claims what is wanted and free.
pub(super) fn claim(
    tenant_id: &str,
    identity: &GatewayIdentity,
    wanted: &[WantedIdentity],
    observed: &ObservedTenant,
    now: i64,
    plan: &mut Plan<TenantStep>,
) {
    for one in wanted {
        let found = observed.identities.get(&one.hash);
        if found.is_some_and(|found| found.claim.tenant == tenant_id || found.belongs_to_another(tenant_id, now)) {
            continue;
        }
        plan.step(TenantStep::ClaimIdentity {
            table: identity.physical_name(),
            hash: one.hash.clone(),
            expected: found.map(|found| found.version),
            claim: IdentityClaim { tenant: tenant_id.to_owned(), since: now },
        });
    }
}

/// Lets go of what this tenant has and `keep` lacks.
pub(super) fn release(
    tenant_id: &str,
    identity: &GatewayIdentity,
    keep: &[String],
    observed: &ObservedTenant,
    plan: &mut Plan<TenantStep>,
) {
    for (hash, found) in &observed.identities {
        if found.claim.tenant == tenant_id && !keep.contains(hash) {
            plan.step(TenantStep::ReleaseIdentity {
                table: identity.physical_name(),
                tenant_id: tenant_id.to_owned(),
                hash: hash.clone(),
                expected: found.version,
            });
        }
    }
}

/// What the policy may list: wanted, and observed to be this tenant's.
pub(super) fn accepted(tenant_id: &str, wanted: &[WantedIdentity], observed: &ObservedTenant) -> Vec<AcceptedIdentity> {
    let ours = |hash: &String| observed.identities.get(hash).is_some_and(|found| found.claim.tenant == tenant_id);
    wanted
        .iter()
        .map(|one| &one.hash)
        .filter(|hash| ours(hash))
        .map(|hash| AcceptedIdentity { hash: hash.clone() })
        .collect()
}

/// The policy without identities that are not to be accepted any more. One that is wanted and whose claim got lost
/// stays: it is claimed again.
pub(super) fn without_lost(
    tenant_id: &str,
    keep: &[String],
    mut policy: TenantPolicy,
    observed: &BTreeMap<String, ObservedIdentity>,
) -> TenantPolicy {
    let another = |hash: &String| observed.get(hash).is_some_and(|found| found.claim.tenant != tenant_id);
    policy.identities.retain(|one| keep.contains(&one.hash) && !another(&one.hash));
    policy
}

#[cfg(test)]
#[path = "identities_tests.rs"]
mod tests;
