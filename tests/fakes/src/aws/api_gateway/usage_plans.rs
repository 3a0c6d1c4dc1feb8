//! Usage plans, and which keys are in them.

use std::collections::BTreeSet;
use std::time::Duration;

use aigw_plan::gateway::observed::{ObservedUsagePlan, Tags};
use aigw_plan::gateway::step::UsagePlanSpec;
use aigw_plan::identity::TAG_TIER;

use super::{Page, check_tags, page};
use crate::aws::refusal::{Answer, Refusal};
use crate::aws::server::Context;
use crate::aws::state::{AccountState, RegionState};

/// A usage plan.
#[derive(Debug, Clone)]
pub struct UsagePlan {
    /// Name; several may have the same.
    pub name: String,
    /// Rate limit per key.
    pub rate_limit: Option<f64>,
    /// Burst limit per key.
    pub burst_limit: Option<i32>,
    /// Stages, as (REST API id, stage name).
    pub api_stages: BTreeSet<(String, String)>,
    /// Ids of the keys in it.
    pub keys: BTreeSet<String>,
    /// Tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Duration,
}

/// A change of one plan, in the order API Gateway applies it.
pub(super) struct Change {
    pub limits: Option<(i32, i32)>,
    pub remove: Vec<(String, String)>,
    pub add: Vec<(String, String)>,
}

impl UsagePlan {
    fn observed(&self, id: &str) -> ObservedUsagePlan {
        let Self { name, rate_limit, burst_limit, api_stages, keys: _, tags, created: _ } = self;
        ObservedUsagePlan {
            id: id.to_owned(),
            name: name.clone(),
            tier: tags.get(TAG_TIER).cloned().unwrap_or_default(),
            rate_limit: *rate_limit,
            burst_limit: *burst_limit,
            api_stages: api_stages.iter().cloned().collect(),
            tags: tags.clone(),
        }
    }
}

fn plan<'a>(region: &'a mut RegionState, id: &str) -> Answer<&'a mut UsagePlan> {
    region.usage_plans.get_mut(id).ok_or_else(|| Refusal::not_found("Invalid Usage Plan ID specified"))
}

pub(super) fn list(state: &mut AccountState, context: &Context<'_>, position: Option<&str>) -> Page<ObservedUsagePlan> {
    let plans = &state.region(context.region).usage_plans;
    page(plans, position, |id, plan| context.listed(plan.created).then(|| plan.observed(id)))
}

pub(super) fn create(state: &mut AccountState, context: &Context<'_>, spec: UsagePlanSpec) -> Answer<String> {
    let UsagePlanSpec { tier: _, name, rate_limit, burst_limit, api_stages, tags } = spec;
    check_tags(tags.keys())?;
    let region = state.region(context.region);
    if region.usage_plans.len() >= context.behaviour.limits.usage_plans {
        return Err(Refusal::limit("Maximum number of Usage Plans reached for this account"));
    }
    for stage in &api_stages {
        check_stage(region, stage)?;
    }
    let created = context.now;
    let (rate_limit, burst_limit) = (Some(f64::from(rate_limit)), Some(burst_limit));
    let api_stages = api_stages.into_iter().collect();
    let plan = UsagePlan { name, rate_limit, burst_limit, api_stages, keys: BTreeSet::new(), tags, created };
    let id = state.new_id();
    state.region(context.region).usage_plans.insert(id.clone(), plan);
    Ok(id)
}

/// All of it or nothing.
pub(super) fn update(state: &mut AccountState, context: &Context<'_>, id: &str, change: Change) -> Answer {
    let region = state.region(context.region);
    let mut changed = plan(region, id)?.clone();
    let Change { limits, remove, add } = change;
    if let Some((rate, burst)) = limits {
        (changed.rate_limit, changed.burst_limit) = (Some(f64::from(rate)), Some(burst));
    }
    for stage in remove {
        if !changed.api_stages.remove(&stage) {
            return Err(stage_not_found(&stage));
        }
    }
    for stage in add {
        check_stage(region, &stage)?;
        if changed.api_stages.contains(&stage) {
            return Err(Refusal::conflict(format!("API Stage {}:{} is already associated", stage.0, stage.1)));
        }
        for key in &changed.keys {
            check_alone(region, id, key, &BTreeSet::from([stage.clone()]))?;
        }
        changed.api_stages.insert(stage);
    }
    *plan(region, id)? = changed;
    Ok(())
}

pub(super) fn delete(state: &mut AccountState, context: &Context<'_>, id: &str) -> Answer {
    let region = state.region(context.region);
    if !plan(region, id)?.api_stages.is_empty() {
        let message = format!("Cannot delete Usage Plan {id} because it is associated with API Stages");
        return Err(Refusal::bad_request(message));
    }
    region.usage_plans.remove(id);
    Ok(())
}

pub(super) fn tag(state: &mut AccountState, context: &Context<'_>, id: &str, tags: Tags) -> Answer {
    check_tags(tags.keys())?;
    plan(state.region(context.region), id)?.tags.extend(tags);
    Ok(())
}

/// Ids of keys, a page of them.
pub(super) fn key_ids(
    state: &mut AccountState,
    context: &Context<'_>,
    id: &str,
    position: Option<&str>,
) -> Answer<Page<String>> {
    let keys = &plan(state.region(context.region), id)?.keys;
    let mut rest = keys.iter().filter(|key| position.is_none_or(|position| key.as_str() > position));
    let ids: Vec<_> = rest.by_ref().take(super::PAGE).cloned().collect();
    let next = rest.next().and_then(|_| ids.last().cloned());
    Ok((ids, next))
}

/// A key is in at most one plan per stage.
pub(super) fn attach(state: &mut AccountState, context: &Context<'_>, id: &str, key: &str) -> Answer {
    let region = state.region(context.region);
    let (attached, stages) = plan(region, id).map(|plan| (plan.keys.contains(key), plan.api_stages.clone()))?;
    if !region.api_keys.contains_key(key) {
        return Err(Refusal::not_found("Invalid API Key identifier specified"));
    }
    if attached {
        return Err(Refusal::conflict("Usage Plan Key already exists"));
    }
    check_alone(region, id, key, &stages)?;
    let plans = region.usage_plans.values().filter(|plan| plan.keys.contains(key)).count();
    if plans >= context.behaviour.limits.plans_of_a_key {
        return Err(Refusal::limit("Maximum number of Usage Plans for this API Key reached"));
    }
    plan(region, id)?.keys.insert(key.to_owned());
    Ok(())
}

/// Whether a key is in a plan.
pub(super) fn has_key(state: &mut AccountState, context: &Context<'_>, id: &str, key: &str) -> Answer {
    let attached = plan(state.region(context.region), id)?.keys.contains(key);
    if attached { Ok(()) } else { Err(Refusal::not_found("Invalid Usage Plan Key identifier specified")) }
}

/// No other plan than `id` may have both `key` and one of `stages`.
fn check_alone(region: &RegionState, id: &str, key: &str, stages: &BTreeSet<(String, String)>) -> Answer {
    let mut others = region.usage_plans.iter().filter(|(other, plan)| *other != id && plan.keys.contains(key));
    if others.any(|(_, plan)| !plan.api_stages.is_disjoint(stages)) {
        let message = "ApiKey cannot be associated with more than one Usage Plan of the same API Stage";
        return Err(Refusal::conflict(message));
    }
    Ok(())
}

fn check_stage(region: &RegionState, stage: &(String, String)) -> Answer {
    let (api, name) = stage;
    let there = region.rest_apis.get(api).is_some_and(|api| api.stages.contains_key(name));
    if there { Ok(()) } else { Err(stage_not_found(stage)) }
}

fn stage_not_found((api, stage): &(String, String)) -> Refusal {
    Refusal::not_found(format!("API Stage not found: {api}:{stage}"))
}
