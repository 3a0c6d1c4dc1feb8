//! Status of an `AIGateway`: what was observed. Ids here are hints for people; the operator finds AWS objects by tag.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::DomainStatus;
use crate::gateway::{Architecture, Family};
use crate::guardrails::MandatoryGuardrail;
use crate::prices::EffectivePrices;
use crate::probe::EffectiveProbe;
use crate::releases::{CanaryStatus, EffectiveReleases, RejectedStatus};

/// What was observed of a gateway.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AIGatewayStatus {
    /// Generation of the spec this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions, one per type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Base URL clients use; a family's name follows it, for example `/bedrock-runtime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Identity of this gateway in AWS: the value of the tag `aigateway.dev/id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Id of the REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_api_id: Option<String>,
    /// Name of the DynamoDB table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_name: Option<String>,
    /// Stages and what they serve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub stages: Vec<StageStatus>,
    /// Functions and the version that serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub functions: Vec<FunctionStatus>,
    /// One usage plan per tier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["tier".into()]))]
    pub usage_plans: Vec<UsagePlanStatus>,
    /// Issuers of tokens and the state of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub issuers: Vec<IssuerStatus>,
    /// URLs of the gateway under custom domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["url".into()]))]
    pub domains: Vec<DomainStatus>,
    /// Attached tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantsStatus>,
    /// What is in force, with defaults filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveGateway>,
}

/// A stage and what it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageStatus {
    /// Name of the stage.
    pub name: String,
    /// Deployment it serves.
    pub deployment_id: String,
    /// Hash of the API document that deployment was made from.
    pub document_hash: String,
}

/// A function and the version that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionStatus {
    /// `forwarder` or `authorizer`.
    pub name: String,
    /// Published version behind the alias `live`.
    pub version: String,
    /// SHA-256 of its code, base64 as Lambda reports it.
    pub code_sha256: String,
    /// The version that is being rolled out beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryStatus>,
    /// The last version whose roll-out was aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<RejectedStatus>,
}

/// The usage plan of a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsagePlanStatus {
    /// Tier.
    pub tier: String,
    /// Id of the usage plan.
    pub id: String,
}

/// An issuer of tokens and the state of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerStatus {
    /// Name in the spec; for a cluster `cluster/` and its name.
    pub name: String,
    /// The claim `iss` of its tokens.
    pub issuer: String,
    /// Keys its tokens may be signed with, those included that it removed less than a day ago.
    pub keys: i32,
    /// When the issuer was last read. Its keys are accepted for a week from then.
    pub fetched_at: String,
}

/// Attached tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TenantsStatus {
    /// Tenant objects that refer to this gateway.
    pub total: i32,
}

/// What is in force, with defaults filled in.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveGateway {
    /// Whether tenants get credentials.
    pub api_keys: bool,
    /// Seconds an authorizer's answer may be reused.
    pub cache_seconds: i32,
    /// How soon what is taken away stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<String>,
    /// Families clients may call.
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub families: Vec<Family>,
    /// What happens to calls whose use can be neither metered nor checked: `Deny`, `Charge` or `Allow`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unmetered: String,
    /// What such a call costs a tenant with a budget, in USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_unmetered_call: Option<String>,
    /// What a tenant with a budget may do with a model no price is known for: `Deny` or `ChargeMaximum`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unknown_price: String,
    /// The price list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<EffectivePrices>,
    /// What happens to calls while the table does not answer: `Closed` or `Open`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fail_mode: String,
    /// How probes are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<EffectiveProbe>,
    /// How new versions of the functions come to serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub releases: Option<EffectiveReleases>,
    /// The guardrail that every call carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub guardrails: Vec<MandatoryGuardrail>,
    /// Log group of the access log, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log_group: Option<String>,
    /// Whether Bedrock is called at its FIPS endpoints.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fips: bool,
    /// Instruction set of the functions.
    pub architecture: Architecture,
    /// Memory of the forwarder in MiB.
    #[serde(rename = "forwarderMemoryMiB")]
    pub forwarder_memory_mib: i32,
    /// Longest call in seconds.
    pub timeout_seconds: i32,
    /// Memory of the authorizer in MiB.
    #[serde(rename = "authorizerMemoryMiB")]
    pub authorizer_memory_mib: i32,
    /// Tiers with their limits.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub tiers: Vec<EffectiveTier>,
    /// What deletion does to compute.
    pub deletion_policy: String,
    /// What deletion does to the table.
    pub data_deletion_policy: String,
}

/// A tier with its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveTier {
    /// Name of the tier.
    pub name: String,
    /// Steady rate per tenant.
    pub requests_per_second: i32,
    /// Burst per tenant.
    pub burst: i32,
}
