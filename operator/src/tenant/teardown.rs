//! Deletion of a tenant: its credentials end at once, its meter stays so that re-applying it continues its counters.
//!
//! Needs no spec that parses and no Secret. Where the gateway is gone or going, its own finalizer owns what is left in
//! AWS, because only the gateway says in which account that is.

use std::sync::Arc;
use std::time::Duration;

use aigw_api::conditions::{kind, reason};
use aigw_api::{AIGateway, Tenant};
use aigw_cloud::CloudError;
use aigw_plan::gateway::validate::validate;
use aigw_plan::tenant::diff::cleanup;
use aigw_plan::tenant::step::ObservedTenant;
use aigw_plan::{ConditionSpec, Progress};
use kube::ResourceExt;

use super::{MAX_ROUNDS, POLL, Target, TenantReconciler, execute, gather, report};
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
            deleting(context, tenant, reason::DELETING, message, false).await?;
            Ok(Outcome::Waiting { after })
        }
        Err(error) => {
            deleting(context, tenant, error.class.reason(), error.to_string(), error.class.stalls()).await?;
            Ok(Outcome::failed(&error))
        }
    }
}

/// `None` once nothing is left.
async fn remove(context: &Context, tenant: &Tenant) -> Result<Option<Duration>, CloudError> {
    let standing = context.stores.gateway_of(tenant).filter(|gateway| gateway.metadata.deletion_timestamp.is_none());
    let Some(target) = standing.and_then(|gateway| Some((gateway.clone(), validate(&gateway.spec).ok()?))) else {
        return Ok(None);
    };
    let target = target_of(context, target).await;
    let account = gateway::account(&target.cloud, &target.valid.account_id).await;
    account.map_err(Refusal::into_error)?;
    let table = target.identity.physical_name();
    let tenant_id = target.identity.tenant_id(&tenant.namespace().unwrap_or_default(), &tenant.name_any());
    for _ in 0..MAX_ROUNDS {
        let has_table = target.cloud.tables.get(&table).await?.is_some_and(|table| table.active && !table.deleting);
        let items =
            if has_table { gather::policy_and_meter(&target, &tenant_id).await? } else { ObservedTenant::default() };
        let observed = ObservedTenant { api_keys: gather::api_keys(context, &target, &tenant_id).await?, ..items };
        let plan = cleanup(&tenant_id, &target.identity, &observed, context.clock.now().as_second());
        if plan.steps.is_empty() {
            return Ok(None);
        }
        execute::cloud_steps(context, &target, &plan.steps).await?;
    }
    Ok(Some(POLL))
}

async fn target_of(
    context: &Context,
    (gateway, valid): (Arc<AIGateway>, aigw_plan::gateway::validate::ValidGateway),
) -> Target {
    let cloud = context.clouds.region(&valid.region).await;
    Target { identity: gateway::identity(context, &gateway), gateway, valid, cloud, endpoint: String::new() }
}

async fn deleting(
    context: &Context,
    tenant: &Tenant,
    reason: &'static str,
    message: String,
    stalled: bool,
) -> Result<(), Error> {
    let progress = if stalled {
        Progress::Stalled { reason, message: message.clone() }
    } else {
        Progress::Working { reason, message: message.clone(), serving: false }
    };
    let mut specs = vec![ConditionSpec::new(kind::PROGRAMMED, false, reason, message)];
    specs.extend(progress.summary());
    report::conditions_only(context, tenant, specs).await
}
