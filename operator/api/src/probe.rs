//! Probes: the calls by which the operator finds out whether a gateway and its tenants work.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// How the gateway and its tenants are probed.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// `Required`: Ready says so only after a probe went through; where the operator cannot reach the URL of a Regional
    /// gateway it is not Ready, of a Private one nothing is held against it. `Report`: probes are made and told, and
    /// Ready does not depend on them. `Off`: none are made. Default: Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::probe_mode")]
    pub mode: Option<ProbeMode>,
    /// Longest time between two probes of the gateway while nothing changes, from 1m to 24h, such as `15m` or `1h30m`.
    /// Tenants are probed after changes, and once a day. Default: 15m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,4}h)?([0-9]{1,4}m)?$') && self != ''").message("interval is written in hours and minutes, such as 15m, 1h or 1h30m"))]
    pub interval: Option<String>,
    /// Model for which Bedrock is asked whether the gateway may call it. The request has no content, so that it is refused
    /// before any model runs; it costs nothing. A rule has to allow the model. Default: a model that a rule names in full,
    /// else Amazon Nova Micro, else the first of the price list that a rule allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9._:/-]*$')").message("model is the whole id or ARN of one model, such as amazon.nova-micro-v1:0"))]
    pub model: Option<String>,
}

/// What probes are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProbeMode {
    /// Ready depends on them.
    #[default]
    Required,
    /// They are told.
    Report,
    /// There are none.
    Off,
}

/// How probes are made, with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveProbe {
    /// `Required`, `Report` or `Off`.
    pub mode: String,
    /// Longest time between two probes of the gateway while nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Model for which Bedrock is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Since when a tenant is refused, and how long that took to take effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspensionStatus {
    /// When the operator first saw that calls are to be refused.
    pub since: String,
    /// Whole seconds from then until a probe with the tenant's own credential was refused, rounded up; absent while none
    /// was, or where there is no credential to probe with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_after_seconds: Option<i32>,
}
