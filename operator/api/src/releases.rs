//! Releases: how a new version of the functions comes to serve, and how far one has come.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// How a new version of the forwarder or the authorizer comes to serve: one that an upgrade of the operator brings, or a
/// change of memory, time-out or architecture.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("(has(self.policy) && self.policy == 'Canary') || !has(self.canary)").message("canary is only for policy Canary").field_path(".canary")
)]
pub struct Releases {
    /// `AllAtOnce`: it takes all calls as soon as it is ready. `Canary`: it takes a growing share of them, and none any
    /// more once it fails too often or is too slow. Default: AllAtOnce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::release_policy")]
    pub policy: Option<ReleasePolicy>,
    /// Steps and bounds of policy Canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
}

/// How a new version comes to serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReleasePolicy {
    /// At once.
    #[default]
    AllAtOnce,
    /// By growing shares of the calls.
    Canary,
}

/// Steps and bounds of a roll-out.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Canary {
    /// Percent of the calls that the new version takes, step by step; rising, and 100 at the end. Default: 5, 25, 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(range(min = 1, max = 100)))]
    #[x_kube(validation = Rule::new("self.size() == 0 || (self.isSorted() && self.all(s, self.exists_one(o, o == s)) && self.exists(s, s == 100))").message("steps must rise and end with 100, such as [5, 25, 100]"))]
    pub steps: Vec<i32>,
    /// Shortest time between two steps, from 1m to 24h, such as `10m` or `1h`. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = schema::duration("interval", "1m", "24h"))]
    pub interval: Option<String>,
    /// Calls that a version has to have taken in a step before the next one comes. Where a gateway has too few, a step lasts
    /// until it has had them, or a person says to go on. Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_calls: Option<i32>,
    /// What sends all calls back to the old version. Default: more than 1 percent errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_on: Option<AbortOn>,
}

/// What ends a roll-out.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbortOn {
    /// Percent of the new version's calls of a step that may fail: more of them end the roll-out. A call fails where Lambda
    /// says so: the function crashes, runs out of time or memory, or reports an error. An answer that Bedrock, a limit or
    /// the gateway itself gives with an error status is none of these. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 99))]
    pub error_rate_percent: Option<i32>,
    /// Milliseconds that 99 of 100 calls of the new version must stay within, whole streams included: more slow calls end
    /// the roll-out. Default: no bound.
    #[serde(rename = "latencyP99Ms", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 900_000))]
    pub latency_p99_ms: Option<i32>,
}

/// How releases are made, with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveReleases {
    /// `AllAtOnce` or `Canary`.
    pub policy: String,
    /// Percent of the calls, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub steps: Vec<i32>,
    /// Shortest time between two steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Calls that a step takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_calls: Option<i32>,
    /// Percent of calls that may fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate_percent: Option<i32>,
    /// Milliseconds that 99 of 100 calls must stay within.
    #[serde(rename = "latencyP99Ms", default, skip_serializing_if = "Option::is_none")]
    pub latency_p99_ms: Option<i32>,
}

/// A version that takes a share of the calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStatus {
    /// Published version.
    pub version: String,
    /// SHA-256 of its code, base64 as Lambda reports it.
    pub code_sha256: String,
    /// Percent of the calls it takes.
    pub percent: i32,
    /// When the step began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// A version that was sent back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectedStatus {
    /// Published version. It is not tried again.
    pub version: String,
    /// SHA-256 of its code, base64 as Lambda reports it.
    pub code_sha256: String,
    /// Why it was sent back.
    pub message: String,
    /// When it was sent back.
    pub at: String,
}
