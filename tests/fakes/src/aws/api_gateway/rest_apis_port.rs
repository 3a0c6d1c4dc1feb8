//! The port to REST APIs: the same calls as the adapter's.

use aigw_cloud::{CloudError, RestApis};
use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::gateway::observed::{ImportedApi, ObservedDeployment, ObservedRestApi, ObservedStage, Tags};
use aigw_plan::gateway::step::StageThrottle;
use aigw_plan::identity::TAG_ID;
use async_trait::async_trait;

use super::{rest_apis, stages};
use crate::aws::client::{Absence, Port};

const GET_REST_API: &str = "apigateway:GetRestApi";

/// REST APIs.
pub(crate) struct RestApisPort(pub Port);

fn carries(api: &ObservedRestApi, id: &str) -> bool {
    api.tags.get(TAG_ID).is_some_and(|tag| tag == id)
}

#[async_trait]
impl RestApis for RestApisPort {
    async fn find(&self, id: &str, hint: Option<&str>) -> Result<Vec<ObservedRestApi>, CloudError> {
        if let Some(hint) = hint {
            let api = self.0.call(GET_REST_API, hint, |state, context| rest_apis::get(state, context, hint)).await;
            if let Some(api) = api.absent_as_none()?.filter(|api| carries(api, id)) {
                return Ok(vec![api]);
            }
        }
        let mut apis = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let from = position.take();
            let (items, next) = self
                .0
                .call("apigateway:GetRestApis", "", |state, context| {
                    Ok(rest_apis::list(state, context, from.as_deref()))
                })
                .await?;
            apis.extend(items.into_iter().filter(|api| carries(api, id)));
            position = next;
            if position.is_none() {
                return Ok(apis);
            }
        }
    }

    async fn create(
        &self,
        name: &str,
        endpoint_type: &str,
        vpc_endpoint_ids: &[String],
        tags: &Tags,
    ) -> Result<String, CloudError> {
        let request = (name.to_owned(), endpoint_type.to_owned(), vpc_endpoint_ids.to_vec(), tags.clone());
        self.0.call("apigateway:CreateRestApi", name, |state, context| rest_apis::create(state, context, request)).await
    }

    async fn put_document(&self, id: &str, body: &str) -> Result<(), CloudError> {
        self.0.call("apigateway:PutRestApi", id, |state, context| rest_apis::put(state, context, id, body)).await
    }

    async fn imported(&self, id: &str) -> Result<ImportedApi, CloudError> {
        self.0.call(GET_REST_API, id, |state, context| rest_apis::get(state, context, id)).await?;
        self.0.call("apigateway:GetAuthorizers", id, |state, context| rest_apis::imported(state, context, id)).await?;
        self.0.call("apigateway:GetResources", id, |state, context| rest_apis::imported(state, context, id)).await
    }

    async fn deployments(&self, id: &str) -> Result<Vec<ObservedDeployment>, CloudError> {
        let mut deployments = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let from = position.take();
            let page = self
                .0
                .call("apigateway:GetDeployments", id, |state, context| {
                    rest_apis::deployments(state, context, id, from.as_deref())
                })
                .await
                .absent_as_none()?;
            let Some((items, next)) = page else { return Ok(Vec::new()) };
            deployments.extend(items);
            position = next;
            if position.is_none() {
                break;
            }
        }
        deployments.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
        Ok(deployments)
    }

    async fn create_deployment(&self, id: &str, description: &str) -> Result<String, CloudError> {
        let description = description.to_owned();
        self.0
            .call("apigateway:CreateDeployment", id, |state, context| {
                rest_apis::create_deployment(state, context, id, description)
            })
            .await
    }

    async fn delete_deployment(&self, id: &str, deployment_id: &str) -> Result<(), CloudError> {
        self.0
            .call("apigateway:DeleteDeployment", &format!("{id}/{deployment_id}"), |state, context| {
                rest_apis::delete_deployment(state, context, id, deployment_id)
            })
            .await
            .absent_is_done()
    }

    async fn stage(&self, id: &str, name: &str) -> Result<Option<ObservedStage>, CloudError> {
        self.0
            .call("apigateway:GetStage", &format!("{id}/{name}"), |state, context| {
                stages::get(state, context, id, name)
            })
            .await
            .absent_as_none()
    }

    async fn create_stage(&self, id: &str, name: &str, deployment_id: &str, tags: &Tags) -> Result<(), CloudError> {
        let request = (name.to_owned(), deployment_id.to_owned(), tags.clone());
        self.0
            .call("apigateway:CreateStage", &format!("{id}/{name}"), |state, context| {
                stages::create(state, context, id, request)
            })
            .await
    }

    async fn update_stage(
        &self,
        id: &str,
        name: &str,
        deployment_id: Option<&str>,
        throttle: Option<&StageThrottle>,
    ) -> Result<(), CloudError> {
        if deployment_id.is_none() && throttle.is_none() {
            return Ok(());
        }
        let deployment_id = deployment_id.map(str::to_owned);
        self.0
            .call("apigateway:UpdateStage", &format!("{id}/{name}"), |state, context| {
                stages::update(state, context, (id, name), deployment_id, throttle)
            })
            .await
    }

    async fn account_log_role(&self) -> Result<Option<String>, CloudError> {
        self.0
            .call("apigateway:GetAccount", "account", |state, context| {
                Ok(state.region(context.region).log_role.clone())
            })
            .await
    }

    async fn set_access_log(&self, id: &str, name: &str, access_log: Option<&AccessLog>) -> Result<(), CloudError> {
        let access_log = access_log.cloned();
        self.0
            .call("apigateway:UpdateStage", &format!("{id}/{name}"), |state, context| {
                stages::set_access_log(state, context, (id, name), access_log)
            })
            .await
    }

    async fn delete_stage(&self, id: &str, name: &str) -> Result<(), CloudError> {
        self.0
            .call("apigateway:DeleteStage", &format!("{id}/{name}"), |state, context| {
                stages::delete(state, context, id, name)
            })
            .await
            .absent_is_done()
    }

    async fn delete(&self, id: &str) -> Result<(), CloudError> {
        self.0
            .call("apigateway:DeleteRestApi", id, |state, context| rest_apis::delete(state, context, id))
            .await
            .absent_is_done()
    }

    async fn tag(&self, id: &str, stage: Option<&str>, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone();
        self.0.call("apigateway:TagResource", id, |state, context| stages::tag(state, context, (id, stage), tags)).await
    }
}
