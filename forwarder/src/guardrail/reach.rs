//! How each operation carries a guardrail, if it can.
//!
//! What calls a model and has no place for one is refused, and so is what nobody here knows: an operation has to be shown
//! to be harmless, not harmful. The Responses API takes none (user guide, "Responses API"), of the Messages API no page of
//! AWS's says that it does. Other families call models with rights of their own, in several steps of which some carry
//! none (user guide, "Enforce the use of specific guardrails in model inference requests", limitations).

use aigw_contract::Family;
use aigw_contract::guardrail::Guardrail;
use aigw_contract::operations::{Access, Class, Operation, Shape};

use crate::denial::{Denial, shown};
use crate::rules::Call;

/// Operations of the control plane that have a model answer, later and elsewhere.
const JOBS: [&str; 4] = [
    "CreateAdvancedPromptOptimizationJob",
    "CreateEvaluationJob",
    "CreateModelCustomizationJob",
    "CreateModelInvocationJob",
];
/// Operations at a fixed price that look at text and write none.
const CHECKS: [&str; 2] = ["ApplyGuardrail", "InvokeGuardrailChecks"];
/// Operations that only tell of calls made without waiting for their answer.
const LOOKS: [&str; 2] = ["GetAsyncInvoke", "ListAsyncInvokes"];
/// Type of the resource that a guardrail is.
const GUARDRAIL: &str = "guardrail";

/// How a call carries a guardrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It has no need of one: no model answers.
    Free,
    /// As headers.
    Headers,
    /// In the body.
    Converse,
    /// In the body, with what binds a stream.
    ConverseStream,
}

/// Why a call cannot carry one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// The family calls models in its own ways.
    Family,
    /// The operation has no place for one.
    Operation,
    /// It is no operation that is known.
    Unknown,
    /// It changes guardrails.
    Guardrails,
}

/// How a call carries a guardrail.
pub(super) fn way(call: &Call<'_>) -> Result<Way, Unreachable> {
    match call.family {
        Family::BedrockRuntime => runtime(call.operation.ok_or(Unreachable::Unknown)?),
        Family::Bedrock => control(call.operation.ok_or(Unreachable::Unknown)?),
        Family::BedrockAgent
        | Family::BedrockAgentRuntime
        | Family::BedrockDataAutomation
        | Family::BedrockDataAutomationRuntime
        | Family::BedrockAgentcore
        | Family::BedrockAgentcoreControl => Err(Unreachable::Family),
    }
}

fn runtime(operation: &Operation) -> Result<Way, Unreachable> {
    match operation.class {
        Class::Inference(Shape::Converse) if operation.name == "ConverseStream" => Ok(Way::ConverseStream),
        Class::Inference(Shape::Converse) => Ok(Way::Converse),
        Class::Inference(Shape::InvokeModel | Shape::ChatCompletions) => Ok(Way::Headers),
        Class::Inference(Shape::Responses | Shape::Messages) => Err(Unreachable::Operation),
        Class::Free => Ok(Way::Free),
        _ if CHECKS.contains(&operation.name) || LOOKS.contains(&operation.name) => Ok(Way::Free),
        Class::FixedPrice | Class::Stateful(_) | Class::Forbidden(_) => Err(Unreachable::Operation),
    }
}

fn control(operation: &Operation) -> Result<Way, Unreachable> {
    let changes = operation.class == Class::Stateful(Access::Manage);
    if changes && operation.resources.iter().any(|resource| resource.kind() == GUARDRAIL) {
        return Err(Unreachable::Guardrails);
    }
    if JOBS.contains(&operation.name) { Err(Unreachable::Operation) } else { Ok(Way::Free) }
}

impl Unreachable {
    /// What the client is told.
    pub fn denial(self, call: &Call<'_>, guardrail: &Guardrail) -> Denial {
        let name = call.operation.map_or("this operation", |operation| operation.name);
        let because = match self {
            Self::Family => format!("{} does not carry one through all its calls of models", call.family),
            Self::Operation => format!("{name} cannot carry one; use Converse, InvokeModel or Chat Completions"),
            Self::Unknown => {
                format!("the gateway does not know whether {} can carry one", shown(call.path))
            }
            Self::Guardrails => format!("{name} could take it away"),
        };
        Denial::forbidden(format!(
            "every call of this gateway has to carry guardrail {guardrail}, and {because}; the platform team decides that \
             in spec.models.guardrails of the AIGateway"
        ))
    }
}

#[cfg(test)]
mod tests {
    use aigw_contract::operations;

    use super::*;

    fn of(family: Family, operation: &'static Operation) -> Result<Way, Unreachable> {
        way(&Call { family, operation: Some(operation), path: "/", query: "", body: b"", encoded: false })
    }

    #[test]
    fn every_operation_that_can_have_a_model_answer_carries_one_or_is_refused() {
        let carried = [
            ("ChatCompletions", Way::Headers),
            ("Converse", Way::Converse),
            ("ConverseStream", Way::ConverseStream),
            ("InvokeModel", Way::Headers),
            ("InvokeModelWithResponseStream", Way::Headers),
        ];
        let free = ["ApplyGuardrail", "CountTokens", "GetAsyncInvoke", "InvokeGuardrailChecks", "ListAsyncInvokes"];
        // What AWS adds to this family is refused until somebody has looked at it.
        for operation in operations::of(Family::BedrockRuntime) {
            let carried = carried.iter().find(|(name, _)| *name == operation.name).map(|(_, way)| *way);
            let expected = carried.or_else(|| free.contains(&operation.name).then_some(Way::Free));
            assert_eq!(of(Family::BedrockRuntime, operation).ok(), expected, "{}", operation.name);
        }
    }

    #[test]
    fn other_families_are_refused_whole() {
        for family in
            Family::ALL.into_iter().filter(|family| !matches!(family, Family::BedrockRuntime | Family::Bedrock))
        {
            for operation in operations::of(family) {
                assert_eq!(of(family, operation), Err(Unreachable::Family), "{}", operation.name);
            }
        }
    }

    #[test]
    fn jobs_that_have_a_model_answer_and_changes_of_guardrails_are_refused() {
        // Each job was looked at: copies and imports call no model.
        let harmless = ["CreateModelCopyJob", "CreateModelImportJob"];
        let mut refused = Vec::new();
        for operation in operations::of(Family::Bedrock) {
            let starts = operation.name.starts_with("Create") && operation.name.ends_with("Job");
            let reach = of(Family::Bedrock, operation);
            assert!(!starts || reach.is_err() || harmless.contains(&operation.name), "{}", operation.name);
            if reach.is_err() {
                refused.push(operation.name);
            }
        }
        refused.sort_unstable();
        assert_eq!(
            refused,
            [
                "CreateAdvancedPromptOptimizationJob",
                "CreateEvaluationJob",
                "CreateGuardrail",
                "CreateGuardrailVersion",
                "CreateModelCustomizationJob",
                "CreateModelInvocationJob",
                "DeleteGuardrail",
                "UpdateGuardrail",
            ]
        );
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for family in [Family::BedrockRuntime, Family::Bedrock] {
            let call = Call { family, operation: None, path: "/new", query: "", body: b"", encoded: false };
            assert_eq!(way(&call), Err(Unreachable::Unknown));
        }
    }
}
