//! `x-kubernetes-validations`: compiled once per schema and process, because parsing CEL is what costs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use kube_cel::{CompiledSchema, Validator, compile_schema};
use serde_json::Value;

use super::refusal::Cause;

const RULES: &str = "x-kubernetes-validations";

/// The rules of one schema.
#[derive(Clone)]
pub(super) struct Rules(Option<Arc<CompiledSchema>>);

impl std::fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Rules").field(&self.0.is_some()).finish()
    }
}

type Cache = Mutex<HashMap<String, Arc<CompiledSchema>>>;

impl Rules {
    /// No rules.
    pub fn none() -> Self {
        Self(None)
    }

    /// The rules of a schema; the words name one that does not compile.
    pub fn of(document: &Value) -> Result<Self, String> {
        static CACHE: OnceLock<Cache> = OnceLock::new();
        let Some(document) = with_rules_only(document) else { return Ok(Self(None)) };
        let text = document.to_string();
        let mut cache = CACHE.get_or_init(Cache::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = cache.get(&text) {
            return Ok(Self(Some(compiled.clone())));
        }
        let compiled = compile_schema(&document);
        if let Some(error) = compiled.compilation_errors().first() {
            return Err(error.to_string());
        }
        let compiled = Arc::new(compiled);
        cache.insert(text, compiled.clone());
        Ok(Self(Some(compiled)))
    }

    /// The rules `object` breaks; transition rules see `old`.
    pub fn broken(&self, object: &Value, old: Option<&Value>) -> Vec<Cause> {
        let Some(compiled) = &self.0 else { return Vec::new() };
        let Err(errors) = Validator::new().validate_compiled(compiled, object, old) else { return Vec::new() };
        let cause = |error: &kube_cel::ValidationError| {
            let value = at(object, &error.field_path).cloned().unwrap_or_default();
            let message = format!("Invalid value: {value}: {}", error.message);
            let reason = error.reason.clone().unwrap_or_else(|| "FieldValueInvalid".to_owned());
            match reason.as_str() {
                "FieldValueForbidden" => Cause::forbidden(error.field_path.clone(), &error.message),
                "FieldValueRequired" => Cause::required(error.field_path.clone(), &error.message),
                _ => Cause::new(&reason, error.field_path.clone(), message),
            }
        };
        errors.as_slice().iter().map(cause).collect()
    }
}

/// The schema with only those top-level fields that hold rules; `None` without any. Evaluation walks what is there.
fn with_rules_only(document: &Value) -> Option<Value> {
    let mut document = document.clone();
    if let Some(properties) = document.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|_, schema| holds_rules(schema));
    }
    holds_rules(&document).then_some(document)
}

fn holds_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.contains_key(RULES) || fields.values().any(holds_rules),
        Value::Array(items) => items.iter().any(holds_rules),
        _ => false,
    }
}

/// The value at a path such as `spec.tiers[0].name`.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let pointer = path.replace(['.', '['], "/").replace(']', "");
    object.pointer(&format!("/{}", pointer.trim_start_matches('/')))
}
