//! Reads everything a tenant's plan compares.

use std::collections::{BTreeMap, BTreeSet};

use aigw_api::{AIGateway, Tenant};
use aigw_cloud::{Cloud, CloudError, TenantItems};
use aigw_contract::identity::IdentityClaim;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::{POLICY_SK, tenant_pk};
use aigw_plan::GatewayIdentity;
use aigw_plan::gateway::observed::Document;
use aigw_plan::tenant::admit::AdmittedTenant;
use aigw_plan::tenant::secret::observed;
use aigw_plan::tenant::step::{ObservedIdentity, ObservedSecret, ObservedTenant};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};

use super::inventory::TenantView;
use super::{Site, Target};
use crate::context::Context;
use crate::gateway::parse;
use crate::harness::Error;

/// Everything of one tenant. The outer error is Kubernetes', the inner one AWS's.
pub(super) async fn tenant(
    context: &Context,
    tenant: &Tenant,
    target: &Target,
    admitted: &AdmittedTenant,
) -> Result<Result<ObservedTenant, CloudError>, Error> {
    let secret = secret(context, tenant.uid().as_deref(), admitted).await?;
    let wanted: Vec<String> = admitted.identities.iter().map(|one| one.hash.clone()).collect();
    let observed = in_aws(context, &target.site, &target.gateway, &admitted.tenant_id, &wanted).await;
    Ok(observed.map(|observed| ObservedTenant { secret, ..observed }))
}

/// Everything of one tenant that is in AWS; of identities those that are `wanted` or that its policy lists.
pub(crate) async fn in_aws(
    context: &Context,
    site: &Site,
    gateway: &AIGateway,
    tenant_id: &str,
    wanted: &[String],
) -> Result<ObservedTenant, CloudError> {
    let inventories = &context.memory.inventories;
    let view =
        inventories.tenant(&site.cloud, &site.identity, tenant_id, || tenant_ids(context, site, gateway)).await?;
    let TenantView { api_keys, items: TenantItems { policy, meter, reading }, items_age } = view;
    let age = i64::try_from(items_age.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
    let read_at = context.clock.now().as_second().saturating_sub(age);
    let policy: Option<Document<TenantPolicy>> = parse(policy)?;
    let identities = identities(&site.cloud, &site.identity, policy.as_ref(), tenant_id, wanted).await?;
    Ok(ObservedTenant { api_keys, policy, meter, reading, read_at, secret: ObservedSecret::Absent, identities })
}

/// Who has the identities that are `wanted` or that the policy lists.
pub(crate) async fn identities(
    cloud: &Cloud,
    identity: &GatewayIdentity,
    policy: Option<&Document<TenantPolicy>>,
    tenant_id: &str,
    wanted: &[String],
) -> Result<BTreeMap<String, ObservedIdentity>, CloudError> {
    let listed = policy.iter().flat_map(|policy| &policy.content.identities).map(|one| one.hash.clone());
    let hashes: BTreeSet<String> = wanted.iter().cloned().chain(listed).collect();
    if hashes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let table = identity.physical_name();
    let hashes: Vec<String> = hashes.into_iter().collect();
    let mut observed = BTreeMap::new();
    for (hash, document) in cloud.tables.identities(&table, &hashes).await? {
        let Some(Document { version, content: claim }) = parse::<IdentityClaim>(Some(document))? else { continue };
        let other: Option<Document<TenantPolicy>>;
        let holder = if claim.tenant == tenant_id {
            policy
        } else {
            other = parse(cloud.tables.document(&table, &tenant_pk(&claim.tenant), POLICY_SK).await?)?;
            other.as_ref()
        };
        let holder = holder.map(|policy| &policy.content);
        let held = holder.is_some_and(|policy| !policy.deleted && policy.identities.iter().any(|one| one.hash == hash));
        let holder = holder.map_or_else(|| claim.tenant.clone(), |policy| policy.tenant().to_string());
        observed.insert(hash, ObservedIdentity { version, claim, held, holder });
    }
    Ok(observed)
}

/// Ids of all tenants of a gateway.
pub(super) fn tenant_ids(context: &Context, site: &Site, gateway: &AIGateway) -> Vec<String> {
    let tenants = context.stores.tenants_of(&gateway.namespace().unwrap_or_default(), &gateway.name_any());
    tenants.iter().map(|tenant| site.tenant_id(tenant)).collect()
}

/// The Secret of the wanted name, as seen by the object with that UID.
pub(crate) async fn secret(
    context: &Context,
    owner: Option<&str>,
    admitted: &AdmittedTenant,
) -> Result<ObservedSecret, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &admitted.namespace);
    let found = api.get_opt(&admitted.secret_name).await.map_err(Error::kube("read the Secret"))?;
    Ok(observed(found, &admitted.tenant_id, owner))
}
