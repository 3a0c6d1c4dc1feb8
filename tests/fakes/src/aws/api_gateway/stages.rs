//! Stages: which deployment is served, under which name.

use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::gateway::observed::{ObservedStage, Tags};
use aigw_plan::gateway::step::StageThrottle;

use super::check_tags;
use super::rest_apis::{Stage, api};
use crate::aws::refusal::{Answer, Refusal};
use crate::aws::server::Context;
use crate::aws::state::{AccountState, RegionState};

fn stage<'a>(region: &'a mut RegionState, id: &str, name: &str) -> Answer<&'a mut Stage> {
    let stages = &mut api(region, id)?.stages;
    stages.get_mut(name).ok_or_else(|| Refusal::not_found("Invalid stage identifier specified"))
}

pub(super) fn get(state: &mut AccountState, context: &Context<'_>, id: &str, name: &str) -> Answer<ObservedStage> {
    let Stage { deployment_id, rate_limit, burst_limit, access_log, tags } =
        stage(state.region(context.region), id, name)?.clone();
    Ok(ObservedStage { deployment_id, rate_limit, burst_limit, access_log, tags })
}

pub(super) fn create(
    state: &mut AccountState,
    context: &Context<'_>,
    id: &str,
    (name, deployment_id, tags): (String, String, Tags),
) -> Answer {
    check_tags(tags.keys())?;
    let api = api(state.region(context.region), id)?;
    let valid = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    if name.is_empty() || name.len() > 128 || !name.chars().all(valid) {
        return Err(Refusal::bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    if !api.deployments.contains_key(&deployment_id) {
        return Err(Refusal::not_found("Invalid Deployment identifier specified"));
    }
    if api.stages.contains_key(&name) {
        return Err(Refusal::conflict("Stage already exists"));
    }
    if api.stages.len() >= context.behaviour.limits.stages {
        return Err(Refusal::limit("Maximum number of stages for this API has been reached: limit reached"));
    }
    api.stages.insert(name, Stage { deployment_id, rate_limit: None, burst_limit: None, access_log: None, tags });
    Ok(())
}

/// All of it or nothing, as with patch operations of one call.
pub(super) fn update(
    state: &mut AccountState,
    context: &Context<'_>,
    (id, name): (&str, &str),
    deployment_id: Option<String>,
    throttle: Option<&StageThrottle>,
) -> Answer {
    let region = state.region(context.region);
    stage(region, id, name)?;
    if let Some(deployment_id) = &deployment_id
        && !api(region, id)?.deployments.contains_key(deployment_id)
    {
        return Err(Refusal::bad_request("Deployment id does not exist"));
    }
    let stage = stage(region, id, name)?;
    match throttle {
        Some(StageThrottle(Some((rate, burst)))) => {
            (stage.rate_limit, stage.burst_limit) = (Some(f64::from(*rate)), Some(*burst));
        }
        Some(StageThrottle(None)) if stage.rate_limit.is_none() && stage.burst_limit.is_none() => {
            let message = "Cannot remove method setting */* because there is no method setting for this method";
            return Err(Refusal::bad_request(message));
        }
        Some(StageThrottle(None)) => (stage.rate_limit, stage.burst_limit) = (None, None),
        None => {}
    }
    if let Some(deployment_id) = deployment_id {
        stage.deployment_id = deployment_id;
    }
    Ok(())
}

/// Sets or takes away the access log. The group it leads to need not exist, the account's role must.
pub(super) fn set_access_log(
    state: &mut AccountState,
    context: &Context<'_>,
    (id, name): (&str, &str),
    access_log: Option<AccessLog>,
) -> Answer {
    let region = state.region(context.region);
    let may_write = region.log_role.is_some();
    let stage = stage(region, id, name)?;
    if access_log.is_some() && !may_write {
        let message = "CloudWatch Logs role ARN must be set in account settings to enable logging";
        return Err(Refusal::bad_request(message));
    }
    stage.access_log = access_log;
    Ok(())
}

/// Usage plans lose it.
pub(super) fn delete(state: &mut AccountState, context: &Context<'_>, id: &str, name: &str) -> Answer {
    let region = state.region(context.region);
    stage(region, id, name)?;
    api(region, id)?.stages.remove(name);
    for plan in region.usage_plans.values_mut() {
        plan.api_stages.remove(&(id.to_owned(), name.to_owned()));
    }
    Ok(())
}

/// Tags of an API or of one of its stages.
pub(super) fn tag(
    state: &mut AccountState,
    context: &Context<'_>,
    (id, name): (&str, Option<&str>),
    tags: Tags,
) -> Answer {
    check_tags(tags.keys())?;
    let region = state.region(context.region);
    match name {
        Some(name) => stage(region, id, name)?.tags.extend(tags),
        None => api(region, id)?.tags.extend(tags),
    }
    Ok(())
}
