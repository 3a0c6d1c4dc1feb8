//! Test support: ports over observed values. Every change panics: what reaches them has got past the read-only ports.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aigw_cloud::{
    Account, ApiKeys, CallQuery, Capacity, Cloud, CloudError, Clouds, Domains, Estate, FunctionCode, FunctionMetrics,
    Functions, LogGroups, RestApis, Roles, Tables, TenantItems, UsagePlanList, UsagePlans,
};
use aigw_contract::table::{CONFIG_SK, MeterHead, PRICES_SK};
use aigw_plan::gateway::capacity::{AccountQuotas, AccountUse};
use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::gateway::observed::{
    Calls, Document, ImportedApi, ObservedDeployment, ObservedDomain, ObservedFunction, ObservedGateway,
    ObservedLogGroup, ObservedMapping, ObservedRestApi, ObservedRole, ObservedStage, ObservedTable, Tags,
};
use aigw_plan::gateway::step::{AliasTarget, DomainSpec, FunctionSpec, StageThrottle, UsagePlanSpec};
use aigw_plan::identity::{Function, TAG_ID};
use aigw_plan::sweep::OwnedObject;
use aigw_plan::tenant::step::{ObservedApiKey, ObservedIdentity, ObservedTenant};
use async_trait::async_trait;
use serde_json::Value;

/// One account with one gateway and its tenants.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) account: String,
    pub(super) gateway: ObservedGateway,
    /// By tenant id.
    pub(super) tenants: BTreeMap<String, ObservedTenant>,
    /// Set: every call fails with it.
    pub(super) broken: Option<CloudError>,
    /// Number of reads.
    pub(super) reads: Mutex<usize>,
}

impl Fake {
    fn read<T>(&self, value: T) -> Result<T, CloudError> {
        *self.reads.lock().unwrap() += 1;
        self.broken.clone().map_or(Ok(value), Err)
    }

    fn keys(&self) -> impl Iterator<Item = &ObservedApiKey> {
        self.tenants.values().flat_map(|tenant| &tenant.api_keys)
    }
}

/// The ports of `fake`.
pub(super) fn cloud(fake: &Arc<Fake>) -> Cloud {
    Cloud {
        account: fake.clone(),
        tables: fake.clone(),
        roles: fake.clone(),
        log_groups: fake.clone(),
        functions: fake.clone(),
        function_metrics: fake.clone(),
        rest_apis: fake.clone(),
        domains: fake.clone(),
        usage_plans: fake.clone(),
        api_keys: fake.clone(),
        capacity: fake.clone(),
        estate: fake.clone(),
    }
}

/// The same ports in every Region.
pub(super) struct Everywhere(pub(super) Arc<Fake>);

#[async_trait]
impl Clouds for Everywhere {
    async fn region(&self, _: &str) -> Cloud {
        cloud(&self.0)
    }
}

#[async_trait]
impl Estate for Fake {
    async fn owned(&self, _: &str) -> Result<Vec<OwnedObject>, CloudError> {
        self.read(Vec::new())
    }
}

#[async_trait]
impl FunctionMetrics for Fake {
    async fn calls(&self, _: &CallQuery) -> Result<Calls, CloudError> {
        self.read(Calls::default())
    }
}

fn written<T>() -> T {
    panic!("a change has reached AWS")
}

fn of<T: Clone>(found: &BTreeMap<Function, T>, name: &str) -> Option<T> {
    found.iter().find(|(function, _)| name.ends_with(function.as_str())).map(|(_, value)| value.clone())
}

#[async_trait]
impl Account for Fake {
    async fn id(&self) -> Result<String, CloudError> {
        self.read(self.account.clone())
    }
}

#[async_trait]
impl Capacity for Fake {
    async fn quotas(&self) -> Result<AccountQuotas, CloudError> {
        self.read(self.gateway.capacity.quotas)
    }
    async fn used(&self) -> Result<AccountUse, CloudError> {
        self.read(self.gateway.capacity.used.unwrap_or_default())
    }
}

#[async_trait]
impl Tables for Fake {
    async fn get(&self, _: &str) -> Result<Option<ObservedTable>, CloudError> {
        self.read(self.gateway.table.clone())
    }
    async fn document(&self, _: &str, _: &str, sk: &str) -> Result<Option<Document<String>>, CloudError> {
        let ObservedGateway { owner, config, prices, .. } = &self.gateway;
        self.read(match sk {
            CONFIG_SK => config.as_ref().map(as_text),
            PRICES_SK => prices.as_ref().map(as_text),
            _ => owner.as_ref().map(as_text),
        })
    }
    async fn tenants(&self, _: &str, tenant_ids: &[String]) -> Result<BTreeMap<String, TenantItems>, CloudError> {
        let items = |id: &String| {
            let tenant = self.tenants.get(id).cloned().unwrap_or_default();
            TenantItems { policy: tenant.policy.as_ref().map(as_text), meter: tenant.meter, reading: tenant.reading }
        };
        self.read(tenant_ids.iter().map(|id| (id.clone(), items(id))).collect())
    }
    async fn identities(&self, _: &str, hashes: &[String]) -> Result<BTreeMap<String, Document<String>>, CloudError> {
        let all = self.tenants.values().flat_map(|tenant| &tenant.identities);
        let asked = all.filter(|(hash, _)| hashes.contains(hash));
        let document = |found: &ObservedIdentity| as_text(&Document { version: found.version, content: &found.claim });
        self.read(asked.map(|(hash, found)| (hash.clone(), document(found))).collect())
    }
    async fn meter(&self, _: &str, tenant_id: &str) -> Result<Option<MeterHead>, CloudError> {
        self.read(self.tenants.get(tenant_id).and_then(|tenant| tenant.meter))
    }
    async fn create(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        written()
    }
    async fn enable_time_to_live(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn enable_point_in_time_recovery(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn set_deletion_protection(&self, _: &str, _: bool) -> Result<(), CloudError> {
        written()
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        written()
    }
    async fn put_document(
        &self,
        _: &str,
        _: (&str, &str),
        _: Option<i64>,
        _: &Document<String>,
        _: Option<i64>,
    ) -> Result<(), CloudError> {
        written()
    }
    async fn delete_document(&self, _: &str, _: (&str, &str), _: i64) -> Result<(), CloudError> {
        written()
    }
    async fn set_meter(&self, _: &str, _: &str, _: MeterHead, _: Option<i64>) -> Result<(), CloudError> {
        written()
    }
}

fn as_text<T: serde::Serialize>(document: &Document<T>) -> Document<String> {
    Document { version: document.version, content: serde_json::to_string(&document.content).unwrap() }
}

#[async_trait]
impl Roles for Fake {
    async fn get(&self, name: &str) -> Result<Option<ObservedRole>, CloudError> {
        self.read(of(&self.gateway.roles, name))
    }
    async fn create(&self, _: &str, _: &str, _: &Value, _: Option<&str>, _: &Tags) -> Result<(), CloudError> {
        written()
    }
    async fn update_trust(&self, _: &str, _: &Value) -> Result<(), CloudError> {
        written()
    }
    async fn put_policy(&self, _: &str, _: &Value) -> Result<(), CloudError> {
        written()
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        written()
    }
}

#[async_trait]
impl LogGroups for Fake {
    async fn get(&self, name: &str) -> Result<Option<ObservedLogGroup>, CloudError> {
        self.read(of(&self.gateway.log_groups, name))
    }
    async fn create(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        written()
    }
    async fn set_retention(&self, _: &str, _: i32) -> Result<(), CloudError> {
        written()
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
}

#[async_trait]
impl Functions for Fake {
    async fn get(&self, name: &str) -> Result<Option<ObservedFunction>, CloudError> {
        self.read(of(&self.gateway.functions, name))
    }
    async fn create(&self, _: &FunctionSpec, _: &FunctionCode) -> Result<(), CloudError> {
        written()
    }
    async fn update_configuration(&self, _: &FunctionSpec, _: Option<&str>) -> Result<(), CloudError> {
        written()
    }
    async fn update_code(&self, _: &FunctionSpec, _: &FunctionCode, _: Option<&str>) -> Result<(), CloudError> {
        written()
    }
    async fn publish(&self, _: &str, _: &str, _: &str) -> Result<String, CloudError> {
        written()
    }
    async fn point_alias(&self, _: &str, _: &AliasTarget, _: bool) -> Result<(), CloudError> {
        written()
    }
    async fn add_permission(&self, _: &str, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn remove_permission(&self, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn delete_version(&self, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        written()
    }
}

#[async_trait]
impl RestApis for Fake {
    async fn find(&self, _: &str, _: Option<&str>) -> Result<Vec<ObservedRestApi>, CloudError> {
        self.read(self.gateway.rest_apis.clone())
    }
    async fn imported(&self, _: &str) -> Result<ImportedApi, CloudError> {
        self.read(ImportedApi { api_key_source: String::new(), policy: None, methods: Vec::new() })
    }
    async fn deployments(&self, _: &str) -> Result<Vec<ObservedDeployment>, CloudError> {
        self.read(self.gateway.deployments.clone())
    }
    async fn stage(&self, _: &str, name: &str) -> Result<Option<ObservedStage>, CloudError> {
        self.read(self.gateway.stages.get(name).cloned())
    }
    async fn create(&self, _: &str, _: &str, _: &[String], _: &Tags) -> Result<String, CloudError> {
        written()
    }
    async fn put_document(&self, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn create_deployment(&self, _: &str, _: &str) -> Result<String, CloudError> {
        written()
    }
    async fn delete_deployment(&self, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn create_stage(&self, _: &str, _: &str, _: &str, _: &Tags) -> Result<(), CloudError> {
        written()
    }
    async fn update_stage(
        &self,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: Option<&StageThrottle>,
    ) -> Result<(), CloudError> {
        written()
    }
    async fn account_log_role(&self) -> Result<Option<String>, CloudError> {
        self.read(self.gateway.account_log_role.clone())
    }
    async fn set_access_log(&self, _: &str, _: &str, _: Option<&AccessLog>) -> Result<(), CloudError> {
        written()
    }
    async fn delete_stage(&self, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn tag(&self, _: &str, _: Option<&str>, _: &Tags) -> Result<(), CloudError> {
        written()
    }
}

#[async_trait]
impl Domains for Fake {
    async fn list(&self, _: &str, _: Option<&str>) -> Result<Vec<ObservedDomain>, CloudError> {
        self.read(self.gateway.domains.clone())
    }
    async fn mappings(&self, name: &str) -> Result<Vec<ObservedMapping>, CloudError> {
        let found = self.gateway.domains.iter().find(|domain| domain.name == name);
        self.read(found.map(|domain| domain.mappings.clone()).unwrap_or_default())
    }
    async fn create(&self, _: &DomainSpec) -> Result<(), CloudError> {
        written()
    }
    async fn update(&self, _: &str, _: Option<&str>, _: Option<&str>) -> Result<(), CloudError> {
        written()
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn map(&self, _: &str, _: &str, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn remap(&self, _: &str, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn unmap(&self, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        written()
    }
}

#[async_trait]
impl UsagePlans for Fake {
    async fn list(&self, _: &str) -> Result<UsagePlanList, CloudError> {
        let ObservedGateway { usage_plans, usage_plans_in_account, .. } = &self.gateway;
        self.read(UsagePlanList { ours: usage_plans.clone(), in_account: *usage_plans_in_account })
    }
    async fn key_ids(&self, id: &str) -> Result<Vec<String>, CloudError> {
        let attached = self.keys().filter(|key| key.usage_plans.iter().any(|plan| plan == id));
        self.read(attached.map(|key| key.id.clone()).collect())
    }
    async fn create(&self, _: &UsagePlanSpec) -> Result<String, CloudError> {
        written()
    }
    async fn update(
        &self,
        _: &str,
        _: i32,
        _: i32,
        _: &[(String, String)],
        _: &[(String, String)],
    ) -> Result<(), CloudError> {
        written()
    }
    async fn delete(&self, _: &str, _: &[(String, String)]) -> Result<(), CloudError> {
        written()
    }
    async fn tag(&self, _: &str, _: &Tags) -> Result<(), CloudError> {
        written()
    }
}

#[async_trait]
impl ApiKeys for Fake {
    async fn list(&self, prefix: &str) -> Result<Vec<ObservedApiKey>, CloudError> {
        let named = self.keys().filter(|key| key.name.starts_with(prefix) && key.tags.contains_key(TAG_ID));
        self.read(named.map(|key| ObservedApiKey { usage_plans: Vec::new(), ..key.clone() }).collect())
    }
    async fn create(&self, _: &str, _: &str, _: &Tags) -> Result<String, CloudError> {
        written()
    }
    async fn set_enabled(&self, _: &str, _: bool) -> Result<(), CloudError> {
        written()
    }
    async fn attach(&self, _: &str, _: &str) -> Result<(), CloudError> {
        written()
    }
    async fn is_attached(&self, _: &str, _: &str) -> Result<bool, CloudError> {
        self.read(false)
    }
    async fn delete(&self, _: &str) -> Result<(), CloudError> {
        written()
    }
}
