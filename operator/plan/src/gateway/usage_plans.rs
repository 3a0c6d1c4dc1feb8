//! The part of the diff about usage plans: one per tier, made, changed and taken away.

use std::collections::BTreeSet;

use super::desired::DesiredGateway;
use super::diff::{Blocked, retag};
use super::observed::{ObservedGateway, ObservedRestApi};
use super::step::{GatewayStep, TaggedResource};
use crate::plan::Plan;

/// Adds what the usage plans need to `plan`.
pub(super) fn diff(
    desired: &DesiredGateway,
    api: &ObservedRestApi,
    observed: &ObservedGateway,
    tiers_in_use: &BTreeSet<String>,
    plan: &mut Plan<GatewayStep>,
) -> Result<(), Blocked> {
    // A plan can only name a stage that exists.
    if !observed.stages.contains_key(&desired.stage) {
        return Ok(());
    }
    let ours = (api.id.clone(), desired.stage.clone());
    for spec in &desired.usage_plans {
        let matching: Vec<_> = observed.usage_plans.iter().filter(|actual| actual.tier == spec.tier).collect();
        match matching.as_slice() {
            [] => plan.step(GatewayStep::CreateUsagePlan(spec.clone())),
            [actual] => {
                let add_stages: Vec<_> =
                    spec.api_stages.iter().filter(|stage| !actual.api_stages.contains(stage)).cloned().collect();
                let remove_stages: Vec<_> = actual.api_stages.iter().filter(|stage| **stage != ours).cloned().collect();
                let limits_differ = actual.rate_limit != Some(f64::from(spec.rate_limit))
                    || actual.burst_limit != Some(spec.burst_limit);
                if limits_differ || !add_stages.is_empty() || !remove_stages.is_empty() {
                    let (id, rate_limit, burst_limit) = (actual.id.clone(), spec.rate_limit, spec.burst_limit);
                    plan.step(GatewayStep::UpdateUsagePlan { id, rate_limit, burst_limit, add_stages, remove_stages });
                }
                retag(plan, TaggedResource::UsagePlan(actual.id.clone()), &spec.tags, &actual.tags);
            }
            several => {
                let ids = several.iter().map(|actual| actual.id.as_str());
                return Err(Blocked::duplicate("usage plans of one tier", ids));
            }
        }
    }
    let wanted = |tier: &String| desired.usage_plans.iter().any(|spec| spec.tier == *tier);
    let unwanted = observed.usage_plans.iter().filter(|actual| !wanted(&actual.tier));
    let mut unwanted: Vec<_> = unwanted.filter(|actual| !tiers_in_use.contains(&actual.tier)).collect();
    // AWS lists in no fixed order.
    unwanted.sort_by_key(|actual| (&actual.tier, &actual.id));
    for actual in unwanted {
        plan.step(GatewayStep::DeleteUsagePlan { id: actual.id.clone(), api_stages: actual.api_stages.clone() });
    }
    Ok(())
}
