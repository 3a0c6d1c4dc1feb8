//! The cluster's side of a sweep: lists fresh from the apiserver. A cache may lag, and what it lacks would be deleted.
//!
//! Read page by page, and of each object what tells it apart and what it refers to: thousands of whole objects as trees
//! of JSON are three times the rest of the operator.

use std::collections::BTreeMap;

use aigw_api::{AIGateway, Tenant};
use aigw_plan::GatewayIdentity;
use aigw_plan::sweep::View;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::Request;
use kube::{Api, Client, Resource};
use serde::Deserialize;
use serde_json::Value;

use crate::args::Settings;

/// Objects per page.
const PAGE: u32 = 100;

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    metadata: ListMeta,
    items: Vec<Listed>,
}

/// What is read of an object. As written, since an object too new or too old for this version owns its keys all the same.
#[derive(Deserialize)]
struct Listed {
    metadata: Named,
    #[serde(default)]
    spec: Value,
}

#[derive(Deserialize)]
struct Named {
    namespace: String,
    name: String,
    #[serde(default)]
    uid: String,
}

/// What the cluster holds, in the namespaces this operator acts in.
pub(super) async fn view(client: &Client, settings: &Settings) -> Result<View, kube::Error> {
    let watched = &settings.watch_namespaces;
    let mut view = View {
        namespaces: (!watched.is_empty()).then(|| watched.iter().cloned().collect()),
        gateways: BTreeMap::new(),
        tenants: BTreeMap::new(),
    };
    each::<AIGateway>(client, watched, |gateway| {
        let Named { namespace, name, uid } = gateway.metadata;
        // Its probe has a key as tenants have, and no Tenant.
        let identity = GatewayIdentity {
            installation: settings.installation.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
        };
        let place = (namespace.clone(), name.clone());
        view.tenants.entry(place).or_default().insert(identity.probe_id());
        view.gateways.insert((namespace, name), uid);
    })
    .await?;
    each::<Tenant>(client, watched, |tenant| {
        let Named { namespace, name, .. } = tenant.metadata;
        let reference = &tenant.spec["gatewayRef"];
        let gateway = GatewayIdentity {
            installation: settings.installation.clone(),
            namespace: reference["namespace"].as_str().unwrap_or(&namespace).to_owned(),
            name: reference["name"].as_str().unwrap_or_default().to_owned(),
        };
        let id = gateway.tenant_id(&namespace, &name);
        view.tenants.entry((gateway.namespace, gateway.name)).or_default().insert(id);
    })
    .await?;
    Ok(view)
}

/// Whether the gateway exists at this moment. By a list, which the operator may make; it has no right to get one.
pub(super) async fn exists(client: &Client, gateway: &GatewayIdentity) -> Result<bool, kube::Error> {
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &gateway.namespace, &ApiResource::erase::<AIGateway>(&()));
    let named = ListParams::default().fields(&format!("metadata.name={}", gateway.name));
    Ok(!api.list_metadata(&named).await?.items.is_empty())
}

/// The gateway, or where it is gone the operator's lease: the one object of its own it knows by name.
pub(super) async fn subject(
    client: &Client,
    settings: &Settings,
    gateway: &GatewayIdentity,
    uid: Option<&String>,
) -> Option<ObjectReference> {
    if let Some(uid) = uid {
        return Some(ObjectReference {
            api_version: Some(AIGateway::api_version(&()).into_owned()),
            kind: Some(AIGateway::kind(&()).into_owned()),
            namespace: Some(gateway.namespace.clone()),
            name: Some(gateway.name.clone()),
            uid: Some(uid.clone()),
            ..ObjectReference::default()
        });
    }
    let leases: Api<Lease> = Api::namespaced(client.clone(), &settings.namespace);
    let lease = leases.get_opt(&settings.lease.as_ref()?.name).await.ok()??;
    Some(ObjectReference { resource_version: None, ..lease.object_ref(&()) })
}

/// Hands over every object of a kind, in the namespaces given, or all where none is.
async fn each<K>(client: &Client, namespaces: &[String], mut take: impl FnMut(Listed)) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = ()>,
{
    let scopes = if namespaces.is_empty() {
        vec![None]
    } else {
        namespaces.iter().map(|namespace| Some(namespace.as_str())).collect()
    };
    for scope in scopes {
        let request = Request::new(K::url_path(&(), scope));
        let mut parameters = ListParams::default().limit(PAGE);
        loop {
            let page: Page = client.request(request.list(&parameters).map_err(kube::Error::BuildRequest)?).await?;
            page.items.into_iter().for_each(&mut take);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters = ListParams::default().limit(PAGE).continue_token(&token),
                None => break,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::Full;
    use hyper::Response;
    use hyper::body::Bytes;
    use kube::client::Body;
    use serde_json::json;
    use tower::service_fn;

    use super::*;

    /// An apiserver with two tenants on two pages, one of which no version of ours would take.
    fn client() -> Client {
        let service = service_fn(|request: hyper::Request<Body>| async move {
            let target = request.uri().to_string();
            let page = |kind: &str, items: Vec<Value>, next: &str| {
                json!({"kind": format!("{kind}List"), "apiVersion": "aigateway.dev/v1alpha1",
                    "metadata": {"continue": next}, "items": items})
            };
            let object = |name: &str, spec: Value| json!({"metadata": {"namespace": "team", "name": name, "uid": format!("u-{name}")}, "spec": spec});
            let body = if target.contains("/aigateways") {
                page("AIGateway", vec![object("prod", json!({"strange": true}))], "")
            } else if target.contains("continue=second") {
                page("Tenant", vec![object("far", json!({"gatewayRef": {"name": "main", "namespace": "ai"}}))], "")
            } else {
                page("Tenant", vec![object("near", json!({"gatewayRef": {"name": "prod"}, "later": 1}))], "second")
            };
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(body.to_string())))
        });
        Client::new(service, "default")
    }

    #[tokio::test]
    async fn objects_count_as_they_are_written_over_all_pages() {
        let settings = Settings::for_installation("prod-eu");
        let view = view(&client(), &settings).await.unwrap();
        let identity = |namespace: &str, name: &str| GatewayIdentity {
            installation: "prod-eu".into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        let key = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
        assert_eq!(view.gateways, [(key("team", "prod"), "u-prod".to_owned())].into());
        let near = identity("team", "prod").tenant_id("team", "near");
        let far = identity("ai", "main").tenant_id("team", "far");
        let probe = identity("team", "prod").probe_id();
        assert_eq!(
            view.tenants,
            [(key("team", "prod"), [near, probe].into()), (key("ai", "main"), [far].into())].into()
        );
        assert_eq!(view.namespaces, None);
    }

    #[tokio::test]
    async fn with_some_namespaces_only_those_are_listed_and_said_to_be() {
        let settings = Settings { watch_namespaces: vec!["team".to_owned()], ..Settings::for_installation("prod-eu") };
        let view = view(&client(), &settings).await.unwrap();
        assert_eq!(view.namespaces, Some(["team".to_owned()].into()));
        assert_eq!(view.gateways.len(), 1);
    }
}
