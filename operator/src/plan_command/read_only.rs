//! Ports that look and never change: the command `plan` is given these, so that no mistake of it can write.
//!
//! Looks are repeated while AWS is busy or a call fails by chance: a person's command should not end because of one answer of
//! hundreds. Every method is either passed on or refused here; there is no default, so a new method does not compile until
//! somebody has said which it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aigw_cloud::{
    Account, ApiKeys, CallQuery, Capacity, Cloud, CloudError, Clouds, Domains, Estate, FunctionCode, FunctionMetrics,
    Functions, LogGroups, RestApis, Roles, Tables, TenantItems, UsagePlanList, UsagePlans,
};
use aigw_contract::table::MeterHead;
use aigw_plan::Class;
use aigw_plan::gateway::capacity::{AccountQuotas, AccountUse};
use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::gateway::observed::{
    Calls, Document, ImportedApi, ObservedDeployment, ObservedDomain, ObservedFunction, ObservedLogGroup,
    ObservedMapping, ObservedRestApi, ObservedRole, ObservedStage, ObservedTable, Tags,
};
use aigw_plan::gateway::step::{AliasTarget, DomainSpec, FunctionSpec, StageThrottle, UsagePlanSpec};
use aigw_plan::sweep::OwnedObject;
use aigw_plan::tenant::step::ObservedApiKey;
use async_trait::async_trait;
use serde_json::Value;

/// Code of the error that every change gets.
pub(super) const READ_ONLY: &str = "ReadOnly";

/// How often one thing is asked. At one failure in five calls, six hundred calls of a large account all get an answer.
const ATTEMPTS: u32 = 7;
/// Pause after the first failure, doubled after each; AWS's own wish comes first.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause a person is made to wait through.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

fn refused<T>(operation: &'static str) -> Result<T, CloudError> {
    Err(CloudError::new(operation, Class::Bug, READ_ONLY, "this command only looks"))
}

/// Asks until AWS answers: throttled calls and passing failures are no answer.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, CloudError>
where
    F: Future<Output = Result<T, CloudError>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(error) if matches!(error.class, Class::Throttled | Class::Transient) => {
                tokio::time::sleep(error.retry_after.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            }
            answer => return answer,
        }
        pause *= 2;
    }
    ask().await
}

/// Clouds whose ports only look.
pub(super) struct ReadOnlyClouds(pub(super) Arc<dyn Clouds>);

#[async_trait]
impl Clouds for ReadOnlyClouds {
    async fn region(&self, region: &str) -> Cloud {
        // Without `..`: a port that is not wrapped should not compile.
        let Cloud {
            account,
            tables,
            roles,
            log_groups,
            functions,
            function_metrics,
            rest_apis,
            domains,
            usage_plans,
            api_keys,
            capacity,
            estate,
        } = self.0.region(region).await;
        Cloud {
            account: Arc::new(ReadOnly(account)),
            tables: Arc::new(ReadOnly(tables)),
            roles: Arc::new(ReadOnly(roles)),
            log_groups: Arc::new(ReadOnly(log_groups)),
            functions: Arc::new(ReadOnly(functions)),
            function_metrics: Arc::new(ReadOnly(function_metrics)),
            rest_apis: Arc::new(ReadOnly(rest_apis)),
            domains: Arc::new(ReadOnly(domains)),
            usage_plans: Arc::new(ReadOnly(usage_plans)),
            api_keys: Arc::new(ReadOnly(api_keys)),
            capacity: Arc::new(ReadOnly(capacity)),
            estate: Arc::new(ReadOnly(estate)),
        }
    }
}

/// A port that only looks.
pub(super) struct ReadOnly<P: ?Sized>(pub(super) Arc<P>);

#[async_trait]
impl Estate for ReadOnly<dyn Estate> {
    async fn owned(&self, installation: &str) -> Result<Vec<OwnedObject>, CloudError> {
        patiently(|| self.0.owned(installation)).await
    }
}

#[async_trait]
impl FunctionMetrics for ReadOnly<dyn FunctionMetrics> {
    async fn calls(&self, query: &CallQuery) -> Result<Calls, CloudError> {
        patiently(|| self.0.calls(query)).await
    }
}

#[async_trait]
impl Account for ReadOnly<dyn Account> {
    async fn id(&self) -> Result<String, CloudError> {
        patiently(|| self.0.id()).await
    }
}

#[async_trait]
impl Capacity for ReadOnly<dyn Capacity> {
    async fn quotas(&self) -> Result<AccountQuotas, CloudError> {
        patiently(|| self.0.quotas()).await
    }
    async fn used(&self) -> Result<AccountUse, CloudError> {
        patiently(|| self.0.used()).await
    }
}

#[async_trait]
impl Tables for ReadOnly<dyn Tables> {
    async fn get(&self, name: &str) -> Result<Option<ObservedTable>, CloudError> {
        patiently(|| self.0.get(name)).await
    }
    async fn document(&self, table: &str, pk: &str, sk: &str) -> Result<Option<Document<String>>, CloudError> {
        patiently(|| self.0.document(table, pk, sk)).await
    }
    async fn tenants(&self, table: &str, tenant_ids: &[String]) -> Result<BTreeMap<String, TenantItems>, CloudError> {
        patiently(|| self.0.tenants(table, tenant_ids)).await
    }
    async fn identities(
        &self,
        table: &str,
        hashes: &[String],
    ) -> Result<BTreeMap<String, Document<String>>, CloudError> {
        patiently(|| self.0.identities(table, hashes)).await
    }
    async fn meter(&self, table: &str, tenant_id: &str) -> Result<Option<MeterHead>, CloudError> {
        patiently(|| self.0.meter(table, tenant_id)).await
    }
    async fn create(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        refused("dynamodb:CreateTable")
    }
    async fn enable_time_to_live(&self, _: &str) -> Result<(), CloudError> {
        refused("dynamodb:UpdateTimeToLive")
    }
    async fn enable_point_in_time_recovery(&self, _: &str) -> Result<(), CloudError> {
        refused("dynamodb:UpdateContinuousBackups")
    }
    async fn set_deletion_protection(&self, _: &str, _: bool) -> Result<(), CloudError> {
        refused("dynamodb:UpdateTable")
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        refused("dynamodb:DeleteTable")
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        refused("dynamodb:TagResource")
    }
    async fn put_document(
        &self,
        _: &str,
        _: (&str, &str),
        _: Option<i64>,
        _: &Document<String>,
        _: Option<i64>,
    ) -> Result<(), CloudError> {
        refused("dynamodb:PutItem")
    }
    async fn delete_document(&self, _: &str, _: (&str, &str), _: i64) -> Result<(), CloudError> {
        refused("dynamodb:DeleteItem")
    }
    async fn set_meter(&self, _: &str, _: &str, _: MeterHead, _: Option<i64>) -> Result<(), CloudError> {
        refused("dynamodb:UpdateItem")
    }
}

#[async_trait]
impl Roles for ReadOnly<dyn Roles> {
    async fn get(&self, name: &str) -> Result<Option<ObservedRole>, CloudError> {
        patiently(|| self.0.get(name)).await
    }
    async fn create(&self, _: &str, _: &str, _: &Value, _: Option<&str>, _: &Tags) -> Result<(), CloudError> {
        refused("iam:CreateRole")
    }
    async fn update_trust(&self, _: &str, _: &Value) -> Result<(), CloudError> {
        refused("iam:UpdateAssumeRolePolicy")
    }
    async fn put_policy(&self, _: &str, _: &Value) -> Result<(), CloudError> {
        refused("iam:PutRolePolicy")
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        refused("iam:DeleteRole")
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        refused("iam:TagRole")
    }
}

#[async_trait]
impl LogGroups for ReadOnly<dyn LogGroups> {
    async fn get(&self, name: &str) -> Result<Option<ObservedLogGroup>, CloudError> {
        patiently(|| self.0.get(name)).await
    }
    async fn create(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        refused("logs:CreateLogGroup")
    }
    async fn set_retention(&self, _: &str, _: i32) -> Result<(), CloudError> {
        refused("logs:PutRetentionPolicy")
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        refused("logs:DeleteLogGroup")
    }
}

#[async_trait]
impl Functions for ReadOnly<dyn Functions> {
    async fn get(&self, name: &str) -> Result<Option<ObservedFunction>, CloudError> {
        patiently(|| self.0.get(name)).await
    }
    async fn create(&self, _: &FunctionSpec, _: &FunctionCode) -> Result<(), CloudError> {
        refused("lambda:CreateFunction")
    }
    async fn update_configuration(&self, _: &FunctionSpec, _: Option<&str>) -> Result<(), CloudError> {
        refused("lambda:UpdateFunctionConfiguration")
    }
    async fn update_code(&self, _: &FunctionSpec, _: &FunctionCode, _: Option<&str>) -> Result<(), CloudError> {
        refused("lambda:UpdateFunctionCode")
    }
    async fn publish(&self, _: &str, _: &str, _: &str) -> Result<String, CloudError> {
        refused("lambda:PublishVersion")
    }
    async fn point_alias(&self, _: &str, _: &AliasTarget, _: bool) -> Result<(), CloudError> {
        refused("lambda:UpdateAlias")
    }
    async fn add_permission(&self, _: &str, _: &str, _: &str) -> Result<(), CloudError> {
        refused("lambda:AddPermission")
    }
    async fn remove_permission(&self, _: &str, _: &str) -> Result<(), CloudError> {
        refused("lambda:RemovePermission")
    }
    async fn delete_version(&self, _: &str, _: &str) -> Result<(), CloudError> {
        refused("lambda:DeleteFunction")
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        refused("lambda:DeleteFunction")
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        refused("lambda:TagResource")
    }
}

#[async_trait]
impl RestApis for ReadOnly<dyn RestApis> {
    async fn find(&self, id: &str, hint: Option<&str>) -> Result<Vec<ObservedRestApi>, CloudError> {
        patiently(|| self.0.find(id, hint)).await
    }
    async fn imported(&self, id: &str) -> Result<ImportedApi, CloudError> {
        patiently(|| self.0.imported(id)).await
    }
    async fn deployments(&self, id: &str) -> Result<Vec<ObservedDeployment>, CloudError> {
        patiently(|| self.0.deployments(id)).await
    }
    async fn stage(&self, id: &str, name: &str) -> Result<Option<ObservedStage>, CloudError> {
        patiently(|| self.0.stage(id, name)).await
    }
    async fn create(&self, _: &str, _: &str, _: &[String], _: &Tags) -> Result<String, CloudError> {
        refused("apigateway:CreateRestApi")
    }
    async fn put_document(&self, _: &str, _: &str) -> Result<(), CloudError> {
        refused("apigateway:PutRestApi")
    }
    async fn create_deployment(&self, _: &str, _: &str) -> Result<String, CloudError> {
        refused("apigateway:CreateDeployment")
    }
    async fn delete_deployment(&self, _: &str, _: &str) -> Result<(), CloudError> {
        refused("apigateway:DeleteDeployment")
    }
    async fn create_stage(&self, _: &str, _: &str, _: &str, _: &Tags) -> Result<(), CloudError> {
        refused("apigateway:CreateStage")
    }
    async fn update_stage(
        &self,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: Option<&StageThrottle>,
    ) -> Result<(), CloudError> {
        refused("apigateway:UpdateStage")
    }
    async fn account_log_role(&self) -> Result<Option<String>, CloudError> {
        patiently(|| self.0.account_log_role()).await
    }
    async fn set_access_log(&self, _: &str, _: &str, _: Option<&AccessLog>) -> Result<(), CloudError> {
        refused("apigateway:UpdateStage")
    }
    async fn delete_stage(&self, _: &str, _: &str) -> Result<(), CloudError> {
        refused("apigateway:DeleteStage")
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        refused("apigateway:DeleteRestApi")
    }
    async fn tag(&self, _: &str, _: Option<&str>, _: &Tags) -> Result<(), CloudError> {
        refused("apigateway:TagResource")
    }
}

#[async_trait]
impl Domains for ReadOnly<dyn Domains> {
    async fn list(&self, installation: &str, name: Option<&str>) -> Result<Vec<ObservedDomain>, CloudError> {
        patiently(|| self.0.list(installation, name)).await
    }
    async fn mappings(&self, name: &str) -> Result<Vec<ObservedMapping>, CloudError> {
        patiently(|| self.0.mappings(name)).await
    }
    async fn create(&self, _: &DomainSpec) -> Result<(), CloudError> {
        refused("apigateway:CreateDomainName")
    }
    async fn update(&self, _: &str, _: Option<&str>, _: Option<&str>) -> Result<(), CloudError> {
        refused("apigateway:UpdateDomainName")
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        refused("apigateway:DeleteDomainName")
    }
    async fn map(&self, _: &str, _: &str, _: &str, _: &str) -> Result<(), CloudError> {
        refused("apigateway:CreateBasePathMapping")
    }
    async fn remap(&self, _: &str, _: &str, _: &str) -> Result<(), CloudError> {
        refused("apigateway:UpdateBasePathMapping")
    }
    async fn unmap(&self, _: &str, _: &str) -> Result<(), CloudError> {
        refused("apigateway:DeleteBasePathMapping")
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        refused("apigateway:TagResource")
    }
}

#[async_trait]
impl UsagePlans for ReadOnly<dyn UsagePlans> {
    async fn list(&self, id: &str) -> Result<UsagePlanList, CloudError> {
        patiently(|| self.0.list(id)).await
    }
    async fn key_ids(&self, id: &str) -> Result<Vec<String>, CloudError> {
        patiently(|| self.0.key_ids(id)).await
    }
    async fn create(&self, _: &UsagePlanSpec) -> Result<String, CloudError> {
        refused("apigateway:CreateUsagePlan")
    }
    async fn update(
        &self,
        _: &str,
        _: i32,
        _: i32,
        _: &[(String, String)],
        _: &[(String, String)],
    ) -> Result<(), CloudError> {
        refused("apigateway:UpdateUsagePlan")
    }
    async fn delete(&self, _: &str, _: &[(String, String)]) -> Result<(), CloudError> {
        refused("apigateway:DeleteUsagePlan")
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        refused("apigateway:TagResource")
    }
}

#[async_trait]
impl ApiKeys for ReadOnly<dyn ApiKeys> {
    async fn list(&self, prefix: &str) -> Result<Vec<ObservedApiKey>, CloudError> {
        patiently(|| self.0.list(prefix)).await
    }
    async fn create(&self, _: &str, _: &str, _: &Tags) -> Result<String, CloudError> {
        refused("apigateway:CreateApiKey")
    }
    async fn set_enabled(&self, _: &str, _: bool) -> Result<(), CloudError> {
        refused("apigateway:UpdateApiKey")
    }
    async fn attach(&self, _: &str, _: &str) -> Result<(), CloudError> {
        refused("apigateway:CreateUsagePlanKey")
    }
    async fn is_attached(&self, key_id: &str, usage_plan_id: &str) -> Result<bool, CloudError> {
        patiently(|| self.0.is_attached(key_id, usage_plan_id)).await
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        refused("apigateway:DeleteApiKey")
    }
}

#[cfg(test)]
#[path = "read_only_tests.rs"]
mod tests;
