//! ServiceAccount tokens for a pod: requested bound to it, written to a file, renewed at four fifths of their life.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

/// The life a kubelet asks for where the pod does not say.
const LIFE_SECONDS: i64 = 3600;
/// How soon a failed renewal is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// One token a pod has.
#[derive(Clone, Debug)]
pub struct TokenFile {
    /// Where it is written.
    pub path: PathBuf,
    /// Its audience; `None` is the API server's own.
    pub audience: Option<String>,
    /// Its life; `None` is an hour.
    pub seconds: Option<i64>,
}

impl TokenFile {
    /// Requests the token and writes it; returns when to renew.
    pub async fn write(&self, client: &Client, pod: &Pod) -> Result<Duration, String> {
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
        let seconds = self.seconds.unwrap_or(LIFE_SECONDS);
        let request: TokenRequest = serde_json::from_value(json!({
            "metadata": {},
            "spec": {
                "audiences": self.audience.iter().collect::<Vec<_>>(),
                "expirationSeconds": seconds,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod.name_any(), "uid": pod.uid()},
            },
        }))
        .map_err(|error| error.to_string())?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
        let answer = accounts.create_token_request(account, &PostParams::default(), &request).await;
        let answer = answer.map_err(|error| format!("no token of serviceaccount {account}: {error}"))?;
        let token = answer.status.map(|status| status.token).unwrap_or_default();
        replace(&self.path, &token).map_err(|error| format!("cannot write {}: {error}", self.path.display()))?;
        Ok(Duration::from_secs(seconds.unsigned_abs() * 4 / 5))
    }

    /// Keeps the token fresh until dropped; `renew` is when the one at hand is due.
    pub async fn keep(self, client: Client, pod: Pod, mut renew: Duration) {
        loop {
            tokio::time::sleep(renew).await;
            renew = self.write(&client, &pod).await.unwrap_or_else(|error| {
                tracing::warn!(error, "a pod's token could not be renewed");
                RETRY
            });
        }
    }
}

/// A reader sees the old or the new token, nothing between.
fn replace(path: &Path, token: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, token)?;
    fs::rename(new, path)
}
