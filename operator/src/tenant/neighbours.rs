//! The other tenants of a namespace, where the gateway's rule limits what they may have together.
//!
//! What a tenant was granted is what its policy in the table says, not what a status tells: it is there after any crash,
//! and the inventory holds it already. Two passes that decide at the same time would both see the same room, so every
//! decision is remembered at once, and counts beside the policy until the next one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aigw_api::{AIGateway, Tenant};
use aigw_cloud::CloudError;
use aigw_contract::policy::TenantPolicy;
use aigw_plan::tenant::admit::{AdmittedTenant, TenantFacts, admit, share, shares};
use aigw_plan::tenant::namespace::{Amounts, Neighbour, Neighbours};
use aigw_plan::violation::Violation;
use kube::ResourceExt;

use super::{Target, gather, rotation_request};
use crate::context::Context;
use crate::gateway::parse;
use crate::harness::triggers::refers_to;

/// What was decided lately that tenants are to have, by their ids in AWS. Losing it costs nothing: policies tell.
#[derive(Default)]
pub(crate) struct Grants(Mutex<HashMap<String, Amounts>>);

impl Grants {
    /// Forgets a tenant that is gone.
    pub(crate) fn forget(&self, tenant_id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant_id);
    }
}

/// A tenant of a namespace, and what its policy grants.
struct Known {
    tenant_id: String,
    neighbour: Neighbour,
}

/// All tenants of one namespace and gateway, oldest first.
pub(super) struct Namespace {
    tenants: Vec<Known>,
    /// Place of the one that is looked at.
    own: usize,
}

/// Reads what the tenants of `tenant`'s namespace have and ask for; `None` where its rule has no ceiling for them together.
pub(super) async fn read(
    context: &Context,
    tenant: &Tenant,
    target: &Target,
    facts: &TenantFacts<'_>,
) -> Result<Option<Namespace>, CloudError> {
    let site = &target.site;
    if !shares(facts, &target.valid, &site.identity) {
        return Ok(None);
    }
    let tenants = by_age(context, tenant, &target.gateway);
    let ids: Vec<String> = tenants.iter().map(|tenant| site.tenant_id(tenant)).collect();
    let all = || gather::tenant_ids(context, site, &target.gateway);
    let mut items = context.memory.inventories.items(&site.cloud, &site.identity, &ids, all).await?;
    let (mut known, mut staying) = (Vec::with_capacity(tenants.len()), 0);
    for (other, tenant_id) in tenants.iter().zip(ids) {
        let policy = parse::<TenantPolicy>(items.remove(&tenant_id).and_then(|items| items.policy))?;
        let granted = policy.map(|policy| Amounts::granted(&policy.content)).unwrap_or_default();
        let name = other.name_any();
        let asks = other.metadata.deletion_timestamp.is_none().then(|| {
            let of_other = TenantFacts {
                name: &name,
                earlier_in_namespace: staying,
                rotation_request: rotation_request(other),
                ..facts.clone()
            };
            staying += 1;
            let admitted = admit(&other.spec, &of_other, &target.valid, &site.identity);
            admitted.ok().map(|admitted| Amounts::asked(&admitted.limits))
        });
        known.push(Known { tenant_id, neighbour: Neighbour { granted, asks: asks.flatten() } });
    }
    let own = tenants.iter().position(|other| other.metadata.uid == tenant.metadata.uid);
    Ok(own.map(|own| Namespace { tenants: known, own }))
}

impl Namespace {
    /// Decides about the tenant, in the light of what others were granted up to this moment. Gives what it saw as well,
    /// for what binds it if it is refused.
    pub(super) fn admit(
        &self,
        grants: &Grants,
        tenant: &Tenant,
        facts: &TenantFacts<'_>,
        target: &Target,
    ) -> (Result<AdmittedTenant, Violation>, Neighbours) {
        let mut grants = grants.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = |known: &Known| {
            let decided = grants.get(&known.tenant_id).copied().unwrap_or_default();
            Neighbour { granted: known.neighbour.granted.or_more(decided), ..known.neighbour }
        };
        let (older, rest) = self.tenants.split_at(self.own);
        let neighbours = Neighbours {
            older: older.iter().map(seen).collect(),
            younger: rest.iter().skip(1).map(seen).collect(),
            granted: rest.first().map(|known| seen(known).granted).unwrap_or_default(),
        };
        let facts = TenantFacts { neighbours: &neighbours, ..facts.clone() };
        let admitted = admit(&tenant.spec, &facts, &target.valid, &target.site.identity);
        let asks = admitted.as_ref().ok().map(|admitted| Amounts::asked(&admitted.limits));
        let decided = share(&facts, &target.valid, &target.site.identity).outcome(asks);
        if let Some(known) = rest.first() {
            grants.insert(known.tenant_id.clone(), decided);
        }
        (admitted, neighbours)
    }
}

/// Tenants of the same namespace and gateway as this one, itself and those that are going among them, by age, then name.
fn by_age(context: &Context, tenant: &Tenant, gateway: &AIGateway) -> Vec<std::sync::Arc<Tenant>> {
    let (namespace, name) = (gateway.namespace().unwrap_or_default(), gateway.name_any());
    let mut tenants = context.stores.tenants.state_filter(|other| {
        other.metadata.namespace == tenant.metadata.namespace && refers_to(other, &namespace, &name)
    });
    tenants.sort_by_cached_key(|tenant| (tenant.creation_timestamp(), tenant.name_any()));
    tenants
}
