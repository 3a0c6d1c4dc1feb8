//! Volumes as folders of the host: emptyDir, configMap, secret and projected ones. A process has no mounts of its own, so
//! mount paths are rewritten where they occur in arguments and variables.

use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, KeyToPath, Pod, ProjectedVolumeSource, Secret, Volume, VolumeProjection,
};
use kube::{Api, Client, ResourceExt as _};

use super::environment::{field_value, present};
use super::token::TokenFile;

/// The mount of a ServiceAccount's token, which admission adds to every pod and `KUBECONFIG` replaces.
const SERVICE_ACCOUNT_MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Materialised volumes.
#[derive(Clone, Debug, Default)]
pub struct Volumes {
    /// Mount path and folder, longest path first.
    mounts: Vec<(String, PathBuf)>,
    /// Tokens that have to be kept fresh.
    pub tokens: Vec<TokenFile>,
}

impl Volumes {
    /// Makes the folders of the volumes `container` mounts below `dir`. An error is text for the pod's status.
    pub async fn make(client: &Client, pod: &Pod, container: &Container, dir: &Path) -> Result<Self, String> {
        let maker = Maker { client, pod };
        let mut made = Self::default();
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        for mount in container.volume_mounts.iter().flatten() {
            if mount.mount_path == SERVICE_ACCOUNT_MOUNT {
                continue;
            }
            if mount.sub_path.is_some() || mount.sub_path_expr.is_some() {
                return Err(format!("this kubelet does not know subPath (volume mount {})", mount.name));
            }
            let volume = volumes.iter().find(|volume| volume.name == mount.name);
            let volume = volume.ok_or_else(|| format!("volume {} is not defined", mount.name))?;
            let folder = dir.join(&mount.name);
            fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
            maker.fill(volume, &folder, &mut made.tokens).await?;
            made.mounts.push((mount.mount_path.trim_end_matches('/').to_owned(), folder));
        }
        made.mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Ok(made)
    }

    /// The folder that stands for a mount path.
    pub fn folder(&self, mount_path: &str) -> Option<&Path> {
        self.mounts.iter().find(|(path, _)| path == mount_path).map(|(_, folder)| folder.as_path())
    }

    /// `text` with mount paths replaced: whole paths, at its start or after one of `=,:`.
    pub fn rewrite(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let at_start = out.is_empty() || out.ends_with(['=', ',', ':']);
            let hit = self.mounts.iter().find(|(path, _)| {
                let after = rest.strip_prefix(path.as_str());
                at_start && after.is_some_and(|after| after.is_empty() || after.starts_with(['/', ',', ':']))
            });
            if let Some((path, folder)) = hit {
                out.push_str(&folder.to_string_lossy());
                rest = &rest[path.len()..];
            } else {
                let mut chars = rest.chars();
                out.extend(chars.next());
                rest = chars.as_str();
            }
        }
        out
    }

    #[cfg(test)]
    pub(super) fn of(mounts: &[(&str, &str)]) -> Self {
        let mounts = mounts.iter().map(|(path, folder)| ((*path).to_owned(), PathBuf::from(folder)));
        Self { mounts: mounts.collect(), tokens: Vec::new() }
    }
}

struct Maker<'a> {
    client: &'a Client,
    pod: &'a Pod,
}

impl Maker<'_> {
    async fn fill(&self, volume: &Volume, folder: &Path, tokens: &mut Vec<TokenFile>) -> Result<(), String> {
        if volume.empty_dir.is_some() {
            return Ok(());
        }
        if let Some(source) = &volume.config_map {
            return self.config_map(&source.name, source.optional, source.items.as_deref(), folder).await;
        }
        if let Some(source) = &volume.secret {
            let name = source.secret_name.as_deref().unwrap_or_default();
            return self.secret(name, source.optional, source.items.as_deref(), folder).await;
        }
        if let Some(source) = &volume.projected {
            return self.projected(source, folder, tokens).await;
        }
        let name = &volume.name;
        Err(format!("volume {name}: this kubelet knows emptyDir, configMap, secret and projected volumes only"))
    }

    async fn projected(
        &self,
        source: &ProjectedVolumeSource,
        folder: &Path,
        tokens: &mut Vec<TokenFile>,
    ) -> Result<(), String> {
        for part in source.sources.iter().flatten() {
            let VolumeProjection { config_map, downward_api, secret, service_account_token, .. } = part;
            if let Some(source) = config_map {
                self.config_map(&source.name, source.optional, source.items.as_deref(), folder).await?;
            } else if let Some(source) = secret {
                self.secret(&source.name, source.optional, source.items.as_deref(), folder).await?;
            } else if let Some(source) = downward_api {
                for item in source.items.iter().flatten() {
                    let field = item.field_ref.as_ref().ok_or("this kubelet has no resource fields")?;
                    write(folder, &item.path, field_value(self.pod, &field.field_path)?.as_bytes())?;
                }
            } else if let Some(source) = service_account_token {
                tokens.push(TokenFile {
                    path: folder.join(&source.path),
                    audience: source.audience.clone(),
                    seconds: source.expiration_seconds,
                });
            } else {
                return Err("this kubelet does not know this kind of projected volume".to_owned());
            }
        }
        Ok(())
    }

    async fn config_map(
        &self,
        name: &str,
        optional: Option<bool>,
        items: Option<&[KeyToPath]>,
        folder: &Path,
    ) -> Result<(), String> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace());
        let found = maps.get_opt(name).await.map_err(|error| error.to_string())?;
        let Some(map) = present(found, optional, "configmap", name)? else {
            return Ok(());
        };
        let text = map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes()));
        let binary = map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
        write_all(folder, text.chain(binary), items)
    }

    async fn secret(
        &self,
        name: &str,
        optional: Option<bool>,
        items: Option<&[KeyToPath]>,
        folder: &Path,
    ) -> Result<(), String> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace());
        let found = secrets.get_opt(name).await.map_err(|error| error.to_string())?;
        let Some(secret) = present(found, optional, "secret", name)? else {
            return Ok(());
        };
        let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
        write_all(folder, data, items)
    }

    fn namespace(&self) -> String {
        self.pod.namespace().unwrap_or_default()
    }
}

/// Writes all keys, or the chosen ones under their paths.
fn write_all(
    folder: &Path,
    data: impl Iterator<Item = (String, Vec<u8>)>,
    items: Option<&[KeyToPath]>,
) -> Result<(), String> {
    for (key, value) in data {
        match items {
            None => write(folder, &key, &value)?,
            Some(items) => {
                for item in items.iter().filter(|item| item.key == key) {
                    write(folder, &item.path, &value)?;
                }
            }
        }
    }
    Ok(())
}

fn write(folder: &Path, name: &str, content: &[u8]) -> Result<(), String> {
    let path = folder.join(name);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(&path, content))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}
