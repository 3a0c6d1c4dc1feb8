//! The finalizer: on before the first AWS write, off only after the absence of everything was observed.
//!
//! Not kube-runtime's helper: that one ties removal to a single cleanup call that must succeed, while ours ends over
//! several passes with a status in between. JSON patches with `test` on the UID and on the list, since a merge patch
//! would replace finalizers of others.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Error;

/// Name of the finalizer.
pub const FINALIZER: &str = "aigateway.dev/cleanup";

/// Whether `object` carries our finalizer.
pub fn present<K: Resource>(object: &K) -> bool {
    object.meta().finalizers.iter().flatten().any(|name| name == FINALIZER)
}

/// Adds the finalizer; gives the object as stored. Class `Conflict` where somebody changed finalizers in between.
pub async fn add<K>(client: &Client, object: &K) -> Result<K, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    match add_patch(object) {
        None => Ok(object.clone()),
        Some(patch) => send(client, object, patch, "add the finalizer").await,
    }
}

/// Removes the finalizer. An object that is gone already is success.
pub async fn remove<K>(client: &Client, object: &K) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let Some(patch) = remove_patch(object) else {
        return Ok(());
    };
    match send(client, object, patch, "remove the finalizer").await {
        Err(Error::Kube { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.is_not_found()) => {
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

async fn send<K>(client: &Client, object: &K, patch: Value, action: &'static str) -> Result<K, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let patch = serde_json::from_value(patch).map_err(|source| Error::Serialize { what: "finalizer patch", source })?;
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    api.patch(&object.name_any(), &PatchParams::default(), &Patch::<()>::Json(patch)).await.map_err(Error::kube(action))
}

fn add_patch<K: Resource>(object: &K) -> Option<Value> {
    let finalizers = object.meta().finalizers.as_deref().unwrap_or_default();
    if present(object) {
        return None;
    }
    let uid = json!({"op": "test", "path": "/metadata/uid", "value": object.meta().uid});
    Some(if finalizers.is_empty() {
        // A `test` for null holds where the list is absent: two writers cannot both create it.
        json!([
            uid,
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
        ])
    } else {
        json!([
            uid,
            {"op": "test", "path": "/metadata/finalizers", "value": finalizers},
            {"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER},
        ])
    })
}

fn remove_patch<K: Resource>(object: &K) -> Option<Value> {
    let index = object.meta().finalizers.iter().flatten().position(|name| name == FINALIZER)?;
    let path = format!("/metadata/finalizers/{index}");
    Some(json!([
        {"op": "test", "path": "/metadata/uid", "value": object.meta().uid},
        {"op": "test", "path": path, "value": FINALIZER},
        {"op": "remove", "path": path},
    ]))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(finalizers: &[&str]) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.uid = Some("u-1".into());
        object.metadata.finalizers =
            (!finalizers.is_empty()).then(|| finalizers.iter().map(|name| (*name).to_owned()).collect());
        object
    }

    #[test]
    fn finalizers_of_others_are_tested_and_kept() {
        let patch = add_patch(&object(&["other"])).unwrap();
        assert_eq!(patch[1]["value"], json!(["other"]));
        assert_eq!(patch[2]["path"], "/metadata/finalizers/-");
        assert_eq!(add_patch(&object(&[])).unwrap()[1]["value"], Value::Null);
        assert_eq!(add_patch(&object(&["other", FINALIZER])), None);
    }

    #[test]
    fn removal_names_its_place_and_the_object() {
        let patch = remove_patch(&object(&["other", FINALIZER])).unwrap();
        assert_eq!(patch[0]["value"], "u-1");
        assert_eq!((&patch[1]["value"], &patch[2]["path"]), (&json!(FINALIZER), &json!("/metadata/finalizers/1")));
        assert_eq!(remove_patch(&object(&["other"])), None);
    }

    #[test]
    fn the_patches_are_valid_json_patches() {
        for patch in [add_patch(&object(&[])), add_patch(&object(&["a"])), remove_patch(&object(&[FINALIZER]))] {
            assert!(matches!(serde_json::from_value(patch.unwrap()).map(Patch::<()>::Json), Ok(Patch::Json(_))));
        }
    }
}
