//! `Tenant`: what a team asks for.
#![allow(clippy::duplicated_attributes, reason = "printer columns repeat type_ and priority")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{EffectiveModels, EffectiveResource, ResourceGrant, TenantModels};
use crate::auth::TenantIdentities;
use crate::limits::{EffectiveBudget, EffectiveLimit, Enforcement, Limits, Premium, TenantBudget, TenantUsage};
use crate::probe::SuspensionStatus;
use crate::schema;

/// A team's access to a gateway. What it asks for is a request; what binds it is the gateway's `tenants.rules`.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "aigateway.dev",
    version = "v1alpha1",
    kind = "Tenant",
    plural = "tenants",
    shortname = "aitn",
    category = "aigateways",
    namespaced,
    status = "TenantStatus",
    derive = "PartialEq",
    doc = "A team's access to an AIGateway.",
    selectable = ".spec.gatewayRef.name",
    selectable = ".spec.gatewayRef.namespace",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Tier", type_ = "string", json_path = ".status.effective.tier"),
    printcolumn(name = "Gateway", type_ = "string", json_path = ".spec.gatewayRef.name"),
    printcolumn(
        name = "Suspended",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Suspended\")].status"
    ),
    printcolumn(
        name = "WithinBudget",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"WithinBudget\")].status"
    ),
    printcolumn(name = "Used%", type_ = "integer", json_path = ".status.usage.percent"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.credentials.secretName", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.apiKey) && has(self.apiKey.secretName) ? self.apiKey.secretName : '') == (has(oldSelf.apiKey) && has(oldSelf.apiKey.secretName) ? oldSelf.apiKey.secretName : '')").message("secretName is immutable: delete and re-create the Tenant to use another Secret").field_path(".apiKey.secretName"))]
pub struct TenantSpec {
    /// The gateway to attach to. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("gatewayRef is immutable: create another Tenant for the other gateway"))]
    pub gateway_ref: GatewayRef,

    /// Tier to be in; the gateway's rules say which are allowed. Default: the rule's default tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub tier: Option<String>,

    /// Identities whose tokens are credentials of this tenant, beside or instead of the one in the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<TenantIdentities>,

    /// The Secret the credential is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKey>,

    /// Which of the models that the gateway's rule allows may be called. Default: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<TenantModels>,

    /// Shared Bedrock resources to be reached, such as knowledge bases and agents. Only what the gateway's rule allows.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["arn".into()]))]
    pub resources: Vec<ResourceGrant>,

    /// What this tenant may use: other values than its tier's. None may be above the ceiling of the gateway's rule, or,
    /// where that has none, above the tier's. Default: the tier's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,

    /// What this tenant may spend, by the same rules. Default: what its tier gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["window".into()]))]
    pub budgets: Vec<TenantBudget>,

    /// Time zone in which days and months of budgets begin and end, by its IANA name, for example `Europe/Berlin`.
    /// Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z][A-Za-z0-9_+/-]*$')").message("timeZone must be the IANA name of a time zone, such as Europe/Berlin"))]
    pub time_zone: Option<String>,

    /// Whether limits and budgets deny.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::enforcement")]
    pub enforcement: Option<Enforcement>,

    /// From when on all calls of this tenant are refused, for example `2026-12-31T23:59:59Z`. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 35))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$')").message("expiresAt must be a time with seconds and zone, such as 2026-12-31T23:59:59Z"))]
    pub expires_at: Option<String>,

    /// Refuse all calls of this tenant: the team's own switch. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// A gateway by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayRef {
    /// Name of the AIGateway.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the AIGateway. Default: the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// The Secret the credential is written to.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Name of the Secret, in the tenant's namespace. It must not exist yet, or be this tenant's already. Immutable.
    /// Default: `ai-gateway-` and the tenant's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')").message("secretName must be a valid name of a Secret: lower-case letters, digits, '-' and '.'"))]
    pub secret_name: Option<String>,
    /// Groups of variables in the Secret. `aws`: what AWS SDKs need for Bedrock, nothing else. `region`: the Region,
    /// for every AWS client in the pod. `openai`: the OpenAI SDK. `claudeCode`: Claude Code. Default: `[aws]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub env: Vec<SecretGroup>,
    /// How often the credential is replaced, for example `720h`; from `1h` to `8760h`. The environment of a running
    /// container never changes, so something has to restart workloads before the old credential ends. Default: never. At
    /// any time the annotation `aigateway.dev/rotate` with a new value asks for one rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    #[x_kube(validation = schema::duration("rotateEvery", "1h", "8760h"))]
    pub rotate_every: Option<String>,
    /// How long a replaced credential has to be unused before it ends, for example `24h`; from `0s`, at once, to `168h`.
    /// One that goes on being used ends 168 hours after it was replaced. Until it has ended the next rotation waits.
    /// Default: `72h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    #[x_kube(validation = schema::duration("overlap", "0s", "168h"))]
    pub overlap: Option<String>,
}

/// A group of variables in the Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretGroup {
    /// `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`, `AWS_ENDPOINT_URL_BEDROCK`, `AWS_BEARER_TOKEN_BEDROCK`.
    Aws,
    /// `AWS_REGION`, `AWS_DEFAULT_REGION`.
    Region,
    /// `OPENAI_BASE_URL`, `OPENAI_API_KEY`.
    Openai,
    /// `CLAUDE_CODE_USE_BEDROCK`, `ANTHROPIC_BEDROCK_BASE_URL`.
    ClaudeCode,
}

/// What was observed of a tenant.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Generation of the spec this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions, one per type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Id of the tenant: stable over rotation, deletion and re-creation, and the same in logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Base URL of the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The issued credentials, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsStatus>,
    /// What is in force and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveTenant>,
    /// How fast a suspension, or the end of `spec.expiresAt`, took effect; of a tenant whose calls are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<SuspensionStatus>,
    /// What was spent, of a tenant with a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TenantUsage>,
}

/// The issued credentials.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsStatus {
    /// Secret that holds the active credential.
    pub secret_name: String,
    /// Accepted credentials.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub keys: Vec<CredentialStatus>,
    /// When the next rotation is due, with `rotateEvery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotates_at: Option<String>,
}

/// One accepted credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialStatus {
    /// Id, the third part of the credential.
    pub id: String,
    /// `Active` or `Retiring`.
    pub state: String,
    /// Since when it is in that state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When it was last used, coarsely: brought up to date once a day, of a retiring one once an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
    /// When a retiring credential ends at the latest. It ends before that once it was not used for `overlap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<String>,
}

/// What is in force and why.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveTenant {
    /// Tier in force.
    pub tier: String,
    /// Rule of the gateway that admitted the tenant.
    pub rule: String,
    /// Steady rate of the tier.
    pub requests_per_second: i32,
    /// Burst of the tier.
    pub burst: i32,
    /// Whether calls are refused, by the team or the platform.
    pub suspended: bool,
    /// How many identities' tokens are accepted, of a tenant that asks for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<i32>,
    /// Models in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<EffectiveModels>,
    /// Shared resources in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["arn".into()]))]
    pub resources: Vec<EffectiveResource>,
    /// Limits in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub limits: Vec<EffectiveLimit>,
    /// Budgets in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["window".into()]))]
    pub budgets: Vec<EffectiveBudget>,
    /// Requests at more than the usual price that are granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub premiums: Vec<Premium>,
    /// Time zone of budgets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// `Enforce` or `Shadow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<String>,
    /// From when on calls are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// How often the credential is replaced, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_every: Option<String>,
    /// How long a replaced credential has to be unused before it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
}
