//! `AIGateway`: what the platform team declares.
#![allow(clippy::duplicated_attributes, reason = "printer columns repeat type_ and priority")]

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auth::Auth;
use crate::domain::Domain;
use crate::gateway_status::AIGatewayStatus;
use crate::limits::{Budget, Limits};
use crate::logs::Logs;
use crate::prices::{FailMode, GatewayModels, Unmetered};
use crate::probe::Probe;
use crate::releases::Releases;
use crate::rules::Tenants;
use crate::schema;

/// One governed door to Amazon Bedrock in one AWS account and Region: an API Gateway REST API with its stage, usage
/// plans, authorizer and forwarder functions, and the table of its tenants.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "aigateway.dev",
    version = "v1alpha1",
    kind = "AIGateway",
    plural = "aigateways",
    shortname = "aigw",
    category = "aigateways",
    namespaced,
    status = "AIGatewayStatus",
    derive = "PartialEq",
    doc = "One governed door to Amazon Bedrock in one AWS account and Region.",
    selectable = ".spec.region",
    selectable = ".spec.accountId",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.endpoint"),
    printcolumn(name = "Tenants", type_ = "integer", json_path = ".status.tenants.total"),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region", priority = 1),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountId", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct AIGatewaySpec {
    /// AWS Region the gateway and its Bedrock calls live in, for example `eu-central-1`. Immutable.
    #[schemars(length(max = 32))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$')").message("region must be an AWS Region such as eu-central-1"),
        validation = Rule::new("self == oldSelf").message("region is immutable: create a new AIGateway in the other Region")
    )]
    pub region: String,

    /// AWS account the operator may act in for this gateway, 12 digits. A guard: where the operator's credentials
    /// belong to another account it makes no change and says so.
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{12}$')").message("accountId must be the 12 digits of an AWS account, in quotes"))]
    pub account_id: String,

    /// Stages of the REST API, each with its own URL. One for now, and it keeps its name.
    #[schemars(length(min = 1, max = 1))]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["name".into()]),
        validation = Rule::new("self.all(s, oldSelf.exists(o, o.name == s.name))").message("a stage cannot be renamed, because clients use its URL: create another AIGateway, move the tenants, then delete this one")
    )]
    pub stages: Vec<Stage>,

    /// How clients reach the gateway.
    pub endpoint: Endpoint,

    /// How clients prove who they are. Default: API keys, answers cached for 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,

    /// Which Bedrock APIs are reachable. Default: `bedrock-runtime` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bedrock: Option<Bedrock>,

    /// Sizes and roles of the two Lambda functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub functions: Option<Functions>,

    /// How a new version of the functions comes to serve. Default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub releases: Option<Releases>,

    /// Limit of the whole stage, over all tenants. Default: the account's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,

    /// Classes of tenants. Each is one usage plan, whose limits count per tenant.
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub tiers: Vec<Tier>,

    /// What models cost, and the guardrail that calls carry. Default: the price list the operator brings along, and none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<GatewayModels>,

    /// Who may attach as a tenant, and what they get.
    pub tenants: Tenants,

    /// What happens to calls while the table does not answer, and so nothing can be counted. `Closed`: they are refused
    /// with 503. `Open`: those of tenants the function has met before are forwarded; they are never counted, not later
    /// either, so no limit and no budget holds meanwhile. Default: Closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::fail_mode")]
    pub fail_mode: Option<FailMode>,

    /// How the operator finds out whether calls go through. Default: every 15 minutes and after each change, and Ready
    /// depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,

    /// What is written down of calls, and for how long. Default: what the functions write, for 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Logs>,

    /// Further tags on every AWS object of this gateway, for cost allocation and policies that demand tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 30))]
    #[x_kube(validation = Rule::new("self.all(k, k.size() > 0 && k.size() <= 128 && self[k].size() <= 256 && !k.startsWith('aws:') && !k.startsWith('aigateway.dev/'))").message("tag keys have 1 to 128 characters and must not begin with 'aws:' or 'aigateway.dev/'; values have at most 256 characters"))]
    pub tags: Option<BTreeMap<String, String>>,

    /// What happens to the REST API, functions, roles and keys when this object is deleted. Default: Delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::deletion_policy")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// What happens to the table, which holds the tenants' usage, and to the access log when this object is deleted.
    /// Default: Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::deletion_policy")]
    pub data_deletion_policy: Option<DeletionPolicy>,
}

/// One stage of the REST API.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Name of the stage, the last part of the gateway's URL, for example `v1`.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("a stage name has letters, digits, '-' and '_' only, for example v1"))]
    pub name: String,
}

/// How clients reach the gateway.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type != 'Private' || (has(self.vpcEndpointIds) && self.vpcEndpointIds.size() > 0)").message("a Private endpoint needs at least one entry in vpcEndpointIds").field_path(".vpcEndpointIds"),
    validation = Rule::new("self.type == 'Private' || !has(self.vpcEndpointIds) || self.vpcEndpointIds.size() == 0").message("vpcEndpointIds is only for type Private").field_path(".vpcEndpointIds"),
    validation = Rule::new("self.type == 'Regional' || !has(self.sourceCidrs) || self.sourceCidrs.size() == 0").message("sourceCidrs is only for type Regional; a Private endpoint is reached through its VPC endpoints").field_path(".sourceCidrs"),
    validation = Rule::new("self.type == 'Regional' || !has(self.domain)").message("domain is only for type Regional").field_path(".domain"),
    validation = Rule::new("!has(self.disableDefaultEndpoint) || !self.disableDefaultEndpoint || has(self.domain)").message("disableDefaultEndpoint needs a domain, else nobody could reach the gateway").field_path(".disableDefaultEndpoint")
)]
pub struct Endpoint {
    /// `Regional`: reachable from the internet, by authorized clients, optionally only from `sourceCidrs`. `Private`:
    /// reachable only through the VPC endpoints listed. There is no edge-optimized type: it cuts a stream that is
    /// silent for 30 seconds. Immutable.
    #[serde(rename = "type")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("endpoint.type is immutable: create another AIGateway, move the tenants, then delete this one"))]
    pub type_: EndpointType,

    /// VPC endpoints (of service `execute-api`) that a Private gateway is reached through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 64)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(e, e.matches('^vpce-[0-9a-f]+$'))").message("every entry of vpcEndpointIds must be the id of a VPC endpoint, such as vpce-0123456789abcdef0")
    )]
    pub vpc_endpoint_ids: Vec<String>,

    /// IPv4 or IPv6 address ranges that a Regional gateway may be called from. Default: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 49)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(c, isCIDR(c))").message("every entry of sourceCidrs must be an address range such as 203.0.113.0/24")
    )]
    pub source_cidrs: Vec<String>,

    /// A name of your own for a Regional gateway. Default: the name API Gateway gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,

    /// Close the name API Gateway gives the gateway, so that it is reached through `domain` only. It is closed once the
    /// domain works. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_default_endpoint: Option<bool>,
}

/// Type of the REST API's endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EndpointType {
    /// Reachable from the internet.
    Regional,
    /// Reachable through VPC endpoints only.
    Private,
}

/// Which Bedrock APIs are reachable.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bedrock {
    /// Endpoint families clients may call. Families beyond `bedrock-runtime` reach data that all tenants share
    /// (knowledge bases, agents, sessions), so they are reachable only when named here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub families: Vec<Family>,
    /// What happens to calls whose use can be neither metered nor checked: operations that this version does not know,
    /// because AWS added them later, and, for tenants with a budget, operations that report no use. Default: refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmetered: Option<Unmetered>,
    /// Call Bedrock at its FIPS endpoints, whose TLS ends in a FIPS 140 validated module; nothing else is called then.
    /// They exist for `bedrock-runtime` and `bedrock`, in the US and GovCloud Regions and in ca-central-1. The TLS library
    /// of the functions themselves is not a validated module. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fips: Option<bool>,
}

/// One Bedrock endpoint family, named by its endpoint prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Model inference.
    BedrockRuntime,
    /// Control plane: models, guardrails, inference profiles.
    Bedrock,
    /// Control plane of agents, flows, prompts and knowledge bases.
    BedrockAgent,
    /// Agents, flows, retrieval.
    BedrockAgentRuntime,
    /// Control plane of data automation.
    BedrockDataAutomation,
    /// Data automation jobs.
    BedrockDataAutomationRuntime,
    /// AgentCore data plane.
    BedrockAgentcore,
    /// AgentCore control plane.
    BedrockAgentcoreControl,
}

/// Sizes and roles of the two Lambda functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Functions {
    /// The function that signs and streams calls to Bedrock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarder: Option<ForwarderFunction>,
    /// The function that turns a credential into a tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<AuthorizerFunction>,
}

/// The forwarder function.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForwarderFunction {
    /// Instruction set of both functions. Default: arm64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::architecture")]
    pub architecture: Option<Architecture>,
    /// Memory in MiB, which also sets the share of a CPU. 256 suits text; take 1024 where prompts of 1 MB and more
    /// are common. Default: 256.
    #[serde(rename = "memoryMiB", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 128, max = 10240))]
    pub memory_mib: Option<i32>,
    /// Longest call in seconds; must exceed the longest stream. Default: 900, which is also Lambda's maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 900))]
    pub timeout_seconds: Option<i32>,
    /// ARN of an existing execution role. Default: the operator makes one that may call what the rules allow within the
    /// named families, read the table and write usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^arn:[a-z-]+:iam::[0-9]{12}:role/.+$')").message("roleArn must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/name"))]
    pub role_arn: Option<String>,
}

/// The authorizer function.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerFunction {
    /// Memory in MiB. Default: 128.
    #[serde(rename = "memoryMiB", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 128, max = 10240))]
    pub memory_mib: Option<i32>,
    /// ARN of an existing execution role. Default: the operator makes one that may read the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^arn:[a-z-]+:iam::[0-9]{12}:role/.+$')").message("roleArn must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/name"))]
    pub role_arn: Option<String>,
}

/// Instruction set of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Architecture {
    /// AWS Graviton: cheaper, and the default.
    #[serde(rename = "arm64")]
    Arm64,
    /// x86.
    #[serde(rename = "x86_64")]
    X8664,
}

/// A rate with a burst. Best effort: API Gateway counts approximately.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.burst >= self.requestsPerSecond").message("burst must be at least requestsPerSecond, else that rate can never be reached").field_path(".burst"))]
pub struct Throttle {
    /// Steady rate in requests per second.
    #[schemars(range(min = 1, max = 10000))]
    pub requests_per_second: i32,
    /// Requests that may come at once.
    #[schemars(range(min = 1, max = 10000))]
    pub burst: i32,
}

/// A class of tenants.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Name that tenants and rules refer to.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')").message("a tier's name has lower-case letters, digits and '-' only, and begins and ends with a letter or digit"))]
    pub name: String,
    /// Limits of the tier's usage plan, counted per tenant.
    pub plan: Throttle,
    /// What each of its tenants may use. Exact, other than `plan`. Default: no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What each of its tenants may spend. Default: as much as it likes, and nothing is charged to anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["window".into()]))]
    pub budgets: Vec<Budget>,
}

/// What happens to AWS objects at deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Delete them.
    Delete,
    /// Leave them as they are.
    Retain,
}
