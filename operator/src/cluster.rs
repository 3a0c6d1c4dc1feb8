//! The cluster the operator finds: whether the custom resource definitions are there, and which cluster it is.

use aigw_api::{AIGateway, GROUP, Tenant, VERSION};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use tokio::time::Instant;

use crate::harness::{error, timing};

/// Waits for the definitions to be served and for the cluster's UID, without which ownership cannot be told. Definitions
/// are found by discovery, which needs no rights of its own. `home` is the namespace whose UID names the cluster.
pub(crate) async fn cluster(client: &Client, home: &str) -> String {
    let mut reminded: Option<Instant> = None;
    loop {
        let problem = match missing(client).await {
            Ok(missing) if missing.is_empty() => match cluster_uid(client, home).await {
                Ok(uid) => return uid,
                Err(failure) => {
                    format!("cannot read namespace {home}, whose UID names the cluster: {}", error::chain(&failure))
                }
            },
            Ok(missing) => format!(
                "the custom resource definitions of {} are not installed; install the chart aigw-crds, or apply the output of 'aigw-operator crd'",
                missing.join(" and ")
            ),
            Err(failure) => format!("cannot ask the Kubernetes API: {}", error::chain(&failure)),
        };
        if reminded.is_none_or(|last| last.elapsed() >= timing::CRD_REMINDER) {
            tracing::warn!(problem, "waiting");
            reminded = Some(Instant::now());
        }
        tokio::time::sleep(timing::CRD_POLL).await;
    }
}

/// Kinds of ours that the apiserver does not serve.
async fn missing(client: &Client) -> Result<Vec<String>, kube::Error> {
    let served = match client.list_api_group_resources(&format!("{GROUP}/{VERSION}")).await {
        Ok(list) => list.resources,
        // By code: for a group it does not know the apiserver answers in plain text, without a reason.
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let ours = [AIGateway::kind(&()), Tenant::kind(&())];
    let absent = ours.iter().filter(|kind| !served.iter().any(|resource| resource.kind == **kind));
    Ok(absent.map(ToString::to_string).collect())
}

async fn cluster_uid(client: &Client, home: &str) -> Result<String, kube::Error> {
    let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    Ok(namespaces.get(home).await?.uid().unwrap_or_default())
}
