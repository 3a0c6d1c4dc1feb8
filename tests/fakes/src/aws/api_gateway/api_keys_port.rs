//! The port to API keys: the same calls as the adapter's.

use aigw_cloud::{ApiKeys, CloudError};
use aigw_plan::gateway::observed::Tags;
use aigw_plan::tenant::step::ObservedApiKey;
use async_trait::async_trait;

use super::{api_keys, usage_plans};
use crate::aws::client::{Absence, Port};

/// API keys.
pub(crate) struct ApiKeysPort(pub Port);

#[async_trait]
impl ApiKeys for ApiKeysPort {
    async fn list(&self, prefix: &str) -> Result<Vec<ObservedApiKey>, CloudError> {
        let mut keys = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let from = position.take();
            let (items, next) = self
                .0
                .call("apigateway:GetApiKeys", prefix, |state, context| {
                    Ok(api_keys::list(state, context, prefix, from.as_deref()))
                })
                .await?;
            keys.extend(items);
            position = next;
            if position.is_none() {
                return Ok(keys);
            }
        }
    }

    async fn create(&self, name: &str, value: &str, tags: &Tags) -> Result<String, CloudError> {
        let request = (name.to_owned(), value.to_owned(), tags.clone());
        self.0.call("apigateway:CreateApiKey", name, |state, context| api_keys::create(state, context, request)).await
    }

    async fn set_enabled(&self, id: &str, enabled: bool) -> Result<(), CloudError> {
        self.0
            .call("apigateway:UpdateApiKey", id, |state, context| api_keys::set_enabled(state, context, id, enabled))
            .await
    }

    async fn attach(&self, key_id: &str, usage_plan_id: &str) -> Result<(), CloudError> {
        let target = format!("{usage_plan_id}/{key_id}");
        let attached = self
            .0
            .call("apigateway:CreateUsagePlanKey", &target, |state, context| {
                usage_plans::attach(state, context, usage_plan_id, key_id)
            })
            .await;
        let conflict = match attached {
            Err(error) if error.code == "ConflictException" => error,
            other => return other,
        };
        if self.is_attached(key_id, usage_plan_id).await? { Ok(()) } else { Err(conflict) }
    }

    async fn is_attached(&self, key_id: &str, usage_plan_id: &str) -> Result<bool, CloudError> {
        let target = format!("{usage_plan_id}/{key_id}");
        let found = self
            .0
            .call("apigateway:GetUsagePlanKey", &target, |state, context| {
                usage_plans::has_key(state, context, usage_plan_id, key_id)
            })
            .await
            .absent_as_none()?;
        Ok(found.is_some())
    }

    async fn delete(&self, id: &str) -> Result<(), CloudError> {
        self.0
            .call("apigateway:DeleteApiKey", id, |state, context| api_keys::delete(state, context, id))
            .await
            .absent_is_done()
    }
}
