//! How a service says no: HTTP status, code and message, as on the wire.

use std::time::Duration;

use aigw_cloud::CloudError;
use aigw_cloud::classify::{Failure, Stage};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub retry_after: Option<Duration>,
}

/// What a rule gives.
pub(crate) type Answer<T = ()> = Result<T, Refusal>;

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), retry_after: None }
    }

    /// API Gateway, Lambda: 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFoundException", message)
    }

    /// API Gateway: 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictException", message)
    }

    /// API Gateway: 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    /// API Gateway: a quota of the account.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(429, "LimitExceededException", message)
    }

    /// The error the adapters would make of it.
    pub fn into_error(self, operation: &'static str) -> CloudError {
        let Self { status, code, message, retry_after } = self;
        let stage = Stage::Understood;
        Failure { operation, stage, code: &code, message: &message, status: Some(status), retry_after }.into_error()
    }
}
