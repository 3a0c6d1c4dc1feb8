//! The one error of every port.

use std::fmt;
use std::time::Duration;

use aigw_plan::Class;

/// A failed AWS call. Class is decided in the adapter, where the code is known.
///
/// [`fmt::Display`] gives stable text (operation, code, and a message free of request ids), because it ends in status
/// conditions, and text that varies there makes a controller trigger itself. The request id is for logs only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudError {
    /// Service and operation, for example `apigateway:CreateRestApi`.
    pub operation: &'static str,
    /// What kind of trouble.
    pub class: Class,
    /// AWS's error code, or our own word where no answer came.
    pub code: String,
    /// AWS's message, made stable.
    pub message: String,
    /// For logs.
    pub request_id: Option<String>,
    /// When AWS said to try again.
    pub retry_after: Option<Duration>,
}

impl CloudError {
    /// An error without request id or retry time.
    pub fn new(operation: &'static str, class: Class, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { operation, class, code: code.into(), message: message.into(), request_id: None, retry_after: None }
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.operation, self.code)?;
        if self.message.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.message) }
    }
}

impl std::error::Error for CloudError {}
