//! The price list: document of `gateway` / `prices`, written by the operator from the bundled list and the gateway's
//! own prices, read by the forwarder when a tenant has a budget.
//!
//! All prices are whole micro-USD per million tokens, so USD 3 per million tokens is `3_000_000`, and a price of a
//! single token is never rounded. A class without a price is unknown, never free.

use serde::{Deserialize, Serialize};

/// Prices of models, the first that matches decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceList {
    /// Tells lists apart: [`crate::table::GatewayConfig::prices`] names the one in force.
    pub revision: String,
    /// Entries, in order.
    pub models: Vec<ModelPrice>,
}

/// Price of the models a pattern fits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelPrice {
    /// Glob over what is called: a model id with its geography, for example `eu.anthropic.claude-*`, one without, which
    /// fits whatever the geography, or the ARN of an opaque model.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Input that is neither read from a cache nor written to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<i64>,
    /// Output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<i64>,
    /// Input read from a cache. Absent: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<i64>,
    /// Input written to a cache for five minutes. Absent: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<i64>,
    /// Input written to a cache for an hour. Absent: twice the input.
    #[serde(rename = "cacheWrite1h", default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<i64>,
    /// Factor of service tier `priority`, in percent. Absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_percent: Option<i64>,
    /// Factor of latency-optimized inference, in percent. Absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimized_percent: Option<i64>,
    /// Higher prices of long prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_context: Option<LongContext>,
    /// Most tokens of input and output together that the model takes: an upper bound of any call's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<i64>,
    /// Most tokens the model answers with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<i64>,
}

/// Prices of a prompt above a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LongContext {
    /// Prompts of more tokens than this, cached ones included.
    pub above_tokens: i64,
    /// Factor of all input classes, in percent.
    pub input_percent: i64,
    /// Factor of output, in percent.
    pub output_percent: i64,
}

/// What a tenant with a budget may do with a model whose price is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnknownPrice {
    /// It may not call it.
    #[default]
    Deny,
    /// It is charged the highest price in the list for each class of tokens.
    ChargeMaximum,
}
