//! Ports to everything but usage plans and keys. Deletions of absent objects succeed; look-ups of them give `None`.

use std::collections::BTreeMap;

use aigw_contract::meter::MeterReading;
use aigw_contract::table::MeterHead;
use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::gateway::observed::{
    Document, ImportedApi, ObservedDeployment, ObservedFunction, ObservedLogGroup, ObservedRestApi, ObservedRole,
    ObservedStage, ObservedTable, Tags,
};
use aigw_plan::gateway::step::{AliasTarget, FunctionSpec, StageThrottle};
use async_trait::async_trait;
use serde_json::Value;

use crate::{CloudError, FunctionCode};

/// Whose credentials are in use.
#[async_trait]
pub trait Account: Send + Sync {
    /// The 12-digit account id.
    async fn id(&self) -> Result<String, CloudError>;
}

/// A tenant's two items that the operator writes, and what the functions count in one of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TenantItems {
    /// The policy item.
    pub policy: Option<Document<String>>,
    /// The head of the meter item.
    pub meter: Option<MeterHead>,
    /// The counts of the meter item.
    pub reading: MeterReading,
}

/// DynamoDB tables and the operator's items in them.
#[async_trait]
pub trait Tables: Send + Sync {
    /// The table, if it exists.
    async fn get(&self, name: &str) -> Result<Option<ObservedTable>, CloudError>;
    /// Creates an on-demand table with the contract's keys and deletion protection.
    async fn create(&self, name: &str, tags: &Tags) -> Result<(), CloudError>;
    /// Turns on time to live for the contract's attribute.
    async fn enable_time_to_live(&self, name: &str) -> Result<(), CloudError>;
    /// Turns on point-in-time recovery.
    async fn enable_point_in_time_recovery(&self, name: &str) -> Result<(), CloudError>;
    /// Switches deletion protection.
    async fn set_deletion_protection(&self, name: &str, enabled: bool) -> Result<(), CloudError>;
    /// Deletes the table.
    async fn delete(&self, name: &str) -> Result<(), CloudError>;
    /// Writes tags.
    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError>;
    /// A document item, read consistently.
    async fn document(&self, table: &str, pk: &str, sk: &str) -> Result<Option<Document<String>>, CloudError>;
    /// Writes a document item if its counter still is `expected` (`None`: if it is absent). A lost race is class
    /// `Conflict`. `expires` is the time to live, in seconds since the Unix epoch.
    async fn put_document(
        &self,
        table: &str,
        key: (&str, &str),
        expected: Option<i64>,
        document: &Document<String>,
        expires: Option<i64>,
    ) -> Result<(), CloudError>;
    /// Deletes an item if its counter still is `expected`.
    async fn delete_document(&self, table: &str, key: (&str, &str), expected: i64) -> Result<(), CloudError>;
    /// Policies and meters of many tenants, read consistently, fifty tenants a call; one entry per tenant asked for.
    async fn tenants(&self, table: &str, tenant_ids: &[String]) -> Result<BTreeMap<String, TenantItems>, CloudError>;
    /// Claims of identities by hash, read consistently, a hundred a call; those that exist.
    async fn identities(
        &self,
        table: &str,
        hashes: &[String],
    ) -> Result<BTreeMap<String, Document<String>>, CloudError>;
    /// The head of a tenant's meter, read consistently.
    async fn meter(&self, table: &str, tenant_id: &str) -> Result<Option<MeterHead>, CloudError>;
    /// Sets the head of a tenant's meter, leaving its counts alone, unless a newer policy version is there already.
    async fn set_meter(
        &self,
        table: &str,
        tenant_id: &str,
        head: MeterHead,
        expires: Option<i64>,
    ) -> Result<(), CloudError>;
}

/// IAM roles below the operator's path.
#[async_trait]
pub trait Roles: Send + Sync {
    /// The role with its inline policy of the operator's name.
    async fn get(&self, name: &str) -> Result<Option<ObservedRole>, CloudError>;
    /// Creates a role.
    async fn create(
        &self,
        name: &str,
        path: &str,
        trust: &Value,
        boundary: Option<&str>,
        tags: &Tags,
    ) -> Result<(), CloudError>;
    /// Replaces the trust policy.
    async fn update_trust(&self, name: &str, trust: &Value) -> Result<(), CloudError>;
    /// Writes the inline policy.
    async fn put_policy(&self, name: &str, policy: &Value) -> Result<(), CloudError>;
    /// Deletes the role and its inline policy.
    async fn delete(&self, name: &str) -> Result<(), CloudError>;
    /// Writes tags.
    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError>;
}

/// CloudWatch Logs groups.
#[async_trait]
pub trait LogGroups: Send + Sync {
    /// The group of exactly that name.
    async fn get(&self, name: &str) -> Result<Option<ObservedLogGroup>, CloudError>;
    /// Creates a group; existing already is success.
    async fn create(&self, name: &str, tags: &Tags) -> Result<(), CloudError>;
    /// Sets how long events are kept.
    async fn set_retention(&self, name: &str, days: i32) -> Result<(), CloudError>;
    /// Deletes the group.
    async fn delete(&self, name: &str) -> Result<(), CloudError>;
}

/// Lambda functions, their versions and the alias `live`.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The function with its versions, alias and the alias's permissions.
    async fn get(&self, name: &str) -> Result<Option<ObservedFunction>, CloudError>;
    /// Creates the function (unpublished). A role that Lambda cannot assume yet is class `Eventual`.
    async fn create(&self, function: &FunctionSpec, code: &FunctionCode) -> Result<(), CloudError>;
    /// Changes configuration.
    async fn update_configuration(&self, function: &FunctionSpec, revision_id: Option<&str>) -> Result<(), CloudError>;
    /// Changes architecture and code.
    async fn update_code(
        &self,
        function: &FunctionSpec,
        code: &FunctionCode,
        revision_id: Option<&str>,
    ) -> Result<(), CloudError>;
    /// Publishes `$LATEST` if its code has that hash; returns the version.
    async fn publish(&self, name: &str, code_sha256: &str, description: &str) -> Result<String, CloudError>;
    /// Creates the alias `live` or points it at a version.
    async fn point_alias(&self, name: &str, target: &AliasTarget, create: bool) -> Result<(), CloudError>;
    /// Lets API Gateway call the alias from that source; an existing statement of that id is success.
    async fn add_permission(&self, name: &str, statement_id: &str, source_arn: &str) -> Result<(), CloudError>;
    /// Takes the statement away.
    async fn remove_permission(&self, name: &str, statement_id: &str) -> Result<(), CloudError>;
    /// Deletes one published version.
    async fn delete_version(&self, name: &str, version: &str) -> Result<(), CloudError>;
    /// Deletes the function with all versions and aliases.
    async fn delete(&self, name: &str) -> Result<(), CloudError>;
    /// Writes tags.
    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), CloudError>;
}

/// API Gateway REST APIs, their deployments and stages.
#[async_trait]
pub trait RestApis: Send + Sync {
    /// REST APIs whose id tag is `id`: by `hint` (an id) if that still carries the tag, else by a search of all pages.
    async fn find(&self, id: &str, hint: Option<&str>) -> Result<Vec<ObservedRestApi>, CloudError>;
    /// Creates an empty API with key source AUTHORIZER; returns its id.
    async fn create(
        &self,
        name: &str,
        endpoint_type: &str,
        vpc_endpoint_ids: &[String],
        tags: &Tags,
    ) -> Result<String, CloudError>;
    /// Imports the document over everything there, failing on warnings.
    async fn put_document(&self, id: &str, body: &str) -> Result<(), CloudError>;
    /// Reads back what an import made.
    async fn imported(&self, id: &str) -> Result<ImportedApi, CloudError>;
    /// Deployments, newest first; empty where the API is absent.
    async fn deployments(&self, id: &str) -> Result<Vec<ObservedDeployment>, CloudError>;
    /// Creates a deployment without touching a stage; returns its id.
    async fn create_deployment(&self, id: &str, description: &str) -> Result<String, CloudError>;
    /// Deletes a deployment no stage serves.
    async fn delete_deployment(&self, id: &str, deployment_id: &str) -> Result<(), CloudError>;
    /// A stage.
    async fn stage(&self, id: &str, name: &str) -> Result<Option<ObservedStage>, CloudError>;
    /// Creates a stage.
    async fn create_stage(&self, id: &str, name: &str, deployment_id: &str, tags: &Tags) -> Result<(), CloudError>;
    /// Changes a stage in one call.
    async fn update_stage(
        &self,
        id: &str,
        name: &str,
        deployment_id: Option<&str>,
        throttle: Option<&StageThrottle>,
    ) -> Result<(), CloudError>;
    /// ARN of the role API Gateway writes logs with: a setting of the account in this Region.
    async fn account_log_role(&self) -> Result<Option<String>, CloudError>;
    /// Has a stage write an access log, or none. Without a role to write with this is class `Invalid`.
    async fn set_access_log(&self, id: &str, name: &str, access_log: Option<&AccessLog>) -> Result<(), CloudError>;
    /// Deletes a stage.
    async fn delete_stage(&self, id: &str, name: &str) -> Result<(), CloudError>;
    /// Deletes the API and everything in it.
    async fn delete(&self, id: &str) -> Result<(), CloudError>;
    /// Writes tags on the API, or on one of its stages.
    async fn tag(&self, id: &str, stage: Option<&str>, tags: &Tags) -> Result<(), CloudError>;
}
