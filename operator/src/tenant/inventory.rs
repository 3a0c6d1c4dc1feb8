//! A gateway's usage plans and internal keys, listed once for all its tenants.
//!
//! Control-plane calls to API Gateway are limited to ten a second for the whole account, so a thousand tenants must
//! not mean a thousand lists. A list serves every pass for a while; our own changes end it at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aigw_cloud::{Cloud, CloudError};
use aigw_plan::GatewayIdentity;
use aigw_plan::gateway::observed::ObservedUsagePlan;
use aigw_plan::identity::TAG_ID;
use aigw_plan::tenant::step::ObservedApiKey;
use futures::future::try_join_all;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a list serves. Bounds how late drift made by others is seen, beside the drift interval.
const FRESH: Duration = Duration::from_secs(20);

/// Usage plans and keys of one gateway.
pub(crate) struct Inventory {
    /// Usage plans.
    pub(crate) usage_plans: Vec<ObservedUsagePlan>,
    /// Keys of all tenants, with the plans they are attached to.
    pub(crate) api_keys: Vec<ObservedApiKey>,
}

type Slot = Arc<Mutex<Option<(Instant, Arc<Inventory>)>>>;

/// Inventories by gateway. Passes that need one at the same time wait for one list.
#[derive(Default)]
pub(crate) struct Inventories(Mutex<HashMap<String, Slot>>);

impl Inventories {
    /// The inventory of a gateway, at most [`FRESH`] old.
    pub(crate) async fn get(&self, cloud: &Cloud, identity: &GatewayIdentity) -> Result<Arc<Inventory>, CloudError> {
        let slot = self.slot(identity).await;
        let mut held = slot.lock().await;
        if let Some((listed, inventory)) = &*held
            && listed.elapsed() < FRESH
        {
            return Ok(inventory.clone());
        }
        let inventory = Arc::new(list(cloud, identity).await?);
        *held = Some((Instant::now(), inventory.clone()));
        Ok(inventory)
    }

    /// Something was changed: the next pass lists again.
    pub(crate) async fn forget(&self, identity: &GatewayIdentity) {
        *self.slot(identity).await.lock().await = None;
    }

    async fn slot(&self, identity: &GatewayIdentity) -> Slot {
        self.0.lock().await.entry(identity.id()).or_default().clone()
    }
}

async fn list(cloud: &Cloud, identity: &GatewayIdentity) -> Result<Inventory, CloudError> {
    let id = identity.id();
    let prefix = identity.api_key_prefix();
    let (plans, mut api_keys) = tokio::try_join!(cloud.usage_plans.list(&id), cloud.api_keys.list(&prefix))?;
    let usage_plans = plans.ours;
    api_keys.retain(|key| key.tags.get(TAG_ID) == Some(&id));
    let attached = try_join_all(usage_plans.iter().map(|plan| cloud.usage_plans.key_ids(&plan.id))).await?;
    for key in &mut api_keys {
        let plans = usage_plans.iter().zip(&attached).filter(|(_, keys)| keys.contains(&key.id));
        key.usage_plans = plans.map(|(plan, _)| plan.id.clone()).collect();
    }
    Ok(Inventory { usage_plans, api_keys })
}
