//! API Gateway's API keys: internal ones, which only the authorizer may name.

use std::sync::Arc;

use aigw_cloud::quotas::operation::{CREATE_API_KEY, DELETE_API_KEY};
use aigw_cloud::{ApiKeys, CloudError};
use aigw_plan::gateway::observed::Tags;
use aigw_plan::identity::TAG_ID;
use aigw_plan::tenant::step::ObservedApiKey;
use async_trait::async_trait;
use aws_sdk_apigateway::Client;

use crate::pages;
use crate::patch::Patch;
use crate::service::{Absence, Service, incomplete};

/// Largest page API Gateway gives.
pub const PAGE: i32 = 500;

/// API keys over the SDK.
pub struct GatewayApiKeys {
    gateway: Arc<Service<Client>>,
}

impl GatewayApiKeys {
    pub fn new(gateway: Arc<Service<Client>>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl ApiKeys for GatewayApiKeys {
    async fn list(&self, prefix: &str) -> Result<Vec<ObservedApiKey>, CloudError> {
        let mut keys = Vec::new();
        let ask = |position| {
            self.gateway.call("apigateway:GetApiKeys", move |gateway| {
                gateway
                    .get_api_keys()
                    .name_query(prefix)
                    .include_values(false)
                    .limit(PAGE)
                    .set_position(position)
                    .send()
            })
        };
        pages::each(ask, |page| {
            keys.extend(page.items.unwrap_or_default().into_iter().filter_map(|key| {
                let observed = ObservedApiKey {
                    id: key.id?,
                    name: key.name?,
                    enabled: key.enabled,
                    tags: key.tags.unwrap_or_default().remove_entry(TAG_ID).into_iter().collect(),
                    usage_plans: Vec::new(),
                };
                observed.name.starts_with(prefix).then_some(observed)
            }));
            page.position
        })
        .await?;
        Ok(keys)
    }

    async fn create(&self, name: &str, value: &str, tags: &Tags) -> Result<String, CloudError> {
        let tags = tags.clone().into_iter().collect();
        let key = self
            .gateway
            .call(CREATE_API_KEY, |gateway| {
                gateway.create_api_key().name(name).value(value).enabled(true).set_tags(Some(tags)).send()
            })
            .await?;
        key.id.ok_or_else(|| incomplete(CREATE_API_KEY, "id"))
    }

    async fn set_enabled(&self, id: &str, enabled: bool) -> Result<(), CloudError> {
        let patch = Patch::default().replace(&["enabled"], &enabled);
        self.gateway
            .call("apigateway:UpdateApiKey", |gateway| {
                gateway.update_api_key().api_key(id).set_patch_operations(patch.into_operations()).send()
            })
            .await
            .map(drop)
    }

    async fn attach(&self, key_id: &str, usage_plan_id: &str) -> Result<(), CloudError> {
        let attached = self
            .gateway
            .call("apigateway:CreateUsagePlanKey", |gateway| {
                gateway.create_usage_plan_key().usage_plan_id(usage_plan_id).key_id(key_id).key_type("API_KEY").send()
            })
            .await;
        let conflict = match attached {
            Err(error) if error.code == "ConflictException" => error,
            other => return other.map(drop),
        };
        // A conflict means "attached already", or "attached to another plan of the same stage": look which.
        if self.is_attached(key_id, usage_plan_id).await? { Ok(()) } else { Err(conflict) }
    }

    async fn is_attached(&self, key_id: &str, usage_plan_id: &str) -> Result<bool, CloudError> {
        let found = self
            .gateway
            .call("apigateway:GetUsagePlanKey", |gateway| {
                gateway.get_usage_plan_key().usage_plan_id(usage_plan_id).key_id(key_id).send()
            })
            .await
            .absent_as_none()?;
        Ok(found.is_some())
    }

    async fn delete(&self, id: &str) -> Result<(), CloudError> {
        self.gateway.call(DELETE_API_KEY, |gateway| gateway.delete_api_key().api_key(id).send()).await.absent_is_done()
    }
}
