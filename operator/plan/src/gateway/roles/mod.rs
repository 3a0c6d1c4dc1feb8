//! What the two functions may do: the policies of the roles the operator makes.
//!
//! The forwarder signs with its role, so these lists bound what any tenant can reach: exactly what the rules grant
//! within the open families ([`bedrock`]), with the guardrail that calls carry and not without ([`guardrails`]), and the
//! functions' own table and logs.

mod bedrock;
mod granted;
mod guardrails;

use aigw_contract::Partition;
use aigw_contract::guardrail::Guardrail;
use aigw_contract::table::FUNCTION_WRITABLE_PREFIXES;
use serde_json::{Value, json};

use self::granted::Granted;
use super::guardrails::Fence;
use super::validate::ValidGateway;

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

/// Characters an inline policy may have, white space not counted (IAM quotas).
pub const MAX_POLICY_SIZE: usize = 10_240;

/// Policy of the forwarder's role.
pub fn forwarder(scope: Scope<'_>, valid: &ValidGateway, fence: &Fence) -> Value {
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
    statements.extend(bedrock::statements(&Granted::of(valid)));
    statements.extend(guardrails::statements(fence, valid.place()));
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Size of the forwarder's policy, or a little more: the names of table and log group are not known yet.
pub fn forwarder_size(valid: &ValidGateway) -> usize {
    let longest = "x".repeat(64);
    let scope = Scope { region: &valid.region, account_id: &valid.account_id, table: &longest, log_group: &longest };
    // While one guardrail replaces another, both stand in it.
    let widest = Guardrail { id: longest.clone(), version: aigw_contract::guardrail::DRAFT.into() };
    let passing: Vec<Guardrail> = valid.guardrail.iter().cloned().chain([widest]).collect();
    let fence = if passing.len() > 1 { Fence { passing, denies: true } } else { Fence::default() };
    forwarder(scope, valid, &fence).to_string().len()
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
