//! The REST API as one OpenAPI document, and what must be true of it after an import.
//!
//! Import problems are warnings to API Gateway: a bad extension can leave a method open to the world. So the same
//! inputs give both the document and an [`Expectation`] that is checked on what API Gateway made of it, before any of
//! it is deployed. One path and one authorizer per family mount: families differ in the header that can carry a
//! credential, and a later change of that must not change every path.

use std::collections::BTreeMap;

use aigw_contract::probe::REFUSED_BY;
use aigw_contract::{Family, Partition};
use serde_json::{Map, Value, json};

use super::observed::{ImportedApi, ImportedMethod};
use crate::canonical;
use crate::identity::sha256_hex;

/// The part of a stream API Gateway waits for, in milliseconds: 15 minutes, the maximum with response streaming.
const STREAM_TIMEOUT_MILLIS: i64 = 900_000;
/// Name of the security scheme for the internal key.
const API_KEY_SCHEME: &str = "api_key";
/// Authorizer of the two paths that route by header.
const ROOT_AUTHORIZER: &str = "root";

/// What the document is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentInput {
    /// Name of the REST API.
    pub name: String,
    /// Region.
    pub region: String,
    /// Account.
    pub account_id: String,
    /// Id of the REST API, named in its policy.
    pub rest_api_id: String,
    /// ARN of the forwarder's alias.
    pub forwarder_arn: String,
    /// ARN of the authorizer's alias.
    pub authorizer_arn: String,
    /// Families with a mount.
    pub families: Vec<Family>,
    /// Seconds API Gateway caches an authorizer's answer.
    pub cache_seconds: i32,
    /// Who may reach the endpoint at all.
    pub access: Access,
    /// Whether its own name is closed, so that only a custom domain leads to it.
    pub default_endpoint_disabled: bool,
}

/// Who may reach the endpoint at all, before any credential is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Anyone; no resource policy.
    Anyone,
    /// Callers from these address ranges.
    SourceCidrs(Vec<String>),
    /// Callers through these VPC endpoints.
    VpcEndpoints(Vec<String>),
}

/// A rendered document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// JSON text, canonical: same input, same bytes.
    pub body: String,
    /// Lower-case hex SHA-256 of the body.
    pub hash: String,
    /// What must hold after the import.
    pub expectation: Expectation,
}

/// What must hold of an imported API before it may be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Paths that must exist, each with exactly the method `ANY`.
    pub paths: Vec<String>,
    /// Invocation URI of every method's authorizer.
    pub authorizer_uri: String,
    /// Invocation URI of every method's integration.
    pub integration_uri: String,
    /// Resource policy, if any.
    pub policy: Option<Value>,
}

/// Renders the document.
pub fn render(input: &DocumentInput) -> Document {
    let partition = Partition::of(&input.region);
    let lambda = |version: &str, arn: &str, call: &str| {
        format!("arn:{}:apigateway:{}:lambda:path/{version}/functions/{arn}/{call}", partition.id, input.region)
    };
    let authorizer_uri = lambda("2015-03-31", &input.authorizer_arn, "invocations");
    let integration_uri = lambda("2021-11-15", &input.forwarder_arn, "response-streaming-invocations");
    let mut paths: BTreeMap<String, &str> = BTreeMap::new();
    for family in &input.families {
        let mount = family.endpoint_prefix();
        paths.insert(format!("/{mount}"), mount);
        paths.insert(format!("/{mount}/{{proxy+}}"), mount);
    }
    paths.insert("/".into(), ROOT_AUTHORIZER);
    paths.insert("/{proxy+}".into(), ROOT_AUTHORIZER);

    let policy = resource_policy(input, partition);
    let mut schemes = Map::new();
    schemes.insert(API_KEY_SCHEME.into(), json!({"type": "apiKey", "name": "x-api-key", "in": "header"}));
    for mount in paths.values() {
        schemes.insert(authorizer_name(mount), authorizer(&authorizer_uri, input.cache_seconds));
    }
    let mut document = json!({
        "openapi": "3.0.1",
        "info": {"title": input.name, "version": "1"},
        "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        "x-amazon-apigateway-gateway-responses": gateway_responses(),
        "components": {"securitySchemes": schemes},
        "paths": paths.iter().map(|(path, mount)| (path.clone(), method(path, mount, &integration_uri))).collect::<Map<_, _>>(),
    });
    // Said in either case: what a document leaves out may stay as it was.
    document["x-amazon-apigateway-endpoint-configuration"] = match &input.access {
        Access::VpcEndpoints(ids) => json!({"vpcEndpointIds": ids}),
        Access::Anyone | Access::SourceCidrs(_) => {
            json!({"disableExecuteApiEndpoint": input.default_endpoint_disabled})
        }
    };
    if let Some(policy) = &policy {
        document["x-amazon-apigateway-policy"] = policy.clone();
    }
    let body = canonical::text(&document);
    Document {
        hash: sha256_hex(&body),
        body,
        expectation: Expectation { paths: paths.into_keys().collect(), authorizer_uri, integration_uri, policy },
    }
}

fn authorizer_name(mount: &str) -> String {
    format!("authorizer-{mount}")
}

fn authorizer(uri: &str, cache_seconds: i32) -> Value {
    json!({
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            "identitySource": "method.request.header.Authorization",
            "authorizerUri": uri,
            "authorizerResultTtlInSeconds": cache_seconds,
        }
    })
}

fn method(path: &str, mount: &str, integration_uri: &str) -> Value {
    let mut operation = json!({
        "security": [{authorizer_name(mount): [], API_KEY_SCHEME: []}],
        "responses": {},
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": integration_uri,
            "responseTransferMode": "STREAM",
            "timeoutInMillis": STREAM_TIMEOUT_MILLIS,
            "passthroughBehavior": "when_no_match",
        }
    });
    if path.ends_with("{proxy+}") {
        operation["parameters"] =
            json!([{"name": "proxy", "in": "path", "required": true, "schema": {"type": "string"}}]);
    }
    json!({"x-amazon-apigateway-any-method": operation})
}

/// Refusals of API Gateway itself, in the shape Bedrock's own errors have, so that SDKs classify them.
fn gateway_responses() -> Value {
    let shape = |status: u16, error: &str, message: &str, retry_after: Option<u32>| {
        let mut parameters = json!({"gatewayresponse.header.x-amzn-ErrorType": format!("'{error}'")});
        if let Some(seconds) = retry_after {
            parameters["gatewayresponse.header.Retry-After"] = json!(format!("'{seconds}'"));
        }
        json!({
            "statusCode": status,
            "responseParameters": parameters,
            "responseTemplates": {"application/json": json!({"message": message}).to_string()},
        })
    };
    let mut responses = json!({
        "UNAUTHORIZED": shape(401, "UnrecognizedClientException", "the credential is missing or not valid for this gateway", None),
        "ACCESS_DENIED": shape(403, "AccessDeniedException", "this tenant may not call the gateway now: it is suspended; see the Tenant's conditions", None),
        "INVALID_API_KEY": shape(403, "AccessDeniedException", "this tenant has no usage plan at this gateway yet; see the Tenant's conditions", None),
        "MISSING_AUTHENTICATION_TOKEN": shape(403, "AccessDeniedException", "no such path at this gateway", None),
        "THROTTLED": shape(429, "ThrottlingException", "the request rate of this tenant's tier is exceeded", Some(1)),
        "QUOTA_EXCEEDED": shape(403, "AccessDeniedException", "the request quota of this tenant's tier is used up", None),
        "REQUEST_TOO_LARGE": shape(413, "ValidationException", "the request is larger than the gateway can take (about 6 MB)", None),
        "AUTHORIZER_FAILURE": shape(503, "ServiceUnavailableException", "the gateway cannot check credentials now", Some(2)),
        "AUTHORIZER_CONFIGURATION_ERROR": shape(503, "ServiceUnavailableException", "the gateway cannot check credentials now", Some(2)),
        "API_CONFIGURATION_ERROR": shape(503, "ServiceUnavailableException", "the gateway cannot forward calls now", Some(2)),
        "INTEGRATION_FAILURE": shape(503, "ServiceUnavailableException", "the gateway cannot forward calls now", Some(2)),
        "INTEGRATION_TIMEOUT": shape(504, "ServiceUnavailableException", "the call took longer than the gateway waits", None),
        "DEFAULT_5XX": shape(503, "ServiceUnavailableException", "the gateway cannot answer now", Some(2)),
    });
    // Which of them it was: several say the same to a client, and mean different repairs.
    for (kind, response) in responses.as_object_mut().into_iter().flatten() {
        response["responseParameters"][format!("gatewayresponse.header.{REFUSED_BY}")] = json!(format!("'{kind}'"));
    }
    responses
}

fn resource_policy(input: &DocumentInput, partition: Partition) -> Option<Value> {
    let condition = match &input.access {
        Access::Anyone => return None,
        Access::SourceCidrs(ranges) => json!({"NotIpAddress": {"aws:SourceIp": ranges}}),
        Access::VpcEndpoints(ids) => json!({"StringNotEquals": {"aws:SourceVpce": ids}}),
    };
    let resource =
        format!("arn:{}:execute-api:{}:{}:{}/*", partition.id, input.region, input.account_id, input.rest_api_id);
    Some(json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource},
            {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource, "Condition": condition},
        ]
    }))
}

/// Everything in which the imported API is not what was asked for; empty means it may be deployed.
pub fn verify(expectation: &Expectation, imported: &ImportedApi) -> Vec<String> {
    let Expectation { paths, authorizer_uri, integration_uri, policy } = expectation;
    let mut findings = Vec::new();
    if imported.api_key_source != "AUTHORIZER" {
        findings.push(format!("the key source is {}, not AUTHORIZER", imported.api_key_source));
    }
    if canonical_policy(policy.as_ref()) != canonical_policy(imported.policy.as_ref()) {
        findings.push("the resource policy is not the one asked for".into());
    }
    for path in paths {
        if !imported.methods.iter().any(|method| method.path == *path && method.http_method == "ANY") {
            findings.push(format!("{path} has no method ANY"));
        }
    }
    for method in &imported.methods {
        findings.extend(verify_method(method, paths, authorizer_uri, integration_uri));
    }
    findings
}

fn verify_method(
    method: &ImportedMethod,
    paths: &[String],
    authorizer_uri: &str,
    integration_uri: &str,
) -> Vec<String> {
    let mut findings = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            findings.push(format!("{} {} {what}", method.http_method, method.path));
        }
    };
    check(paths.contains(&method.path), "was not asked for");
    check(method.authorization_type == "CUSTOM", "is not authorized by an authorizer");
    check(method.authorizer_uri.as_deref() == Some(authorizer_uri), "is not authorized by our authorizer");
    check(method.api_key_required, "does not require a usage plan key");
    check(method.integration_uri == integration_uri, "does not call our forwarder");
    check(method.response_transfer_mode == "STREAM", "does not stream");
    findings
}

/// A policy in one normal form: AWS turns one-element lists into strings and back.
fn canonical_policy(policy: Option<&Value>) -> Value {
    fn canonical(value: &Value) -> Value {
        match value {
            Value::Array(items) if items.len() == 1 => canonical(&items[0]),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(canonical).collect();
                items.sort_by_key(canonical::text);
                Value::Array(items)
            }
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(key, value)| (key.clone(), canonical(value))).collect())
            }
            other => other.clone(),
        }
    }
    policy.map_or(Value::Null, canonical)
}

/// Whether two policies mean the same although AWS may have rewritten one.
pub fn same_policy(one: Option<&Value>, other: Option<&Value>) -> bool {
    canonical_policy(one) == canonical_policy(other)
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
