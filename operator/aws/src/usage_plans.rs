//! API Gateway's usage plans.

use std::sync::Arc;

use aigw_cloud::quotas::operation::UPDATE_USAGE_PLAN;
use aigw_cloud::{CloudError, UsagePlanList, UsagePlans};
use aigw_contract::Partition;
use aigw_plan::gateway::observed::{ObservedUsagePlan, Tags};
use aigw_plan::gateway::step::UsagePlanSpec;
use aigw_plan::identity::{TAG_ID, TAG_TIER};
use async_trait::async_trait;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{ApiStage, ThrottleSettings, UsagePlan};

use crate::api_keys::PAGE;
use crate::pages;
use crate::patch::Patch;
use crate::service::{Absence, Service, incomplete};
use crate::tags::tag;

/// Usage plans over the SDK.
pub struct GatewayUsagePlans {
    gateway: Arc<Service<Client>>,
    arn_prefix: String,
}

impl GatewayUsagePlans {
    pub fn new(gateway: Arc<Service<Client>>, region: &str) -> Self {
        let arn_prefix = format!("arn:{}:apigateway:{region}::/usageplans/", Partition::of(region).id);
        Self { gateway, arn_prefix }
    }

    async fn patch(&self, id: &str, patch: Patch) -> Result<(), CloudError> {
        let Some(operations) = patch.into_operations() else { return Ok(()) };
        self.gateway
            .call(UPDATE_USAGE_PLAN, |gateway| {
                gateway.update_usage_plan().usage_plan_id(id).set_patch_operations(Some(operations)).send()
            })
            .await
            .map(drop)
    }

    async fn delete_detached(&self, id: &str) -> Result<(), CloudError> {
        self.gateway
            .call("apigateway:DeleteUsagePlan", |gateway| gateway.delete_usage_plan().usage_plan_id(id).send())
            .await
            .absent_is_done()
    }
}

#[async_trait]
impl UsagePlans for GatewayUsagePlans {
    async fn list(&self, id: &str) -> Result<UsagePlanList, CloudError> {
        let mut list = UsagePlanList::default();
        let ask = |position| {
            self.gateway.call("apigateway:GetUsagePlans", move |gateway| {
                gateway.get_usage_plans().limit(PAGE).set_position(position).send()
            })
        };
        pages::each(ask, |page| {
            let items = page.items.unwrap_or_default();
            list.in_account += items.len();
            let observed = items.into_iter().filter_map(observed_plan);
            list.ours.extend(observed.filter(|plan| plan.tags.get(TAG_ID).is_some_and(|tag| tag == id)));
            page.position
        })
        .await?;
        Ok(list)
    }

    async fn create(&self, plan: &UsagePlanSpec) -> Result<String, CloudError> {
        const OPERATION: &str = "apigateway:CreateUsagePlan";
        let throttle =
            ThrottleSettings::builder().rate_limit(f64::from(plan.rate_limit)).burst_limit(plan.burst_limit).build();
        let stages =
            plan.api_stages.iter().map(|(api, stage)| ApiStage::builder().api_id(api).stage(stage).build()).collect();
        let tags = plan.tags.clone().into_iter().collect();
        let created = self
            .gateway
            .call(OPERATION, |gateway| {
                gateway
                    .create_usage_plan()
                    .name(&plan.name)
                    .throttle(throttle)
                    .set_api_stages(Some(stages))
                    .set_tags(Some(tags))
                    .send()
            })
            .await?;
        created.id.ok_or_else(|| incomplete(OPERATION, "id"))
    }

    async fn update(
        &self,
        id: &str,
        rate_limit: i32,
        burst_limit: i32,
        add_stages: &[(String, String)],
        remove_stages: &[(String, String)],
    ) -> Result<(), CloudError> {
        let patch = Patch::default()
            .replace(&["throttle", "rateLimit"], &rate_limit)
            .replace(&["throttle", "burstLimit"], &burst_limit);
        let patch = detach(patch, remove_stages);
        let patch = add_stages
            .iter()
            .fold(patch, |patch, (api, stage)| patch.add(&["apiStages"], &format_args!("{api}:{stage}")));
        self.patch(id, patch).await
    }

    async fn delete(&self, id: &str, api_stages: &[(String, String)]) -> Result<(), CloudError> {
        // Deletion is refused while stages are attached; detaching costs a call of which there is one per 20 s. Plans
        // mostly go after their stage, which detaches them, so the deletion is tried first.
        match self.delete_detached(id).await {
            Err(error) if error.code == "BadRequestException" && !api_stages.is_empty() => {
                self.patch(id, detach(Patch::default(), api_stages)).await?;
                self.delete_detached(id).await
            }
            other => other,
        }
    }

    async fn tag(&self, id: &str, tags: &Tags) -> Result<(), CloudError> {
        tag(&self.gateway, format!("{}{id}", self.arn_prefix), tags).await
    }

    async fn key_ids(&self, id: &str) -> Result<Vec<String>, CloudError> {
        let mut ids = Vec::new();
        let mut position = None;
        loop {
            let page = self
                .gateway
                .call("apigateway:GetUsagePlanKeys", |gateway| {
                    gateway.get_usage_plan_keys().usage_plan_id(id).limit(PAGE).set_position(position.take()).send()
                })
                .await
                .absent_as_none()?;
            let Some(page) = page else { return Ok(Vec::new()) };
            ids.extend(page.items.unwrap_or_default().into_iter().filter_map(|key| key.id));
            position = page.position;
            if position.is_none() {
                return Ok(ids);
            }
        }
    }
}

fn detach(patch: Patch, stages: &[(String, String)]) -> Patch {
    stages.iter().fold(patch, |patch, (api, stage)| patch.remove_value(&["apiStages"], &format_args!("{api}:{stage}")))
}

fn observed_plan(plan: UsagePlan) -> Option<ObservedUsagePlan> {
    let tags: Tags = plan.tags.unwrap_or_default().into_iter().collect();
    let mut api_stages: Vec<_> = plan
        .api_stages
        .unwrap_or_default()
        .into_iter()
        .filter_map(|stage| Some((stage.api_id?, stage.stage?)))
        .collect();
    api_stages.sort();
    Some(ObservedUsagePlan {
        id: plan.id?,
        name: plan.name.unwrap_or_default(),
        tier: tags.get(TAG_TIER).cloned().unwrap_or_default(),
        rate_limit: plan.throttle.as_ref().map(|throttle| throttle.rate_limit),
        burst_limit: plan.throttle.as_ref().map(|throttle| throttle.burst_limit),
        api_stages,
        tags,
    })
}
