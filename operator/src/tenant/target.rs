//! The gateway a tenant refers to: where it is in AWS ([`Site`]), and whether it can take tenants now ([`Target`]).

use std::sync::Arc;
use std::time::Duration;

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, Tenant};
use aigw_cloud::{Cloud, CloudError};
use aigw_contract::table::OwnerRecord;
use aigw_plan::GatewayIdentity;
use aigw_plan::gateway::validate::ValidGateway;
use aigw_plan::tenant::report::TenantOutcome;
use kube::ResourceExt;

use crate::context::Context;
use crate::gateway;
use crate::harness::Outcome;

/// When a tenant whose gateway is missing or not ready is looked at again, beside being triggered by the gateway.
pub(super) const GATEWAY_RECHECK: Duration = Duration::from_mins(1);

/// Where a gateway is. Needs no spec that validates, so that deletion always can.
pub(crate) struct Site {
    /// Identity of the gateway.
    pub(crate) identity: GatewayIdentity,
    /// Its Region of its account.
    pub(crate) cloud: Cloud,
}

/// A gateway that can take tenants.
pub(super) struct Target {
    /// Where it is.
    pub(super) site: Site,
    /// The object.
    pub(super) gateway: Arc<AIGateway>,
    /// Its spec.
    pub(super) valid: Arc<ValidGateway>,
    /// Its URL.
    pub(super) endpoint: String,
}

/// Why a tenant cannot go on yet.
pub(super) struct Pending {
    /// What to tell.
    pub(super) outcome: TenantOutcome,
    /// When to look again.
    pub(super) next: Outcome,
}

impl Site {
    /// Where `gateway` is.
    pub(super) async fn of(context: &Context, gateway: &AIGateway) -> Self {
        let identity = gateway::identity(context, gateway);
        Self { identity, cloud: context.clouds.region(&gateway.spec.region).await }
    }

    /// Id of one of its tenants.
    pub(super) fn tenant_id(&self, tenant: &Tenant) -> String {
        self.identity.tenant_id(&tenant.namespace().unwrap_or_default(), &tenant.name_any())
    }

    /// The record of an owner that is not `gateway`. Asked at every pass of a tenant: two clusters that both believe
    /// the gateway theirs would otherwise take turns in issuing credentials.
    pub(super) async fn owned_elsewhere(
        &self,
        context: &Context,
        gateway: &AIGateway,
    ) -> Result<Option<OwnerRecord>, CloudError> {
        let owner = context.memory.inventories.owner(&self.cloud, &self.identity).await?;
        Ok(owner.filter(|owner| Some(&owner.object_uid) != gateway.uid().as_ref()))
    }
}

/// The gateway, if it is there, serves, is in the account its spec names, and is this cluster's.
pub(super) async fn resolve(context: &Context, tenant: &Tenant) -> Result<Target, Pending> {
    let pending = |reason, message: String| Pending {
        outcome: TenantOutcome::GatewayPending { reason, message },
        next: Outcome::Waiting { after: GATEWAY_RECHECK },
    };
    let reference = &tenant.spec.gateway_ref;
    let namespace = reference.namespace.clone().or_else(|| tenant.namespace()).unwrap_or_default();
    let name = format!("AIGateway {namespace}/{}", reference.name);
    let gateway = context.stores.gateway_of(tenant).filter(|gateway| gateway.metadata.deletion_timestamp.is_none());
    let Some(gateway) = gateway else {
        let message = format!("{name} does not exist; create it or correct spec.gatewayRef");
        return Err(pending(reason::GATEWAY_NOT_FOUND, message));
    };
    // Once it serves it takes tenants, also while a change of it is under way.
    let endpoint = gateway.status.as_ref().and_then(|status| status.endpoint.clone());
    let (Some(endpoint), Some(valid)) = (endpoint, context.memory.valid_gateways.of(&gateway)) else {
        return Err(pending(reason::GATEWAY_NOT_READY, format!("{name} does not serve yet; see its conditions")));
    };
    let site = Site::of(context, &gateway).await;
    if let Err(refusal) = gateway::account(&site.cloud, &valid.account_id).await {
        let (reason, message) = refusal.describe();
        return Err(Pending { outcome: TenantOutcome::GatewayPending { reason, message }, next: refusal.outcome() });
    }
    match site.owned_elsewhere(context, &gateway).await {
        Ok(None) => Ok(Target { site, gateway, valid, endpoint }),
        Ok(Some(_)) => {
            let message = format!("{name} is kept by another cluster or object; see its conditions");
            Err(pending(reason::OWNED_ELSEWHERE, message))
        }
        Err(error) => {
            let (reason, message) = (error.class.reason(), error.to_string());
            let outcome = TenantOutcome::Working { reason, message };
            Err(Pending { outcome, next: Outcome::failed(&error) })
        }
    }
}
