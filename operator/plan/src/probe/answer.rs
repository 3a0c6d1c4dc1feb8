//! Requests of a probe, their answers, and what they come to.

use aigw_api::conditions::reason;
use aigw_contract::Credential;
use serde_json::Value;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST of an empty JSON object.
    Post,
}

/// What is presented as a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// A well-formed credential.
    Credential(Credential),
    /// Something that is none: to refuse it the authorizer needs nothing but to run.
    Nonsense,
}

/// A request. Its `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Whole URL.
    pub url: String,
    /// What is presented.
    pub presented: Presented,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Kind of API Gateway's own answer; none where a function answered.
    pub refused_by: Option<String>,
    /// Body, or its beginning.
    pub body: String,
}

/// There is no answer. The text is constant for a constant cause, as it ends up in a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host}: {problem}")]
pub struct Unreachable {
    /// Host that was asked.
    pub host: String,
    /// What happened.
    pub problem: &'static str,
}

/// What a probe comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Every answer was the right one; what was shown.
    Passed(String),
    /// A wrong answer.
    Failed {
        /// Condition reason.
        reason: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// The operator cannot find out, which is nobody's fault.
    Unknown {
        /// Condition reason.
        reason: &'static str,
        /// Why not.
        message: String,
    },
    /// An answer that says neither: to be asked again soon.
    Unclear(String),
}

impl Finding {
    /// Every word that [`Self::label`] gives.
    pub const LABELS: [&'static str; 4] = ["passed", "failed", "unknown", "unclear"];

    /// A failure.
    pub fn failed(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Failed { reason, message: message.into() }
    }

    /// Nobody answers at the URL.
    pub fn unreachable(unreachable: &Unreachable) -> Self {
        let message = format!("the operator cannot reach the gateway at {unreachable}");
        Self::Unknown { reason: reason::UNREACHABLE, message }
    }

    /// Word for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
            Self::Unclear(_) => "unclear",
        }
    }
}

impl Answer {
    /// The `message` of an error's body.
    pub fn message(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["message"].as_str().unwrap_or_default().to_owned()
    }

    /// What a refusal or failure of API Gateway itself means to whoever presents a good credential, where the authorizer has
    /// shown that it runs; `None` where a function answered.
    pub fn of_gateway(&self) -> Option<Finding> {
        Some(match self.refused_by.as_deref()? {
            "UNAUTHORIZED" | "ACCESS_DENIED" => Finding::failed(
                reason::CREDENTIAL_REFUSED,
                "the authorizer refuses a credential that its tenant's policy lists; see the authorizer's log",
            ),
            "INVALID_API_KEY" => Finding::failed(
                reason::PLAN_NOT_ATTACHED,
                "API Gateway does not take the tenant's internal key: it is in no usage plan of this stage",
            ),
            "AUTHORIZER_CONFIGURATION_ERROR" => Finding::failed(
                reason::PERMISSION_MISSING,
                "API Gateway may not call the authorizer function; its resource policy, or an organization's policy, has to allow it",
            ),
            "AUTHORIZER_FAILURE" => Finding::failed(
                reason::TABLE_UNREACHABLE,
                "the authorizer runs and cannot read the table; see its log, its role's right to dynamodb:GetItem, DynamoDB's health, and the table's own policy",
            ),
            "API_CONFIGURATION_ERROR" => Finding::failed(
                reason::PERMISSION_MISSING,
                "API Gateway may not call the forwarder function; its resource policy, or an organization's policy, has to allow it",
            ),
            "THROTTLED" | "QUOTA_EXCEEDED" => Finding::Unclear("the probe met a rate limit and is repeated".into()),
            // A deployment takes seconds to be served everywhere.
            "MISSING_AUTHENTICATION_TOKEN" => Finding::Unclear("the gateway's URL serves no such path yet".into()),
            _ => Finding::failed(reason::FORWARDER_FAILED, "the forwarder does not answer API Gateway; see its log"),
        })
    }

    /// What no rule is for: something else than the gateway answers, or in another version.
    pub fn unexpected(&self) -> Finding {
        match self.status {
            429 => Finding::Unclear("the probe met a rate limit and is repeated".into()),
            status => Finding::failed(
                reason::FORWARDER_FAILED,
                format!(
                    "the gateway's URL answers with status {status} where the forwarder should; see the forwarder's log"
                ),
            ),
        }
    }
}
