//! The custom resource definitions as YAML, from the types. What is committed below `crds/` and in the charts comes from
//! here, and a test compares.

use aigw_api::{AIGateway, Tenant};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// No definition can be printed.
#[derive(Debug, thiserror::Error)]
pub enum CrdError {
    /// There is no such kind.
    #[error("--kind: there is no kind '{0}'; use AIGateway or Tenant")]
    UnknownKind(String),
    /// It cannot be written as YAML.
    #[error("cannot write the custom resource definition as YAML")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// Both definitions, in the order they are printed.
pub fn definitions() -> [CustomResourceDefinition; 2] {
    [AIGateway::crd(), Tenant::crd()]
}

/// Both definitions, or that of `kind`, as YAML documents.
pub fn yaml(kind: Option<&str>) -> Result<String, CrdError> {
    let mut text = String::new();
    for definition in definitions() {
        if kind.is_none_or(|kind| kind == definition.spec.names.kind) {
            text.push_str("---\n");
            text.push_str(&serde_saphyr::to_string(&definition)?);
        }
    }
    match kind {
        Some(kind) if text.is_empty() => Err(CrdError::UnknownKind(kind.to_owned())),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Limit of a definition: `kubectl apply` keeps a copy in an annotation, and annotations end at 256 KiB.
    const LARGEST: usize = 128 * 1024;

    #[test]
    fn the_yaml_is_what_the_types_say() {
        for definition in definitions() {
            let text = yaml(Some(&definition.spec.names.kind)).unwrap();
            assert!(text.len() < LARGEST, "{} bytes", text.len());
            let parsed: Value = serde_saphyr::from_str(text.trim_start_matches("---\n")).unwrap();
            assert_eq!(parsed["metadata"]["name"], definition.metadata.name.clone().unwrap());
            let read: CustomResourceDefinition = serde_json::from_value(parsed).unwrap();
            assert_eq!(read, definition);
        }
        assert_eq!(yaml(None).unwrap().matches("---\n").count(), 2);
        assert!(yaml(Some("Pod")).unwrap_err().to_string().contains("AIGateway or Tenant"));
    }

    #[test]
    fn nothing_an_apiserver_or_a_gitops_tool_would_trip_over() {
        for definition in definitions() {
            let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
            walk(&schema, "", &mut |path, key, value| {
                assert_ne!(key, "default", "{path}: a default shows as drift in GitOps tools");
                if key == "format"
                    && let Some(format) = value.as_str()
                {
                    assert!(["int32", "int64", "date-time", "double"].contains(&format), "{path}: format {format}");
                }
            });
        }
    }

    /// Visits every keyword of a schema; names of properties are not keywords.
    fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &str, &Value)) {
        match schema {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = format!("{path}/{key}");
                    if key == "properties" {
                        for (name, property) in value.as_object().unwrap() {
                            walk(property, &format!("{path}/{name}"), visit);
                        }
                        continue;
                    }
                    visit(&path, key, value);
                    walk(value, &path, visit);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, visit)),
            _ => {}
        }
    }
}
