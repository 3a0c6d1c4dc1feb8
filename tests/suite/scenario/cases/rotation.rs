//! Credentials that are replaced on request and by age, and end on their last use or at the latest; internal keys of tenants
//! that are refused.

use std::time::Duration;

use aigw_contract::meter::last_used;
use aigw_contract::table::{METER_SK, meter_pk};
use aigw_fakes::aws::Attribute;
use aigw_tests::simulation::World;
use aigw_tests::simulation::scenario::{End, Scenario};
use aigw_tests::{Outcome, ensure, ensure_eq};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::scenario::objects::{converged, edit_policy, policy, prod, search};

/// Scenarios of this file that replace a credential.
pub const REPLACE_CREDENTIALS: [&str; 4] = [
    "rotation_asked_for",
    "rotation_by_age",
    "rotated_key_ends_on_its_last_use",
    "rotated_key_in_use_ends_at_the_latest",
];
const ROTATE: &str = "aigateway.dev/rotate";
/// Longer than an authorizer's answer is kept, and than a list of keys is believed in.
const KEY_DISABLED: Duration = Duration::from_mins(3);

pub fn scenarios() -> Vec<Scenario> {
    vec![
        converged!("rotation_asked_for", |world| {
            world.annotate(&search(), ROTATE, "monday").await?;
            accepted(world, &["k2", "k1"]).await?;
            world.ready(&search()).await?;
            // A value that was answered, and none, are no request.
            world.patch(&search(), &json!({"metadata": {"annotations": {ROTATE: null}}})).await?;
            sleep(Duration::from_secs(10)).await;
            world.annotate(&search(), ROTATE, "monday").await
        }),
        converged!("rotation_by_age", |world| {
            spans(world, "1h", "10m").await?;
            sleep(Duration::from_mins(55)).await;
            accepted(world, &["k1"]).await?;
            sleep(Duration::from_mins(20)).await;
            accepted(world, &["k2"]).await
        }),
        converged!("rotated_key_ends_on_its_last_use", |world| {
            spans(world, "720h", "10m").await?;
            world.annotate(&search(), ROTATE, "monday").await?;
            accepted(world, &["k2", "k1"]).await?;
            sleep(Duration::from_mins(6)).await;
            used(world, "k1")?;
            sleep(Duration::from_mins(7)).await;
            accepted(world, &["k2", "k1"]).await?;
            sleep(Duration::from_mins(4)).await;
            accepted(world, &["k2"]).await
        }),
        converged!("rotated_key_in_use_ends_at_the_latest", |world| {
            spans(world, "720h", "168h").await?;
            world.annotate(&search(), ROTATE, "monday").await?;
            accepted(world, &["k2", "k1"]).await?;
            // All of the week but four minutes goes by.
            let soon = world.kube.now().as_second() + 240;
            edit_policy(world, &search(), |policy| policy.keys[1].not_after = Some(soon))?;
            for _ in 0..3 {
                sleep(Duration::from_mins(1)).await;
                used(world, "k1")?;
                accepted(world, &["k2", "k1"]).await?;
            }
            // Nobody told the operator, so it finds out at its next look.
            accepted(world, &["k2"]).await
        }),
        converged!("suspended_until_the_key_is_disabled_and_resumed", |world| {
            world.patch(&search(), &json!({"spec": {"suspend": true}})).await?;
            world.condition(&search(), "Suspended", "True", None).await?;
            key_enabled(world, false).await?;
            world.patch(&search(), &json!({"spec": {"suspend": false}})).await?;
            world.condition(&search(), "Suspended", "False", None).await?;
            key_enabled(world, true).await?;
            world.ready(&search()).await
        }),
        converged!("key_of_a_suspended_tenant_enabled_by_hand", |world| {
            world.patch(&search(), &json!({"spec": {"suspend": true}})).await?;
            key_enabled(world, false).await?;
            world.aws.edit(|account| {
                account.region("eu-central-1").api_keys.values_mut().for_each(|key| key.enabled = true);
            });
            key_enabled(world, false).await?;
            world.ready(&search()).await
        }),
        converged!("platform_suspends_a_tenant_whose_spec_is_refused", |world| {
            world.patch(&search(), &json!({"spec": {"tier": "platinum"}})).await?;
            world.condition(&search(), "Accepted", "False", Some("TierNotAllowed")).await?;
            list(world, &json!([{"namespace": "team-search", "name": "search"}])).await?;
            world.condition(&search(), "Suspended", "True", Some("SuspendedByPlatform")).await?;
            key_enabled(world, false).await?;
            list(world, &json!([])).await?;
            world.condition(&search(), "Suspended", "False", None).await?;
            key_enabled(world, true).await
        }),
    ]
}

async fn spans(world: &World, every: &str, overlap: &str) -> Outcome {
    world.patch(&search(), &json!({"spec": {"apiKey": {"rotateEvery": every, "overlap": overlap}}})).await?;
    world.ready(&search()).await
}

async fn list(world: &World, suspended: &Value) -> Outcome {
    world.patch(&prod(), &json!({"spec": {"tenants": {"suspended": suspended}}})).await?;
    world.ready(&prod()).await
}

/// Waits until exactly these keys are accepted, and are what the status tells; the first is the one in the Secret.
async fn accepted(world: &World, ids: &[&str]) -> Outcome {
    world
        .until(&format!("the keys are {ids:?}"), |world| {
            let keys = policy(world, &search())?.keys;
            ensure_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ids, "keys of the policy");
            let found = world.get(&search()).ok_or("no tenant")?;
            let shown = found["status"]["credentials"]["keys"].as_array().cloned().unwrap_or_default();
            ensure_eq!(shown.iter().map(|key| &key["id"]).collect::<Vec<_>>(), ids, "keys of the status");
            Ok(())
        })
        .await
}

/// Waits until the tenant's internal key is accepted by API Gateway, or not.
async fn key_enabled(world: &World, enabled: bool) -> Outcome {
    if !enabled {
        sleep(KEY_DISABLED).await;
    }
    world
        .until(&format!("the key's enabled is {enabled}"), |world| {
            let account = world.aws.state();
            let found = world.get(&search()).ok_or("no tenant")?;
            let id = found["status"]["tenantId"].as_str().unwrap_or_default().to_owned();
            let mut keys = account.regions.values().flat_map(|region| region.api_keys.values());
            let key = keys.find(|key| key.name.contains(&id)).ok_or("no key")?;
            ensure_eq!(key.enabled, enabled, "enabled");
            Ok(())
        })
        .await
}

/// A call with this key, as the forwarder records it.
fn used(world: &World, key: &str) -> Outcome {
    let found = world.get(&search()).ok_or("no tenant")?;
    let id = found["status"]["tenantId"].as_str().unwrap_or_default().to_owned();
    let now = world.kube.now().as_second();
    let recorded = world.aws.edit(|account| {
        let mut tables = account.regions.values_mut().flat_map(|region| region.tables.values_mut());
        let item = tables.find_map(|table| table.items.get_mut(&(meter_pk(&id), METER_SK.to_owned())))?;
        item.insert(last_used(key), Attribute::Number(now));
        Some(())
    });
    Ok(recorded.ok_or("no meter")?)
}

/// What must be true of the end of an undisturbed run of one of these.
pub fn check(name: &str, end: &End) -> Outcome {
    if !REPLACE_CREDENTIALS.contains(&name) {
        return Ok(());
    }
    let events = end.world.kube.objects("events");
    let told = events.iter().filter(|event| event["reason"] == "CredentialRotated").count();
    ensure_eq!(told, 1, "Events of a rotation");
    ensure!(end.state.contains("credential k2 of"), "the Secret holds another one:\n{}", end.state);
    let policy = policy(&end.world, &search())?;
    ensure_eq!(policy.last_key, 2, "number of the latest key");
    ensure_eq!(policy.rotations.len(), usize::from(name != "rotation_by_age"), "requests that were answered");
    ensure_eq!(policy.usage_key_generation, 0, "the internal key");
    Ok(())
}
