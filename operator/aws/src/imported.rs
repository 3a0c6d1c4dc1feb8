//! What API Gateway says an import made: methods and policy, pure.

use std::collections::HashMap;

use aigw_plan::gateway::observed::ImportedMethod;
use aws_sdk_apigateway::types::Resource;
use serde_json::Value;

/// Methods of a resource. `authorizer_uris` is by authorizer id.
pub fn methods(resource: Resource, authorizer_uris: &HashMap<String, String>) -> Vec<ImportedMethod> {
    let path = resource.path.unwrap_or_default();
    let methods = resource.resource_methods.unwrap_or_default().into_iter();
    methods
        .map(|(verb, method)| {
            let integration = method.method_integration;
            ImportedMethod {
                path: path.clone(),
                http_method: verb,
                authorization_type: method.authorization_type.unwrap_or_else(|| "NONE".into()),
                authorizer_uri: method.authorizer_id.and_then(|id| authorizer_uris.get(&id).cloned()),
                api_key_required: method.api_key_required.unwrap_or_default(),
                integration_uri: integration
                    .as_ref()
                    .and_then(|integration| integration.uri.clone())
                    .unwrap_or_default(),
                response_transfer_mode: integration
                    .and_then(|integration| integration.response_transfer_mode)
                    .map_or_else(|| "BUFFERED".into(), |mode| mode.as_str().to_owned()),
            }
        })
        .collect()
}

/// The policy. API Gateway returns JSON text whose quotes are escaped once more (`{\"Version\":…`), as if it were the
/// inside of a JSON string. Text that is no policy is given back as it is: it then differs from any wanted policy.
pub fn policy(text: &str) -> Option<Value> {
    if text.trim().is_empty() {
        return None;
    }
    let unescaped = || serde_json::from_str::<String>(&format!("\"{text}\"")).ok();
    let parsed =
        parse(text).or_else(|| parse(&unescaped()?)).or_else(|| parse(&text.replace("\\\"", "\"").replace("\\/", "/")));
    Some(parsed.unwrap_or_else(|| Value::String(text.to_owned())))
}

fn parse(text: &str) -> Option<Value> {
    let value = serde_json::from_str(text).ok()?;
    // A whole JSON string with the policy inside.
    if let Value::String(inner) = &value { serde_json::from_str(inner).ok() } else { Some(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn policies_are_unescaped() {
        let wanted = json!({"Version": "2012-10-17", "Statement": [{"Resource": "arn:aws:execute-api:eu-central-1:1:a/*", "Sid": "a \"b\""}]});
        let plain = wanted.to_string();
        let escaped = plain.replace('\\', "\\\\").replace('"', "\\\"");
        assert_eq!(policy(&plain), Some(wanted.clone()), "plain");
        assert_eq!(policy(&escaped), Some(wanted.clone()), "escaped");
        assert_eq!(policy(&escaped.replace('/', "\\/")), Some(wanted.clone()), "slashes too");
        assert_eq!(policy(&format!("\"{escaped}\"")), Some(wanted), "a whole string");
    }

    #[test]
    fn no_policy_and_no_json() {
        assert_eq!(policy(""), None);
        assert_eq!(policy("nonsense"), Some(json!("nonsense")));
    }
}
