//! Deletion of a gateway: never validates, and the finalizer goes only when nothing of ours was observed any more.

use std::time::Duration;

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, DeletionPolicy, annotations};
use aigw_cloud::{Cloud, CloudError};
use aigw_plan::GatewayIdentity;
use aigw_plan::conditions::deleting;
use aigw_plan::gateway::cleanup::cleanup;
use aigw_plan::gateway::ownership::Ownership;
use aigw_plan::identity::TAG_ID;
use aigw_plan::tenant::step::ObservedApiKey;
use kube::ResourceExt;

use super::{
    GatewayReconciler, MAX_ROUNDS, POLL, Refusal, domains, execute, gather, guard, identity, report, tenants_of,
};
use crate::context::Context;
use crate::harness::{Error, Outcome, Reconciler, finalizer};

/// One pass over a gateway that is being deleted.
pub(super) async fn gateway(context: &Context, gateway: &AIGateway) -> Result<Outcome, Error> {
    if !finalizer::present(gateway) {
        return Ok(Outcome::Finished);
    }
    if let Some(message) = attached(context, gateway) {
        report::conditions_only(context, gateway, deleting(reason::TENANTS_ATTACHED, &message, true)).await?;
        return Ok(Outcome::Waiting { after: context.settings.drift_interval });
    }
    let identity = identity(context, gateway);
    let cloud = context.clouds.region(&gateway.spec.region).await;
    if let Err(refusal) = guard::account(&cloud, &gateway.spec.account_id).await {
        if matches!(refusal, Refusal::Wrong { .. }) && never_acted(gateway) {
            return finish(context, gateway).await;
        }
        let (reason, message) = refusal.describe();
        report::conditions_only(context, gateway, deleting(reason, &message, true)).await?;
        return Ok(refusal.outcome());
    }
    match remove(context, &cloud, gateway, &identity).await {
        Ok(None) => finish(context, gateway).await,
        Ok(Some((message, after))) => {
            report::conditions_only(context, gateway, deleting(reason::DELETING, &message, false)).await?;
            Ok(Outcome::Waiting { after })
        }
        Err(error) => {
            report::conditions_only(
                context,
                gateway,
                deleting(error.class.reason(), &error.to_string(), error.class.stalls()),
            )
            .await?;
            Ok(Outcome::failed(&error))
        }
    }
}

/// Whether nothing was ever seen in AWS for this object, as where `accountId` was mistyped from the start.
fn never_acted(gateway: &AIGateway) -> bool {
    gateway.status.as_ref().is_none_or(|status| status.rest_api_id.is_none() && status.table_name.is_none())
}

async fn finish(context: &Context, gateway: &AIGateway) -> Result<Outcome, Error> {
    finalizer::remove(&context.client, gateway).await?;
    let uid = gateway.uid().unwrap_or_default();
    context.memory.creations.forget(&uid);
    context.memory.configurations.forget(&uid);
    context.memory.issuers.forget(&uid);
    context.memory.valid_gateways.forget(&uid);
    context.metrics.forget_gateway(&crate::probe::label(gateway));
    context.forget(GatewayReconciler::NAME, &uid);
    Ok(Outcome::Finished)
}

/// Why deletion waits for its tenants, unless the user confirmed it.
fn attached(context: &Context, gateway: &AIGateway) -> Option<String> {
    let mut names: Vec<String> = tenants_of(context, gateway)
        .iter()
        .filter(|tenant| tenant.metadata.deletion_timestamp.is_none())
        .map(|tenant| format!("{}/{}", tenant.namespace().unwrap_or_default(), tenant.name_any()))
        .collect();
    let confirmed =
        gateway.annotations().get(annotations::CONFIRM_DELETE).is_some_and(|value| *value == gateway.name_any());
    if names.is_empty() || confirmed {
        return None;
    }
    names.sort();
    let (count, some) = (names.len(), names.iter().take(5).cloned().collect::<Vec<_>>().join(", "));
    Some(format!(
        "{count} tenants are attached ({some}); delete them, or cut them off by annotating this object with {}={}",
        annotations::CONFIRM_DELETE,
        gateway.name_any()
    ))
}

/// `None` once nothing is left; else what is waited for.
async fn remove(
    context: &Context,
    cloud: &Cloud,
    gateway: &AIGateway,
    identity: &GatewayIdentity,
) -> Result<Option<(String, Duration)>, CloudError> {
    let compute = gateway.spec.deletion_policy.unwrap_or(DeletionPolicy::Delete);
    let data = gateway.spec.data_deletion_policy.unwrap_or(DeletionPolicy::Retain);
    for _ in 0..MAX_ROUNDS {
        let observed = gather::remains(context, cloud, gateway, identity).await?;
        // Somebody else's by now: leave everything alone.
        if observed.owner.is_some() && matches!(guard::claim(context, gateway, &observed), Ownership::Elsewhere { .. })
        {
            return Ok(None);
        }
        let keys = api_keys(context, cloud, identity).await?;
        let wanted = domains::wanted_elsewhere(context, gateway);
        let plan = cleanup(identity, compute, data, &observed, (&keys, &wanted));
        if plan.in_sync() {
            let left = if compute == DeletionPolicy::Delete { unsure(context, gateway, identity).await } else { None };
            return Ok(left.map(|left| ("looking once more, in case something is not visible yet".into(), left)));
        }
        if plan.steps.is_empty() {
            return Ok(plan.wait.map(|wait| (wait.message, wait.after)));
        }
        execute::steps(context, cloud, gateway, &plan.steps).await?;
        // As in an apply: what fails after a plan that went through is another matter than what failed before.
        context.backoff.reset(GatewayReconciler::NAME, &gateway.uid().unwrap_or_default());
    }
    Ok(Some(("AWS is still deleting".into(), POLL)))
}

/// Internal keys of all tenants, those included that a list may not show yet.
async fn api_keys(
    context: &Context,
    cloud: &Cloud,
    identity: &GatewayIdentity,
) -> Result<Vec<ObservedApiKey>, CloudError> {
    let id = identity.id();
    let mut keys = cloud.api_keys.list(&identity.api_key_prefix()).await?;
    keys.retain(|key| key.tags.get(TAG_ID) == Some(&id));
    for made in context.memory.inventories.made_lately(identity).await {
        if !keys.iter().any(|listed| listed.id == made.id) {
            keys.push(made);
        }
    }
    Ok(keys)
}

/// How long something may be there that no list shows yet.
async fn unsure(context: &Context, gateway: &AIGateway, identity: &GatewayIdentity) -> Option<Duration> {
    let keys = context.memory.inventories.unsure_of(identity, &identity.api_key_prefix()).await;
    keys.max(context.memory.creations.hold(&gateway.uid().unwrap_or_default()))
}
