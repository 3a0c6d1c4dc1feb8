//! The port to usage plans: the same calls as the adapter's.

use aigw_cloud::{CloudError, UsagePlanList, UsagePlans};
use aigw_plan::gateway::observed::Tags;
use aigw_plan::gateway::step::UsagePlanSpec;
use aigw_plan::identity::TAG_ID;
use async_trait::async_trait;

use super::usage_plans::{self, Change};
use crate::aws::client::{Absence, Port};

/// Usage plans.
pub(crate) struct UsagePlansPort(pub Port);

impl UsagePlansPort {
    async fn patch(&self, id: &str, change: Change) -> Result<(), CloudError> {
        self.0
            .call("apigateway:UpdateUsagePlan", id, |state, context| usage_plans::update(state, context, id, change))
            .await
    }

    async fn delete_detached(&self, id: &str) -> Result<(), CloudError> {
        self.0
            .call("apigateway:DeleteUsagePlan", id, |state, context| usage_plans::delete(state, context, id))
            .await
            .absent_is_done()
    }
}

#[async_trait]
impl UsagePlans for UsagePlansPort {
    async fn list(&self, id: &str) -> Result<UsagePlanList, CloudError> {
        let mut list = UsagePlanList::default();
        let mut position: Option<String> = None;
        loop {
            let from = position.take();
            let (items, next) = self
                .0
                .call("apigateway:GetUsagePlans", "", |state, context| {
                    Ok(usage_plans::list(state, context, from.as_deref()))
                })
                .await?;
            list.in_account += items.len();
            list.ours.extend(items.into_iter().filter(|plan| plan.tags.get(TAG_ID).is_some_and(|tag| tag == id)));
            position = next;
            if position.is_none() {
                return Ok(list);
            }
        }
    }

    async fn create(&self, plan: &UsagePlanSpec) -> Result<String, CloudError> {
        let spec = plan.clone();
        self.0
            .call("apigateway:CreateUsagePlan", &plan.name, |state, context| usage_plans::create(state, context, spec))
            .await
    }

    async fn update(
        &self,
        id: &str,
        rate_limit: i32,
        burst_limit: i32,
        add_stages: &[(String, String)],
        remove_stages: &[(String, String)],
    ) -> Result<(), CloudError> {
        let (remove, add) = (remove_stages.to_vec(), add_stages.to_vec());
        self.patch(id, Change { limits: Some((rate_limit, burst_limit)), remove, add }).await
    }

    async fn delete(&self, id: &str, api_stages: &[(String, String)]) -> Result<(), CloudError> {
        match self.delete_detached(id).await {
            Err(error) if error.code == "BadRequestException" && !api_stages.is_empty() => {
                self.patch(id, Change { limits: None, remove: api_stages.to_vec(), add: Vec::new() }).await?;
                self.delete_detached(id).await
            }
            other => other,
        }
    }

    async fn tag(&self, id: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone();
        self.0.call("apigateway:TagResource", id, |state, context| usage_plans::tag(state, context, id, tags)).await
    }

    async fn key_ids(&self, id: &str) -> Result<Vec<String>, CloudError> {
        let mut ids = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let from = position.take();
            let page = self
                .0
                .call("apigateway:GetUsagePlanKeys", id, |state, context| {
                    usage_plans::key_ids(state, context, id, from.as_deref())
                })
                .await
                .absent_as_none()?;
            let Some((items, next)) = page else { return Ok(Vec::new()) };
            ids.extend(items);
            position = next;
            if position.is_none() {
                return Ok(ids);
            }
        }
    }
}
