//! From what should be and what is to the next steps.
//!
//! A plan holds only steps whose inputs were observed: what needs an id that AWS has yet to give comes in the next
//! plan, after the next observation. So a plan is complete in itself, and a crash between two steps needs no memory.

use std::collections::BTreeSet;
use std::time::Duration;

pub use super::blocked::Blocked;
use super::capacity;
use super::desired::DesiredGateway;
use super::document::{Document, same_policy};
use super::domains;
use super::observed::{FunctionState, ObservedFunction, ObservedGateway, ObservedRestApi, ObservedTable, Tags};
use super::step::{FunctionSpec, GatewayStep, StageThrottle, TaggedResource};
use super::{guardrails, logs, releases, usage_plans};
use crate::identity::{Function, ROLE_PATH};
use crate::plan::Plan;

/// When to look again at something Lambda or DynamoDB is working on.
const SOON: Duration = Duration::from_secs(2);
/// Deployments kept beside the one that serves, so that a person can look at or return to the last few.
const KEPT_DEPLOYMENTS: usize = 3;

/// Derives the next steps. `tiers_in_use` are tiers some tenant is in: their plans stay although the spec dropped them.
///
/// # Errors
/// [`Blocked`] where a person has to decide.
pub fn diff(
    desired: &DesiredGateway,
    observed: &ObservedGateway,
    tiers_in_use: &BTreeSet<String>,
) -> Result<Plan<GatewayStep>, Blocked> {
    let mut plan = Plan::default();
    releases::diff_failing(desired, observed, &mut plan);
    if !plan.steps.is_empty() {
        return Ok(plan);
    }
    capacity::before(desired, observed)?;
    let table_ready = diff_table(desired, observed.table.as_ref(), &mut plan);
    diff_roles(desired, observed, &mut plan);
    logs::diff_groups(desired, observed, &mut plan);
    for function in desired.functions.values() {
        diff_function(desired, function, observed, &mut plan);
    }
    match observed.rest_apis.as_slice() {
        [] => plan.step(GatewayStep::CreateRestApi {
            name: desired.rest_api.name.clone(),
            endpoint_type: desired.rest_api.endpoint_type.clone(),
            vpc_endpoint_ids: desired.rest_api.vpc_endpoint_ids.clone(),
            tags: desired.tags.clone(),
        }),
        [api] => {
            if api.endpoint_type != desired.rest_api.endpoint_type {
                let (actual, wanted) = (api.endpoint_type.clone(), desired.rest_api.endpoint_type.clone());
                return Err(Blocked::EndpointType { id: api.id.clone(), actual, wanted });
            }
            diff_permissions(desired, observed, &mut plan);
            diff_documents(desired, observed, table_ready, &mut plan);
            diff_api(desired, api, observed, table_ready, &mut plan);
            usage_plans::diff(desired, api, observed, tiers_in_use, &mut plan)?;
            guardrails::diff(desired, observed, &mut plan);
            domains::diff::diff(desired, api, observed, &mut plan);
            logs::diff_access(desired, &api.id, observed, &mut plan);
            capacity::beside(desired, observed, &mut plan)?;
        }
        several => {
            let ids = several.iter().map(|api| api.id.as_str());
            return Err(Blocked::duplicate("REST APIs", ids));
        }
    }
    Ok(plan)
}

/// Takes back what must not be done yet: an earlier attempt at it may have worked and not be visible for `wait`.
pub fn hold_back(plan: &mut Plan<GatewayStep>, wait: Duration) {
    let planned = plan.steps.len();
    plan.steps.retain(|step| !step.is_unrepeatable());
    if plan.steps.len() < planned {
        plan.wait("looking again before creating, in case an earlier attempt is not visible yet", wait);
    }
}

pub(super) fn retag(plan: &mut Plan<GatewayStep>, resource: TaggedResource, desired: &Tags, observed: &Tags) {
    // Only ours are compared: tools and AWS itself add tags of their own, and those are none of our business.
    let missing = desired.iter().any(|(key, value)| observed.get(key) != Some(value));
    if missing {
        plan.step(GatewayStep::Tag { resource, tags: desired.clone() });
    }
}

/// Returns whether items can be read and written now.
fn diff_table(desired: &DesiredGateway, observed: Option<&ObservedTable>, plan: &mut Plan<GatewayStep>) -> bool {
    let name = desired.table.clone();
    let Some(table) = observed else {
        plan.step(GatewayStep::CreateTable { name, tags: desired.tags.clone() });
        return false;
    };
    if table.deleting {
        plan.wait("the table of an earlier gateway of this name is being deleted", SOON);
        return false;
    }
    if !table.active {
        plan.wait("the table is being created", SOON);
        return false;
    }
    if !table.time_to_live {
        plan.step(GatewayStep::EnableTimeToLive { table: name.clone() });
    }
    if !table.point_in_time_recovery {
        plan.step(GatewayStep::EnablePointInTimeRecovery { table: name.clone() });
    }
    if !table.deletion_protection {
        plan.step(GatewayStep::SetDeletionProtection { table: name.clone(), enabled: true });
    }
    retag(plan, TaggedResource::Table(name), &desired.tags, &table.tags);
    true
}

fn diff_roles(desired: &DesiredGateway, observed: &ObservedGateway, plan: &mut Plan<GatewayStep>) {
    for (function, role) in &desired.roles {
        let put_policy = || GatewayStep::PutRolePolicy { name: role.name.clone(), policy: role.policy.clone() };
        let Some(actual) = observed.roles.get(function) else {
            plan.step(GatewayStep::CreateRole {
                name: role.name.clone(),
                path: ROLE_PATH.into(),
                trust: role.trust.clone(),
                permissions_boundary: role.permissions_boundary.clone(),
                tags: desired.tags.clone(),
            });
            plan.step(put_policy());
            continue;
        };
        if !same_policy(Some(&actual.trust), Some(&role.trust)) {
            plan.step(GatewayStep::UpdateRoleTrust { name: role.name.clone(), trust: role.trust.clone() });
        }
        if !same_policy(actual.policy.as_ref(), Some(&role.policy)) {
            plan.step(put_policy());
        }
        retag(plan, TaggedResource::Role(role.name.clone()), &desired.tags, &actual.tags);
    }
}

/// At most one change of `$LATEST` per plan: Lambda refuses a second while the first is in progress.
fn diff_function(
    desired: &DesiredGateway,
    spec: &FunctionSpec,
    observed: &ObservedGateway,
    plan: &mut Plan<GatewayStep>,
) {
    let boxed = || Box::new(spec.clone());
    let Some(actual) = observed.functions.get(&spec.function) else {
        // The role is made in an earlier plan, so that Lambda has had a moment to notice it.
        if desired.roles.contains_key(&spec.function) && !observed.roles.contains_key(&spec.function) {
            plan.wait("the functions' roles are being created", Duration::ZERO);
        } else {
            plan.step(GatewayStep::CreateFunction(boxed()));
        }
        return;
    };
    retag(plan, TaggedResource::Function(actual.arn.clone()), &spec.tags, &actual.tags);
    if actual.state == FunctionState::Pending {
        plan.wait(format!("Lambda is working on the {}", spec.function.as_str()), SOON);
        return;
    }
    let revision_id = actual.revision_id.clone();
    if !same_configuration(spec, actual) {
        plan.step(GatewayStep::UpdateFunctionConfiguration { function: boxed(), revision_id });
        return;
    }
    if actual.code_sha256 != spec.code_sha256 || actual.architecture != spec.architecture {
        plan.step(GatewayStep::UpdateFunctionCode { function: boxed(), revision_id });
        return;
    }
    if let FunctionState::Failed(reason) = &actual.state {
        plan.wait(
            format!("Lambda reports that the last change of the {} failed: {reason}", spec.function.as_str()),
            Duration::from_secs(30),
        );
        return;
    }
    releases::diff(desired, observed, (spec, actual), plan);
}

fn same_configuration(spec: &FunctionSpec, actual: &ObservedFunction) -> bool {
    spec.role_arn == actual.role_arn
        && spec.memory_mib == actual.memory_mib
        && spec.timeout_seconds == actual.timeout_seconds
        && spec.environment == actual.environment
}

/// Id of the one statement we put on each alias.
pub const STATEMENT_ID: &str = "aigw-api-gateway";

fn diff_permissions(desired: &DesiredGateway, observed: &ObservedGateway, plan: &mut Plan<GatewayStep>) {
    for (function, source_arn) in &desired.permission_sources {
        let Some(actual) = observed.functions.get(function).filter(|actual| actual.live_version.is_some()) else {
            continue;
        };
        let name = desired.functions[function].name.clone();
        let ours = actual.permissions.iter().find(|permission| permission.statement_id == STATEMENT_ID);
        if ours.is_some_and(|permission| permission.source_arn == *source_arn) {
            continue;
        }
        if ours.is_some() {
            plan.step(GatewayStep::RemovePermission { name: name.clone(), statement_id: STATEMENT_ID.into() });
        }
        plan.step(GatewayStep::AddPermission {
            name,
            statement_id: STATEMENT_ID.into(),
            source_arn: source_arn.clone(),
        });
    }
}

fn diff_documents(
    desired: &DesiredGateway,
    observed: &ObservedGateway,
    table_ready: bool,
    plan: &mut Plan<GatewayStep>,
) {
    let Some(config) = desired.config.as_ref().filter(|_| table_ready) else { return };
    // Before the configuration, which names the list's revision: a function that learns of a list finds it.
    if observed.prices.as_ref().map(|document| &document.content) != Some(&desired.prices) {
        let expected = observed.prices.as_ref().map(|document| document.version);
        let (table, prices) = (desired.table.clone(), desired.prices.clone());
        plan.step(GatewayStep::WritePrices { table, expected, prices });
    }
    if observed.config.as_ref().map(|document| &document.content) != Some(config) {
        let expected = observed.config.as_ref().map(|document| document.version);
        let (table, config) = (desired.table.clone(), Box::new(config.clone()));
        plan.step(GatewayStep::WriteConfig { table, expected, config });
    }
}

/// Both aliases exist and let this API call them, so a deployment that names them works.
fn functions_callable(desired: &DesiredGateway, observed: &ObservedGateway) -> bool {
    Function::ALL
        .iter()
        .all(|function| observed.functions.get(function).is_some_and(|actual| actual.live_version.is_some()))
        && !desired.permission_sources.is_empty()
}

fn diff_api(
    desired: &DesiredGateway,
    api: &ObservedRestApi,
    observed: &ObservedGateway,
    table_ready: bool,
    plan: &mut Plan<GatewayStep>,
) {
    retag(plan, TaggedResource::RestApi(api.id.clone()), &desired.tags, &api.tags);
    let Some(document) = &desired.document else { return };
    if !table_ready || !functions_callable(desired, observed) {
        plan.wait("the functions are being made ready", Duration::ZERO);
        return;
    }
    let rest_api_id = api.id.clone();
    let stage = observed.stages.get(&desired.stage);
    let serving =
        stage.and_then(|stage| observed.deployments.iter().find(|deployment| deployment.id == stage.deployment_id));
    let newest = observed.deployments.iter().max_by_key(|deployment| (deployment.created, deployment.id.clone()));
    let fits = serving.filter(|deployment| deployment.description == document.hash);
    // Only the newest deployment is known to match what is imported now; an older one of the same hash would serve the
    // right document while somebody's edit lies in wait for the next deployment.
    let Some(target) = fits.or_else(|| newest.filter(|deployment| deployment.description == document.hash)) else {
        import(&rest_api_id, document, plan);
        plan.step(GatewayStep::CreateDeployment { rest_api_id, hash: document.hash.clone() });
        return;
    };
    // In no deployment: an import is what sets them, and they bind at once.
    let wanted = (&desired.rest_api.vpc_endpoint_ids, desired.rest_api.default_endpoint_disabled);
    if (&api.vpc_endpoint_ids, api.default_endpoint_disabled) != wanted {
        import(&rest_api_id, document, plan);
    }
    diff_stage(desired, &rest_api_id, &target.id, observed, plan);
    diff_old_deployments(&rest_api_id, &target.id, observed, plan);
}

/// Imports the document and checks what became of it.
fn import(rest_api_id: &str, document: &Document, plan: &mut Plan<GatewayStep>) {
    plan.step(GatewayStep::PutDocument {
        rest_api_id: rest_api_id.into(),
        body: document.body.clone(),
        hash: document.hash.clone(),
    });
    plan.step(GatewayStep::VerifyDocument {
        rest_api_id: rest_api_id.into(),
        expectation: Box::new(document.expectation.clone()),
    });
}

fn diff_stage(
    desired: &DesiredGateway,
    rest_api_id: &str,
    deployment_id: &str,
    observed: &ObservedGateway,
    plan: &mut Plan<GatewayStep>,
) {
    let name = &desired.stage;
    let Some(stage) = observed.stages.get(name) else {
        plan.step(GatewayStep::CreateStage {
            rest_api_id: rest_api_id.into(),
            stage: name.clone(),
            deployment_id: deployment_id.into(),
            tags: desired.tags.clone(),
        });
        return;
    };
    // Each on its own: somebody may have set only one of the two.
    let wanted = (desired.throttle.map(|(rate, _)| f64::from(rate)), desired.throttle.map(|(_, burst)| burst));
    let throttle_differs = wanted != (stage.rate_limit, stage.burst_limit);
    let moves = stage.deployment_id != deployment_id;
    if throttle_differs || moves {
        plan.step(GatewayStep::UpdateStage {
            rest_api_id: rest_api_id.into(),
            stage: name.clone(),
            deployment_id: moves.then(|| deployment_id.to_owned()),
            throttle: throttle_differs.then_some(StageThrottle(desired.throttle)),
        });
    }
    retag(plan, TaggedResource::Stage(rest_api_id.into(), name.clone()), &desired.tags, &stage.tags);
}

fn diff_old_deployments(rest_api_id: &str, serving: &str, observed: &ObservedGateway, plan: &mut Plan<GatewayStep>) {
    let in_use: BTreeSet<&str> =
        observed.stages.values().map(|stage| stage.deployment_id.as_str()).chain([serving]).collect();
    let mut spare: Vec<_> =
        observed.deployments.iter().filter(|deployment| !in_use.contains(deployment.id.as_str())).collect();
    spare.sort_by_key(|deployment| (deployment.created, &deployment.id));
    for old in spare.iter().take(spare.len().saturating_sub(KEPT_DEPLOYMENTS)) {
        plan.step(GatewayStep::DeleteDeployment { rest_api_id: rest_api_id.into(), deployment_id: old.id.clone() });
    }
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
