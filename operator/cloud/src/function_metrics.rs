//! The port to what CloudWatch knows about calls of functions.

use aigw_plan::gateway::observed::Calls;
use async_trait::async_trait;

use crate::CloudError;

/// Which calls are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallQuery {
    /// Function. Only calls through its alias `live` count.
    pub function: String,
    /// Version that took them.
    pub version: String,
    /// From when, in seconds since the Unix epoch; CloudWatch rounds down to the minute.
    pub since: i64,
    /// Until when, in seconds since the Unix epoch, excluded.
    pub until: i64,
    /// Milliseconds above which a call is slow; without it none is.
    pub slow_after_ms: Option<i32>,
}

/// CloudWatch's metrics of Lambda.
#[async_trait]
pub trait FunctionMetrics: Send + Sync {
    /// Calls as far as CloudWatch knows of them by now: it is a minute or two late.
    async fn calls(&self, query: &CallQuery) -> Result<Calls, CloudError>;
}
