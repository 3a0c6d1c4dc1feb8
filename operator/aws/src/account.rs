//! STS: whose credentials these are.

use aigw_cloud::{Account, CloudError};
use async_trait::async_trait;
use aws_sdk_sts::Client;
use tokio::sync::OnceCell;

use crate::service::{Service, incomplete};

/// The account behind the credentials. Asked once: credentials are renewed, but never for another account.
pub struct StsAccount {
    sts: Service<Client>,
    id: OnceCell<String>,
}

impl StsAccount {
    pub fn new(sts: Service<Client>) -> Self {
        Self { sts, id: OnceCell::new() }
    }
}

#[async_trait]
impl Account for StsAccount {
    async fn id(&self) -> Result<String, CloudError> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let id = self.id.get_or_try_init(|| async {
            let answer = self.sts.call(OPERATION, |sts| sts.get_caller_identity().send()).await?;
            answer.account.ok_or_else(|| incomplete(OPERATION, "account"))
        });
        id.await.cloned()
    }
}
