//! The identity of a gateway's probe: made and kept by the steps of a tenant, owned by the gateway.

use std::time::Duration;

use aigw_api::AIGateway;
use aigw_cloud::CloudError;
use aigw_contract::Credential;
use aigw_plan::gateway::validate::ValidGateway;
use aigw_plan::tenant::admit::AdmittedTenant;
use aigw_plan::tenant::diff::{GatewayFacts, diff};
use aigw_plan::tenant::secret;
use aigw_plan::tenant::step::{ObservedSecret, ObservedTenant, TenantStep};
use kube::ResourceExt;

use super::{MAX_ROUNDS, POLL, Site, execute, gather, refused, usage_plan};
use crate::context::Context;
use crate::harness::Error;

/// How an identity is.
pub(crate) enum Identity {
    /// All there.
    Whole {
        /// Its credential.
        credential: Credential,
        /// Whether anything was changed.
        changed: bool,
        /// When to look again although nothing is wrong.
        recheck: Option<Duration>,
    },
    /// Something has to pass by itself.
    Waiting(String, Duration),
    /// Its Secret's name is taken.
    NotOurs,
    /// AWS refused or failed.
    Failed(CloudError),
}

/// The credential of `probe`, after everything it needs was made sure of.
pub(crate) async fn ensure(
    context: &Context,
    gateway: &AIGateway,
    site: &Site,
    valid: &ValidGateway,
    endpoint: &str,
    probe: &AdmittedTenant,
) -> Result<Identity, Error> {
    let (uid, owner, mut changed) = (gateway.uid(), execute::owner(gateway), false);
    for _ in 0..MAX_ROUNDS {
        let held = gather::secret(context, uid.as_deref(), probe).await?;
        let credential = match &held {
            ObservedSecret::Ours(data) => secret::credential(data, &probe.tenant_id),
            ObservedSecret::Absent | ObservedSecret::Foreign | ObservedSecret::Leaving => None,
        };
        let observed = match observe_in_aws(context, site, gateway, &probe.tenant_id).await {
            Ok(observed) => ObservedTenant { secret: held, ..observed },
            Err(error) => return Ok(Identity::Failed(error)),
        };
        let usage_plan = match usage_plan(context, site, gateway, &probe.tier.name).await {
            Ok(usage_plan) => usage_plan,
            Err(error) => return Ok(Identity::Failed(error)),
        };
        let facts = GatewayFacts {
            identity: &site.identity,
            endpoint,
            region: &valid.region,
            usage_plan_id: usage_plan.as_deref(),
            // Also where tenants get none: the probe needs one.
            api_keys: true,
            cache_seconds: valid.cache_seconds,
        };
        let mut random = [0; 32];
        context.random.fill(&mut random);
        let Ok(plan) = diff(probe, &facts, &observed, context.clock.now().as_second(), &random) else {
            return Ok(Identity::NotOurs);
        };
        if let Some(refused) = refused(&plan.steps, &observed) {
            return Ok(Identity::Failed(refused));
        }
        match (plan.steps.is_empty(), plan.wait, credential) {
            (true, None, Some(credential)) => {
                return Ok(Identity::Whole { credential, changed, recheck: plan.recheck });
            }
            (true, wait, _) => {
                let (message, after) = wait.map_or_else(
                    || ("the probe's Secret is being written".to_owned(), POLL),
                    |wait| (wait.message, wait.after.max(POLL)),
                );
                return Ok(Identity::Waiting(format!("the gateway's probe: {message}"), after));
            }
            (false, ..) => {}
        }
        if let Err(error) = execute::steps(context, &owner, site, &plan.steps).await? {
            return Ok(Identity::Failed(error));
        }
        changed = true;
    }
    Ok(Identity::Waiting("the gateway's probe is being set up".to_owned(), POLL))
}

/// What the probe has in AWS.
pub(crate) async fn observe_in_aws(
    context: &Context,
    site: &Site,
    gateway: &AIGateway,
    tenant_id: &str,
) -> Result<ObservedTenant, CloudError> {
    gather::in_aws(context, site, gateway, tenant_id, &[]).await
}

/// Executes steps that touch only AWS.
pub(crate) async fn execute_in_aws(context: &Context, site: &Site, steps: &[TenantStep]) -> Result<(), CloudError> {
    execute::cloud_steps(context, site, steps).await
}
