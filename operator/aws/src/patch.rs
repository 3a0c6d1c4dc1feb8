//! API Gateway's patch operations, with paths built from their parts.
//!
//! A path is a JSON pointer: `/` and `~` inside a part have to be escaped, or they silently name something else.

use aws_sdk_apigateway::types::{Op, PatchOperation};

/// Patch operations of one call.
#[derive(Debug, Default)]
pub struct Patch(Vec<PatchOperation>);

impl Patch {
    /// Sets a value.
    pub fn replace(self, path: &[&str], value: &(impl ToString + ?Sized)) -> Self {
        self.with(Op::Replace, path, Some(value.to_string()))
    }

    /// Adds a value to a list.
    pub fn add(self, path: &[&str], value: &(impl ToString + ?Sized)) -> Self {
        self.with(Op::Add, path, Some(value.to_string()))
    }

    /// Takes a value out of a list.
    pub fn remove_value(self, path: &[&str], value: &(impl ToString + ?Sized)) -> Self {
        self.with(Op::Remove, path, Some(value.to_string()))
    }

    /// Takes a setting away.
    pub fn remove(self, path: &[&str]) -> Self {
        self.with(Op::Remove, path, None)
    }

    /// For the SDK; `None` where there is nothing to change.
    pub fn into_operations(self) -> Option<Vec<PatchOperation>> {
        if self.0.is_empty() { None } else { Some(self.0) }
    }

    fn with(mut self, op: Op, path: &[&str], value: Option<String>) -> Self {
        self.0.push(PatchOperation::builder().op(op).path(pointer(path)).set_value(value).build());
        self
    }
}

/// The JSON pointer (RFC 6901) to `parts`.
fn pointer(parts: &[&str]) -> String {
    parts.iter().flat_map(|part| ["/".to_owned(), part.replace('~', "~0").replace('/', "~1")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_escaped() {
        assert_eq!(pointer(&["*", "*", "throttling", "rateLimit"]), "/*/*/throttling/rateLimit");
        assert_eq!(pointer(&["/model/{id}/converse", "POST"]), "/~1model~1{id}~1converse/POST");
        assert_eq!(pointer(&["a~1b", "~"]), "/a~01b/~0");
    }

    #[test]
    fn operations_keep_their_order() {
        let patch = Patch::default()
            .remove_value(&["apiStages"], "a:old")
            .add(&["apiStages"], "a:new")
            .replace(&["throttle", "rateLimit"], &5);
        let operations: Vec<_> = patch
            .into_operations()
            .expect("three operations")
            .into_iter()
            .map(|operation| (operation.op, operation.path, operation.value))
            .collect();
        let expected = [
            (Op::Remove, "/apiStages", "a:old"),
            (Op::Add, "/apiStages", "a:new"),
            (Op::Replace, "/throttle/rateLimit", "5"),
        ];
        assert_eq!(
            operations,
            expected.map(|(op, path, value)| (Some(op), Some(path.to_owned()), Some(value.to_owned())))
        );
        assert!(Patch::default().into_operations().is_none());
    }
}
