//! A Kubernetes cluster of the local environment with the kubelet that runs the operator's pods in it, used as a person
//! would: kubectl, helm, objects.

use std::future::Future;

use aigw_env::kubelet::{Image, KubeletHandle, Scope};
use aigw_env::{Instance, Options};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::{Outcome, ensure, harness, repository, wait};

/// A running cluster.
pub struct Cluster {
    instance: Instance,
    kubelet: KubeletHandle,
    client: Client,
    runtime: Handle,
}

/// An object's kind, namespace and name; an empty namespace is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Kind.
    pub kind: &'static str,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// An `AIGateway`.
pub fn gateway(namespace: &str, name: &str) -> Object {
    Object { kind: "AIGateway", namespace: namespace.into(), name: name.into() }
}

/// A `Tenant`.
pub fn tenant(namespace: &str, name: &str) -> Object {
    Object { kind: "Tenant", namespace: namespace.into(), name: name.into() }
}

/// A `Secret`.
pub fn secret(namespace: &str, name: &str) -> Object {
    Object { kind: "Secret", namespace: namespace.into(), name: name.into() }
}

impl Cluster {
    /// Brings one up. What the operator's image would hold is this workspace's build.
    pub async fn up(options: Options) -> Result<Self, String> {
        let text = |error: aigw_env::Error| error.to_string();
        let instance = Instance::up(options).await.map_err(text)?;
        let functions = repository::functions().display().to_string();
        let image = Image {
            binary: repository::program("aigw-operator"),
            env: [("AIGW_FUNCTIONS_DIR".to_owned(), functions)].into(),
        };
        let kubelet = instance.kubelet(Scope::operator_anywhere(), image).await.map_err(text)?;
        let client = instance.client().await.map_err(text)?;
        Ok(Self { instance, kubelet, client, runtime: Handle::current() })
    }

    /// Takes it down.
    pub async fn down(self) -> Result<(), String> {
        self.kubelet.stop().await;
        self.instance.down().await.map_err(|error| error.to_string())
    }

    /// Waits for a future of the cluster's runtime.
    pub fn block<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The instance behind it.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The operator's pods.
    pub fn kubelet(&self) -> &KubeletHandle {
        &self.kubelet
    }

    /// A cluster admin's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs kubectl as a cluster admin.
    pub fn kubectl(&self, arguments: &[&str]) -> Outcome<String> {
        Ok(self.block(self.instance.kubectl(arguments))?)
    }

    /// Runs helm in the checkout: `charts/…` and `tests/…` in an argument are made absolute.
    pub fn helm(&self, arguments: &[String]) -> Outcome<String> {
        let absolute = |argument: &String| {
            let ours = argument.starts_with("charts/") || argument.starts_with("tests/");
            if ours { repository::path(argument).display().to_string() } else { argument.clone() }
        };
        let arguments: Vec<_> = arguments.iter().map(absolute).collect();
        Ok(self.block(self.instance.helm(&arguments))?)
    }

    /// `kubectl apply` of some objects.
    pub fn apply(&self, objects: &[Value]) -> Outcome {
        let text = objects.iter().map(|object| format!("---\n{object}\n")).collect::<Vec<_>>().concat();
        self.block(self.instance.kubectl_with_input(&["apply", "-f", "-"], &text))?;
        Ok(())
    }

    /// `kubectl patch --type=merge`.
    pub fn patch(&self, object: &Object, patch: &Value) -> Outcome {
        self.on(object, "patch", &["--type=merge", "-p", &patch.to_string()])?;
        Ok(())
    }

    /// Sets annotations; null removes one.
    pub fn annotate(&self, object: &Object, name: &str, value: Option<&str>) -> Outcome {
        self.patch(object, &serde_json::json!({"metadata": {"annotations": {name: value}}}))
    }

    /// `kubectl delete`, without waiting for finalizers.
    pub fn delete(&self, object: &Object) -> Outcome {
        self.on(object, "delete", &["--wait=false", "--ignore-not-found"])?;
        Ok(())
    }

    /// `kubectl delete` until it is gone.
    pub fn delete_and_wait(&self, object: &Object) -> Outcome {
        self.delete(object)?;
        self.wait_gone(object)
    }

    /// Waits until an object is gone.
    pub fn wait_gone(&self, object: &Object) -> Outcome {
        wait::until(&format!("{} {} is gone", object.kind, object.name), || match self.find(object)? {
            None => Ok(()),
            Some(found) => Err(conditions(&found).into()),
        })
    }

    /// `kubectl wait --for=condition=Ready`.
    pub fn wait_ready(&self, object: &Object) -> Outcome {
        self.wait_condition(object, "Ready", "True")
    }

    /// `kubectl wait --for=condition=…`; the failure shows the conditions.
    pub fn wait_condition(&self, object: &Object, condition: &str, status: &str) -> Outcome {
        let wanted = format!("--for=condition={condition}={status}");
        let limit = format!("--timeout={}s", wait::patience().as_secs());
        self.on(object, "wait", &[&wanted, &limit]).map(drop).map_err(|error| {
            let found = self.find(object).ok().flatten().unwrap_or_default();
            format!("{}; conditions: {}", harness::text(&error), conditions(&found)).into()
        })
    }

    /// Waits until a condition has a status and a reason; gives its message.
    pub fn wait_reason(&self, object: &Object, condition: &str, status: &str, reason: &str) -> Outcome<String> {
        wait::until(&format!("{} {}: {condition}={status}/{reason}", object.kind, object.name), || {
            let found = self.get(object)?;
            let is = find_condition(&found, condition);
            ensure!(is["status"] == status && is["reason"] == reason, "conditions: {}", conditions(&found));
            Ok(is["message"].as_str().unwrap_or_default().to_owned())
        })
    }

    fn on(&self, object: &Object, verb: &str, more: &[&str]) -> Outcome<String> {
        let mut arguments = vec![verb, object.kind, &object.name];
        if !object.namespace.is_empty() {
            arguments.extend(["-n", &object.namespace]);
        }
        arguments.extend(more);
        self.kubectl(&arguments)
    }

    /// An object that must be there.
    pub fn get(&self, object: &Object) -> Outcome<Value> {
        self.find(object)?.ok_or_else(|| format!("{object:?} does not exist").into())
    }

    /// An object, if it is there.
    pub fn find(&self, object: &Object) -> Outcome<Option<Value>> {
        let found = self.block(self.api(object.kind, &object.namespace).get_opt(&object.name))?;
        Ok(found.map(|found| serde_json::to_value(&found)).transpose()?)
    }

    /// All objects of a kind in all namespaces.
    pub fn list(&self, kind: &'static str) -> Outcome<Vec<Value>> {
        let list = self.block(self.api(kind, "").list(&ListParams::default()))?;
        Ok(list.items.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
    }

    /// The API of a kind; with an empty namespace of all, or of none.
    pub fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let (group, version, plural) = match kind {
            "AIGateway" => ("aigateway.dev", "v1alpha1", "aigateways"),
            "Tenant" => ("aigateway.dev", "v1alpha1", "tenants"),
            "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
            "Secret" => ("", "v1", "secrets"),
            "Event" => ("", "v1", "events"),
            _ => ("", "v1", "namespaces"),
        };
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        if namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        }
    }

    /// A namespace, whose tenants the gateways of these tests admit if `admitted`.
    pub fn namespace(&self, name: &str, admitted: bool) -> Outcome {
        let label = if admitted { "enabled" } else { "disabled" };
        let namespace = serde_json::json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"ai-gateway": label}},
        });
        self.apply(&[namespace])
    }

    /// Waits for the operator's pod to be Ready.
    pub fn wait_operator(&self) -> Outcome {
        self.block(self.kubelet.wait_ready(wait::patience()))?;
        Ok(())
    }
}

/// A condition of an object, or null.
pub fn find_condition(object: &Value, condition: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|each| each["type"] == condition).unwrap_or_default()
}

/// The conditions of an object in one line.
pub fn conditions(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let text = |each: &Value, key: &str| each[key].as_str().unwrap_or_default().to_owned();
    let line = |each: &Value| {
        let (kind, status) = (text(each, "type"), text(each, "status"));
        format!("{kind}={status}/{} ({})", text(each, "reason"), text(each, "message"))
    };
    conditions.iter().map(line).collect::<Vec<_>>().join("; ")
}
