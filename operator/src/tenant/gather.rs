//! Reads everything a tenant's plan compares.

use std::collections::BTreeMap;

use aigw_api::{AIGateway, Tenant, labels};
use aigw_cloud::{CloudError, TenantItems};
use aigw_plan::tenant::admit::AdmittedTenant;
use aigw_plan::tenant::step::{ObservedSecret, ObservedTenant};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
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
    let secret = secret(context, tenant, admitted).await?;
    let observed = in_aws(context, &target.site, &target.gateway, &admitted.tenant_id).await;
    Ok(observed.map(|observed| ObservedTenant { secret, ..observed }))
}

/// Everything of one tenant that is in AWS.
pub(super) async fn in_aws(
    context: &Context,
    site: &Site,
    gateway: &AIGateway,
    tenant_id: &str,
) -> Result<ObservedTenant, CloudError> {
    let inventories = &context.memory.inventories;
    let view =
        inventories.tenant(&site.cloud, &site.identity, tenant_id, || tenant_ids(context, site, gateway)).await?;
    let TenantView { api_keys, items: TenantItems { policy, meter } } = view;
    Ok(ObservedTenant { api_keys, policy: parse(policy)?, meter, secret: ObservedSecret::Absent })
}

/// Ids of all tenants of a gateway.
pub(super) fn tenant_ids(context: &Context, site: &Site, gateway: &AIGateway) -> Vec<String> {
    let tenants = context.stores.tenants_of(&gateway.namespace().unwrap_or_default(), &gateway.name_any());
    tenants.iter().map(|tenant| site.tenant_id(tenant)).collect()
}

async fn secret(context: &Context, tenant: &Tenant, admitted: &AdmittedTenant) -> Result<ObservedSecret, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &admitted.namespace);
    let Some(secret) = api.get_opt(&admitted.secret_name).await.map_err(Error::kube("read the Secret"))? else {
        return Ok(ObservedSecret::Absent);
    };
    let marked = secret.labels().get(labels::TENANT_ID) == Some(&admitted.tenant_id)
        && secret.labels().get(labels::MANAGED_BY).map(String::as_str) == Some(labels::MANAGER);
    if !marked {
        return Ok(ObservedSecret::Foreign);
    }
    let of_this_object = |owner: &OwnerReference| owner.kind != "Tenant" || Some(&owner.uid) == tenant.uid().as_ref();
    if secret.metadata.deletion_timestamp.is_some() || !secret.owner_references().iter().all(of_this_object) {
        return Ok(ObservedSecret::Leaving);
    }
    let text =
        |(name, value): (String, k8s_openapi::ByteString)| (name, String::from_utf8_lossy(&value.0).into_owned());
    Ok(ObservedSecret::Ours(secret.data.unwrap_or_default().into_iter().map(text).collect::<BTreeMap<_, _>>()))
}
