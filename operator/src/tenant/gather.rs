//! Reads everything a tenant's plan compares.

use aigw_api::Tenant;
use aigw_cloud::CloudError;
use aigw_contract::table::{POLICY_SK, tenant_pk};
use aigw_plan::tenant::admit::AdmittedTenant;
use aigw_plan::tenant::diff::key_name;
use aigw_plan::tenant::secret::observed;
use aigw_plan::tenant::step::{ObservedApiKey, ObservedSecret, ObservedTenant};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};

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
    let cloud = async {
        let (observed, api_keys) = tokio::try_join!(
            policy_and_meter(&target.site, &admitted.tenant_id),
            api_keys(context, &target.site, &admitted.tenant_id)
        )?;
        Ok(ObservedTenant { api_keys, ..observed })
    };
    Ok(cloud.await.map(|observed| ObservedTenant { secret, ..observed }))
}

/// What the data plane sees of a tenant.
pub(super) async fn policy_and_meter(site: &Site, tenant_id: &str) -> Result<ObservedTenant, CloudError> {
    let table = site.identity.physical_name();
    let pk = tenant_pk(tenant_id);
    let (policy, meter) = tokio::try_join!(
        site.cloud.tables.document(&table, &pk, POLICY_SK),
        site.cloud.tables.meter(&table, tenant_id)
    )?;
    Ok(ObservedTenant { policy: parse(policy)?, meter, ..ObservedTenant::default() })
}

/// Internal keys of one tenant, of any tier it was in.
pub(super) async fn api_keys(
    context: &Context,
    site: &Site,
    tenant_id: &str,
) -> Result<Vec<ObservedApiKey>, CloudError> {
    let inventory = context.memory.inventories.get(&site.cloud, &site.identity).await?;
    let name = key_name(&site.identity, tenant_id, 0);
    let prefix = name.trim_end_matches('0');
    Ok(inventory.api_keys.iter().filter(|key| key.name.starts_with(prefix)).cloned().collect())
}

async fn secret(context: &Context, tenant: &Tenant, admitted: &AdmittedTenant) -> Result<ObservedSecret, Error> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &admitted.namespace);
    let found = api.get_opt(&admitted.secret_name).await.map_err(Error::kube("read the Secret"))?;
    Ok(observed(found, &admitted.tenant_id, tenant.uid().as_deref()))
}
