//! Which rights a call of the operator takes.
//!
//! For most services the right has the operation's name; API Gateway's are HTTP methods on paths. Some calls take further
//! rights, which no name shows ([`further`]).

use std::collections::BTreeMap;

use aigw_env::aws_proxy::{Call, route};

use super::policy::Request;

/// Rights that an operation takes beside its own, and what says so. API Gateway's are in [`of`].
const FURTHER: [(&str, &str, &str); 6] = [
    ("iam:CreateRole", "iam:TagRole", "IAM user guide, \"Tag IAM roles\": to tag at creation"),
    ("dynamodb:CreateTable", "dynamodb:TagResource", "DynamoDB developer guide, \"Tagging\": to tag at creation"),
    ("logs:CreateLogGroup", "logs:TagResource", "CloudWatch Logs API reference, CreateLogGroup: to tag at creation"),
    ("lambda:CreateFunction", "lambda:TagResource", "Lambda developer guide, \"Tags\": to tag at creation"),
    ("lambda:CreateFunction", "iam:PassRole", "Lambda developer guide: the role is handed on"),
    ("lambda:GetFunction", "lambda:ListTags", "Lambda API reference, GetFunction: else the answer has no tags"),
];
/// A change of a function names its role each time.
const PASSES_ROLE: &str = "lambda:UpdateFunctionConfiguration";
/// A document with a resource policy takes this right of its own.
const POLICY: (&str, &str) = ("apigateway:PutRestApi", "apigateway:UpdateRestApiPolicy");
/// To create with tags takes the right to tag what has no id yet; to tag, the right to change what is tagged.
const TAGGED_AT_CREATION: [&str; 4] =
    ["apigateway:CreateRestApi", "apigateway:CreateStage", "apigateway:CreateUsagePlan", "apigateway:CreateApiKey"];
/// Answers whoever has credentials.
const FREE: &str = "sts:GetCallerIdentity";

/// Tags of everything the operator makes, for calls about what exists: all of it has them from its creation, which the
/// rights to create demand.
const TAG: &str = "aws:ResourceTag/aigateway.dev/id";

/// Names of the rights beside its own that an operation takes.
pub fn further(operation: &str) -> Vec<&'static str> {
    let mut rights: Vec<_> =
        FURTHER.iter().filter(|(call, ..)| *call == operation).map(|(_, right, _)| *right).collect();
    if operation == PASSES_ROLE {
        rights.push("iam:PassRole");
    }
    if operation == POLICY.0 {
        rights.push(POLICY.1);
    }
    if TAGGED_AT_CREATION.contains(&operation) {
        rights.push("apigateway:PUT");
    }
    if operation == "apigateway:TagResource" {
        rights.push("apigateway:PATCH");
    }
    rights
}

/// The right with the operation's name, or the method; `None` for what needs no right.
pub fn own(operation: &str) -> Option<String> {
    if operation == FREE {
        return None;
    }
    let (service, name) = operation.split_once(':')?;
    match service {
        "apigateway" => Some(format!("apigateway:{}", route(service, name)?.0)),
        _ => Some(operation.to_owned()),
    }
}

/// The requests that a recorded call is to IAM. `id` is the identity of the gateway it is about.
pub fn of(call: &Call, id: &str) -> Vec<Request> {
    let operation = format!("{}:{}", prefix(&call.service), call.operation);
    let Some(own) = own(&operation) else { return Vec::new() };
    let mut context: BTreeMap<String, String> =
        call.named.tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), value.clone())).collect();
    context.insert(TAG.to_owned(), id.to_owned());
    let request =
        |action: &str, resource: String| Request { action: action.to_owned(), resource, context: context.clone() };
    let resources = resources(call);
    let mut requests: Vec<_> = resources.iter().map(|resource| request(&own, resource.clone())).collect();
    for right in further(&operation) {
        match right {
            "iam:PassRole" => requests.extend(call.named.role.iter().map(|role| {
                let mut passed = request(right, role.clone());
                passed.context.insert("iam:PassedToService".to_owned(), "lambda.amazonaws.com".to_owned());
                passed
            })),
            "apigateway:PUT" => requests.push(request(right, tags_of(&call.region, &call.resource))),
            "apigateway:PATCH" => requests.extend(tagged(&call.resource).map(|arn| request(right, arn))),
            _ => requests.extend(resources.iter().map(|resource| request(right, resource.clone()))),
        }
    }
    requests
}

/// How IAM names a service, whose signatures may have another name.
fn prefix(service: &str) -> &str {
    if service == "monitoring" { "cloudwatch" } else { service }
}

/// ARNs that a call is about; `*` where it is about none.
fn resources(call: &Call) -> Vec<String> {
    let Call { service, region, resource: path, named, caller, .. } = call;
    let names = |prefix: String| named.subjects.iter().map(move |name| absolute(name, &prefix)).collect::<Vec<_>>();
    let found = match service.as_str() {
        "apigateway" => vec![format!("arn:aws:apigateway:{region}::{path}")],
        "lambda" => {
            let name = path.split('/').skip_while(|part| *part != "functions" && *part != "tags").nth(1);
            let prefix = format!("arn:aws:lambda:{region}:{caller}:function:");
            match name.map(decoded).filter(|name| !name.is_empty()) {
                Some(name) => vec![absolute(&name, &prefix)],
                // A function that is created is named in the body.
                None => names(prefix),
            }
        }
        "dynamodb" => names(format!("arn:aws:dynamodb:{region}:{caller}:table/")),
        "logs" => names(format!("arn:aws:logs:{region}:{caller}:log-group:")),
        // The operator's roles have its path; what has a path already is a prefix that is listed.
        "iam" => names(format!("arn:aws:iam::{caller}:role/aigw/")),
        _ => Vec::new(),
    };
    if found.is_empty() { vec!["*".to_owned()] } else { found }
}

fn absolute(name: &str, prefix: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { format!("{prefix}{name}") }
}

fn decoded(segment: &str) -> String {
    segment.replace("%3A", ":").replace("%2F", "/")
}

/// The tags of what is made by a call on `path`, as API Gateway names them: by an ARN in an ARN.
fn tags_of(region: &str, path: &str) -> String {
    let path = path.replace('/', "%2F");
    format!("arn:aws:apigateway:{region}::/tags/arn%3Aaws%3Aapigateway%3A{region}%3A%3A{path}%2F*")
}

/// What a call on `/tags/…` tags.
fn tagged(path: &str) -> Option<String> {
    Some(decoded(path.strip_prefix("/tags/")?))
}
