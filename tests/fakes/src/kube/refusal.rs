//! The answers of a server that refuses: `Status` objects with the words and codes of the real one.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::kinds::Kind;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub code: u16,
    pub reason: String,
    pub message: String,
    /// `details` of the `Status`.
    pub details: Value,
    /// Seconds of the header `Retry-After`.
    pub retry_after: Option<u64>,
}

/// One reason in a 422.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cause {
    /// `FieldValueInvalid` and the like.
    pub reason: String,
    /// Everything after the field.
    pub message: String,
    pub field: String,
}

impl Cause {
    pub fn new(reason: &str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), field: field.into() }
    }

    pub fn invalid(field: impl Into<String>, value: &Value, detail: impl std::fmt::Display) -> Self {
        Self::new("FieldValueInvalid", field, format!("Invalid value: {value}: {detail}"))
    }

    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        Self::new("FieldValueRequired", field, format!("Required value{detail}"))
    }

    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {detail}"))
    }
}

impl Refusal {
    fn new(code: u16, reason: &str, message: String, details: Value) -> Self {
        Self { code, reason: reason.to_owned(), message, details, retry_after: None }
    }

    fn about(kind: &Kind, name: &str) -> Value {
        json!({"name": name, "group": kind.group, "kind": kind.plural})
    }

    /// An answer without details.
    pub fn plain(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self::new(code, reason, message.into(), Value::Null)
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    /// No such path.
    pub fn no_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource".to_owned(), json!({}))
    }

    pub fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} not found", kind.resource());
        Self::new(404, "NotFound", message, Self::about(kind, name))
    }

    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", kind.resource());
        Self::new(409, "AlreadyExists", message, Self::about(kind, name))
    }

    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.resource());
        Self::new(409, "Conflict", message, Self::about(kind, name))
    }

    /// A write with an old version.
    pub fn stale(kind: &Kind, name: &str) -> Self {
        const WHY: &str = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, WHY)
    }

    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let name_text = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        let message = format!("{}{name_text} is forbidden: {why}", kind.resource());
        Self::new(403, "Forbidden", message, Self::about(kind, name))
    }

    /// Fields that others own.
    pub fn ownership(causes: &[Cause], message: String) -> Self {
        Self::new(409, "Conflict", message, json!({"causes": listed(causes)}))
    }

    /// 422 with the fields.
    pub fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let mut texts: Vec<_> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        // What two validators found is one sentence, though two causes.
        let mut seen = HashSet::new();
        texts.retain(|text| seen.insert(text.clone()));
        let list = if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(", ")) };
        let message = format!("{} {name:?} is invalid: {list}", kind.qualified());
        let details = json!({"name": name, "group": kind.group, "kind": kind.kind, "causes": listed(causes)});
        Self::new(422, "Invalid", message, details)
    }

    /// A patch that cannot be applied: no kind, no causes.
    pub fn unprocessable() -> Self {
        const MESSAGE: &str = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", MESSAGE.to_owned(), json!({}))
    }

    /// A patch whose result is no object of the kind.
    pub fn unreadable_patch(why: &Self) -> Self {
        let cause = Cause::invalid("patch", &Value::Null, &why.message);
        let message = format!(" \"\" is invalid: patch: {}", cause.message);
        Self::new(422, "Invalid", message, json!({"causes": listed(&[cause])}))
    }

    /// A version the server has forgotten.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::plain(410, "Expired", message)
    }

    pub fn throttled(seconds: u64) -> Self {
        const MESSAGE: &str = "Too many requests, please try again later.";
        let mut refusal = Self::new(429, "TooManyRequests", MESSAGE.to_owned(), json!({"retryAfterSeconds": seconds}));
        refusal.retry_after = Some(seconds);
        refusal
    }

    /// With a cause in the details.
    #[must_use]
    pub fn because(mut self, cause: &Cause) -> Self {
        if let Some(details) = self.details.as_object_mut() {
            details.insert("causes".to_owned(), Value::Array(listed(std::slice::from_ref(cause))));
        }
        self
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}

fn listed(causes: &[Cause]) -> Vec<Value> {
    let value = |cause: &Cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field});
    causes.iter().map(value).collect()
}
