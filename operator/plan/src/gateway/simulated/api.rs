//! The simulation's API Gateway: REST API, deployments, stage, usage plans and keys.

use serde_json::Value;

use super::{MISROUTED, SimulatedGateway, absent, holds};
use crate::gateway::observed::{ObservedDeployment, ObservedRestApi, ObservedStage, ObservedUsagePlan};
use crate::gateway::step::{GatewayStep, StageThrottle, UsagePlanSpec};

impl SimulatedGateway {
    pub(super) fn apply_api(&mut self, step: GatewayStep) -> Result<(), &'static str> {
        use GatewayStep as S;
        match step {
            S::CreateRestApi { name, endpoint_type, vpc_endpoint_ids, tags } => {
                let id = self.next_id("api");
                let default_endpoint_disabled = false;
                let api =
                    ObservedRestApi { id, name, endpoint_type, vpc_endpoint_ids, default_endpoint_disabled, tags };
                self.aws.rest_apis.push(api);
            }
            S::PutDocument { rest_api_id, body, .. } => self.import(&rest_api_id, &body)?,
            S::VerifyDocument { rest_api_id, .. } => drop(self.rest_api(&rest_api_id)?),
            S::DeleteRestApi { rest_api_id } => {
                holds(self.aws.stages.is_empty(), "a stage still serves")?;
                let mut mappings = self.aws.domains.iter().flat_map(|domain| &domain.mappings);
                holds(mappings.all(|mapping| mapping.rest_api_id != rest_api_id), "a domain still leads here")?;
                self.aws.rest_apis.retain(|api| api.id != rest_api_id);
                self.aws.deployments.clear();
            }
            S::CreateDeployment { rest_api_id, hash } => {
                self.rest_api(&rest_api_id)?;
                let id = self.next_id("d");
                // Later than every other: only the order counts.
                let created = self.aws.deployments.iter().map(|known| known.created).max().unwrap_or(0) + 1;
                self.aws.deployments.push(ObservedDeployment { id, description: hash, created });
            }
            S::DeleteDeployment { deployment_id, .. } => {
                let serves = self.aws.stages.values().any(|stage| stage.deployment_id == deployment_id);
                holds(!serves, "a stage serves this deployment")?;
                self.aws.deployments.retain(|known| known.id != deployment_id);
            }
            S::CreateStage { .. } | S::UpdateStage { .. } | S::SetAccessLog { .. } | S::DeleteStage { .. } => {
                self.apply_stage(step)?;
            }
            S::CreateUsagePlan(spec) => self.create_usage_plan(spec)?,
            S::UpdateUsagePlan { id, rate_limit, burst_limit, add_stages, remove_stages } => {
                self.stages_exist(&add_stages)?;
                let plan = self.usage_plan(&id)?;
                (plan.rate_limit, plan.burst_limit) = (Some(f64::from(rate_limit)), Some(burst_limit));
                plan.api_stages.retain(|stage| !remove_stages.contains(stage));
                plan.api_stages.extend(add_stages);
                plan.api_stages.sort();
            }
            S::DeleteUsagePlan { id, api_stages } => {
                let plan = self.usage_plan(&id)?;
                holds(plan.api_stages.iter().all(|stage| api_stages.contains(stage)), "a stage is attached")?;
                self.aws.usage_plans.retain(|known| known.id != id);
                self.aws.usage_plans_in_account = self.aws.usage_plans_in_account.saturating_sub(1);
                self.api_keys.iter_mut().for_each(|key| key.usage_plans.retain(|plan| *plan != id));
            }
            S::DeleteApiKey { id, .. } => self.api_keys.retain(|key| key.id != id),
            _ => return Err(MISROUTED),
        }
        Ok(())
    }

    fn apply_stage(&mut self, step: GatewayStep) -> Result<(), &'static str> {
        use GatewayStep as S;
        match step {
            S::CreateStage { rest_api_id, stage, deployment_id, tags } => {
                self.rest_api(&rest_api_id)?;
                absent(self.aws.stages.get(&stage), "the stage exists")?;
                self.deployment_exists(&deployment_id)?;
                let created =
                    ObservedStage { deployment_id, rate_limit: None, burst_limit: None, access_log: None, tags };
                self.aws.stages.insert(stage, created);
            }
            S::UpdateStage { stage, deployment_id, throttle, rest_api_id: _ } => {
                if let Some(deployment_id) = &deployment_id {
                    self.deployment_exists(deployment_id)?;
                }
                let actual = self.stage(&stage)?;
                actual.deployment_id = deployment_id.unwrap_or_else(|| actual.deployment_id.clone());
                if let Some(StageThrottle(limits)) = throttle {
                    actual.rate_limit = limits.map(|(rate, _)| f64::from(rate));
                    actual.burst_limit = limits.map(|(_, burst)| burst);
                }
            }
            S::SetAccessLog { stage, access_log, rest_api_id: _ } => {
                let may_write = access_log.is_none() || self.aws.account_log_role.is_some();
                holds(may_write, "the account has no role to write logs with")?;
                self.stage(&stage)?.access_log = access_log;
            }
            S::DeleteStage { rest_api_id, stage } => {
                self.aws.stages.remove(&stage);
                let gone = (rest_api_id, stage);
                self.aws.usage_plans.iter_mut().for_each(|plan| plan.api_stages.retain(|known| *known != gone));
            }
            _ => return Err(MISROUTED),
        }
        Ok(())
    }

    /// An import overwrites the VPC endpoints and whether the API's own name is closed, too. The rest of the document shows in no look but the read-back.
    fn import(&mut self, rest_api_id: &str, body: &str) -> Result<(), &'static str> {
        let document: Value = serde_json::from_str(body).map_err(|_| "the document is not JSON")?;
        let configuration = &document["x-amazon-apigateway-endpoint-configuration"];
        let listed = configuration["vpcEndpointIds"].as_array();
        let api = self.rest_api(rest_api_id)?;
        if let Some(listed) = listed {
            api.vpc_endpoint_ids = listed.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect();
            api.vpc_endpoint_ids.sort();
        }
        api.default_endpoint_disabled = configuration["disableExecuteApiEndpoint"].as_bool().unwrap_or(false);
        Ok(())
    }

    fn create_usage_plan(&mut self, spec: UsagePlanSpec) -> Result<(), &'static str> {
        self.stages_exist(&spec.api_stages)?;
        let id = self.next_id("plan");
        self.aws.usage_plans_in_account += 1;
        self.aws.usage_plans.push(ObservedUsagePlan {
            id,
            name: spec.name,
            tier: spec.tier,
            rate_limit: Some(f64::from(spec.rate_limit)),
            burst_limit: Some(spec.burst_limit),
            api_stages: spec.api_stages,
            tags: spec.tags,
        });
        Ok(())
    }

    fn stages_exist(&self, stages: &[(String, String)]) -> Result<(), &'static str> {
        let known = |(api, stage): &(String, String)| {
            self.aws.rest_apis.iter().any(|known| known.id == *api) && self.aws.stages.contains_key(stage)
        };
        holds(stages.iter().all(known), "there is no such stage")
    }

    fn deployment_exists(&self, id: &str) -> Result<(), &'static str> {
        holds(self.aws.deployments.iter().any(|known| known.id == id), "there is no such deployment")
    }

    pub(super) fn rest_api(&mut self, id: &str) -> Result<&mut ObservedRestApi, &'static str> {
        self.aws.rest_apis.iter_mut().find(|api| api.id == id).ok_or("there is no such rest api")
    }

    pub(super) fn stage(&mut self, name: &str) -> Result<&mut ObservedStage, &'static str> {
        self.aws.stages.get_mut(name).ok_or("there is no such stage")
    }

    pub(super) fn usage_plan(&mut self, id: &str) -> Result<&mut ObservedUsagePlan, &'static str> {
        self.aws.usage_plans.iter_mut().find(|plan| plan.id == id).ok_or("there is no such usage plan")
    }
}
