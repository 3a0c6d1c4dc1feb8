//! What deletion of a gateway takes away, in the order that cuts traffic first and never leaves an orphan.
//!
//! Never validates and needs no spec that parses: only identity, the two policies, and what is observed. The stage goes
//! after the mappings of custom domains, which AWS wants gone before the API, and before the plans, because removing it detaches them at once where detaching by hand costs 20 s per plan. The REST
//! API goes before the functions it calls. The finalizer is removed only when [`cleanup`] returns nothing.

use std::collections::BTreeSet;

use aigw_api::DeletionPolicy;

use super::domains;
use super::observed::ObservedGateway;
use super::step::GatewayStep;
use crate::identity::{Function, GatewayIdentity};
use crate::plan::Plan;
use crate::tenant::step::ObservedApiKey;

/// When to look whether a deletion has taken effect.
const SOON: std::time::Duration = std::time::Duration::from_secs(2);

/// Derives the steps that are left. `domains_wanted` are custom domains that other gateways ask for.
pub fn cleanup(
    identity: &GatewayIdentity,
    compute: DeletionPolicy,
    data: DeletionPolicy,
    observed: &ObservedGateway,
    (api_keys, domains_wanted): (&[ObservedApiKey], &BTreeSet<String>),
) -> Plan<GatewayStep> {
    let mut plan = Plan::default();
    if compute == DeletionPolicy::Delete {
        let rest_apis = sorted(&observed.rest_apis, |api| &api.id);
        let unmapped: Vec<_> = rest_apis.iter().flat_map(|api| domains::mappings_to(observed, &api.id)).collect();
        domains::diff::unmap(&unmapped, &mut plan);
        for api in &rest_apis {
            for stage in observed.stages.keys() {
                plan.step(GatewayStep::DeleteStage { rest_api_id: api.id.clone(), stage: stage.clone() });
            }
        }
        // Only what the steps above detach is detached: a stage made by hand, or of a second API, is not among them.
        let detached = |(api, stage): &(String, String)| {
            rest_apis.iter().any(|known| known.id == *api) && observed.stages.contains_key(stage)
        };
        for usage_plan in sorted(&observed.usage_plans, |usage_plan| &usage_plan.id) {
            let api_stages = usage_plan.api_stages.iter().filter(|stage| !detached(stage)).cloned().collect();
            plan.step(GatewayStep::DeleteUsagePlan { id: usage_plan.id.clone(), api_stages });
        }
        for key in sorted(api_keys, |key| &key.name) {
            plan.step(GatewayStep::DeleteApiKey { id: key.id.clone(), name: key.name.clone() });
        }
        for api in &rest_apis {
            plan.step(GatewayStep::DeleteRestApi { rest_api_id: api.id.clone() });
        }
        for function in Function::ALL {
            let name = identity.function_name(function);
            if observed.functions.contains_key(&function) {
                plan.step(GatewayStep::DeleteFunction { name: name.clone() });
            }
            if observed.log_groups.contains_key(&function) {
                plan.step(GatewayStep::DeleteLogGroup { name: format!("/aws/lambda/{name}") });
            }
            if observed.roles.contains_key(&function) {
                plan.step(GatewayStep::DeleteRole { name });
            }
        }
        // Last: it may be held back for half a minute, and serves nobody any more.
        domains::diff::delete_unused(observed, &unmapped, |name| domains_wanted.contains(name), &mut plan);
    }
    if (compute, data) == (DeletionPolicy::Delete, DeletionPolicy::Delete) && observed.access_log_group.is_some() {
        // After the stage, which would go on writing to it.
        plan.step(GatewayStep::DeleteLogGroup { name: identity.access_log_group() });
    }
    cleanup_table(identity, compute, data, observed, &mut plan);
    plan
}

/// By a key that stays: AWS lists in no fixed order.
fn sorted<T>(listed: &[T], key: fn(&T) -> &String) -> Vec<&T> {
    let mut sorted: Vec<&T> = listed.iter().collect();
    sorted.sort_by_key(|item| key(item));
    sorted
}

fn cleanup_table(
    identity: &GatewayIdentity,
    compute: DeletionPolicy,
    data: DeletionPolicy,
    observed: &ObservedGateway,
    plan: &mut Plan<GatewayStep>,
) {
    let Some(table) = &observed.table else { return };
    let name = identity.physical_name();
    if table.deleting {
        plan.wait("the table is being deleted", SOON);
    } else if compute == DeletionPolicy::Delete && data == DeletionPolicy::Delete {
        if !table.active {
            // AWS refuses to delete a table it is making.
            return plan.wait("the table is being created", SOON);
        }
        if table.deletion_protection {
            plan.step(GatewayStep::SetDeletionProtection { table: name.clone(), enabled: false });
        }
        plan.step(GatewayStep::DeleteTable { name });
    } else if let Some(owner) = &observed.owner {
        plan.step(GatewayStep::ReleaseOwnership { table: name, expected: owner.version });
    }
}
