//! API Gateway's control-plane rates: fixed per account and Region, and not raisable.
//!
//! Source: "Amazon API Gateway quotas", section "API Gateway control plane service quotas"
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>), read in November 2026. Operations that
//! are not listed there have only the rate over all operations.

use std::time::Duration;

/// The operations with a rate of their own.
pub mod operation {
    /// Regional and private APIs; edge-optimised ones, which the operator does not make, are slower still.
    pub const CREATE_REST_API: &str = "apigateway:CreateRestApi";
    /// Import over an existing API.
    pub const PUT_REST_API: &str = "apigateway:PutRestApi";
    /// Deletion of an API.
    pub const DELETE_REST_API: &str = "apigateway:DeleteRestApi";
    /// Snapshot of an API.
    pub const CREATE_DEPLOYMENT: &str = "apigateway:CreateDeployment";
    /// List of an API's resources.
    pub const GET_RESOURCES: &str = "apigateway:GetResources";
    /// Change of a usage plan, its stages included.
    pub const UPDATE_USAGE_PLAN: &str = "apigateway:UpdateUsagePlan";
    /// Creation of a custom domain.
    pub const CREATE_DOMAIN_NAME: &str = "apigateway:CreateDomainName";
    /// Change of a custom domain.
    pub const UPDATE_DOMAIN_NAME: &str = "apigateway:UpdateDomainName";
    /// Deletion of a custom domain.
    pub const DELETE_DOMAIN_NAME: &str = "apigateway:DeleteDomainName";
    /// Creation of a key.
    pub const CREATE_API_KEY: &str = "apigateway:CreateApiKey";
    /// Deletion of a key.
    pub const DELETE_API_KEY: &str = "apigateway:DeleteApiKey";
}

/// `calls` per `per`.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Calls allowed.
    pub calls: u32,
    /// In this time.
    pub per: Duration,
}

impl Quota {
    const fn new(calls: u32, seconds: u64) -> Self {
        Self { calls, per: Duration::from_secs(seconds) }
    }

    /// Calls per second.
    pub fn rate(self) -> f64 {
        f64::from(self.calls) / self.per.as_secs_f64()
    }
}

/// All operations of API Gateway together.
pub const ALL_OPERATIONS: Quota = Quota::new(10, 1);
/// Calls that may come at once after a quiet time; only the rate over all operations has a burst.
pub const ALL_OPERATIONS_BURST: u32 = 40;

/// Rates of single operations.
pub const OPERATIONS: [(&str, Quota); 11] = [
    (operation::CREATE_REST_API, Quota::new(1, 3)),
    (operation::PUT_REST_API, Quota::new(1, 1)),
    (operation::DELETE_REST_API, Quota::new(1, 30)),
    (operation::CREATE_DEPLOYMENT, Quota::new(1, 5)),
    (operation::GET_RESOURCES, Quota::new(5, 2)),
    (operation::UPDATE_USAGE_PLAN, Quota::new(1, 20)),
    (operation::CREATE_DOMAIN_NAME, Quota::new(1, 30)),
    (operation::UPDATE_DOMAIN_NAME, Quota::new(1, 30)),
    (operation::DELETE_DOMAIN_NAME, Quota::new(1, 30)),
    (operation::CREATE_API_KEY, Quota::new(5, 1)),
    (operation::DELETE_API_KEY, Quota::new(5, 1)),
];

/// Part of every rate the operator takes for itself unless told otherwise: people and other tools share the account.
/// Only a mass change uses it for longer than seconds, and a 429 halves it at once; what is left keeps a person's calls
/// from being refused meanwhile, and 1 ÷ 0.9 is how much longer than AWS's quotas imply things take.
pub const DEFAULT_SHARE: f64 = 0.9;

/// Longest wait inside a call. Past it the caller is told when to come back, rather than holding a worker.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A rate cut back by 429 answers never falls below this part of its full value.
pub const FLOOR: f64 = 1.0 / 16.0;
/// Time in which a rate climbs back from nothing to its full value.
pub const RECOVERY: Duration = Duration::from_mins(2);
/// A rate is halved at most once in this time: calls in flight together fail together, which is one cause, not many.
pub const BETWEEN_CUTS: Duration = Duration::from_secs(1);
