//! Money: what models cost, and what happens where that is not known or cannot be counted.
//!
//! All of it binds tenants with a budget only; who has none may spend what it likes.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guardrails::MandatoryGuardrail;
use crate::schema;

/// What the gateway knows of models.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayModels {
    /// Prices of your own. They come before the list the operator brings along, and the first that matches a call
    /// decides, with all it says: what it leaves out is not taken from the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["match".into()]))]
    pub prices: Vec<PriceOverride>,
    /// What a tenant with a budget may do with a model no price is known for. `Deny`: not call it. `ChargeMaximum`: call
    /// it, charged with the highest price of all models for each class of tokens. Default: Deny.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::unknown_price")]
    pub unknown_price: Option<UnknownPrice>,
    /// The guardrail that every call carries, whatever its client asks for; one at most. Calls that cannot carry one are
    /// refused: the Responses and Messages APIs, asynchronous and batch inference, agents. So are parts of a prompt that a
    /// client would have it skip. What a guardrail does not look at by itself, such as the results of tools, is in the
    /// documentation of Bedrock. A change takes two minutes, during which no call fails. Default: clients decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub guardrails: Vec<MandatoryGuardrail>,
}

/// What some models cost.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceOverride {
    /// A model id, in which `*` stands for any characters: `anthropic.claude-*`. It is compared with the id as it is
    /// called and with the id without its geography, so `anthropic.*` has `eu.anthropic.claude-…` in it and `global.*`
    /// only what may be answered anywhere. What hides its model (application inference profiles, provisioned, custom and
    /// imported models) is only matched by its whole ARN.
    #[serde(rename = "match")]
    #[schemars(length(max = 256))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z0-9*][A-Za-z0-9._:/*-]*$')").message("a model pattern has letters, digits, '.', '_', ':', '/', '-' and '*' only, for example anthropic.*"),
        validation = Rule::new("!self.startsWith('arn:') || !self.contains('*')").message("an ARN must be whole: what hides its model has a price of its own"),
        validation = Rule::new("self.contains('.') || self.contains('*') || self.startsWith('arn:')").message("a model id begins with its provider and a dot, such as anthropic.claude-…; name anything else by its ARN")
    )]
    pub match_: String,
    /// Prices of a million tokens in USD.
    pub usd_per_million_tokens: TokenPrices,
    /// Price of service tier `priority` in percent of these. Default: unknown, so tenants with a budget cannot use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 1000))]
    pub priority_percent: Option<i32>,
    /// Price of latency-optimized inference in percent of these. Default: unknown, so tenants with a budget cannot use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 1000))]
    pub optimized_percent: Option<i32>,
    /// Higher prices of long prompts. Default: a prompt of any length costs the same per token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_context: Option<LongContextPrice>,
    /// Most tokens a prompt and its answer can have. It bounds what is reserved for a call. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub context_tokens: Option<i32>,
    /// Most tokens an answer can have. It bounds what is reserved for a call that names no maximum. Default: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_output_tokens: Option<i32>,
}

/// Prices of a million tokens in USD, by class, as decimals in quotes such as "0.25".
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenPrices {
    /// Input.
    #[schemars(length(max = 16))]
    #[x_kube(validation = schema::price())]
    pub input: String,
    /// Output. Default: unknown, right for models that answer with numbers only, such as embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = schema::price())]
    pub output: Option<String>,
    /// Input read from a prompt cache. Default: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = schema::price())]
    pub cache_read: Option<String>,
    /// Input written to a prompt cache for five minutes. Default: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = schema::price())]
    pub cache_write: Option<String>,
    /// Input written to a prompt cache for an hour. Default: twice the input.
    #[serde(rename = "cacheWrite1h", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = schema::price())]
    pub cache_write_1h: Option<String>,
}

/// Higher prices of long prompts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LongContextPrice {
    /// Prompts of more tokens than this, cached ones included.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub above_tokens: i32,
    /// Price of input of every class, in percent of the usual one.
    #[schemars(range(min = 100, max = 1000))]
    pub input_percent: i32,
    /// Price of output, in percent of the usual one.
    #[schemars(range(min = 100, max = 1000))]
    pub output_percent: i32,
}

/// What a tenant with a budget may do with a model no price is known for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnknownPrice {
    /// Not call it.
    #[default]
    Deny,
    /// Call it, charged with the highest price of all models.
    ChargeMaximum,
}

/// What happens to calls while the table does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FailMode {
    /// They are refused.
    #[default]
    Closed,
    /// They pass, uncounted.
    Open,
}

/// What happens to calls whose use can be neither metered nor checked.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.policy == 'Charge') == has(self.usdPerCall)").message("usdPerCall goes with policy Charge, and only with it").field_path(".usdPerCall"))]
pub struct Unmetered {
    /// `Deny`: refused. `Charge`: as Allow, and each costs a tenant with a budget `usdPerCall`. `Allow`: forwarded, by any
    /// tenant, without model rules unless the path names a model. The role the operator makes has none of their actions;
    /// add them in a role of your own (`functions.forwarder.roleArn`).
    pub policy: UnmeteredPolicy,
    /// What such a call costs a tenant with a budget, in USD, as a decimal in quotes such as "0.01". It is an estimate of
    /// yours: what AWS bills for the call is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(
        validation = Rule::new("self.matches('^[0-9]{1,5}([.][0-9]{1,6})?$')").message("usdPerCall is a decimal in quotes, below 100000 and with at most 6 digits after the point, for example \"0.01\""),
        validation = Rule::new("self.matches('[1-9]')").message("usdPerCall must be more than 0; calls that are to cost nothing are policy Allow")
    )]
    pub usd_per_call: Option<String>,
}

/// What happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnmeteredPolicy {
    /// Refused.
    Deny,
    /// Forwarded, for a fixed amount.
    Charge,
    /// Forwarded.
    Allow,
}

/// The price list in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectivePrices {
    /// Day the list the operator brings along is of.
    pub list_date: String,
    /// Tells lists apart: of that list, the gateway's own prices and its Region.
    pub revision: String,
    /// Prices in it, the gateway's own included.
    pub models: i32,
    /// Prices of the gateway's own.
    pub overrides: i32,
}
