//! The port to what an account can hold, and holds, in a Region.

use aigw_plan::gateway::capacity::{AccountQuotas, AccountUse};
use async_trait::async_trait;

use crate::CloudError;

/// Quotas and counts of the account. To read both is some twenty calls of API Gateway in a full account.
#[async_trait]
pub trait Capacity: Send + Sync {
    /// The account's own quotas of API Gateway, as Service Quotas tells. One that it does not tell is an error
    /// (`QuotaNotListed`): nothing may be refused by half of them.
    async fn quotas(&self) -> Result<AccountQuotas, CloudError>;
    /// How many objects there are, of any owner, over all pages.
    async fn used(&self) -> Result<AccountUse, CloudError>;
}
