//! What kind of trouble a failed call is in: one pure function over everything known about the failure.

use std::time::Duration;

use aigw_plan::Class;

use crate::stable_text::without_numbers;
use crate::{CloudError, stable};

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The request could not be built.
    Built,
    /// There are no credentials to sign it with.
    Signed,
    /// No connection, or it broke, or time ran out.
    Sent,
    /// AWS answered, but not in a form we understand.
    Answered,
    /// AWS answered with an error.
    Understood,
}

/// A failed call.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// Service and operation.
    pub operation: &'static str,
    /// How far it came.
    pub stage: Stage,
    /// AWS's error code, perhaps empty.
    pub code: &'a str,
    /// AWS's message, perhaps empty.
    pub message: &'a str,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// When AWS said to try again.
    pub retry_after: Option<Duration>,
}

impl Failure<'_> {
    /// The error the ports give for it: with its class, and a message free of what varies.
    pub fn into_error(self) -> CloudError {
        let message = stable(self.message);
        let class = classify(&Failure { message: &message, ..self });
        // What a server error counts or times differs from answer to answer, and tells nobody what to do.
        let message = if class == Class::Transient { without_numbers(&message) } else { message };
        let error = CloudError::new(self.operation, class, self.code, message);
        CloudError { retry_after: self.retry_after, ..error }
    }
}

/// Whether `code` says that the object is not there.
pub fn is_absent(code: &str) -> bool {
    matches!(bare(code), "NotFound" | "ResourceNotFound" | "NoSuchEntity" | "TableNotFound")
}

/// Services write one error as `Throttling` or `ThrottlingException`.
fn bare(code: &str) -> &str {
    code.strip_suffix("Exception").unwrap_or(code)
}

/// The class of a failure.
pub fn classify(failure: &Failure<'_>) -> Class {
    match failure.stage {
        Stage::Built => return Class::Bug,
        Stage::Signed => return Class::Denied,
        Stage::Sent => return Class::Transient,
        Stage::Answered | Stage::Understood => {}
    }
    let code = bare(failure.code);
    let service = failure.operation.split(':').next().unwrap_or_default();
    of_service(service, code, failure).or_else(|| of_any_service(code)).unwrap_or_else(|| of_status(failure.status))
}

/// Codes whose meaning depends on the service, or on its message.
fn of_service(service: &str, code: &str, failure: &Failure<'_>) -> Option<Class> {
    let says = |part: &str| failure.message.contains(part);
    let class = match (service, code) {
        // The same code for a rate and for a quota of the account. Only a rate says when to come back, but some quota
        // answers do too, so a quota's own wording goes first.
        ("apigateway", "LimitExceeded") => {
            let quota =
                ["maximum number", "Maximum number", "limit reached", "maximum limit"].iter().any(|part| says(part));
            if failure.retry_after.is_some() && !quota { Class::Throttled } else { Class::Quota }
        }
        // Somebody else moved a stage onto the deployment, or took a setting away, after we looked.
        ("apigateway", "BadRequest")
            if says("Active stages pointing to this deployment") || says("Cannot remove method setting") =>
        {
            Class::Conflict
        }
        // The name is another account's, which no look shows; or a domain with an empty base path takes no second one.
        ("apigateway", "Conflict") if says("domain name you provided already exists") || says("base path is empty") => {
            Class::Invalid
        }
        ("dynamodb", "ResourceInUse") => {
            if says("already exists") {
                Class::Conflict
            } else {
                Class::Waiting
            }
        }
        ("dynamodb", "LimitExceeded") => {
            if says("simultaneously") || says("concurrent") {
                Class::Waiting
            } else {
                Class::Quota
            }
        }
        // A new table's backups and a changed function need a moment.
        ("dynamodb", "ContinuousBackupsUnavailable") | ("lambda", "ResourceNotReady") => Class::Waiting,
        // Time to live may be switched once an hour.
        ("dynamodb", "Validation") if says("modified multiple times within a fixed interval") => Class::Waiting,
        // A role takes seconds to become known to Lambda, and its policy some more.
        ("lambda", "InvalidParameterValue")
            if says("cannot be assumed by Lambda") || (says("execution role") && says("does not have permissions")) =>
        {
            Class::Eventual
        }
        // PublishVersion names the hash it expects: somebody uploaded other code in between.
        ("lambda", "InvalidParameterValue") if says("CodeSHA256") => Class::Conflict,
        ("lambda", "ResourceConflict")
            if says("in progress")
                || says("in the following state: Pending")
                || says("cannot be performed at this time") =>
        {
            Class::Waiting
        }
        _ => return None,
    };
    Some(class)
}

/// Codes that mean the same wherever they come from.
fn of_any_service(code: &str) -> Option<Class> {
    let class = match code {
        "TooManyRequests"
        | "Throttling"
        | "Throttled"
        | "ThrottledRequest"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "BandwidthLimitExceeded"
        | "ProvisionedThroughputExceeded"
        | "PriorRequestNotComplete"
        | "SlowDown" => Class::Throttled,
        "LimitExceeded" | "ServiceQuotaExceeded" | "CodeStorageExceeded" | "AccountLimitExceeded" => Class::Quota,
        // An object that vanished between look and change: look again.
        "NotFound"
        | "ResourceNotFound"
        | "NoSuchEntity"
        | "TableNotFound"
        | "Conflict"
        | "ResourceConflict"
        | "ConcurrentModification"
        | "ConditionalCheckFailed"
        | "TransactionConflict"
        | "EntityAlreadyExists"
        | "ResourceAlreadyExists"
        | "EntityTemporarilyUnmodifiable"
        | "DeleteConflict"
        | "OperationAborted"
        | "PreconditionFailed"
        | "ResourceInUse"
        | "TableAlreadyExists" => Class::Conflict,
        "AccessDenied"
        | "UnauthorizedOperation"
        | "Unauthorized"
        | "NotAuthorized"
        | "AuthFailure"
        | "OptInRequired"
        | "ExpiredToken"
        | "RequestExpired"
        | "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "RequestTimeTooSkewed" => Class::Denied,
        "BadRequest"
        | "Validation"
        | "ValidationError"
        | "InvalidInput"
        | "InvalidParameter"
        | "InvalidParameterValue"
        | "InvalidRequestContent"
        | "MalformedPolicyDocument"
        | "RequestTooLarge"
        | "PolicyLengthExceeded" => Class::Invalid,
        "InternalServerError"
        | "InternalFailure"
        | "InternalError"
        | "Service"
        | "ServiceFailure"
        | "ServiceUnavailable"
        | "RequestTimeout" => Class::Transient,
        _ => return None,
    };
    Some(class)
}

/// The last resort: a code nobody has met yet.
fn of_status(status: Option<u16>) -> Class {
    match status {
        Some(401 | 403) => Class::Denied,
        Some(404 | 409 | 412) => Class::Conflict,
        Some(429) => Class::Throttled,
        Some(400..=499) => Class::Invalid,
        _ => Class::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(operation: &'static str, code: &str, message: &str, status: u16) -> Class {
        classify(&Failure {
            operation,
            stage: Stage::Understood,
            code,
            message,
            status: Some(status),
            retry_after: None,
        })
    }

    #[test]
    fn codes_of_aws() {
        let cases = [
            ("apigateway:CreateApiKey", "TooManyRequestsException", "Too Many Requests", 429, Class::Throttled),
            (
                "apigateway:CreateUsagePlan",
                "LimitExceededException",
                "Maximum number of Usage Plans reached",
                429,
                Class::Quota,
            ),
            ("apigateway:CreateApiKey", "ConflictException", "API Key already exists", 409, Class::Conflict),
            (
                "apigateway:CreateDomainName",
                "ConflictException",
                "The domain name you provided already exists.",
                409,
                Class::Invalid,
            ),
            (
                "apigateway:CreateBasePathMapping",
                "ConflictException",
                "Only one base path mapping is allowed if the base path is empty.",
                409,
                Class::Invalid,
            ),
            ("apigateway:UpdateStage", "NotFoundException", "Invalid stage identifier specified", 404, Class::Conflict),
            ("apigateway:PutRestApi", "BadRequestException", "Warnings found during import", 400, Class::Invalid),
            (
                "apigateway:DeleteDeployment",
                "BadRequestException",
                "Active stages pointing to this deployment must be moved or deleted",
                400,
                Class::Conflict,
            ),
            ("apigateway:GetRestApis", "UnauthorizedException", "", 401, Class::Denied),
            ("apigateway:GetRestApis", "AccessDeniedException", "", 403, Class::Denied),
            ("apigateway:GetRestApis", "ServiceUnavailableException", "", 503, Class::Transient),
            (
                "dynamodb:PutItem",
                "ConditionalCheckFailedException",
                "The conditional request failed",
                400,
                Class::Conflict,
            ),
            ("dynamodb:PutItem", "ProvisionedThroughputExceededException", "", 400, Class::Throttled),
            ("dynamodb:PutItem", "RequestLimitExceeded", "", 400, Class::Throttled),
            ("dynamodb:PutItem", "ThrottlingException", "", 400, Class::Throttled),
            ("dynamodb:CreateTable", "ResourceInUseException", "Table already exists: aigw-x", 400, Class::Conflict),
            (
                "dynamodb:UpdateTable",
                "ResourceInUseException",
                "Attempt to change a resource which is still in use: Table is being updated",
                400,
                Class::Waiting,
            ),
            (
                "dynamodb:CreateTable",
                "LimitExceededException",
                "Subscriber limit exceeded: Only 50 tables can be created, updated, or deleted simultaneously",
                400,
                Class::Waiting,
            ),
            (
                "dynamodb:CreateTable",
                "LimitExceededException",
                "Subscriber limit exceeded: There is a limit of 2500 tables per account",
                400,
                Class::Quota,
            ),
            ("dynamodb:UpdateContinuousBackups", "ContinuousBackupsUnavailableException", "", 400, Class::Waiting),
            ("dynamodb:PutItem", "ValidationException", "Invalid KeyConditionExpression", 400, Class::Invalid),
            ("iam:CreateRole", "EntityAlreadyExists", "Role with name x already exists.", 409, Class::Conflict),
            ("iam:CreateRole", "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", 409, Class::Quota),
            ("iam:CreateRole", "MalformedPolicyDocument", "", 400, Class::Invalid),
            ("iam:CreateRole", "InvalidClientTokenId", "", 403, Class::Denied),
            ("iam:CreateRole", "Throttling", "Rate exceeded", 400, Class::Throttled),
            (
                "lambda:CreateFunction",
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                400,
                Class::Eventual,
            ),
            (
                "lambda:CreateFunction",
                "InvalidParameterValueException",
                "Unzipped size must be smaller than 262144000 bytes",
                400,
                Class::Invalid,
            ),
            ("lambda:CreateFunction", "CodeStorageExceededException", "", 400, Class::Quota),
            ("lambda:CreateFunction", "ResourceConflictException", "Function already exist: x", 409, Class::Conflict),
            (
                "lambda:UpdateFunctionCode",
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource: x",
                409,
                Class::Waiting,
            ),
            (
                "lambda:UpdateFunctionCode",
                "PreconditionFailedException",
                "The RevisionId provided does not match",
                412,
                Class::Conflict,
            ),
            (
                "lambda:PublishVersion",
                "InvalidParameterValueException",
                "CodeSHA256 (x) is different from current CodeSHA256 in $LATEST (y)",
                400,
                Class::Conflict,
            ),
            (
                "lambda:GetFunction",
                "UnrecognizedClientException",
                "The security token included in the request is invalid",
                403,
                Class::Denied,
            ),
            ("lambda:GetFunction", "ServiceException", "", 500, Class::Transient),
            ("logs:CreateLogGroup", "OperationAbortedException", "", 400, Class::Conflict),
            ("logs:CreateLogGroup", "LimitExceededException", "", 400, Class::Quota),
            (
                "sts:GetCallerIdentity",
                "ExpiredToken",
                "The security token included in the request is expired",
                403,
                Class::Denied,
            ),
            ("sts:GetCallerIdentity", "", "", 502, Class::Transient),
            ("sts:GetCallerIdentity", "NeverHeardOf", "", 418, Class::Invalid),
            ("sts:GetCallerIdentity", "NeverHeardOf", "", 429, Class::Throttled),
        ];
        for (operation, code, message, status, expected) in cases {
            assert_eq!(class(operation, code, message, status), expected, "{operation} {code} {message}");
        }
    }

    #[test]
    fn a_rate_says_when_to_come_back_and_a_quota_does_not() {
        let limit = |message, retry_after| {
            classify(&Failure {
                operation: "apigateway:CreateDeployment",
                stage: Stage::Understood,
                code: "LimitExceededException",
                message,
                status: Some(429),
                retry_after,
            })
        };
        let second = Some(Duration::from_secs(1));
        assert_eq!(limit("Too Many Requests", second), Class::Throttled);
        assert_eq!(limit("Maximum number of APIs reached", second), Class::Quota);
        assert_eq!(limit("Too Many Requests", None), Class::Quota);
    }

    #[test]
    fn without_an_answer_the_stage_decides() {
        for (stage, expected) in [
            (Stage::Built, Class::Bug),
            (Stage::Signed, Class::Denied),
            (Stage::Sent, Class::Transient),
            (Stage::Answered, Class::Transient),
        ] {
            let failure =
                Failure { operation: "iam:GetRole", stage, code: "", message: "", status: None, retry_after: None };
            assert_eq!(classify(&failure), expected, "{stage:?}");
        }
    }
}
