//! Import of an OpenAPI document over an API: what API Gateway reads of it, and what it warns about.

use std::collections::BTreeMap;

use aigw_plan::gateway::observed::ImportedMethod;
use serde_json::Value;

use super::rest_apis::Definition;
use crate::aws::refusal::{Answer, Refusal};

/// What a document says. Whatever it leaves out goes back to the default, as with mode `overwrite`.
#[derive(Debug)]
pub(super) struct Import {
    pub name: String,
    pub vpc_endpoint_ids: Vec<String>,
    pub default_endpoint_disabled: bool,
    pub definition: Definition,
}

/// What a security scheme means.
enum Scheme {
    Authorizer(String),
    ApiKey,
}

/// Methods of a path item that API Gateway knows.
const VERBS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// Largest body, in bytes.
const LARGEST: usize = 6 * 1024 * 1024;
/// Authorizers of one API.
const MOST_AUTHORIZERS: usize = 10;

/// Reads a document, failing on warnings.
pub(super) fn parse(body: &str) -> Answer<Import> {
    let malformed = || Refusal::bad_request("Invalid OpenAPI input.");
    if body.len() > LARGEST {
        return Err(Refusal::bad_request("The body is larger than 6 MB"));
    }
    let document: Value = serde_json::from_str(body).map_err(|_| malformed())?;
    if !document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")) {
        return Err(malformed());
    }
    let name = document["info"]["title"].as_str().ok_or_else(malformed)?.to_owned();
    let paths = document["paths"].as_object().ok_or_else(malformed)?;

    let mut warnings = Vec::new();
    let schemes = schemes(&document, &mut warnings);
    let mut methods = Vec::new();
    for (path, item) in paths {
        for (verb, operation) in item.as_object().into_iter().flatten() {
            let verb = match verb.as_str() {
                "x-amazon-apigateway-any-method" => "ANY".to_owned(),
                verb if VERBS.contains(&verb) => verb.to_uppercase(),
                _ => continue,
            };
            methods.push(method(path, verb, operation, &schemes, &mut warnings));
        }
    }
    if !warnings.is_empty() {
        return Err(Refusal::bad_request(format!("Warnings found during import:\n\t{}", warnings.join("\n\t"))));
    }
    methods.sort_by(|one, other| (&one.path, &one.http_method).cmp(&(&other.path, &other.http_method)));

    let endpoint = &document["x-amazon-apigateway-endpoint-configuration"];
    let endpoints = endpoint["vpcEndpointIds"].as_array();
    let default_endpoint_disabled = endpoint["disableExecuteApiEndpoint"].as_bool().unwrap_or(false);
    let definition = Definition {
        api_key_source: document["x-amazon-apigateway-api-key-source"].as_str().unwrap_or("HEADER").to_owned(),
        policy: document.get("x-amazon-apigateway-policy").cloned(),
        methods,
        gateway_responses: document["x-amazon-apigateway-gateway-responses"].clone(),
        default_endpoint_disabled,
    };
    let vpc_endpoint_ids = endpoints.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(Import { name, vpc_endpoint_ids, default_endpoint_disabled, definition })
}

fn schemes(document: &Value, warnings: &mut Vec<String>) -> BTreeMap<String, Scheme> {
    let mut schemes = BTreeMap::new();
    for (name, scheme) in document["components"]["securitySchemes"].as_object().into_iter().flatten() {
        let authorizer = &scheme["x-amazon-apigateway-authorizer"];
        if scheme["type"] != "apiKey" {
            warnings.push(format!("Unsupported security definition type for '{name}'. Ignoring."));
        } else if authorizer.is_null() {
            schemes.insert(name.clone(), Scheme::ApiKey);
        } else if let Some(uri) = authorizer["authorizerUri"].as_str() {
            schemes.insert(name.clone(), Scheme::Authorizer(uri.to_owned()));
        } else {
            warnings.push(format!("Authorizer '{name}' has no authorizerUri"));
        }
    }
    let authorizers = schemes.values().filter(|scheme| matches!(scheme, Scheme::Authorizer(_))).count();
    if authorizers > MOST_AUTHORIZERS {
        warnings.push("Maximum number of Authorizers reached".into());
    }
    schemes
}

/// What is not understood leaves the method open, with a warning.
fn method(
    path: &str,
    http_method: String,
    operation: &Value,
    schemes: &BTreeMap<String, Scheme>,
    warnings: &mut Vec<String>,
) -> ImportedMethod {
    let integration = &operation["x-amazon-apigateway-integration"];
    let mut method = ImportedMethod {
        path: path.to_owned(),
        http_method,
        authorization_type: "NONE".into(),
        authorizer_uri: None,
        api_key_required: false,
        integration_uri: integration["uri"].as_str().unwrap_or_default().to_owned(),
        response_transfer_mode: integration["responseTransferMode"].as_str().unwrap_or("BUFFERED").to_owned(),
    };
    if !integration.is_object() {
        warnings.push(format!("No integration defined for method {} {path}", method.http_method));
    }
    let security = operation["security"].as_array().into_iter().flatten();
    for name in security.filter_map(Value::as_object).flat_map(|each| each.keys()) {
        match schemes.get(name) {
            Some(Scheme::Authorizer(uri)) => {
                method.authorization_type = "CUSTOM".into();
                method.authorizer_uri = Some(uri.clone());
            }
            Some(Scheme::ApiKey) => method.api_key_required = true,
            None => warnings.push(format!("Unable to find security definition '{name}' for {path}. Ignoring.")),
        }
    }
    method
}

#[cfg(test)]
mod tests {
    use aigw_plan::gateway::document::{Access, DocumentInput, render, verify};
    use aigw_plan::gateway::observed::ImportedApi;

    use super::*;

    fn input() -> DocumentInput {
        DocumentInput {
            name: "prod".into(),
            region: "eu-central-1".into(),
            account_id: "111122223333".into(),
            rest_api_id: "abc".into(),
            forwarder_arn: "arn:aws:lambda:eu-central-1:111122223333:function:f:live".into(),
            authorizer_arn: "arn:aws:lambda:eu-central-1:111122223333:function:a:live".into(),
            families: vec![aigw_contract::Family::BedrockRuntime],
            cache_seconds: 60,
            access: Access::SourceCidrs(vec!["10.0.0.0/8".into()]),
            default_endpoint_disabled: true,
        }
    }

    #[test]
    fn the_operators_document_reads_back_as_it_was_meant() {
        let document = render(&input());
        let Import { name, vpc_endpoint_ids, default_endpoint_disabled, definition } = parse(&document.body).unwrap();
        assert!(default_endpoint_disabled && definition.default_endpoint_disabled);
        assert_eq!((name.as_str(), vpc_endpoint_ids.len(), definition.methods.len()), ("prod", 0, 4));
        let Definition { api_key_source, policy, methods, gateway_responses, default_endpoint_disabled: _ } =
            definition;
        assert!(gateway_responses["THROTTLED"].is_object());
        let imported = ImportedApi { api_key_source, policy, methods };
        assert_eq!(verify(&document.expectation, &imported), Vec::<String>::new());
    }

    #[test]
    fn a_scheme_nobody_defined_is_a_warning() {
        let body = render(&input()).body.replace("\"api_key\":{", "\"other_key\":{");
        let refusal = parse(&body).unwrap_err();
        assert_eq!(refusal.code, "BadRequestException");
        assert!(refusal.message.starts_with("Warnings found during import"), "{}", refusal.message);
    }

    #[test]
    fn what_the_document_leaves_out_is_the_default() {
        let body = render(&input()).body.replace("x-amazon-apigateway-api-key-source", "x-source");
        let body = body.replace("x-amazon-apigateway-policy", "x-policy").replace("responseTransferMode", "mode");
        let definition = parse(&body).unwrap().definition;
        assert_eq!((definition.api_key_source.as_str(), definition.policy), ("HEADER", None));
        assert_eq!(definition.methods[0].response_transfer_mode, "BUFFERED");
    }

    #[test]
    fn nonsense_is_refused() {
        for body in ["", "{", "{}", "[]", r#"{"openapi":"3.0.1"}"#, r#"{"openapi":"3.0.1","info":{"title":"x"}}"#] {
            assert_eq!(parse(body).unwrap_err().code, "BadRequestException", "{body}");
        }
    }
}
