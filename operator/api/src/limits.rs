//! Limits and budgets: what a tier gives, a rule caps, a tenant asks for, and what of it is in force and used.
//!
//! Money is decimal text in USD, because a number of JSON is a float to many readers.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What a tenant may use. Each is counted exactly, over all of the tenant's credentials, before a call reaches Bedrock.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Calls per clock minute. At most 18000, because a tenant's counters take about 300 calls a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 18000))]
    pub requests_per_minute: Option<i32>,
    /// Tokens per clock minute, of prompts and answers together, cached ones included. A call takes its estimate first and
    /// gives back what it did not use. One whose estimate is larger than this is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub tokens_per_minute: Option<i32>,
    /// Calls at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub concurrency: Option<i32>,
    /// How long answers may be, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<OutputTokens>,
}

/// How long answers may be, in tokens.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("!has(self.default) || !has(self.max) || self.default <= self.max").message("default must not exceed max").field_path(".default"))]
pub struct OutputTokens {
    /// Written into requests that name no maximum: without one Bedrock reserves the model's own, and so does a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub default: Option<i32>,
    /// Requests that name more are lowered to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max: Option<i32>,
}

/// The highest limits a tenant can have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitCeilings {
    /// Calls per clock minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 18000))]
    pub requests_per_minute: Option<i32>,
    /// Tokens per clock minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub tokens_per_minute: Option<i32>,
    /// Calls at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub concurrency: Option<i32>,
    /// How long answers may be, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<OutputCeiling>,
}

/// The highest sums of limits that the tenants of one namespace can have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceLimits {
    /// Calls per clock minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_minute: Option<i32>,
    /// Tokens per clock minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_000_000_000))]
    pub tokens_per_minute: Option<i32>,
    /// Calls at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub concurrency: Option<i32>,
}

/// How long answers may be, in tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputCeiling {
    /// Highest `max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max: Option<i32>,
}

/// Money for one calendar window, in the time zone of the tenant.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// `Day` or `Month`.
    pub window: BudgetWindow,
    /// USD that may be spent in it, as text, for example `"200"` or `"0.5"`; six digits after the point at most.
    #[schemars(length(max = 17))]
    #[x_kube(validation = schema::budget())]
    pub usd: String,
}

/// Money a tenant asks for, for one calendar window.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantBudget {
    /// `Day` or `Month`.
    pub window: BudgetWindow,
    /// USD that may be spent in it, as text, for example `"200"` or `"0.5"`; six digits after the point at most. Default:
    /// what the tier gives, for those who only want other warnings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 17))]
    #[x_kube(validation = schema::budget())]
    pub usd: Option<String>,
    /// Percentages of the budget at which to warn, by an Event once per window and in the condition `WithinBudget`.
    /// Default: 80.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(range(min = 1, max = 98)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub warn_percent: Vec<i32>,
}

/// A calendar window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum BudgetWindow {
    /// From midnight to midnight.
    Day,
    /// From the first of a month.
    Month,
}

/// A way to ask for more than the usual price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Premium {
    /// Service tier `priority`.
    PriorityTier,
    /// Latency-optimized inference.
    OptimizedLatency,
    /// Cache entries that live for an hour.
    HourCache,
    /// Prompts above the length from which on a model charges more.
    LongContext,
}

/// Whether limits and budgets deny.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Enforcement {
    /// They do.
    #[default]
    Enforce,
    /// They are counted and logged, and deny nothing.
    Shadow,
}

/// A limit in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveLimit {
    /// Its field in `limits`, for example `requestsPerMinute` or `maxOutputTokens.max`.
    pub name: String,
    /// Its value.
    pub value: i64,
    /// Where it comes from: `Tier`, `Tenant`, or `Ceiling` of the rule.
    pub from: String,
}

/// A budget in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveBudget {
    /// `Day` or `Month`.
    pub window: BudgetWindow,
    /// USD that may be spent in it.
    pub usd: String,
    /// Where it comes from: `Tier`, `Tenant`, or `Ceiling` of the rule.
    pub from: String,
}

/// What a tenant with a budget has spent, coarsely: brought up to date when a threshold is crossed and otherwise every
/// five minutes at most, and only when it has changed by a percent of the budget, or once an hour. What calls in flight may
/// cost at most is included. Exact: `GET /.aigw/usage` at the gateway, with the tenant's credential.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantUsage {
    /// When this was read.
    pub observed_at: String,
    /// Percentage used of the budget that is nearest to its end.
    pub percent: i32,
    /// One per budget.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["window".into()]))]
    pub windows: Vec<WindowUsage>,
    /// USD of calls that never ended because their function was killed: charged as reserved, since what they really cost
    /// is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaked_usd: Option<String>,
}

/// What was spent in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowUsage {
    /// `Day` or `Month`.
    pub window: BudgetWindow,
    /// USD that may be spent.
    pub limit: String,
    /// USD spent.
    pub used: String,
    /// Percentage used, rounded down.
    pub percent: i32,
    /// Highest percentage that was warned of for this window and limit; 100: that the budget is exhausted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned_percent: Option<i32>,
    /// When the window ends, and with it the use of it.
    pub resets_at: String,
}
