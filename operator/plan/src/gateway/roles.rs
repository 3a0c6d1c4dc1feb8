//! What the two functions may do: the policies of the roles the operator makes.
//!
//! The forwarder signs with its role, so these lists bound what any tenant can reach. Control-plane families get read
//! actions only. Action names: AWS service authorization reference for Amazon Bedrock and Bedrock AgentCore.

use aigw_contract::table::FUNCTION_WRITABLE_PREFIXES;
use aigw_contract::{Family, Partition};
use serde_json::{Value, json};

/// Where the policies apply.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Region.
    pub region: &'a str,
    /// Account.
    pub account_id: &'a str,
    /// Table name.
    pub table: &'a str,
    /// Log group of the function.
    pub log_group: &'a str,
}

impl Scope<'_> {
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", Partition::of(self.region).id, self.region, self.account_id)
    }
}

/// Lambda may assume the role.
pub fn trust() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    })
}

/// Policy of the forwarder's role.
pub fn forwarder(scope: Scope<'_>, families: &[Family]) -> Value {
    let writable: Vec<String> = FUNCTION_WRITABLE_PREFIXES.iter().map(|prefix| format!("{prefix}*")).collect();
    let mut statements = vec![
        logs(scope),
        read_table(scope),
        json!({
            "Sid": "Count", "Effect": "Allow", "Action": ["dynamodb:UpdateItem"],
            "Resource": [scope.arn("dynamodb", &format!("table/{}", scope.table))],
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": writable}},
        }),
    ];
    statements.extend(families.iter().map(|family| {
        json!({"Sid": sid(*family), "Effect": "Allow", "Action": actions(*family), "Resource": resources(scope, *family)})
    }));
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Policy of the authorizer's role.
pub fn authorizer(scope: Scope<'_>) -> Value {
    // Identities of one token are looked up together.
    let mut read = read_table(scope);
    read["Action"] = json!(["dynamodb:BatchGetItem", "dynamodb:GetItem"]);
    json!({"Version": "2012-10-17", "Statement": [logs(scope), read]})
}

fn logs(scope: Scope<'_>) -> Value {
    json!({
        "Sid": "Log", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": [scope.arn("logs", &format!("log-group:{}:*", scope.log_group))],
    })
}

fn read_table(scope: Scope<'_>) -> Value {
    json!({
        "Sid": "Read", "Effect": "Allow", "Action": ["dynamodb:GetItem"],
        "Resource": [scope.arn("dynamodb", &format!("table/{}", scope.table))],
    })
}

fn sid(family: Family) -> String {
    let words = family.endpoint_prefix().split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

fn actions(family: Family) -> &'static [&'static str] {
    match family {
        Family::BedrockRuntime => &[
            "bedrock:ApplyGuardrail",
            "bedrock:CountTokens",
            "bedrock:InvokeModel",
            "bedrock:InvokeModelWithResponseStream",
        ],
        Family::Bedrock => &[
            "bedrock:GetFoundationModel",
            "bedrock:GetInferenceProfile",
            "bedrock:ListFoundationModels",
            "bedrock:ListInferenceProfiles",
        ],
        Family::BedrockAgent => {
            &["bedrock:GetAgent", "bedrock:GetKnowledgeBase", "bedrock:ListAgents", "bedrock:ListKnowledgeBases"]
        }
        Family::BedrockAgentRuntime => &[
            "bedrock:InvokeAgent",
            "bedrock:InvokeFlow",
            "bedrock:InvokeModel",
            "bedrock:Rerank",
            "bedrock:Retrieve",
            "bedrock:RetrieveAndGenerate",
        ],
        Family::BedrockDataAutomation => &["bedrock:GetDataAutomationProject", "bedrock:ListDataAutomationProjects"],
        Family::BedrockDataAutomationRuntime => {
            &["bedrock:GetDataAutomationStatus", "bedrock:InvokeDataAutomationAsync"]
        }
        Family::BedrockAgentcore => &["bedrock-agentcore:InvokeAgentRuntime"],
        Family::BedrockAgentcoreControl => {
            &["bedrock-agentcore:GetAgentRuntime", "bedrock-agentcore:ListAgentRuntimes"]
        }
    }
}

/// Foundation models belong to no account and, behind a cross-Region profile, to other Regions; all else is the account's.
fn resources(scope: Scope<'_>, family: Family) -> Vec<String> {
    let partition = Partition::of(scope.region).id;
    match family {
        Family::Bedrock | Family::BedrockAgent | Family::BedrockDataAutomation | Family::BedrockAgentcoreControl => {
            vec!["*".into()]
        }
        Family::BedrockAgentcore => vec![scope.arn("bedrock-agentcore", "runtime/*")],
        _ => vec![format!("arn:{partition}:bedrock:*::foundation-model/*"), scope.arn("bedrock", "*")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope<'_> = Scope {
        region: "eu-central-1",
        account_id: "111122223333",
        table: "aigw-x",
        log_group: "/aws/lambda/aigw-x-forwarder",
    };

    #[test]
    fn the_forwarder_may_reach_named_families_only_and_write_counters_only() {
        let policy = forwarder(SCOPE, &[Family::BedrockRuntime]).to_string();
        assert!(policy.contains("bedrock:InvokeModel"));
        assert!(!policy.contains("bedrock:Retrieve") && !policy.contains("agentcore"));
        assert!(!policy.contains("PutItem") && !policy.contains("DeleteItem"));
        assert!(policy.contains(r#""dynamodb:LeadingKeys":["meter#*","usage#*"]"#));
    }

    #[test]
    fn every_family_has_actions_of_its_signing_name_and_a_valid_sid() {
        for family in Family::ALL {
            let prefix = format!("{}:", family.signing_name());
            assert!(
                actions(family).iter().all(|action| action.starts_with(&prefix) && !action.ends_with('*')),
                "{family}"
            );
            assert!(sid(family).chars().all(char::is_alphanumeric));
        }
    }
}
