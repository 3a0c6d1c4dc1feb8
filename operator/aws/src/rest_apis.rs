//! API Gateway REST APIs, their deployments and stages.

use std::collections::HashMap;
use std::sync::Arc;

use aigw_cloud::quotas::operation::{CREATE_DEPLOYMENT, CREATE_REST_API, DELETE_REST_API, GET_RESOURCES, PUT_REST_API};
use aigw_cloud::{CloudError, RestApis};
use aigw_contract::Partition;
use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::gateway::observed::{ImportedApi, ObservedDeployment, ObservedRestApi, ObservedStage, Tags};
use aigw_plan::gateway::step::StageThrottle;
use aigw_plan::identity::TAG_ID;
use async_trait::async_trait;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::{
    AccessLogSettings, ApiKeySourceType, EndpointConfiguration, EndpointType, MethodSetting, PutMode,
};

use crate::api_keys::PAGE;
use crate::imported;
use crate::pages;
use crate::patch::Patch;
use crate::service::{Absence, Service, incomplete};
use crate::tags::tag;

/// Every method of every resource of a stage.
const ALL_METHODS: &str = "*/*";

/// REST APIs over the SDK.
pub struct GatewayRestApis {
    gateway: Arc<Service<Client>>,
    arn_prefix: String,
}

impl GatewayRestApis {
    pub fn new(gateway: Arc<Service<Client>>, region: &str) -> Self {
        let arn_prefix = format!("arn:{}:apigateway:{region}::/restapis/", Partition::of(region).id);
        Self { gateway, arn_prefix }
    }

    /// The API of that id, if it still carries the tag.
    async fn by_hint(&self, id: &str, hint: &str) -> Result<Option<ObservedRestApi>, CloudError> {
        let api = self
            .gateway
            .call("apigateway:GetRestApi", |gateway| gateway.get_rest_api().rest_api_id(hint).send())
            .await
            .absent_as_none()?;
        let Some(api) = api else { return Ok(None) };
        let closed = api.disable_execute_api_endpoint;
        Ok(observed_api(api.id, api.name, (api.endpoint_configuration, closed), api.tags)
            .filter(|api| carries(api, id)))
    }

    async fn authorizer_uris(&self, id: &str) -> Result<HashMap<String, String>, CloudError> {
        let mut uris = HashMap::new();
        let ask = |position| {
            self.gateway.call("apigateway:GetAuthorizers", move |gateway| {
                gateway.get_authorizers().rest_api_id(id).limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            let authorizers = page.items.unwrap_or_default().into_iter();
            uris.extend(authorizers.filter_map(|authorizer| Some((authorizer.id?, authorizer.authorizer_uri?))));
            page.position
        })
        .await?;
        Ok(uris)
    }
}

#[async_trait]
impl RestApis for GatewayRestApis {
    async fn find(&self, id: &str, hint: Option<&str>) -> Result<Vec<ObservedRestApi>, CloudError> {
        if let Some(hint) = hint
            && let Some(api) = self.by_hint(id, hint).await?
        {
            return Ok(vec![api]);
        }
        let mut apis = Vec::new();
        let ask = |position| {
            self.gateway.call("apigateway:GetRestApis", move |gateway| {
                gateway.get_rest_apis().limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            let observed = page.items.unwrap_or_default().into_iter().filter_map(|api| {
                let endpoint = (api.endpoint_configuration, api.disable_execute_api_endpoint);
                observed_api(api.id, api.name, endpoint, api.tags)
            });
            apis.extend(observed.filter(|api| carries(api, id)));
            page.position
        })
        .await?;
        Ok(apis)
    }

    async fn create(
        &self,
        name: &str,
        endpoint_type: &str,
        vpc_endpoint_ids: &[String],
        tags: &Tags,
    ) -> Result<String, CloudError> {
        let vpc_endpoint_ids = (!vpc_endpoint_ids.is_empty()).then(|| vpc_endpoint_ids.to_vec());
        let endpoint = EndpointConfiguration::builder()
            .types(EndpointType::from(endpoint_type))
            .set_vpc_endpoint_ids(vpc_endpoint_ids)
            .build();
        let tags = tags.clone().into_iter().collect();
        let api = self
            .gateway
            .call(CREATE_REST_API, |gateway| {
                gateway
                    .create_rest_api()
                    .name(name)
                    .api_key_source(ApiKeySourceType::Authorizer)
                    .endpoint_configuration(endpoint)
                    .set_tags(Some(tags))
                    .send()
            })
            .await?;
        api.id.ok_or_else(|| incomplete(CREATE_REST_API, "id"))
    }

    async fn put_document(&self, id: &str, body: &str) -> Result<(), CloudError> {
        self.gateway
            .call(PUT_REST_API, |gateway| {
                gateway
                    .put_rest_api()
                    .rest_api_id(id)
                    .mode(PutMode::Overwrite)
                    .fail_on_warnings(true)
                    .body(Blob::new(body))
                    .send()
            })
            .await
            .map(drop)
    }

    async fn imported(&self, id: &str) -> Result<ImportedApi, CloudError> {
        let api =
            self.gateway.call("apigateway:GetRestApi", |gateway| gateway.get_rest_api().rest_api_id(id).send()).await?;
        let authorizer_uris = self.authorizer_uris(id).await?;
        let mut methods = Vec::new();
        let ask = |position| {
            self.gateway.call(GET_RESOURCES, move |gateway| {
                gateway.get_resources().rest_api_id(id).embed("methods").limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            for resource in page.items.unwrap_or_default() {
                methods.extend(imported::methods(resource, &authorizer_uris));
            }
            page.position
        })
        .await?;
        methods.sort_by(|one, other| (&one.path, &one.http_method).cmp(&(&other.path, &other.http_method)));
        Ok(ImportedApi {
            api_key_source: api.api_key_source.map(|source| source.as_str().to_owned()).unwrap_or_default(),
            policy: api.policy.as_deref().and_then(imported::policy),
            methods,
        })
    }

    async fn deployments(&self, id: &str) -> Result<Vec<ObservedDeployment>, CloudError> {
        let mut deployments = Vec::new();
        let mut position = None;
        loop {
            let page = self
                .gateway
                .call("apigateway:GetDeployments", |gateway| {
                    gateway.get_deployments().rest_api_id(id).limit(PAGE).set_position(position.take()).send()
                })
                .await
                .absent_as_none()?;
            let Some(page) = page else { return Ok(Vec::new()) };
            deployments.extend(page.items.unwrap_or_default().into_iter().filter_map(|deployment| {
                Some(ObservedDeployment {
                    id: deployment.id?,
                    description: deployment.description.unwrap_or_default(),
                    created: deployment.created_date.map(|date| date.secs()).unwrap_or_default(),
                })
            }));
            position = page.position;
            if position.is_none() {
                break;
            }
        }
        // The id breaks ties, so that two looks at the same second agree.
        deployments.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
        Ok(deployments)
    }

    async fn create_deployment(&self, id: &str, description: &str) -> Result<String, CloudError> {
        let deployment = self
            .gateway
            .call(CREATE_DEPLOYMENT, |gateway| {
                gateway.create_deployment().rest_api_id(id).description(description).send()
            })
            .await?;
        deployment.id.ok_or_else(|| incomplete(CREATE_DEPLOYMENT, "id"))
    }

    async fn delete_deployment(&self, id: &str, deployment_id: &str) -> Result<(), CloudError> {
        self.gateway
            .call("apigateway:DeleteDeployment", |gateway| {
                gateway.delete_deployment().rest_api_id(id).deployment_id(deployment_id).send()
            })
            .await
            .absent_is_done()
    }

    async fn stage(&self, id: &str, name: &str) -> Result<Option<ObservedStage>, CloudError> {
        let stage = self
            .gateway
            .call("apigateway:GetStage", |gateway| gateway.get_stage().rest_api_id(id).stage_name(name).send())
            .await
            .absent_as_none()?;
        let Some(stage) = stage else { return Ok(None) };
        let settings = stage.method_settings.unwrap_or_default();
        let (rate_limit, burst_limit) = settings.get(ALL_METHODS).map(throttle).unwrap_or_default();
        Ok(Some(ObservedStage {
            deployment_id: stage.deployment_id.unwrap_or_default(),
            rate_limit,
            burst_limit,
            access_log: stage.access_log_settings.and_then(access_log),
            tags: stage.tags.unwrap_or_default().into_iter().collect(),
        }))
    }

    async fn create_stage(&self, id: &str, name: &str, deployment_id: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone().into_iter().collect();
        self.gateway
            .call("apigateway:CreateStage", |gateway| {
                gateway
                    .create_stage()
                    .rest_api_id(id)
                    .stage_name(name)
                    .deployment_id(deployment_id)
                    .set_tags(Some(tags))
                    .send()
            })
            .await
            .map(drop)
    }

    async fn update_stage(
        &self,
        id: &str,
        name: &str,
        deployment_id: Option<&str>,
        throttle: Option<&StageThrottle>,
    ) -> Result<(), CloudError> {
        let Some(operations) = stage_patch(deployment_id, throttle).into_operations() else { return Ok(()) };
        self.gateway
            .call("apigateway:UpdateStage", |gateway| {
                gateway.update_stage().rest_api_id(id).stage_name(name).set_patch_operations(Some(operations)).send()
            })
            .await
            .map(drop)
    }

    async fn account_log_role(&self) -> Result<Option<String>, CloudError> {
        let account = self.gateway.call("apigateway:GetAccount", |gateway| gateway.get_account().send()).await?;
        Ok(account.cloudwatch_role_arn.filter(|arn| !arn.is_empty()))
    }

    async fn set_access_log(&self, id: &str, name: &str, access_log: Option<&AccessLog>) -> Result<(), CloudError> {
        let Some(operations) = access_log_patch(access_log).into_operations() else { return Ok(()) };
        self.gateway
            .call("apigateway:UpdateStage", |gateway| {
                gateway.update_stage().rest_api_id(id).stage_name(name).set_patch_operations(Some(operations)).send()
            })
            .await
            .map(drop)
    }

    async fn delete_stage(&self, id: &str, name: &str) -> Result<(), CloudError> {
        self.gateway
            .call("apigateway:DeleteStage", |gateway| gateway.delete_stage().rest_api_id(id).stage_name(name).send())
            .await
            .absent_is_done()
    }

    async fn delete(&self, id: &str) -> Result<(), CloudError> {
        self.gateway
            .call(DELETE_REST_API, |gateway| gateway.delete_rest_api().rest_api_id(id).send())
            .await
            .absent_is_done()
    }

    async fn tag(&self, id: &str, stage: Option<&str>, tags: &Tags) -> Result<(), CloudError> {
        let arn = match stage {
            Some(stage) => format!("{}{id}/stages/{stage}", self.arn_prefix),
            None => format!("{}{id}", self.arn_prefix),
        };
        tag(&self.gateway, arn, tags).await
    }
}

fn carries(api: &ObservedRestApi, id: &str) -> bool {
    api.tags.get(TAG_ID).is_some_and(|tag| tag == id)
}

fn observed_api(
    id: Option<String>,
    name: Option<String>,
    (endpoint, default_endpoint_disabled): (Option<EndpointConfiguration>, bool),
    tags: Option<HashMap<String, String>>,
) -> Option<ObservedRestApi> {
    let (types, vpc_endpoint_ids) = endpoint
        .map(|endpoint| (endpoint.types.unwrap_or_default(), endpoint.vpc_endpoint_ids.unwrap_or_default()))
        .unwrap_or_default();
    let mut vpc_endpoint_ids: Vec<_> = vpc_endpoint_ids;
    vpc_endpoint_ids.sort();
    Some(ObservedRestApi {
        id: id?,
        name: name.unwrap_or_default(),
        endpoint_type: types.first().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        vpc_endpoint_ids,
        default_endpoint_disabled,
        tags: tags.unwrap_or_default().into_iter().collect(),
    })
}

/// Limits of a method setting. API Gateway writes "not set" as −1, or leaves the setting out. Where the setting exists
/// for another reason (somebody turned logging on) it reports the account's limits as if they were set; that is taken
/// at face value, because those numbers are not known here.
fn throttle(setting: &MethodSetting) -> (Option<f64>, Option<i32>) {
    let (rate, burst) = (setting.throttling_rate_limit, setting.throttling_burst_limit);
    ((rate >= 0.0).then_some(rate), (burst >= 0).then_some(burst))
}

/// A destination without a format, or the other way round, is as good as none.
fn access_log(settings: AccessLogSettings) -> Option<AccessLog> {
    Some(AccessLog {
        destination_arn: settings.destination_arn.filter(|arn| !arn.is_empty())?,
        format: settings.format.unwrap_or_default(),
    })
}

fn access_log_patch(access_log: Option<&AccessLog>) -> Patch {
    match access_log {
        Some(AccessLog { destination_arn, format }) => Patch::default()
            .replace(&["accessLogSettings", "destinationArn"], destination_arn)
            .replace(&["accessLogSettings", "format"], format),
        None => Patch::default().remove(&["accessLogSettings"]),
    }
}

/// The deployment goes first: API Gateway applies operations in order, and all or none.
fn stage_patch(deployment_id: Option<&str>, throttle: Option<&StageThrottle>) -> Patch {
    let patch = match deployment_id {
        Some(deployment_id) => Patch::default().replace(&["deploymentId"], deployment_id),
        None => Patch::default(),
    };
    // `*` and `*` are two parts: any path, any method.
    match throttle {
        Some(StageThrottle(Some((rate, burst)))) => patch
            .replace(&["*", "*", "throttling", "rateLimit"], &rate)
            .replace(&["*", "*", "throttling", "burstLimit"], &burst),
        Some(StageThrottle(None)) => patch.remove(&["*", "*"]),
        None => patch,
    }
}

#[cfg(test)]
#[path = "rest_apis_tests.rs"]
mod tests;
