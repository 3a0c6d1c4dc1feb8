//! Ports to API Gateway's usage plans and API keys.

use aigw_plan::gateway::observed::{ObservedUsagePlan, Tags};
use aigw_plan::gateway::step::UsagePlanSpec;
use aigw_plan::tenant::step::ObservedApiKey;
use async_trait::async_trait;

use crate::CloudError;

/// Usage plans as listed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UsagePlanList {
    /// Those that carry the asked id.
    pub ours: Vec<ObservedUsagePlan>,
    /// How many the account has in this Region, of any owner.
    pub in_account: usize,
}

/// Usage plans of the account and Region.
#[async_trait]
pub trait UsagePlans: Send + Sync {
    /// Plans whose id tag is `id`, and how many the account has in all, over all pages.
    async fn list(&self, id: &str) -> Result<UsagePlanList, CloudError>;
    /// Creates a plan with everything in one call; returns its id.
    async fn create(&self, plan: &UsagePlanSpec) -> Result<String, CloudError>;
    /// Changes limits and stages in one call.
    async fn update(
        &self,
        id: &str,
        rate_limit: i32,
        burst_limit: i32,
        add_stages: &[(String, String)],
        remove_stages: &[(String, String)],
    ) -> Result<(), CloudError>;
    /// Deletes a plan, detaching it from `api_stages` first; absent is success.
    async fn delete(&self, id: &str, api_stages: &[(String, String)]) -> Result<(), CloudError>;
    /// Writes tags.
    async fn tag(&self, id: &str, tags: &Tags) -> Result<(), CloudError>;
    /// Ids of the keys attached to a plan, over all pages; empty where the plan is absent.
    async fn key_ids(&self, id: &str) -> Result<Vec<String>, CloudError>;
}

/// API keys of the account and Region.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Keys whose name begins with `prefix`, over all pages, without their values. `usage_plans` is left empty, and of the
    /// tags there is only [`TAG_ID`](aigw_plan::identity::TAG_ID): with all of them ten thousand keys are ten megabytes.
    async fn list(&self, prefix: &str) -> Result<Vec<ObservedApiKey>, CloudError>;
    /// Creates an enabled key with that value; returns its id. A value that exists is class `Conflict`.
    async fn create(&self, name: &str, value: &str, tags: &Tags) -> Result<String, CloudError>;
    /// Enables or disables a key.
    async fn set_enabled(&self, id: &str, enabled: bool) -> Result<(), CloudError>;
    /// Attaches a key to a plan; attached already is success.
    async fn attach(&self, key_id: &str, usage_plan_id: &str) -> Result<(), CloudError>;
    /// Whether API Gateway says of itself that a key is in a plan; not where either is absent.
    async fn is_attached(&self, key_id: &str, usage_plan_id: &str) -> Result<bool, CloudError>;
    /// Deletes a key, which detaches it; absent is success.
    async fn delete(&self, id: &str) -> Result<(), CloudError>;
}
