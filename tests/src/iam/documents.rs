//! The documents we ship: the operator's policy, for each way to run it, and the boundary of the roles it makes.
//!
//! The operator's policy is made from recorded operations. Each right is scoped by the name, path or tag that everything
//! the operator makes has; a right of which nothing is known here fails the generation.

use std::collections::{BTreeMap, BTreeSet};

use aigw_contract::Family;
use aigw_contract::operations::{self, Class};
use aigw_env::aws_proxy::route;
use serde_json::{Value, json};

use super::policy::matches;
use super::request::{further, own};
use crate::Outcome;

/// Characters a managed policy may have, white space not counted (IAM quotas).
pub const MAX_SIZE: usize = 6_144;

/// Lists, which are about no object.
const LISTS: [&str; 5] = [
    "dynamodb:ListTables",
    "iam:ListRoles",
    "lambda:ListFunctions",
    "logs:DescribeLogGroups",
    "servicequotas:ListServiceQuotas",
];
/// Creations that API Gateway can limit by the tags that are asked for only: what does not exist has neither tag nor name.
const CREATIONS: [&str; 4] = [
    "apigateway:CreateRestApi",
    "apigateway:CreateUsagePlan",
    "apigateway:CreateApiKey",
    "apigateway:CreateDomainName",
];
/// CloudWatch has nothing to scope this by (service authorization reference, "Amazon CloudWatch").
const METRICS: &str = "cloudwatch:GetMetricData";
/// Names of everything of ours.
const FUNCTIONS: &str = "arn:aws:lambda:*:*:function:aigw-*";
const TABLES: &str = "arn:aws:dynamodb:*:*:table/aigw-*";
const LOG_GROUPS: &str = "arn:aws:logs:*:*:log-group:/aws/lambda/aigw-*";
/// The same of access logs, which API Gateway writes and no function.
const ACCESS_LOG_GROUPS: &str = "arn:aws:logs:*:*:log-group:/aws/apigateway/aigw-*";
const ROLES: &str = "arn:aws:iam::*:role/aigw/*";

/// Operations for which IAM has no right of that name: AWS's service authorization reference, as cfn-lint carries it.
const NO_RIGHTS: [&str; 2] =
    ["bedrock:InvokeModelWithBidirectionalStream", "bedrock-agentcore:RotatePaymentConnectorCredentials"];

/// For whom a policy is.
pub struct For<'a> {
    /// Pattern of installations whose objects may be changed.
    pub installation: &'a str,
    /// Boundary that roles must have, as an ARN; `None` demands none.
    pub boundary: Option<&'a str>,
    /// ARNs of roles that are given by the platform, which leaves the operator without rights to make any.
    pub given_roles: &'a [&'a str],
}

/// Rights of one statement.
#[derive(Default)]
struct Statement {
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    condition: Option<Value>,
}

/// The policy that allows the recorded operations.
pub fn operator(recorded: &BTreeSet<String>, wanted: &For<'_>) -> Outcome<Value> {
    let mut statements: BTreeMap<&'static str, Statement> = BTreeMap::new();
    for operation in recorded {
        let Some(own) = own(operation) else { continue };
        let needs_iam = operation.starts_with("iam:");
        if needs_iam && !wanted.given_roles.is_empty() {
            continue;
        }
        add(&mut statements, operation, &own, wanted)?;
        for right in further(operation) {
            add(&mut statements, operation, right, wanted)?;
        }
    }
    Ok(document(statements))
}

fn document(statements: BTreeMap<&'static str, Statement>) -> Value {
    let statement = |(sid, Statement { actions, resources, condition }): (&str, Statement)| {
        let covered = |one: &String| resources.iter().any(|other| other != one && matches(other, one));
        let resources: Vec<_> = resources.iter().filter(|one| !covered(one)).collect();
        let mut statement = json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources});
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        statement
    };
    json!({"Version": "2012-10-17", "Statement": statements.into_iter().map(statement).collect::<Vec<_>>()})
}

/// Puts a right that `operation` takes into the statement it belongs to.
fn add(statements: &mut BTreeMap<&'static str, Statement>, operation: &str, right: &str, wanted: &For<'_>) -> Outcome {
    // A custom domain is an installation's, everything else a gateway's.
    let ids = ["AIGateway", "Domain"].map(|kind| format!("{}/{kind}/*", wanted.installation));
    let like = |key: &str| json!({"StringLike": {format!("aws:{key}/aigateway.dev/id"): ids}});
    let bounded = ["iam:CreateRole", "iam:PutRolePolicy"].contains(&right);
    let (sid, resources, condition) = match right {
        METRICS => ("Metrics", vec!["*".to_owned()], None),
        _ if LISTS.contains(&right) => ("Find", vec!["*".to_owned()], None),
        "iam:PassRole" => {
            let given = wanted.given_roles.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>();
            let roles = if given.is_empty() { vec![ROLES.to_owned()] } else { given };
            ("PassRoles", roles, Some(json!({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}})))
        }
        // Their paths hold an ARN, which has no tags to ask for before the object exists.
        "apigateway:PUT" if operation != "apigateway:PutRestApi" => {
            ("GatewayTags", vec!["arn:aws:apigateway:*::/tags/*".to_owned()], None)
        }
        "apigateway:GET" => ("GatewaysRead", vec![path(operation)?], None),
        _ if CREATIONS.contains(&operation) => ("GatewaysCreate", vec![path(operation)?], Some(like("RequestTag"))),
        // What is tagged is changed, whichever of the three it is.
        "apigateway:PATCH" if operation == "apigateway:TagResource" => {
            let paths = ["restapis", "usageplans", "apikeys"].map(|kind| format!("arn:aws:apigateway:*::/{kind}/*"));
            ("GatewaysChange", paths.to_vec(), Some(like("ResourceTag")))
        }
        _ if right.starts_with("apigateway:") => ("GatewaysChange", vec![path(operation)?], Some(like("ResourceTag"))),
        _ if right.starts_with("lambda:") => ("Functions", vec![FUNCTIONS.to_owned()], None),
        _ if right.starts_with("dynamodb:") => ("Tables", vec![TABLES.to_owned()], None),
        _ if right.starts_with("logs:") => {
            ("LogGroups", vec![LOG_GROUPS.to_owned(), ACCESS_LOG_GROUPS.to_owned()], None)
        }
        _ if bounded && wanted.boundary.is_some() => (
            "RolesWithinTheBoundary",
            vec![ROLES.to_owned()],
            wanted.boundary.map(|boundary| json!({"StringEquals": {"iam:PermissionsBoundary": boundary}})),
        ),
        _ if right.starts_with("iam:") => ("Roles", vec![ROLES.to_owned()], None),
        _ => return Err(format!("no scope is known for {right}").into()),
    };
    let statement = statements.entry(sid).or_default();
    statement.actions.insert(right.to_owned());
    statement.resources.extend(resources);
    statement.condition = condition;
    Ok(())
}

/// ARN of what an operation of API Gateway is about.
fn path(operation: &str) -> Outcome<String> {
    let name = operation.strip_prefix("apigateway:").ok_or("no operation of API Gateway")?;
    let (_, template) = route("apigateway", name).ok_or_else(|| format!("no path is known for {name}"))?;
    Ok(format!("arn:aws:apigateway:*::{}", template.replace("{}", "*")))
}

/// What the roles that the operator makes can have at most: nothing but tables and logs of ours and Bedrock, and of
/// Bedrock not what no tenant may do.
pub fn boundary() -> Value {
    let actions = |forbidden: bool| {
        let mut actions = BTreeSet::new();
        for family in Family::ALL {
            let of = operations::of(family).iter();
            let of = of.filter(|operation| matches!(operation.class, Class::Forbidden(_)) == forbidden);
            actions.extend(of.map(|operation| format!("{}:{}", family.signing_name(), operation.action_name())));
        }
        actions
    };
    let (allowed, forbidden) = (actions(false), actions(true));
    let services: BTreeSet<_> = Family::ALL.iter().map(|family| format!("{}:*", family.signing_name())).collect();
    // Some operations of both kinds take one right.
    let denied: Vec<_> = forbidden.difference(&allowed).filter(|right| !NO_RIGHTS.contains(&right.as_str())).collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Tables", "Effect": "Allow", "Resource": [TABLES],
             "Action": ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]},
            {"Sid": "Logs", "Effect": "Allow", "Resource": [format!("{LOG_GROUPS}:*")],
             "Action": ["logs:CreateLogStream", "logs:PutLogEvents"]},
            {"Sid": "Bedrock", "Effect": "Allow", "Resource": ["*"], "Action": services},
            {"Sid": "NobodysToDo", "Effect": "Deny", "Resource": ["*"], "Action": denied},
        ],
    })
}
