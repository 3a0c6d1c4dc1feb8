//! What the operator's probe asks the forwarder for, and what it is told: `GET /.aigw/probe`.
//!
//! The answer says what only the forwarder can find out: whether it reads and writes the table, and whether Bedrock lets
//! its role call. Bedrock is asked for nothing that it would do: the request has no content, so it is refused as invalid
//! after access was checked, and costs nothing.

use serde::{Deserialize, Serialize};

/// Path of the probe.
pub const PROBE_PATH: &str = "/.aigw/probe";

/// Response header with the kind of API Gateway's own answers, for example `AUTHORIZER_FAILURE`: which part of the way
/// refused. Kinds: API Gateway guide, "gateway response types".
pub const REFUSED_BY: &str = "x-aigw-refused-by";

/// Who may ask, and for which model Bedrock is asked: part of the gateway's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeSetup {
    /// Tenant id of the operator's probe; to all others there is no such path.
    pub tenant: String,
    /// Id of the model; none where the rules allow none that has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// What the forwarder found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeReport {
    /// Whether a reservation and its settlement were written.
    pub table: TableAnswer,
    /// What Bedrock says to the forwarder's role.
    pub bedrock: BedrockAnswer,
    /// What it says to the same call without the guardrail that calls carry; absent where they carry none, and from an older
    /// forwarder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unguarded: Option<BedrockAnswer>,
}

/// How the table answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableAnswer {
    /// The call was counted.
    Counted,
    /// The forwarder's role may not read or write.
    Denied,
    /// No answer that counts.
    Unreachable,
    /// It is being changed, or a newer forwarder says what this version does not know.
    #[serde(other)]
    Unclear,
}

/// How Bedrock answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BedrockAnswer {
    /// It was not asked: there is no model to ask for.
    NotAsked,
    /// It refused the empty request as invalid: calls with content would be answered.
    Callable,
    /// The forwarder's role, or a policy above it, does not allow the call.
    RoleDenied,
    /// The account has no access to the model.
    ModelDenied,
    /// No answer, or none that tells.
    Unreachable,
    /// It is busy, or a newer forwarder says what this version does not know.
    #[serde(other)]
    Unclear,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_forwarder_says_is_unclear_and_no_error() {
        let text = r#"{"table":"Postponed","bedrock":"Migrated","more":1}"#;
        let report: ProbeReport = serde_json::from_str(text).unwrap();
        assert_eq!(
            report,
            ProbeReport { table: TableAnswer::Unclear, bedrock: BedrockAnswer::Unclear, unguarded: None }
        );
        let known = ProbeReport { table: TableAnswer::Counted, bedrock: BedrockAnswer::Callable, unguarded: None };
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(text, r#"{"table":"Counted","bedrock":"Callable"}"#);
        assert_eq!(serde_json::from_str::<ProbeReport>(&text).unwrap(), known);
    }
}
