//! AWS's side of a sweep: what is there and for how long, and what the tables say about their owners.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aigw_cloud::CloudError;
use aigw_contract::table::{GATEWAY_PK, OWNER_SK, OwnerRecord};
use aigw_plan::GatewayIdentity;
use aigw_plan::gateway::observed::Document;
use aigw_plan::sweep::{Found, Kind, Owner};
use tokio::time::Instant;

use crate::context::Context;
use crate::gateway;

/// How often an owner that is alive may miss its heartbeat, as for taking a gateway over.
const MISSED_HEARTBEATS: u32 = 3;

/// An object's kind, Region and id; no Region for roles, which every Region lists.
type Key = (Kind, Option<String>, String);

/// When each object was first seen, for services that do not tell when it was made.
#[derive(Default)]
pub(super) struct Seen(HashMap<Key, Instant>);

/// Everything of this installation in `regions`. An error anywhere is no list at all.
pub(super) async fn list(
    context: &Context,
    regions: &BTreeSet<String>,
    seen: &mut Seen,
) -> Result<Vec<Found>, CloudError> {
    let (now, wall) = (Instant::now(), context.clock.now().as_second());
    let mut found: BTreeMap<Key, Found> = BTreeMap::new();
    for region in regions {
        let cloud = context.clouds.region(region).await;
        let accounts = accounts(context, region);
        if !accounts.is_empty() {
            let account = cloud.account.id().await?;
            if !accounts.contains(&account) {
                tracing::warn!(region, account, "not swept: the gateways of this Region are in another account");
                continue;
            }
        }
        for object in cloud.estate.owned(&context.settings.installation).await? {
            let place = (object.kind != Kind::Role).then(|| region.clone());
            let key = (object.kind, place, object.id.clone());
            let first = *seen.0.entry(key.clone()).or_insert(now);
            let age = age(object.created, wall, now.saturating_duration_since(first));
            found.entry(key).or_insert(Found { region: region.clone(), object, age });
        }
    }
    seen.0.retain(|key, _| found.contains_key(key));
    Ok(found.into_values().collect())
}

/// The longer of what the service tells and what we saw. `created` and `wall` are seconds since the Unix epoch.
fn age(created: Option<i64>, wall: i64, seen_for: Duration) -> Duration {
    let told = created.map_or(0, |created| wall.saturating_sub(created));
    seen_for.max(Duration::from_secs(u64::try_from(told).unwrap_or(0)))
}

/// Accounts that the gateways of a Region are said to be in.
fn accounts(context: &Context, region: &str) -> BTreeSet<String> {
    let gateways = context.stores.gateways.state();
    let here = gateways.iter().filter(|gateway| gateway.spec.region == region);
    here.map(|gateway| gateway.spec.account_id.clone()).collect()
}

/// Who owns each gateway, by its table in those Regions. One whose table cannot be read now is left out.
pub(super) async fn owners(
    context: &Context,
    gateways: BTreeMap<GatewayIdentity, BTreeSet<String>>,
) -> Result<BTreeMap<GatewayIdentity, Owner>, CloudError> {
    let mut owners = BTreeMap::new();
    for (identity, regions) in gateways {
        let mut said = Vec::new();
        for region in &regions {
            said.push(owner(context, &identity, region).await?);
        }
        if let Some(said) = said.into_iter().collect::<Option<Vec<_>>>() {
            owners.insert(identity, Owner::together(said));
        }
    }
    Ok(owners)
}

/// `None` where the table is on its way in or out.
async fn owner(context: &Context, identity: &GatewayIdentity, region: &str) -> Result<Option<Owner>, CloudError> {
    let cloud = context.clouds.region(region).await;
    let name = identity.physical_name();
    let Some(table) = cloud.tables.get(&name).await? else { return Ok(Some(Owner::NoTable)) };
    if !table.usable() {
        return Ok(None);
    }
    let record = gateway::parse::<OwnerRecord>(cloud.tables.document(&name, GATEWAY_PK, OWNER_SK).await?)?;
    let record = record.map(|Document { content, .. }| content);
    let silence = MISSED_HEARTBEATS * gateway::HEARTBEAT;
    let now = context.clock.now().as_second();
    Ok(Some(Owner::of(record.as_ref(), &gateway::cluster_uid(context), now, silence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_what_the_service_tells_or_what_we_saw() {
        let minutes = Duration::from_mins;
        for (created, seen_for, expected) in [
            (None, minutes(0), minutes(0)),
            (None, minutes(7), minutes(7)),
            (Some(9_400), minutes(0), minutes(10)),
            (Some(9_400), minutes(60), minutes(60)),
            // A clock behind AWS's.
            (Some(99_999), minutes(1), minutes(1)),
        ] {
            assert_eq!(age(created, 10_000, seen_for), expected, "{created:?}");
        }
    }
}
