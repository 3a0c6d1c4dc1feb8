//! `models.guardrails` of an `AIGateway`: what every call carries, whoever makes it.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A guardrail of Amazon Bedrock that every call carries, whatever its client asks for.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MandatoryGuardrail {
    /// Id of a guardrail in the gateway's account and Region, as Bedrock gives it, for example `gr0a1b2c3d4e`.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]+$')").message("id is the guardrail's id, with lower-case letters and digits only; not its name and not its ARN"))]
    pub id: String,
    /// Version of it: a number in quotes, or `DRAFT`, which changes whenever somebody edits the guardrail.
    #[schemars(length(max = 8))]
    #[x_kube(validation = Rule::new("self.matches('^([1-9][0-9]{0,7}|DRAFT)$')").message("version is the number of a version in quotes, such as \"7\", or DRAFT"))]
    pub version: String,
}
