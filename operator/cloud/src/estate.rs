//! The port that lists everything of an installation, for the sweeper. Every other port looks one gateway's objects up.

use aigw_plan::sweep::OwnedObject;
use async_trait::async_trait;

use crate::CloudError;

/// What an installation has in one Region, roles of the whole account included.
#[async_trait]
pub trait Estate: Send + Sync {
    /// Every object whose installation tag is exactly `installation`, of every kind, over all pages. An object that goes
    /// while it is being listed is left out. An error is the error of the whole list: half a list is none.
    async fn owned(&self, installation: &str) -> Result<Vec<OwnedObject>, CloudError>;
}
