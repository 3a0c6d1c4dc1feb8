//! A kubelet for a few pods, without containers: binds the pods of a scope to a node of its own, runs the single
//! container of each as a process, probes it, restarts it with back-off, and reports all that in the pod's status.
//!
//! What a container would get and a process cannot is replaced and nothing else: the image is a binary with an
//! environment, `/var/run/secrets/kubernetes.io/serviceaccount` is a kubeconfig with the pod's own (renewed)
//! ServiceAccount token in `KUBECONFIG`, and volumes are folders whose mount paths are rewritten in arguments and
//! variables. What it does not know it refuses with an error in the pod's status, instead of running half a pod.

mod container;
mod environment;
mod expand;
mod handle;
mod probe;
mod status;
mod token;
mod volumes;
mod worker;

#[cfg(test)]
mod tests;

pub use handle::{KubeletHandle, PodProcess};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Client, ResourceExt as _};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::control_plane;
use crate::error::{Error, Result};
use handle::Board;

/// The node the pods are bound to.
pub const NODE: &str = "aigw-kubelet";

/// What stands for a container image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its entrypoint.
    pub binary: PathBuf,
    /// Its `ENV`; the pod's variables win.
    pub env: BTreeMap<String, String>,
}

/// Which pods are run.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Their namespace; `None` means all.
    pub namespace: Option<String>,
    /// Their label selector. The control plane's fake node must leave them alone.
    pub selector: String,
}

impl Scope {
    /// The operator's pods in a namespace.
    pub fn operator(namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), selector: control_plane::OPERATOR_PODS.to_owned() }
    }

    /// The operator's pods, wherever it is installed.
    pub fn operator_anywhere() -> Self {
        Self { namespace: None, selector: control_plane::OPERATOR_PODS.to_owned() }
    }
}

/// How a kubelet is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// A cluster admin's.
    pub kubeconfig: PathBuf,
    /// The pods.
    pub scope: Scope,
    /// Stands for whatever image they name.
    pub image: Image,
    /// Folder for the pods' files.
    pub dir: PathBuf,
    /// Folder for the pods' output, one file per pod.
    pub logs: PathBuf,
}

/// Starts a kubelet as a task of the current runtime.
pub async fn start(config: Config) -> Result<KubeletHandle> {
    for dir in [&config.dir, &config.logs] {
        std::fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
    }
    let client = control_plane::connect(&config.kubeconfig).await?;
    ensure_node(&client).await?;
    let board = Arc::new(Board::default());
    let stop = watch::Sender::new(false);
    let kubelet = Kubelet { client, config, board: Arc::clone(&board) };
    let task = tokio::spawn(kubelet.run(stop.subscribe()));
    Ok(KubeletHandle::new(board, stop, task))
}

/// Our node, without the taint that every new node gets and a node controller would lift.
async fn ensure_node(client: &Client) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let node: Node = serde_json::from_value(json!({
        "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}},
    }))
    .map_err(kube::Error::SerdeError)?;
    match nodes.create(&PostParams::default(), &node).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        other => drop(other?),
    }
    let params = PatchParams::default();
    nodes.patch(NODE, &params, &Patch::Merge(json!({"spec": {"taints": null}}))).await?;
    let status = json!({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "LocalProcesses"}]}});
    nodes.patch_status(NODE, &params, &Patch::Merge(status)).await?;
    Ok(())
}

/// What all workers share.
struct Kubelet {
    client: Client,
    config: Config,
    board: Arc<Board>,
}

impl Kubelet {
    /// Watches the pods and keeps a worker for each.
    async fn run(self, stop: watch::Receiver<bool>) {
        let pods: Api<Pod> = match &self.config.scope.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let selected = watcher::Config::default().labels(&self.config.scope.selector);
        let mut events = watcher::watcher(pods, selected).default_backoff().boxed();
        let kubelet = Arc::new(self);
        // By uid: a name can come again. The channel carries the newest version, and closes when the pod is gone.
        let mut pods: BTreeMap<String, watch::Sender<Pod>> = BTreeMap::new();
        let mut workers = JoinSet::new();
        let mut stopping = stop.clone();
        loop {
            let event = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => break,
                Some(uid) = workers.join_next(), if !workers.is_empty() => {
                    if let Ok(uid) = uid {
                        pods.remove::<String>(&uid);
                    }
                    continue;
                }
                event = events.next() => event,
            };
            match event {
                Some(Ok(Event::Apply(pod) | Event::InitApply(pod))) => {
                    let uid = pod.uid().unwrap_or_default();
                    if let Some(known) = pods.get(&uid) {
                        known.send_replace(pod);
                    } else if is_ours(&pod) {
                        let channel = watch::Sender::new(pod);
                        workers.spawn(worker::run(Arc::clone(&kubelet), channel.subscribe(), stop.clone()));
                        pods.insert(uid, channel);
                    }
                }
                Some(Ok(Event::Delete(pod))) => drop(pods.remove(&pod.uid().unwrap_or_default())),
                Some(Ok(Event::Init | Event::InitDone)) => {}
                Some(Err(error)) => tracing::debug!(%error, "the kubelet's watch broke and starts again"),
                None => break,
            }
        }
        // Every worker sees the stop and ends its process first.
        while workers.join_next().await.is_some() {}
    }
}

/// Not finished, and nobody else's.
fn is_ours(pod: &Pod) -> bool {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(node, None | Some(NODE)) && !matches!(phase, Some("Succeeded" | "Failed"))
}
