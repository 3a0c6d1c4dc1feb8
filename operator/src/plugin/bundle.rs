//! Everything a person who helps wants to see, as one JSON document. Secrets are never read.

use aigw_api::{AIGateway, Tenant};
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::PluginError;

/// Kinds whose Events are in it.
const KINDS: [&str; 2] = ["AIGateway", "Tenant"];

/// The document. What may not be read is named instead of left out.
pub(super) async fn bundle(client: &Client) -> Result<String, PluginError> {
    let version = client.apiserver_version().await?;
    let mut events = all::<Event>(client).await;
    if let Value::Array(events) = &mut events {
        events.retain(|event| KINDS.iter().any(|kind| event["regarding"]["kind"] == *kind));
    }
    let document = json!({
        "plugin": env!("CARGO_PKG_VERSION"),
        "kubernetes": version.git_version,
        "gateways": all::<AIGateway>(client).await,
        "tenants": all::<Tenant>(client).await,
        "events": events,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

async fn all<K>(client: &Client) -> Value
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    match Api::<K>::all(client.clone()).list(&ListParams::default()).await {
        Ok(list) => list.items.into_iter().map(without_history).collect(),
        Err(error) => Value::String(format!("could not be read: {error}")),
    }
}

/// Without what kubectl keeps of earlier applies, which nobody needs and may hold what was since removed.
fn without_history<K: Resource<DynamicType = ()> + Serialize>(mut object: K) -> Value {
    object.meta_mut().managed_fields = None;
    if let Some(annotations) = &mut object.meta_mut().annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    serde_json::to_value(&object).unwrap_or_default()
}
