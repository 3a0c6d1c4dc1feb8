//! REST APIs and their deployments: a deployment freezes what was imported when it was made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::gateway::observed::{ImportedApi, ImportedMethod, ObservedDeployment, ObservedRestApi, Tags};
use serde_json::Value;

use super::import::{self, Import};
use super::{Page, check_tags, page};
use crate::aws::refusal::{Answer, Refusal};
use crate::aws::server::Context;
use crate::aws::state::{AccountState, RegionState};

/// A REST API.
#[derive(Debug, Clone)]
pub struct RestApi {
    /// Name; several may have the same.
    pub name: String,
    /// `REGIONAL`, `PRIVATE` or `EDGE`.
    pub endpoint_type: String,
    /// VPC endpoints.
    pub vpc_endpoint_ids: Vec<String>,
    /// Whether its own name is set to be closed; a deployment makes it so.
    pub default_endpoint_disabled: bool,
    /// Tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Duration,
    /// What a deployment made now would serve.
    pub definition: Arc<Definition>,
    /// Deployments by id.
    pub deployments: BTreeMap<String, Deployment>,
    /// Stages by name.
    pub stages: BTreeMap<String, Stage>,
}

/// What an API does.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// `AUTHORIZER` or `HEADER`.
    pub api_key_source: String,
    /// Resource policy.
    pub policy: Option<Value>,
    /// Methods, sorted by path and verb.
    pub methods: Vec<ImportedMethod>,
    /// Gateway responses as in the document.
    pub gateway_responses: Value,
    /// Whether the API's own name is closed.
    pub default_endpoint_disabled: bool,
}

/// A deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Description.
    pub description: String,
    /// When it was made.
    pub created: Duration,
    /// The same in seconds since the Unix epoch.
    pub created_unix: i64,
    /// What it serves.
    pub definition: Arc<Definition>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Deployment it serves.
    pub deployment_id: String,
    /// Rate limit of the method setting for all methods.
    pub rate_limit: Option<f64>,
    /// Burst limit of the same.
    pub burst_limit: Option<i32>,
    /// Where its access log goes, and what a line is.
    pub access_log: Option<AccessLog>,
    /// Tags.
    pub tags: Tags,
}

impl RestApi {
    fn observed(&self, id: &str) -> ObservedRestApi {
        let mut vpc_endpoint_ids = self.vpc_endpoint_ids.clone();
        vpc_endpoint_ids.sort();
        ObservedRestApi {
            id: id.to_owned(),
            name: self.name.clone(),
            endpoint_type: self.endpoint_type.clone(),
            vpc_endpoint_ids,
            default_endpoint_disabled: self.default_endpoint_disabled,
            tags: self.tags.clone(),
        }
    }
}

/// The API of that id.
pub(super) fn api<'a>(region: &'a mut RegionState, id: &str) -> Answer<&'a mut RestApi> {
    region.rest_apis.get_mut(id).ok_or_else(|| Refusal::not_found("Invalid API identifier specified"))
}

pub(super) fn create(
    state: &mut AccountState,
    context: &Context<'_>,
    (name, endpoint_type, vpc_endpoint_ids, tags): (String, String, Vec<String>, Tags),
) -> Answer<String> {
    check_tags(tags.keys())?;
    if name.is_empty() {
        return Err(Refusal::bad_request("API name cannot be empty"));
    }
    if !vpc_endpoint_ids.is_empty() && endpoint_type != "PRIVATE" {
        return Err(Refusal::bad_request("VPCEndpoint IDs can only be set on Private APIs"));
    }
    let limit = context.behaviour.limits.rest_apis;
    let same = |api: &&RestApi| api.endpoint_type == endpoint_type;
    if state.region(context.region).rest_apis.values().filter(same).count() >= limit {
        return Err(Refusal::limit("Maximum number of APIs reached for this account"));
    }
    let id = state.new_id();
    let definition = Definition {
        api_key_source: "AUTHORIZER".into(),
        policy: None,
        methods: Vec::new(),
        gateway_responses: Value::Null,
        default_endpoint_disabled: false,
    };
    let api = RestApi {
        name,
        endpoint_type,
        vpc_endpoint_ids,
        default_endpoint_disabled: false,
        tags,
        created: context.now,
        definition: Arc::new(definition),
        deployments: BTreeMap::new(),
        stages: BTreeMap::new(),
    };
    state.region(context.region).rest_apis.insert(id.clone(), api);
    Ok(id)
}

pub(super) fn get(state: &mut AccountState, context: &Context<'_>, id: &str) -> Answer<ObservedRestApi> {
    Ok(api(state.region(context.region), id)?.observed(id))
}

pub(crate) fn list(state: &mut AccountState, context: &Context<'_>, position: Option<&str>) -> Page<ObservedRestApi> {
    let apis = &state.region(context.region).rest_apis;
    page(apis, position, |id, api| context.listed(api.created).then(|| api.observed(id)))
}

/// An import that breaks off leaves some methods, and those without authorizer or key.
pub(super) fn put(state: &mut AccountState, context: &Context<'_>, id: &str, body: &str) -> Answer {
    let api = api(state.region(context.region), id)?;
    let Import { name, vpc_endpoint_ids, default_endpoint_disabled, mut definition } = import::parse(body)?;
    api.default_endpoint_disabled = default_endpoint_disabled;
    if context.partial {
        definition.methods.truncate(definition.methods.len().div_ceil(2));
        for method in &mut definition.methods {
            method.authorization_type = "NONE".into();
            method.authorizer_uri = None;
            method.api_key_required = false;
        }
    }
    (api.name, api.vpc_endpoint_ids, api.definition) = (name, vpc_endpoint_ids, Arc::new(definition));
    Ok(())
}

/// What the three calls that read an import back see.
pub(super) fn imported(state: &mut AccountState, context: &Context<'_>, id: &str) -> Answer<ImportedApi> {
    let Definition { api_key_source, policy, methods, gateway_responses: _, default_endpoint_disabled: _ } =
        Definition::clone(&api(state.region(context.region), id)?.definition);
    Ok(ImportedApi { api_key_source, policy, methods })
}

/// Deletes everything in it, too; usage plans lose its stages.
pub(super) fn delete(state: &mut AccountState, context: &Context<'_>, id: &str) -> Answer {
    let region = state.region(context.region);
    api(region, id)?;
    if region.domains.values().any(|domain| domain.mappings.values().any(|(api, _)| api == id)) {
        let message = "Please remove all base path mappings related to the RestApi in your domains";
        return Err(Refusal::bad_request(format!("Deleting RestApi {id} failed. {message}")));
    }
    region.rest_apis.remove(id);
    for plan in region.usage_plans.values_mut() {
        plan.api_stages.retain(|(api, _)| api != id);
    }
    Ok(())
}

pub(super) fn deployments(
    state: &mut AccountState,
    context: &Context<'_>,
    id: &str,
    position: Option<&str>,
) -> Answer<Page<ObservedDeployment>> {
    let api = api(state.region(context.region), id)?;
    Ok(page(&api.deployments, position, |id, deployment| {
        let (description, created) = (deployment.description.clone(), deployment.created_unix);
        Some(ObservedDeployment { id: id.to_owned(), description, created })
    }))
}

pub(super) fn create_deployment(
    state: &mut AccountState,
    context: &Context<'_>,
    id: &str,
    description: String,
) -> Answer<String> {
    let deployment_id = state.new_id();
    let api = api(state.region(context.region), id)?;
    if api.definition.methods.is_empty() {
        return Err(Refusal::bad_request("The REST API doesn't contain any methods"));
    }
    if api.endpoint_type == "PRIVATE" && api.definition.policy.is_none() {
        return Err(Refusal::bad_request("Private REST API doesn't have a resource policy attached to it"));
    }
    let definition = Arc::clone(&api.definition);
    let (created, created_unix) = (context.now, context.unix_time());
    api.deployments.insert(deployment_id.clone(), Deployment { description, created, created_unix, definition });
    Ok(deployment_id)
}

pub(super) fn delete_deployment(
    state: &mut AccountState,
    context: &Context<'_>,
    id: &str,
    deployment_id: &str,
) -> Answer {
    let api = api(state.region(context.region), id)?;
    if !api.deployments.contains_key(deployment_id) {
        return Err(Refusal::not_found("Invalid Deployment identifier specified"));
    }
    if api.stages.values().any(|stage| stage.deployment_id == deployment_id) {
        let message = "Active stages pointing to this deployment must be moved or deleted";
        return Err(Refusal::bad_request(message));
    }
    api.deployments.remove(deployment_id);
    Ok(())
}
