//! Test support: a gateway's AWS as pure data that steps change, so that whole plans can be run in microseconds.

use super::desired::{Build, DesiredGateway, desire};
use super::diff::diff;
use super::lint::lint;
use super::observed::{
    FunctionState, ObservedDeployment, ObservedFunction, ObservedGateway, ObservedLogGroup, ObservedPermission,
    ObservedRestApi, ObservedRole, ObservedStage, ObservedTable, ObservedUsagePlan, ObservedVersion,
};
use super::step::{FunctionSpec, GatewayStep, StageThrottle, TaggedResource};
use super::validate::{ValidGateway, validate};
use crate::gateway::observed::Document;
use crate::identity::{Function, GatewayIdentity};
use crate::plan::Plan;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// AWS as data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Simulated {
    pub(crate) aws: ObservedGateway,
    /// Ids and times given out so far.
    counter: i64,
    /// Every step executed, as text.
    pub(crate) log: String,
}

pub(crate) fn identity() -> GatewayIdentity {
    GatewayIdentity { installation: "test".into(), namespace: "ai-platform".into(), name: "prod".into() }
}

pub(crate) fn build() -> Build {
    let code = Function::ALL
        .into_iter()
        .flat_map(|function| {
            ["arm64", "x86_64"].map(|architecture| {
                ((function, architecture.to_owned()), format!("code-{}-{architecture}", function.as_str()))
            })
        })
        .collect();
    Build { code, ..Build::default() }
}

pub(crate) fn valid(yaml: serde_json::Value) -> ValidGateway {
    validate(&serde_json::from_value(yaml).unwrap()).unwrap()
}

impl Simulated {
    pub(crate) fn desired(&self, valid: &ValidGateway) -> DesiredGateway {
        desire(valid, &identity(), "uid-1", &build(), &self.aws).unwrap()
    }

    pub(crate) fn plan(&self, valid: &ValidGateway) -> Plan<GatewayStep> {
        let plan = diff(&self.desired(valid), &self.aws, &BTreeSet::new()).unwrap();
        assert_eq!(lint(&plan.steps, &self.aws), Vec::<String>::new(), "{plan}");
        plan
    }

    /// Plans and executes until in sync; gives the number of rounds.
    pub(crate) fn converge(&mut self, valid: &ValidGateway) -> usize {
        for round in 0..20 {
            let plan = self.plan(valid);
            if plan.in_sync() {
                return round;
            }
            let _ = writeln!(self.log, "# round {}", round + 1);
            for step in &plan.steps {
                let _ = writeln!(self.log, "{step}");
                self.apply(step);
            }
            for function in self.aws.functions.values_mut() {
                function.state = FunctionState::Ready;
            }
        }
        panic!("does not converge:\n{}\n{}", self.log, self.plan(valid));
    }

    fn next(&mut self) -> i64 {
        self.counter += 1;
        self.counter
    }

    pub(crate) fn apply(&mut self, step: &GatewayStep) {
        use GatewayStep as S;
        match step.clone() {
            S::CreateTable { tags, .. } => {
                self.aws.table = Some(ObservedTable {
                    active: true,
                    deleting: false,
                    time_to_live: false,
                    point_in_time_recovery: false,
                    deletion_protection: true,
                    tags,
                });
            }
            S::EnableTimeToLive { .. } => self.table().time_to_live = true,
            S::EnablePointInTimeRecovery { .. } => self.table().point_in_time_recovery = true,
            S::SetDeletionProtection { enabled, .. } => self.table().deletion_protection = enabled,
            S::DeleteTable { .. } => {
                assert!(!self.table().deletion_protection, "AWS refuses to delete a protected table");
                (self.aws.table, self.aws.owner, self.aws.config) = (None, None, None);
            }
            S::ClaimOwnership { expected, record, .. } => {
                self.aws.owner = Some(Document { version: expected.unwrap_or(0) + 1, content: record });
            }
            S::ReleaseOwnership { .. } => self.aws.owner = None,
            S::WriteConfig { expected, config, .. } => {
                assert_eq!(expected, self.aws.config.as_ref().map(|document| document.version));
                self.aws.config = Some(Document { version: expected.unwrap_or(0) + 1, content: config });
            }
            S::CreateRole { name, path, trust, tags, .. } => {
                let arn = format!("arn:aws:iam::111122223333:role{path}{name}");
                self.aws.roles.insert(Self::function_of(&name), ObservedRole { arn, trust, policy: None, tags });
            }
            S::UpdateRoleTrust { name, trust } => {
                self.aws.roles.get_mut(&Self::function_of(&name)).unwrap().trust = trust;
            }
            S::PutRolePolicy { name, policy } => {
                self.aws.roles.get_mut(&Self::function_of(&name)).unwrap().policy = Some(policy);
            }
            S::DeleteRole { name } => drop(self.aws.roles.remove(&Self::function_of(&name))),
            S::CreateLogGroup { name, .. } => {
                self.aws.log_groups.insert(Self::function_of(&name), ObservedLogGroup { retention_days: None });
            }
            S::SetRetention { name, days } => {
                self.aws.log_groups.get_mut(&Self::function_of(&name)).unwrap().retention_days = Some(days);
            }
            S::DeleteLogGroup { name } => drop(self.aws.log_groups.remove(&Self::function_of(&name))),
            S::Tag { resource, tags } => self.tag(&resource, &tags),
            other => self.apply_compute(other),
        }
    }

    fn apply_compute(&mut self, step: GatewayStep) {
        use GatewayStep as S;
        match step {
            S::CreateFunction(spec) => {
                assert!(self.aws.roles.contains_key(&spec.function) || !spec.role_arn.contains("/aigw/"));
                self.aws.functions.insert(spec.function, created(&spec));
            }
            S::UpdateFunctionConfiguration { function, .. } => {
                let actual = self.function(&function.name);
                assert_eq!(actual.state, FunctionState::Ready);
                let fresh = created(&function);
                *actual = ObservedFunction {
                    code_sha256: actual.code_sha256.clone(),
                    architecture: actual.architecture.clone(),
                    versions: actual.versions.clone(),
                    live_version: actual.live_version.clone(),
                    permissions: actual.permissions.clone(),
                    ..fresh
                };
            }
            S::UpdateFunctionCode { function, .. } => {
                let actual = self.function(&function.name);
                assert_eq!(actual.state, FunctionState::Ready);
                actual.code_sha256.clone_from(&function.code_sha256);
                actual.architecture.clone_from(&function.architecture);
                actual.state = FunctionState::Pending;
            }
            S::PublishVersion { name, code_sha256, description } => {
                let version = self.next().to_string();
                self.function(&name).versions.push(ObservedVersion { version, description, code_sha256 });
            }
            S::PointAlias { name, version, create } => {
                let actual = self.function(&name);
                assert_eq!(create, actual.live_version.is_none());
                actual.live_version = Some(version);
            }
            S::DeleteVersion { name, version } => {
                self.function(&name).versions.retain(|other| other.version != version);
            }
            S::AddPermission { name, statement_id, source_arn } => {
                self.function(&name).permissions.push(ObservedPermission { statement_id, source_arn });
            }
            S::RemovePermission { name, statement_id } => {
                self.function(&name).permissions.retain(|permission| permission.statement_id != statement_id);
            }
            S::DeleteFunction { name } => drop(self.aws.functions.remove(&Self::function_of(&name))),
            other => self.apply_api(other),
        }
    }

    fn apply_api(&mut self, step: GatewayStep) {
        use GatewayStep as S;
        match step {
            S::CreateRestApi { name, endpoint_type, vpc_endpoint_ids, tags } => {
                let id = format!("api{}", self.next());
                self.aws.rest_apis.push(ObservedRestApi { id, name, endpoint_type, vpc_endpoint_ids, tags });
            }
            S::DeleteRestApi { rest_api_id } => {
                self.aws.rest_apis.retain(|api| api.id != rest_api_id);
                self.aws.deployments.clear();
                self.aws.stages.clear();
            }
            S::PutDocument { .. } | S::VerifyDocument { .. } => {}
            S::CreateDeployment { hash, .. } => {
                let created = self.next();
                self.aws.deployments.push(ObservedDeployment { id: format!("d{created}"), description: hash, created });
            }
            S::DeleteDeployment { deployment_id, .. } => {
                self.aws.deployments.retain(|deployment| deployment.id != deployment_id);
            }
            S::CreateStage { stage, deployment_id, tags, .. } => {
                assert!(self.aws.deployments.iter().any(|deployment| deployment.id == deployment_id));
                self.aws
                    .stages
                    .insert(stage, ObservedStage { deployment_id, rate_limit: None, burst_limit: None, tags });
            }
            S::UpdateStage { stage, deployment_id, throttle, .. } => {
                let actual = self.aws.stages.get_mut(&stage).unwrap();
                actual.deployment_id = deployment_id.unwrap_or_else(|| actual.deployment_id.clone());
                if let Some(StageThrottle(limits)) = throttle {
                    (actual.rate_limit, actual.burst_limit) =
                        (limits.map(|(rate, _)| f64::from(rate)), limits.map(|(_, burst)| burst));
                }
            }
            S::DeleteStage { stage, .. } => {
                self.aws.stages.remove(&stage);
                self.aws.usage_plans.iter_mut().for_each(|plan| plan.api_stages.retain(|(_, name)| *name != stage));
            }
            S::CreateUsagePlan(spec) => {
                let id = format!("plan{}", self.next());
                self.aws.usage_plans.push(ObservedUsagePlan {
                    id,
                    name: spec.name,
                    tier: spec.tier,
                    rate_limit: Some(f64::from(spec.rate_limit)),
                    burst_limit: Some(spec.burst_limit),
                    api_stages: spec.api_stages,
                    tags: spec.tags,
                });
            }
            S::UpdateUsagePlan { id, rate_limit, burst_limit, add_stages, remove_stages } => {
                let plan = self.aws.usage_plans.iter_mut().find(|plan| plan.id == id).unwrap();
                (plan.rate_limit, plan.burst_limit) = (Some(f64::from(rate_limit)), Some(burst_limit));
                plan.api_stages.retain(|stage| !remove_stages.contains(stage));
                plan.api_stages.extend(add_stages);
            }
            S::DeleteUsagePlan { id, .. } => self.aws.usage_plans.retain(|plan| plan.id != id),
            other => unreachable!("{other} is not about a gateway's objects"),
        }
    }

    fn tag(&mut self, resource: &TaggedResource, tags: &super::observed::Tags) {
        let target = match resource {
            TaggedResource::RestApi(id) => &mut self.aws.rest_apis.iter_mut().find(|api| api.id == *id).unwrap().tags,
            TaggedResource::Stage(_, name) => &mut self.aws.stages.get_mut(name).unwrap().tags,
            TaggedResource::UsagePlan(id) => {
                &mut self.aws.usage_plans.iter_mut().find(|plan| plan.id == *id).unwrap().tags
            }
            TaggedResource::Function(arn) => {
                &mut self.aws.functions.values_mut().find(|function| function.arn == *arn).unwrap().tags
            }
            TaggedResource::Role(name) => &mut self.aws.roles.get_mut(&Self::function_of(name)).unwrap().tags,
            TaggedResource::Table(_) => &mut self.aws.table.as_mut().unwrap().tags,
        };
        target.extend(tags.clone());
    }

    fn table(&mut self) -> &mut ObservedTable {
        self.aws.table.as_mut().unwrap()
    }

    fn function(&mut self, name: &str) -> &mut ObservedFunction {
        self.aws.functions.get_mut(&Self::function_of(name)).unwrap()
    }

    fn function_of(name: &str) -> Function {
        Function::ALL.into_iter().find(|function| name.ends_with(function.as_str())).unwrap()
    }
}

fn created(spec: &FunctionSpec) -> ObservedFunction {
    ObservedFunction {
        arn: format!("arn:aws:lambda:eu-central-1:111122223333:function:{}", spec.name),
        state: FunctionState::Pending,
        role_arn: spec.role_arn.clone(),
        architecture: spec.architecture.clone(),
        memory_mib: spec.memory_mib,
        timeout_seconds: spec.timeout_seconds,
        environment: spec.environment.clone(),
        code_sha256: spec.code_sha256.clone(),
        revision_id: Some("r".into()),
        tags: spec.tags.clone(),
        versions: Vec::new(),
        live_version: None,
        permissions: Vec::new(),
    }
}
