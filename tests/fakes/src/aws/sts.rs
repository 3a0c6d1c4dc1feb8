//! STS: whose credentials these are.

use aigw_cloud::{Account, CloudError};
use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::client::Port;

/// Asked once per process and Region, as the adapter does.
pub(crate) struct AccountPort {
    port: Port,
    other: Option<String>,
    id: OnceCell<String>,
}

impl AccountPort {
    /// `other` is the account of credentials that are not for the fake's own.
    pub fn new(port: Port, other: Option<String>) -> Self {
        Self { port, other, id: OnceCell::new() }
    }
}

#[async_trait]
impl Account for AccountPort {
    async fn id(&self) -> Result<String, CloudError> {
        let ask = || async {
            let other = self.other.clone();
            self.port
                .call("sts:GetCallerIdentity", "", move |_, context| {
                    Ok(other.unwrap_or_else(|| context.account_id.to_owned()))
                })
                .await
        };
        self.id.get_or_try_init(ask).await.cloned()
    }
}
