//! Reads everything a tenant's plan compares.

use aigw_api::{AIGateway, Tenant};
use aigw_cloud::{CloudError, TenantItems};
use aigw_plan::tenant::admit::AdmittedTenant;
use aigw_plan::tenant::secret::observed;
use aigw_plan::tenant::step::{ObservedSecret, ObservedTenant};
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
    let found = api.get_opt(&admitted.secret_name).await.map_err(Error::kube("read the Secret"))?;
    Ok(observed(found, &admitted.tenant_id, tenant.uid().as_deref()))
}
