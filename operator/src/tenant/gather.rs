//! Reads everything a tenant's plan compares.

use std::collections::BTreeMap;

use aigw_api::{Tenant, labels};
use aigw_cloud::CloudError;
use aigw_contract::table::{POLICY_SK, tenant_pk};
use aigw_plan::tenant::admit::AdmittedTenant;
use aigw_plan::tenant::diff::key_name;
use aigw_plan::tenant::step::{ObservedApiKey, ObservedSecret, ObservedTenant};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
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
