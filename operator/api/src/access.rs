//! Models and shared resources: what a rule allows and a tenant asks for.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Models by pattern.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMatch {
    /// A model id, in which `*` stands for any characters: `anthropic.*`. It is compared with the id as it is called and
    /// with the id without its geography, so `anthropic.*` has `eu.anthropic.claude-…` in it and `eu.*` only what stays in
    /// Europe. What hides its model (application inference profiles, provisioned, custom and imported models, prompts,
    /// routers, endpoints) is only matched by its whole ARN.
    #[serde(rename = "match")]
    #[schemars(length(max = 256))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z0-9*][A-Za-z0-9._:/*-]*$')").message("a model pattern has letters, digits, '.', '_', ':', '/', '-' and '*' only, for example anthropic.*"),
        validation = Rule::new("!self.startsWith('arn:') || !self.contains('*')").message("an ARN must be whole: what hides its model is only allowed one by one"),
        validation = Rule::new("self.contains('.') || self.contains('*') || self.startsWith('arn:')").message("a model id begins with its provider and a dot, such as anthropic.claude-…; name anything else by its ARN")
    )]
    pub match_: String,
}

/// Which models may be called.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantModels {
    /// Only these. Each must lie within what the gateway's rule allows. Default: all that the rule allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["match".into()]))]
    pub allow: Vec<ModelMatch>,
    /// Not these, whatever else allows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["match".into()]))]
    pub deny: Vec<ModelMatch>,
    /// Where calls have to be answered. `Region`: in the gateway's Region, through no cross-Region profile. `EU`, `US`,
    /// `APAC`, `JP`, `AU`, `USGov`: in the gateway's Region if it lies there, or through a profile that stays there.
    /// Default: anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::residency")]
    pub residency: Option<Residency>,
}

/// Where calls have to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Residency {
    /// The gateway's Region.
    Region,
    /// AWS Regions in member states of the European Union.
    #[serde(rename = "EU")]
    Eu,
    /// AWS Regions in the United States.
    #[serde(rename = "US")]
    Us,
    /// AWS Regions in Asia and the Pacific.
    #[serde(rename = "APAC")]
    Apac,
    /// AWS Regions in Japan.
    #[serde(rename = "JP")]
    Jp,
    /// AWS Regions in Australia.
    #[serde(rename = "AU")]
    Au,
    /// AWS GovCloud (US).
    #[serde(rename = "USGov")]
    UsGov,
}

/// A shared Bedrock resource.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceGrant {
    /// ARN, for example `arn:aws:bedrock:eu-central-1:111122223333:knowledge-base/ABCDEFGHIJ`. `*` stands for any
    /// characters after the type; `…:agent/*` is every agent, and is needed to list or create agents. What lies below a
    /// resource, such as a flow's aliases, is included.
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new("self.matches('^arn:[a-z-]+:bedrock(-agentcore)?:[a-z0-9-]+:([0-9]{12}|aws):[a-z-]+/[A-Za-z0-9._:/*-]+$')").message("arn must be the ARN of a Bedrock or AgentCore resource with Region, account and type, such as arn:aws:bedrock:eu-central-1:111122223333:knowledge-base/ABCDEFGHIJ"))]
    pub arn: String,
    /// `Use`: call, read and list. `Manage`: also create, change and delete. Default: Use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resource_access")]
    pub access: Option<ResourceAccess>,
}

/// A shared resource in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveResource {
    /// ARN.
    pub arn: String,
    /// `Use` or `Manage`.
    pub access: String,
}

/// What a resource is reached for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResourceAccess {
    /// Call, read and list.
    #[default]
    Use,
    /// Also create, change and delete.
    Manage,
}

/// Models in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveModels {
    /// Patterns of which one must match; `*` is every foundation model.
    pub allow: Vec<String>,
    /// Patterns of which none may match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Where calls have to be answered; absent: anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<String>,
}
