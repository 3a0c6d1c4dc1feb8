//! What the command reads of a cluster, if there is one: get and list, nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_api::{AIGateway, Tenant};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::ListParams;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

/// A cluster that has not answered by then is not reachable.
const REACHABLE: Duration = Duration::from_secs(5);

/// What there is.
#[derive(Debug, Default)]
pub(super) struct ClusterView {
    /// Whether it could be asked; else everything below is empty.
    pub(super) reachable: bool,
    /// UID of `kube-system`, which names the cluster.
    pub(super) uid: Option<String>,
    pub(super) gateways: Vec<AIGateway>,
    pub(super) tenants: Vec<Tenant>,
    /// Labels by namespace.
    pub(super) namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl ClusterView {
    /// Reads everything but Secrets. A cluster that cannot be reached is an empty view and no error; one that can be
    /// reached and refuses is an error, because what it holds is not known then.
    pub(super) async fn read(client: Option<&Client>) -> Result<Self, kube::Error> {
        let Some(client) = client else { return Ok(Self::default()) };
        match tokio::time::timeout(REACHABLE, client.apiserver_version()).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return Ok(Self::default()),
        }
        let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
        let namespaces = namespaces.list_metadata(&ListParams::default()).await?.items;
        let uid = namespaces.iter().find(|namespace| namespace.name_any() == "kube-system").and_then(ResourceExt::uid);
        Ok(Self {
            reachable: true,
            uid,
            gateways: list(client).await?,
            tenants: list(client).await?,
            namespaces: namespaces.into_iter().map(|each| (each.name_any(), each.labels().clone())).collect(),
        })
    }

    pub(super) fn gateway(&self, namespace: &str, name: &str) -> Option<&AIGateway> {
        find(&self.gateways, namespace, name)
    }

    pub(super) fn tenant(&self, namespace: &str, name: &str) -> Option<&Tenant> {
        find(&self.tenants, namespace, name)
    }
}

fn find<'a, K: Resource<DynamicType = ()>>(objects: &'a [K], namespace: &str, name: &str) -> Option<&'a K> {
    objects.iter().find(|object| object.namespace().as_deref() == Some(namespace) && object.name_any() == name)
}

/// All objects of a kind; none where the kind is not installed. One that does not parse is nobody's business here.
async fn list<K>(client: &Client) -> Result<Vec<K>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api: Api<DeserializeGuard<K>> = Api::all(client.clone());
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items.into_iter().filter_map(|guard| guard.0.ok()).collect()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A Secret by name.
pub(super) async fn secret(client: &Client, namespace: &str, name: &str) -> Result<Option<Secret>, kube::Error> {
    Api::<Secret>::namespaced(client.clone(), namespace).get_opt(name).await
}
