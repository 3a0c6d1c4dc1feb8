//! What AWS holds for a gateway's tenants, read once for all of them: usage plans, internal keys, items of the table.
//!
//! API Gateway allows ten control-plane calls a second for the whole account, so a thousand tenants must not mean a
//! thousand lists. What was listed serves every pass for a while; what a pass changes itself is carried along from AWS's
//! own answer to it, and whatever did not answer clearly ends the list. So a look after a write costs no list, and one
//! tenant's write does not make all others look again. Items of the table are read again after each write: DynamoDB has
//! calls to spare, and a policy counts as in force because it was read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aigw_cloud::{Cloud, CloudError, TenantItems};
use aigw_contract::table::{GATEWAY_PK, OWNER_SK, OwnerRecord};
use aigw_plan::gateway::observed::{ObservedUsagePlan, Tags};
use aigw_plan::identity::TAG_ID;
use aigw_plan::tenant::internal_key::key_prefix;
use aigw_plan::tenant::step::{ObservedApiKey, TenantStep};
use aigw_plan::{Class, GatewayIdentity};
use futures::future::try_join_all;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::gateway::{LAG, parse};

/// Longest time a list serves. Bounds how late drift made by others is seen, beside the drift interval.
const FRESH: Duration = Duration::from_mins(2);
/// A list serves for this part of the drift interval, where that is shorter.
const FRESH_PART: u32 = 4;
/// How long a list serves whoever misses something in it.
const MISSING_FRESH: Duration = Duration::from_secs(10);
/// How long the ownership record serves: a few tenants' passes, and far less than a heartbeat.
const OWNER_FRESH: Duration = Duration::from_secs(10);
/// How long a key we made is believed in although a list lacks it.
const BELIEVED: Duration = Duration::from_mins(1);

/// One tenant's part.
pub(super) struct TenantView {
    /// Internal keys, of any tier it was in, with the plans they are attached to.
    pub(super) api_keys: Vec<ObservedApiKey>,
    /// Policy and meter.
    pub(super) items: TenantItems,
    /// How long ago those were read.
    pub(super) items_age: Duration,
}

/// What is held for one gateway.
#[derive(Default)]
struct Held {
    /// When usage plans, keys and items were listed.
    listed: Option<Instant>,
    usage_plans: Vec<ObservedUsagePlan>,
    /// By name and id: names are not unique in API Gateway.
    api_keys: BTreeMap<(String, String), ObservedApiKey>,
    /// Keys this process made, and when.
    made: HashMap<(String, String), Instant>,
    /// Names of keys this process may have made, and when.
    unclear: HashMap<String, Instant>,
    /// Of each tenant, and when they were read.
    items: HashMap<String, (Instant, TenantItems)>,
    owner: Option<(Instant, Option<OwnerRecord>)>,
}

type Slot = Arc<Mutex<Held>>;

/// Inventories by gateway. Passes that need one at the same time wait for one list.
pub(crate) struct Inventories {
    gateways: Mutex<HashMap<String, Slot>>,
    fresh: Duration,
    began: Instant,
}

impl Inventories {
    /// Empty ones, for an operator that looks for drift this often.
    pub(crate) fn new(drift_interval: Duration) -> Self {
        Self { gateways: Mutex::default(), fresh: FRESH.min(drift_interval / FRESH_PART), began: Instant::now() }
    }

    /// One tenant's part. `tenants` gives the ids of all tenants of the gateway, whose items are then read together.
    pub(super) async fn tenant(
        &self,
        cloud: &Cloud,
        identity: &GatewayIdentity,
        tenant_id: &str,
        tenants: impl FnOnce() -> Vec<String>,
    ) -> Result<TenantView, CloudError> {
        let slot = self.slot(identity).await;
        let mut held = slot.lock().await;
        self.refresh(&mut held, cloud, identity, tenants).await?;
        if !held.items.contains_key(tenant_id) {
            let now = Instant::now();
            let read = cloud.tables.tenants(&identity.physical_name(), &[tenant_id.to_owned()]).await?;
            held.items.extend(read.into_iter().map(|(id, items)| (id, (now, items))));
        }
        let prefix = key_prefix(identity, tenant_id);
        let from = (prefix.clone(), String::new());
        let of_tenant = held.api_keys.range(from..).take_while(|((name, _), _)| name.starts_with(&prefix));
        let api_keys = of_tenant.map(|(_, key)| key.clone()).collect();
        let (read, items) =
            held.items.get(tenant_id).cloned().unwrap_or_else(|| (Instant::now(), TenantItems::default()));
        Ok(TenantView { api_keys, items, items_age: read.elapsed() })
    }

    /// Items of some tenants. Those the last list had cost nothing; the others are read together.
    pub(super) async fn items(
        &self,
        cloud: &Cloud,
        identity: &GatewayIdentity,
        tenant_ids: &[String],
        tenants: impl FnOnce() -> Vec<String>,
    ) -> Result<HashMap<String, TenantItems>, CloudError> {
        let slot = self.slot(identity).await;
        let mut held = slot.lock().await;
        self.refresh(&mut held, cloud, identity, tenants).await?;
        let missing: Vec<String> = tenant_ids.iter().filter(|id| !held.items.contains_key(*id)).cloned().collect();
        if !missing.is_empty() {
            let now = Instant::now();
            let read = cloud.tables.tenants(&identity.physical_name(), &missing).await?;
            held.items.extend(read.into_iter().map(|(id, items)| (id, (now, items))));
        }
        let known = tenant_ids.iter().filter_map(|id| Some((id.clone(), held.items.get(id)?.1.clone())));
        Ok(known.collect())
    }

    /// Id of the usage plan of a tier.
    pub(super) async fn usage_plan(
        &self,
        cloud: &Cloud,
        identity: &GatewayIdentity,
        tier: &str,
        tenants: impl FnOnce() -> Vec<String>,
    ) -> Result<Option<String>, CloudError> {
        let slot = self.slot(identity).await;
        let mut held = slot.lock().await;
        if held.usage_plan(tier).is_none() && held.listed.is_some_and(|listed| listed.elapsed() >= MISSING_FRESH) {
            held.listed = None;
        }
        self.refresh(&mut held, cloud, identity, tenants).await?;
        Ok(held.usage_plan(tier))
    }

    /// The gateway's ownership record.
    pub(super) async fn owner(
        &self,
        cloud: &Cloud,
        identity: &GatewayIdentity,
    ) -> Result<Option<OwnerRecord>, CloudError> {
        let slot = self.slot(identity).await;
        let mut held = slot.lock().await;
        if let Some((read, owner)) = &held.owner
            && read.elapsed() < OWNER_FRESH
        {
            return Ok(owner.clone());
        }
        let document = cloud.tables.document(&identity.physical_name(), GATEWAY_PK, OWNER_SK).await?;
        let owner = parse::<OwnerRecord>(document)?.map(|document| document.content);
        held.owner = Some((Instant::now(), owner.clone()));
        Ok(owner)
    }

    /// How long until keys of the gateway whose name begins with `prefix` can be said to be absent because a list does
    /// not show them; `None` where the present list can be trusted.
    pub(crate) async fn unsure_of(&self, identity: &GatewayIdentity, prefix: &str) -> Option<Duration> {
        let slot = self.slot(identity).await;
        let mut held = slot.lock().await;
        held.unclear.retain(|_, at| at.elapsed() < LAG);
        let attempts = held.unclear.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, at)| *at);
        let shown = attempts.fold(self.began, Instant::max) + LAG;
        let left = shown.saturating_duration_since(Instant::now());
        if left.is_zero() && held.listed.is_some_and(|listed| listed < shown) {
            held.listed = None;
            return Some(Duration::ZERO);
        }
        (!left.is_zero()).then_some(left)
    }

    /// Keys this process made so recently that a list may lack them.
    pub(crate) async fn made_lately(&self, identity: &GatewayIdentity) -> Vec<ObservedApiKey> {
        let slot = self.slot(identity).await;
        let held = slot.lock().await;
        let lately = held.made.iter().filter(|(_, made)| made.elapsed() < BELIEVED);
        lately.filter_map(|(place, _)| held.api_keys.get(place).cloned()).collect()
    }

    /// A step is about to be executed. Noted before it, because the pass may be cut off in the middle of it.
    pub(super) async fn begin(&self, identity: &GatewayIdentity, step: &TenantStep) {
        if let TenantStep::CreateApiKey { name, .. } = step {
            let slot = self.slot(identity).await;
            slot.lock().await.unclear.insert(name.clone(), Instant::now());
        }
    }

    /// Something was changed beside us, or by another controller: the next pass lists again.
    pub(crate) async fn forget(&self, identity: &GatewayIdentity) {
        self.slot(identity).await.lock().await.listed = None;
    }

    /// A key was deleted by another controller.
    pub(crate) async fn key_deleted(&self, identity: &GatewayIdentity, id: &str) {
        self.slot(identity).await.lock().await.remove_key(id);
    }

    /// Carries a step's effect along; `made` is the id AWS gave. A failure that may have had an effect ends the list.
    pub(super) async fn executed(
        &self,
        identity: &GatewayIdentity,
        step: &TenantStep,
        result: Result<Option<&str>, &CloudError>,
    ) {
        let slot = self.slot(identity).await;
        let mut held = slot.lock().await;
        let unclear = matches!(result, Err(error) if error.class == Class::Transient);
        if let (TenantStep::CreateApiKey { name, .. }, false) = (step, unclear) {
            held.unclear.remove(name);
        }
        match result {
            Ok(made) => held.carry(step, made),
            // Refused before it began.
            Err(error) if error.class == Class::Throttled => {}
            Err(_) => held.doubt(step),
        }
    }

    async fn slot(&self, identity: &GatewayIdentity) -> Slot {
        self.gateways.lock().await.entry(identity.id()).or_default().clone()
    }

    async fn refresh(
        &self,
        held: &mut MutexGuard<'_, Held>,
        cloud: &Cloud,
        identity: &GatewayIdentity,
        tenants: impl FnOnce() -> Vec<String>,
    ) -> Result<(), CloudError> {
        // A list of this process's first moments may lack what the process before it made last.
        let shown = self.began + LAG;
        let outdated = |listed: Instant| listed < shown && shown <= Instant::now();
        if held.listed.is_some_and(|listed| listed.elapsed() < self.fresh && !outdated(listed)) {
            return Ok(());
        }
        held.empty();
        let table = identity.physical_name();
        let (ids, now) = (tenants(), Instant::now());
        let ((usage_plans, api_keys), items) =
            tokio::try_join!(list(cloud, identity), cloud.tables.tenants(&table, &ids))?;
        held.fill(usage_plans, api_keys);
        held.items = items.into_iter().map(|(id, items)| (id, (now, items))).collect();
        Ok(())
    }
}

impl Held {
    fn usage_plan(&self, tier: &str) -> Option<String> {
        self.usage_plans.iter().find(|plan| plan.tier == tier).map(|plan| plan.id.clone())
    }

    /// Drops what is about to be listed, so that old and new are never held together, and what was made too long ago to
    /// be missing in a list.
    fn empty(&mut self) {
        self.listed = None;
        self.items.clear();
        self.made.retain(|_, made| made.elapsed() < BELIEVED);
        self.api_keys.retain(|place, _| self.made.contains_key(place));
    }

    fn fill(&mut self, usage_plans: Vec<ObservedUsagePlan>, api_keys: Vec<ObservedApiKey>) {
        self.api_keys.extend(api_keys.into_iter().map(|key| ((key.name.clone(), key.id.clone()), key)));
        self.usage_plans = usage_plans;
        self.listed = Some(Instant::now());
    }

    fn carry(&mut self, step: &TenantStep, made: Option<&str>) {
        match step {
            TenantStep::CreateApiKey { name, .. } => {
                let Some(id) = made else { return };
                let place = (name.clone(), id.to_owned());
                let key = ObservedApiKey {
                    id: id.to_owned(),
                    name: name.clone(),
                    enabled: true,
                    tags: Tags::new(),
                    usage_plans: Vec::new(),
                };
                self.made.insert(place.clone(), Instant::now());
                self.api_keys.insert(place, key);
            }
            TenantStep::EnableApiKey { id } => self.key(id, |key| key.enabled = true),
            TenantStep::DisableApiKey { id } => self.key(id, |key| key.enabled = false),
            TenantStep::AttachApiKey { key_id, usage_plan_id } => {
                self.key(key_id, |key| key.usage_plans.push(usage_plan_id.clone()));
            }
            TenantStep::DeleteApiKey { id, .. } => self.remove_key(id),
            TenantStep::WritePolicy { tenant_id, .. } | TenantStep::WriteMeter { tenant_id, .. } => {
                self.items.remove(tenant_id);
            }
            TenantStep::ConfirmApiKey { .. }
            | TenantStep::WriteSecret { .. }
            | TenantStep::ClaimIdentity { .. }
            | TenantStep::ReleaseIdentity { .. } => {}
        }
    }

    fn key(&mut self, id: &str, change: impl FnOnce(&mut ObservedApiKey)) {
        if let Some(key) = self.api_keys.values_mut().find(|key| key.id == id) {
            change(key);
        }
    }

    /// What a step is about is no longer known to be as listed.
    fn doubt(&mut self, step: &TenantStep) {
        match step {
            TenantStep::WritePolicy { tenant_id, .. } | TenantStep::WriteMeter { tenant_id, .. } => {
                self.items.remove(tenant_id);
            }
            TenantStep::WriteSecret { .. } | TenantStep::ClaimIdentity { .. } | TenantStep::ReleaseIdentity { .. } => {}
            TenantStep::CreateApiKey { .. }
            | TenantStep::EnableApiKey { .. }
            | TenantStep::DisableApiKey { .. }
            | TenantStep::ConfirmApiKey { .. }
            | TenantStep::AttachApiKey { .. }
            | TenantStep::DeleteApiKey { .. } => self.listed = None,
        }
    }

    fn remove_key(&mut self, id: &str) {
        self.api_keys.retain(|(_, other), _| other != id);
        self.made.retain(|(_, other), _| other != id);
    }
}

async fn list(
    cloud: &Cloud,
    identity: &GatewayIdentity,
) -> Result<(Vec<ObservedUsagePlan>, Vec<ObservedApiKey>), CloudError> {
    let id = identity.id();
    let prefix = identity.api_key_prefix();
    let (plans, mut api_keys) = tokio::try_join!(cloud.usage_plans.list(&id), cloud.api_keys.list(&prefix))?;
    let usage_plans = plans.ours;
    api_keys.retain(|key| key.tags.get(TAG_ID) == Some(&id));
    let attached = try_join_all(usage_plans.iter().map(|plan| cloud.usage_plans.key_ids(&plan.id))).await?;
    let mut plans_of: HashMap<String, Vec<String>> = HashMap::new();
    for (plan, keys) in usage_plans.iter().zip(attached) {
        for key in keys {
            plans_of.entry(key).or_default().push(plan.id.clone());
        }
    }
    for key in &mut api_keys {
        key.usage_plans = plans_of.remove(&key.id).unwrap_or_default();
        // Looked at, and thousands of copies are not worth keeping.
        key.tags = Tags::new();
    }
    Ok((usage_plans, api_keys))
}
