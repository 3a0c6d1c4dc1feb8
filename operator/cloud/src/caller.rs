//! What a person who looks for trouble asks AWS with their own credentials: who they are there, what a role may do, and
//! how many calls at once the account has room for. The operator itself asks none of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::CloudError;

/// Whose credentials are in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The 12-digit account id.
    pub account: String,
    /// ARN of the user or of the session of a role.
    pub arn: String,
}

/// Calls to be judged together: every action on every resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// IAM actions, for example `lambda:GetFunction`.
    pub actions: Vec<String>,
    /// ARN of what they are done to.
    pub resource: String,
    /// Condition keys and the value each has in these calls.
    pub context: BTreeMap<String, String>,
}

/// What a person may ask about an account, in one Region.
#[async_trait]
pub trait Caller: Send + Sync {
    /// `sts:GetCallerIdentity`.
    async fn identity(&self) -> Result<CallerIdentity, CloudError>;
    /// Actions of `attempt` that the policies of `principal_arn` do not allow: `iam:SimulatePrincipalPolicy`, which knows
    /// nothing of service control policies' conditions.
    async fn refused(&self, principal_arn: &str, attempt: &Attempt) -> Result<Vec<String>, CloudError>;
    /// Lambda functions that may run at once, of all functions together: `lambda:GetAccountSettings`.
    async fn concurrency(&self) -> Result<i32, CloudError>;
}

/// Gives a [`Caller`] for a Region.
pub trait Callers: Send + Sync {
    /// The caller in `region`.
    fn caller(&self, region: &str) -> Arc<dyn Caller>;
}
