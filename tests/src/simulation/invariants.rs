//! What must be true of every world at rest, whatever happened in it.

use std::collections::BTreeMap;

use aigw_plan::identity::{TAG_ID, TAG_INSTALLATION, TAG_TIER};

use super::World;
use super::state::state;
use crate::{Outcome, ensure};

/// Nothing is there twice, nothing is there for nobody, and no Secret holds a credential that AWS does not accept.
pub fn hold(world: &World) -> Outcome {
    no_duplicates(world)?;
    no_orphans(world)?;
    let state = state(world);
    ensure!(!state.contains("known to AWS: false"), "a Secret's credential is not accepted:\n{state}");
    ensure!(!world.log.text().contains("panic"), "something panicked:\n{}", world.log.tail(40));
    Ok(())
}

/// One REST API per gateway, one usage plan per gateway and tier, one key per name.
pub fn no_duplicates(world: &World) -> Outcome {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (name, region) in &world.aws.state().regions {
        for api in region.rest_apis.values() {
            *counts.entry(format!("{name} REST API of {:?}", api.tags.get(TAG_ID))).or_default() += 1;
        }
        for plan in region.usage_plans.values() {
            let (id, tier) = (plan.tags.get(TAG_ID), plan.tags.get(TAG_TIER));
            *counts.entry(format!("{name} usage plan {tier:?} of {id:?}")).or_default() += 1;
        }
        for key in region.api_keys.values() {
            *counts.entry(format!("{name} key {}", key.name)).or_default() += 1;
        }
    }
    let twice: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
    ensure!(twice.is_empty(), "there more than once: {twice:?}");
    Ok(())
}

/// Everything tagged by the operator belongs to a gateway that exists, or is retained.
pub fn no_orphans(world: &World) -> Outcome {
    let gateways: Vec<String> = world
        .kube
        .objects("aigateways")
        .iter()
        .map(|gateway| {
            let text = |field: &str| gateway["metadata"][field].as_str().unwrap_or_default().to_owned();
            format!("/AIGateway/{}/{}", text("namespace"), text("name"))
        })
        .collect();
    let mut orphans = Vec::new();
    for region in world.aws.state().regions.values() {
        let tags = region
            .rest_apis
            .values()
            .map(|api| (&api.name, &api.tags))
            .chain(region.usage_plans.values().map(|plan| (&plan.name, &plan.tags)))
            .chain(region.api_keys.values().map(|key| (&key.name, &key.tags)))
            .chain(region.functions.iter().map(|(name, function)| (name, &function.tags)))
            .chain(region.log_groups.iter().map(|(name, group)| (name, &group.tags)));
        for (name, tags) in tags.filter(|(_, tags)| tags.contains_key(TAG_INSTALLATION)) {
            let owned = tags.get(TAG_ID).is_some_and(|id| gateways.iter().any(|gateway| id.ends_with(gateway)));
            if !owned {
                orphans.push(format!("{name} of {:?}", tags.get(TAG_ID)));
            }
        }
    }
    ensure!(orphans.is_empty(), "nobody owns {orphans:?}");
    Ok(())
}
