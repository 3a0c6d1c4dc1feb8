//! The ports: narrow async traits over the AWS calls the operator makes, and the error they share.
//!
//! The operator sees AWS only through these. Two things implement them: the adapters of `aigw-aws` over the SDK, and
//! fakes in tests. They speak the plan's language ([`aigw_plan`]): a look-up returns an observed value or `None`, a
//! change takes what a step carries. No SDK type appears here, and no method makes a choice the plan did not.
//!
//! Two ports do not lead to AWS's control plane: [`Documents`] to the identity providers whose tokens a gateway accepts, and
//! [`Prober`] to the gateways themselves, as clients reach them.
//!
//! What both need stands here too, free of the SDK: the [`Gate`] every call passes, with the [`Limiter`] behind it, and
//! what an error of AWS means ([`classify`]).

mod caller;
mod capacity;
pub mod classify;
mod code;
mod documents;
mod domains;
mod error;
mod estate;
mod function_metrics;
mod gate;
mod keys;
mod limiter;
mod ports;
mod prober;
pub mod quotas;
mod stable_text;

pub use caller::{Attempt, Caller, CallerIdentity, Callers};
pub use capacity::Capacity;
pub use code::{CodeError, FunctionCode, FunctionCodes};
pub use documents::{DocumentError, Documents, LONGEST_DOCUMENT};
pub use domains::Domains;
pub use error::CloudError;
pub use estate::Estate;
pub use function_metrics::{CallQuery, FunctionMetrics};
pub use gate::{Call, Gate, NoObserver, Observer};
pub use keys::{ApiKeys, UsagePlanList, UsagePlans};
pub use limiter::{HELD_BACK, Limiter};
pub use ports::{Account, Functions, LogGroups, RestApis, Roles, Tables, TenantItems};
pub use prober::{LONGEST_ANSWER, Prober};
pub use stable_text::stable;

use std::sync::Arc;

use async_trait::async_trait;

/// Every port for one Region of one account.
#[derive(Clone)]
pub struct Cloud {
    /// Whose credentials these are.
    pub account: Arc<dyn Account>,
    /// DynamoDB.
    pub tables: Arc<dyn Tables>,
    /// IAM.
    pub roles: Arc<dyn Roles>,
    /// CloudWatch Logs.
    pub log_groups: Arc<dyn LogGroups>,
    /// Lambda.
    pub functions: Arc<dyn Functions>,
    /// CloudWatch: calls of functions.
    pub function_metrics: Arc<dyn FunctionMetrics>,
    /// API Gateway: REST APIs, deployments, stages.
    pub rest_apis: Arc<dyn RestApis>,
    /// API Gateway: custom domains.
    pub domains: Arc<dyn Domains>,
    /// API Gateway: usage plans.
    pub usage_plans: Arc<dyn UsagePlans>,
    /// API Gateway: API keys.
    pub api_keys: Arc<dyn ApiKeys>,
    /// What the account can hold: Service Quotas, and counts of API Gateway.
    pub capacity: Arc<dyn Capacity>,
    /// Everything of an installation.
    pub estate: Arc<dyn Estate>,
}

/// Gives the ports for a Region. Clients and limiters are made once per Region and shared.
#[async_trait]
pub trait Clouds: Send + Sync {
    /// The ports for `region`.
    async fn region(&self, region: &str) -> Cloud;
}
