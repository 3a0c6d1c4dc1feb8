//! The environment of a container, from its spec: `envFrom`, literal values, fields of the pod, keys of ConfigMaps and
//! Secrets, with `$(NAME)` expanded in the order Kubernetes does it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, EnvVarSource, Pod, Secret};
use kube::{Api, Client, ResourceExt as _};
use sha2::{Digest as _, Sha256};

use super::NODE;
use super::expand::expand;

/// The address of the node, which pods that do not ask for their own share, as with `hostNetwork`.
pub const HOST_IP: &str = "127.0.0.1";

/// A pod's address. One that reads `status.podIP` can bind it, so it gets its own loopback address: two such pods may
/// use the same port, as in a cluster. The others are on the host's.
pub fn pod_ip(pod: &Pod) -> String {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut fields = containers
        .flat_map(|container| container.env.iter().flatten())
        .filter_map(|variable| variable.value_from.as_ref()?.field_ref.as_ref());
    if !fields.any(|field| matches!(field.field_path.as_str(), "status.podIP" | "status.podIPs")) {
        return HOST_IP.to_owned();
    }
    let digest = Sha256::digest(pod.uid().unwrap_or_default());
    format!("127.{}.{}.{}", 64 + digest[0] % 64, digest[1], 1 + digest[2] % 254)
}

/// Computes the variables of `container`, on top of the image's. An error is text for the pod's status.
pub async fn environment(
    client: &Client,
    pod: &Pod,
    container: &Container,
    image: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let namespace = pod.namespace().unwrap_or_default();
    let sources = Sources {
        configs: Api::namespaced(client.clone(), &namespace),
        secrets: Api::namespaced(client.clone(), &namespace),
    };
    let mut variables = image.clone();
    for from in container.env_from.iter().flatten() {
        let values = if let Some(reference) = &from.config_map_ref {
            sources.config_map(&reference.name, reference.optional).await?
        } else if let Some(reference) = &from.secret_ref {
            sources.secret(&reference.name, reference.optional).await?
        } else {
            continue;
        };
        let prefix = from.prefix.as_deref().unwrap_or_default();
        variables.extend(values.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = sources.value(pod, variable, &variables).await? {
            variables.insert(variable.name.clone(), value);
        }
    }
    Ok(variables)
}

struct Sources {
    configs: Api<ConfigMap>,
    secrets: Api<Secret>,
}

impl Sources {
    /// The value of one variable; `None` leaves it unset.
    async fn value(
        &self,
        pod: &Pod,
        variable: &EnvVar,
        before: &BTreeMap<String, String>,
    ) -> Result<Option<String>, String> {
        let Some(source) = &variable.value_from else {
            return Ok(Some(expand(variable.value.as_deref().unwrap_or_default(), before)));
        };
        let EnvVarSource { config_map_key_ref, field_ref, resource_field_ref: _, secret_key_ref } = source;
        if let Some(field) = field_ref {
            return Ok(Some(field_value(pod, &field.field_path)?));
        }
        let (values, key, optional, what) = if let Some(reference) = config_map_key_ref {
            let values = self.config_map(&reference.name, reference.optional).await?;
            (values, &reference.key, reference.optional, format!("configmap {}", reference.name))
        } else if let Some(reference) = secret_key_ref {
            let values = self.secret(&reference.name, reference.optional).await?;
            (values, &reference.key, reference.optional, format!("secret {}", reference.name))
        } else {
            tracing::error!(variable = variable.name, "this kubelet has no resource fields: the variable stays unset");
            return Ok(None);
        };
        match values.get(key) {
            Some(value) => Ok(Some(value.clone())),
            None if optional == Some(true) => Ok(None),
            None => Err(format!("couldn't find key {key} in {what}")),
        }
    }

    async fn config_map(&self, name: &str, optional: Option<bool>) -> Result<BTreeMap<String, String>, String> {
        let found = self.configs.get_opt(name).await.map_err(|error| error.to_string())?;
        present(found, optional, "configmap", name).map(|map| map.and_then(|map| map.data).unwrap_or_default())
    }

    async fn secret(&self, name: &str, optional: Option<bool>) -> Result<BTreeMap<String, String>, String> {
        let found = self.secrets.get_opt(name).await.map_err(|error| error.to_string())?;
        let data = present(found, optional, "secret", name)?.and_then(|secret| secret.data).unwrap_or_default();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(data.into_iter().map(|(key, value)| (key, text(value.0))).collect())
    }
}

/// Absent is an error unless it may be.
pub fn present<T>(found: Option<T>, optional: Option<bool>, kind: &str, name: &str) -> Result<Option<T>, String> {
    if found.is_none() && optional != Some(true) {
        return Err(format!("{kind} \"{name}\" not found"));
    }
    Ok(found)
}

/// A field of the pod by the path the downward API knows it under.
pub fn field_value(pod: &Pod, path: &str) -> Result<String, String> {
    let account = || pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
    Ok(match path {
        "metadata.name" => pod.name_any(),
        "metadata.namespace" => pod.namespace().unwrap_or_default(),
        "metadata.uid" => pod.uid().unwrap_or_default(),
        "spec.nodeName" => NODE.to_owned(),
        "spec.serviceAccountName" => account().unwrap_or_else(|| "default".to_owned()),
        "status.podIP" | "status.podIPs" => pod_ip(pod),
        "status.hostIP" | "status.hostIPs" => HOST_IP.to_owned(),
        _ => keyed(path, "metadata.labels", pod.labels())
            .or_else(|| keyed(path, "metadata.annotations", pod.annotations()))
            .ok_or_else(|| format!("this kubelet does not know the field {path}"))?,
    })
}

/// `PREFIX['KEY']`, empty where the key is absent.
fn keyed(path: &str, prefix: &str, map: &BTreeMap<String, String>) -> Option<String> {
    let key = path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']")?;
    Some(map.get(key).cloned().unwrap_or_default())
}
