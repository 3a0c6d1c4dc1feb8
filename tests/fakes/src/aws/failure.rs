//! What an injected failure is at AWS: each service has its own word for it.
//!
//! A failure stands for what is left of a call after the SDK's own retries.

use aigw_cloud::CloudError;
use aigw_cloud::classify;

use super::refusal::Refusal;
use crate::intercept::Failure;

/// The error a caller gets for `failure`.
pub(crate) fn error(operation: &'static str, failure: &Failure) -> CloudError {
    let refusal = match failure {
        Failure::Connection => return connection(operation),
        Failure::Server => Refusal::new(500, server(service(operation)), "We encountered an internal error"),
        Failure::Throttled(after) => {
            Refusal { retry_after: Some(*after), ..Refusal::new(429, throttled(service(operation)), "Rate exceeded") }
        }
        Failure::Conflict => Refusal::new(409, conflict(service(operation)), "a concurrent change"),
        Failure::Denied => Refusal::new(403, denied(service(operation)), not_authorized(operation)),
        Failure::Expired => {
            Refusal::new(403, expired(service(operation)), "The security token included in the request is expired")
        }
        Failure::Quota => Refusal::new(429, "LimitExceededException", "Maximum number reached for this account"),
        Failure::Other { status, code, message } => Refusal::new(*status, code, message.clone()),
    };
    refusal.into_error(operation)
}

fn connection(operation: &'static str) -> CloudError {
    let (stage, code, message) = (classify::Stage::Sent, "ConnectionFailed", "connection closed before the answer");
    classify::Failure { operation, stage, code, message, status: None, retry_after: None }.into_error()
}

fn service(operation: &str) -> &str {
    operation.split(':').next().unwrap_or_default()
}

fn server(service: &str) -> &'static str {
    match service {
        "apigateway" | "logs" => "ServiceUnavailableException",
        "lambda" => "ServiceException",
        "iam" => "ServiceFailure",
        "dynamodb" => "InternalServerError",
        _ => "InternalFailure",
    }
}

fn throttled(service: &str) -> &'static str {
    match service {
        "apigateway" | "lambda" => "TooManyRequestsException",
        "iam" | "sts" => "Throttling",
        _ => "ThrottlingException",
    }
}

fn conflict(service: &str) -> &'static str {
    match service {
        "lambda" => "ResourceConflictException",
        "iam" => "ConcurrentModification",
        "dynamodb" => "TransactionConflictException",
        "logs" => "OperationAbortedException",
        _ => "ConflictException",
    }
}

fn denied(service: &str) -> &'static str {
    if matches!(service, "iam" | "sts") { "AccessDenied" } else { "AccessDeniedException" }
}

fn expired(service: &str) -> &'static str {
    if matches!(service, "iam" | "sts") { "ExpiredToken" } else { "ExpiredTokenException" }
}

fn not_authorized(operation: &str) -> String {
    format!("User: arn:aws:sts::111122223333:assumed-role/operator is not authorized to perform: {operation}")
}
