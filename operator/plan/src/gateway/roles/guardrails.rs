//! What the forwarder's role may do with guardrails, and that it may call no model without the gateway's.
//!
//! Source: Bedrock user guide, "Enforce the use of specific guardrails in model inference requests" (the condition key holds
//! the guardrail's ARN with its version, or without for the draft; a negated operator also fits where a call carries none;
//! Converse and its stream are bound by the actions of InvokeModel), "Permissions for using cross-Region inference with
//! guardrails" (profiles). The denial is on every resource: models, profiles, and whatever else a model hides behind.

use aigw_contract::model::Place;
use serde_json::{Value, json};

use super::bedrock::MODEL_ACTIONS;
use crate::gateway::guardrails::Fence;

/// The statements.
pub(super) fn statements(fence: &Fence, place: Place<'_>) -> Vec<Value> {
    let Fence { passing, denies } = fence;
    if passing.is_empty() {
        return Vec::new();
    }
    let Place { partition, account_id, .. } = place;
    let mut applied: Vec<String> = passing.iter().map(|guardrail| guardrail.arn(place)).collect();
    applied.sort();
    applied.dedup();
    // A guardrail of the Standard tier is evaluated in any Region of its profile.
    applied.push(format!("arn:{partition}:bedrock:*:{account_id}:guardrail-profile/*"));
    let mut statements =
        vec![json!({"Sid": "Guard", "Effect": "Allow", "Action": ["bedrock:ApplyGuardrail"], "Resource": applied})];
    if *denies {
        let carried: Vec<String> = passing.iter().map(|guardrail| guardrail.condition_value(place)).collect();
        statements.push(json!({
            "Sid": "DenyUnguarded", "Effect": "Deny", "Action": MODEL_ACTIONS, "Resource": ["*"],
            "Condition": {"StringNotEquals": {"bedrock:GuardrailIdentifier": carried}},
        }));
    }
    statements
}
