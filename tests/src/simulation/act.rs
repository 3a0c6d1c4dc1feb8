//! What people and other programs do in a cluster: apply, patch, delete, look. Nothing here is seen by an intercept.

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::World;
use crate::cluster::Object;
use crate::{Outcome, ensure};

const GATEWAYS: &str = "aigateways";
const TENANTS: &str = "tenants";

fn plural(kind: &str) -> &'static str {
    match kind {
        "AIGateway" => GATEWAYS,
        "Tenant" => TENANTS,
        "Secret" => "secrets",
        "Namespace" => "namespaces",
        other => unreachable!("tests do not act on {other}"),
    }
}

impl World {
    /// An object, if it is there.
    pub fn get(&self, object: &Object) -> Option<Value> {
        self.kube.get(plural(object.kind), &object.namespace, &object.name)
    }

    /// Applies an object as `kubectl apply --server-side` does.
    pub async fn apply(&self, manifest: &Value) -> Outcome {
        let object = Object {
            kind: kind_of(manifest),
            namespace: text(&manifest["metadata"]["namespace"]),
            name: text(&manifest["metadata"]["name"]),
        };
        let parameters = PatchParams::apply("kubectl").force();
        self.api(&object).patch(&object.name, &parameters, &Patch::Apply(manifest)).await?;
        Ok(())
    }

    /// Applies objects one after the other.
    pub async fn apply_all(&self, manifests: &[Value]) -> Outcome {
        for manifest in manifests {
            self.apply(manifest).await?;
        }
        Ok(())
    }

    /// Merges a patch into an object.
    pub async fn patch(&self, object: &Object, patch: &Value) -> Outcome {
        self.api(object).patch(&object.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Applies a JSON patch to an object.
    pub async fn patch_json(&self, object: &Object, patch: &Value) -> Outcome {
        let patch = Patch::<()>::Json(serde_json::from_value(patch.clone())?);
        self.api(object).patch(&object.name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Annotates an object.
    pub async fn annotate(&self, object: &Object, key: &str, value: &str) -> Outcome {
        self.patch(object, &json!({"metadata": {"annotations": {key: value}}})).await
    }

    /// Deletes an object, without waiting until it is gone.
    pub async fn delete(&self, object: &Object) -> Outcome {
        self.api(object).delete(&object.name, &DeleteParams::default()).await?;
        Ok(())
    }

    fn api(&self, object: &Object) -> Api<DynamicObject> {
        let (group, version) = match object.kind {
            "AIGateway" | "Tenant" => ("aigateway.dev", "v1alpha1"),
            _ => ("", "v1"),
        };
        let kind = GroupVersionKind::gvk(group, version, object.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural(object.kind));
        let client = self.kube.admin();
        if object.namespace.is_empty() {
            Api::all_with(client, &resource)
        } else {
            Api::namespaced_with(client, &object.namespace, &resource)
        }
    }

    /// Waits until an object is ready for the spec it has now.
    pub async fn ready(&self, object: &Object) -> Outcome {
        self.condition(object, "Ready", "True", None).await
    }

    /// Waits until a condition has this status, and this reason if one is given, for the present spec.
    pub async fn condition(&self, object: &Object, kind: &str, status: &str, reason: Option<&str>) -> Outcome {
        let what = format!("{} {}/{}: {kind}={status} {reason:?}", object.kind, object.namespace, object.name);
        self.until(&what, |world| {
            let found = world.get(object).ok_or("it is not there")?;
            let condition = crate::cluster::find_condition(&found, kind);
            let holds = condition["status"] == status
                && condition["observedGeneration"] == found["metadata"]["generation"]
                && reason.is_none_or(|reason| condition["reason"] == reason);
            ensure!(holds, "{}", found["status"]["conditions"]);
            Ok(())
        })
        .await
    }

    /// Waits until an object is gone.
    pub async fn gone(&self, object: &Object) -> Outcome {
        let what = format!("{} {}/{} is gone", object.kind, object.namespace, object.name);
        self.until(&what, |world| match world.get(object) {
            None => Ok(()),
            Some(found) => Err(found["status"]["conditions"].to_string().into()),
        })
        .await
    }
}

fn kind_of(manifest: &Value) -> &'static str {
    match manifest["kind"].as_str() {
        Some("AIGateway") => "AIGateway",
        Some("Tenant") => "Tenant",
        Some("Secret") => "Secret",
        Some("Namespace") => "Namespace",
        other => unreachable!("tests do not apply {other:?}"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
