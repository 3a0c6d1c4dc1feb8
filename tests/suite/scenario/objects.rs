//! What most scenarios are about: a gateway with two tenants, at rest, and how to reach what is behind them.

use std::time::Duration;

use aigw_contract::calendar;
use aigw_contract::meter::MONTH;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::{DOCUMENT, METER_SK, POLICY_SK, meter_pk, tenant_pk};
use aigw_fakes::aws::Attribute;
use aigw_tests::Outcome;
use aigw_tests::cluster::{Object, gateway, tenant};
use aigw_tests::simulation::World;
use serde_json::{Value, json};
use tokio::time::sleep;

/// A scenario that starts at rest, with a gateway and two tenants.
macro_rules! converged {
    ($name:literal, |$world:ident| $acts:block) => {
        aigw_tests::simulation::scenario::Scenario {
            name: $name,
            start: aigw_tests::simulation::scenario::Start::Converged,
            acts: |$world: &aigw_tests::simulation::World| Box::pin(async move { $acts }),
        }
    };
}
pub(super) use converged;

pub fn prod() -> Object {
    gateway("ai-platform", "prod")
}

pub fn search() -> Object {
    tenant("team-search", "search")
}

pub fn nightly() -> Object {
    tenant("team-ads", "nightly")
}

/// The usual rules of the gateway, with `more` beside what they allow.
pub fn teams(more: &Value) -> Value {
    let mut allow = json!({"tiers": ["trial", "silver"], "maxTenantsPerNamespace": 3});
    if let (Some(allow), Some(more)) = (allow.as_object_mut(), more.as_object()) {
        allow.extend(more.clone());
    }
    json!({"rules": [{
        "name": "teams",
        "match": {"namespaces": {"selector": {"matchLabels": {"ai-gateway": "enabled"}}}},
        "allow": allow,
        "defaults": {"tier": "trial"},
    }]})
}

/// Changes the gateway's spec and waits until it, and with it its tenants, are ready.
pub async fn change(world: &World, spec: Value) -> Outcome {
    world.patch(&prod(), &json!({"spec": spec})).await?;
    world.ready(&prod()).await?;
    // The tenants look at their gateway's change as well.
    sleep(Duration::from_secs(5)).await;
    world.ready(&search()).await
}

/// A tenant's policy in the table.
pub fn policy(world: &World, tenant: &Object) -> Outcome<TenantPolicy> {
    let found = world.get(tenant).ok_or("no tenant")?;
    let id = found["status"]["tenantId"].as_str().unwrap_or_default();
    Ok(serde_json::from_str(&document(world, &tenant_pk(id), POLICY_SK)?)?)
}

/// Changes a tenant's policy in the table, as if it had been written like that.
pub fn edit_policy(world: &World, tenant: &Object, edit: impl FnOnce(&mut TenantPolicy)) -> Outcome {
    let mut changed = policy(world, tenant)?;
    edit(&mut changed);
    let found = world.get(tenant).ok_or("no tenant")?;
    let id = found["status"]["tenantId"].as_str().unwrap_or_default().to_owned();
    let text = serde_json::to_string(&changed)?;
    let written = world.aws.edit(|account| {
        let mut tables = account.regions.values_mut().flat_map(|region| region.tables.values_mut());
        let item = tables.find_map(|table| table.items.get_mut(&(tenant_pk(&id), POLICY_SK.to_owned())))?;
        item.insert(DOCUMENT.to_owned(), Attribute::Text(text));
        Some(())
    });
    Ok(written.ok_or("no policy")?)
}

/// Makes a tenant's meter say that so much was spent in this month of UTC, as the forwarder does.
pub fn spend(world: &World, tenant: &Object, micro_usd: i64) -> Outcome {
    let found = world.get(tenant).ok_or("no tenant")?;
    let id = found["status"]["tenantId"].as_str().unwrap_or_default().to_owned();
    let month = calendar::month(world.kube.now().as_second(), &[]);
    let key = (meter_pk(&id), METER_SK.to_owned());
    let counted = world.aws.edit(|account| {
        let mut tables = account.regions.values_mut().flat_map(|region| region.tables.values_mut());
        let item = tables.find_map(|table| table.items.get_mut(&key))?;
        item.insert(MONTH.id.to_owned(), Attribute::Number(month));
        item.insert(MONTH.micro_usd.to_owned(), Attribute::Number(micro_usd));
        Some(())
    });
    Ok(counted.ok_or_else(|| format!("tenant {id} has no meter"))?)
}

/// The text of a document in a table.
pub fn document(world: &World, pk: &str, sk: &str) -> Outcome<String> {
    let account = world.aws.state();
    let mut tables = account.regions.values().flat_map(|region| region.tables.values());
    let item = tables.find_map(|table| table.items.get(&(pk.to_owned(), sk.to_owned())));
    let text = item.and_then(|item| item.get(DOCUMENT)).and_then(Attribute::text);
    Ok(text.ok_or_else(|| format!("no item {pk}/{sk}"))?.to_owned())
}
