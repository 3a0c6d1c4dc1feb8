//! Deletion of a tenant: its credentials end at once, its meter stays so that re-applying it continues its counters.
//!
//! Needs no spec that parses and no Secret. Where the gateway is gone or going, its own finalizer owns what is left in
//! AWS, because only the gateway says in which account that is.

use std::time::Duration;

use aigw_api::Tenant;
use aigw_api::conditions::reason;
use aigw_cloud::CloudError;
use aigw_plan::conditions::deleting;
use aigw_plan::tenant::diff::cleanup;
use aigw_plan::tenant::identities::asked;
use aigw_plan::tenant::internal_key::key_prefix;
use kube::ResourceExt;

use super::{MAX_ROUNDS, POLL, Site, TenantReconciler, execute, gather, refused, report};
use crate::context::Context;
use crate::gateway::{self, Refusal};
use crate::harness::{Error, Outcome, Reconciler, finalizer};

/// One pass over a tenant that is being deleted.
pub(super) async fn tenant(context: &Context, tenant: &Tenant) -> Result<Outcome, Error> {
    if !finalizer::present(tenant) {
        return Ok(Outcome::Finished);
    }
    match remove(context, tenant).await {
        Ok(None) => {
            finalizer::remove(&context.client, tenant).await?;
            context.forget(TenantReconciler::NAME, &tenant.uid().unwrap_or_default());
            Ok(Outcome::Finished)
        }
        Ok(Some(after)) => {
            let message = "waiting until AWS has deleted the tenant's key".to_owned();
            report::conditions_only(context, tenant, deleting(reason::DELETING, &message, false)).await?;
            Ok(Outcome::Waiting { after })
        }
        Err(error) => {
            report::conditions_only(
                context,
                tenant,
                deleting(error.class.reason(), &error.to_string(), error.class.stalls()),
            )
            .await?;
            Ok(Outcome::failed(&error))
        }
    }
}

/// `None` once nothing is left.
async fn remove(context: &Context, tenant: &Tenant) -> Result<Option<Duration>, CloudError> {
    let gateway = context.stores.gateway_of(tenant).filter(|gateway| gateway.metadata.deletion_timestamp.is_none());
    let Some(gateway) = gateway else { return Ok(None) };
    let site = Site::of(context, &gateway).await;
    gateway::account(&site.cloud, &gateway.spec.account_id).await.map_err(Refusal::into_error)?;
    if site.owned_elsewhere(context, &gateway).await?.is_some() {
        // Whoever drives the gateway now decides about its tenants.
        return Ok(None);
    }
    let tenant_id = site.tenant_id(tenant);
    // Also what it claimed and never came to list.
    let asked = asked(&tenant.spec, &tenant.namespace().unwrap_or_default());
    for _ in 0..MAX_ROUNDS {
        let observed = gather::in_aws(context, &site, &gateway, &tenant_id, &asked).await?;
        let plan = cleanup(&tenant_id, &site.identity, &observed, context.clock.now().as_second());
        if plan.steps.is_empty() {
            // A key may be there that no list shows yet.
            let prefix = key_prefix(&site.identity, &tenant_id);
            match context.memory.inventories.unsure_of(&site.identity, &prefix).await {
                None => {
                    context.memory.grants.forget(&tenant_id);
                    return Ok(None);
                }
                Some(Duration::ZERO) => continue,
                Some(left) => return Ok(Some(left)),
            }
        }
        refused(&plan.steps, &observed).map_or(Ok(()), Err)?;
        execute::cloud_steps(context, &site, &plan.steps).await?;
    }
    Ok(Some(POLL))
}
