//! From a pod's spec to a process: checks that this kubelet can run the pod, collects what its container needs, and
//! starts it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};
use kube::{Client, ResourceExt as _};
use serde_json::json;
use tokio::task::JoinSet;

use super::environment::{environment, pod_ip};
use super::expand::expand;
use super::probe::Probes;
use super::token::TokenFile;
use super::volumes::Volumes;
use super::{Image, Kubelet};
use crate::control_plane;
use crate::process::{Process, Spec};

/// A container ready to be started, any number of times.
#[derive(Debug)]
pub struct Prepared {
    /// Its probes.
    pub probes: Probes,
    args: Vec<String>,
    variables: BTreeMap<String, String>,
    binary: PathBuf,
    dir: PathBuf,
    /// Keep tokens fresh; end with this value.
    _renewals: JoinSet<()>,
}

/// The pod's only container, if this kubelet can run it. An error is text for the pod's status.
pub fn only_container(pod: &Pod) -> Result<&Container, String> {
    let spec = pod.spec.as_ref().ok_or("the pod has no spec")?;
    if spec.init_containers.as_ref().is_some_and(|all| !all.is_empty()) {
        return Err("this kubelet does not run init containers".to_owned());
    }
    let [container] = spec.containers.as_slice() else {
        return Err("this kubelet runs pods of one container only".to_owned());
    };
    if container.command.as_ref().is_some_and(|command| !command.is_empty()) {
        return Err("this kubelet runs the image's entrypoint and does not know `command`".to_owned());
    }
    Ok(container)
}

impl Prepared {
    /// Collects everything from the API server and writes the pod's files below `dir`.
    pub async fn new(kubelet: &Kubelet, pod: &Pod, container: &Container, dir: &Path) -> Result<Self, String> {
        let Kubelet { client, config, .. } = kubelet;
        let Image { binary, env } = &config.image;
        if !binary.is_file() {
            return Err(format!("the image's binary {} does not exist", binary.display()));
        }
        let probes = Probes::of(container, &pod_ip(pod))?;
        let mut variables = environment(client, pod, container, env).await?;
        // Arguments refer to what the spec says, before anything is rewritten.
        let args = container.args.iter().flatten().map(|arg| expand(arg, &variables));
        let args: Vec<String> = args.collect();
        let volumes = Volumes::make(client, pod, container, &dir.join("volumes")).await?;
        let args = args.iter().map(|arg| volumes.rewrite(arg)).collect();
        for value in variables.values_mut() {
            *value = volumes.rewrite(value);
        }
        let mut renewals = JoinSet::new();
        for token in &volumes.tokens {
            let renew = token.write(client, pod).await?;
            renewals.spawn(token.clone().keep(client.clone(), pod.clone(), renew));
        }
        let tmp = volumes.folder("/tmp").map_or_else(|| dir.join("tmp"), Path::to_owned);
        fs::create_dir_all(&tmp).map_err(|error| format!("cannot create {}: {error}", tmp.display()))?;
        let mut set = |name: &str, value: String| {
            variables.entry(name.to_owned()).or_insert(value);
        };
        set("PATH", std::env::var("PATH").unwrap_or_default());
        set("TMPDIR", tmp.display().to_string());
        set("HOSTNAME", pod.name_any());
        if mounts_token(pod) {
            let kubeconfig = service_account(client, config.kubeconfig.as_path(), pod, dir, &mut renewals).await?;
            set("KUBECONFIG", kubeconfig.display().to_string());
        }
        Ok(Self { probes, args, variables, binary: binary.clone(), dir: dir.to_owned(), _renewals: renewals })
    }

    /// Starts it, its output added to `log`.
    pub fn start(&self, name: &str, log: &Path) -> Result<Arc<Process>, String> {
        let mut spec = Spec::new(name, &self.binary, log).append().dir(&self.dir).args(&self.args);
        for (name, value) in &self.variables {
            spec = spec.env(name, value);
        }
        spec.spawn().map(Arc::new).map_err(|error| error.to_string())
    }
}

fn mounts_token(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.automount_service_account_token) != Some(false)
}

/// Stands for the mount of the ServiceAccount: a kubeconfig that names the file of the pod's own token.
async fn service_account(
    client: &Client,
    admin: &Path,
    pod: &Pod,
    dir: &Path,
    renewals: &mut JoinSet<()>,
) -> Result<PathBuf, String> {
    let admin = kube::config::Kubeconfig::read_from(admin).map_err(|error| error.to_string())?;
    let cluster = admin.clusters.into_iter().find_map(|named| named.cluster).unwrap_or_default();
    let server = cluster.server.ok_or("the kubeconfig names no server")?;
    let ca = cluster.certificate_authority.ok_or("the kubeconfig names no certificate authority file")?;
    let token = TokenFile { path: dir.join("token"), audience: None, seconds: None };
    let renew = token.write(client, pod).await?;
    let user = json!({ "tokenFile": token.path });
    let namespace = pod.namespace().unwrap_or_default();
    let text = control_plane::kubeconfig(&server, Path::new(&ca), &namespace, "serviceaccount", &user);
    renewals.spawn(token.keep(client.clone(), pod.clone(), renew));
    let path = dir.join("kubeconfig");
    fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}
