//! The port of probes: to gateways' own URLs, as clients reach them.

use aigw_plan::probe::{Answer, Request, Unreachable};
use async_trait::async_trait;

/// Longest body of an answer that is read, in bytes. What a probe reads has a few hundred.
pub const LONGEST_ANSWER: usize = 64 * 1024;

/// Requests to gateways, with a credential, over HTTPS.
#[async_trait]
pub trait Prober: Send + Sync {
    /// One request. Redirects are not followed; of a longer body only that it was too long is told.
    ///
    /// # Errors
    /// [`Unreachable`] where nobody answers.
    async fn ask(&self, request: &Request) -> Result<Answer, Unreachable>;
}
