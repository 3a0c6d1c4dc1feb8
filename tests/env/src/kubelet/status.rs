//! The pod's status as its worker knows it, and the JSON that is written to the status subresource.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::environment::{HOST_IP, pod_ip};

/// How long one write may take, and the pause after a failed one.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// The state of the one container.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Not running, and why.
    Waiting {
        /// As `CrashLoopBackOff`.
        reason: &'static str,
        /// For people.
        message: String,
    },
    /// Running.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// Ended.
    Terminated(Exit),
}

/// An end of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; 128 + the number of the signal that killed it.
    pub code: i32,
    /// When it had started.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

impl Exit {
    fn json(&self) -> Value {
        let reason = if self.code == 0 { "Completed" } else { "Error" };
        json!({
            "exitCode": self.code, "reason": reason,
            "startedAt": time(self.started), "finishedAt": time(self.finished),
        })
    }
}

/// The status of a pod.
#[derive(Clone, Debug)]
pub struct PodStatus {
    /// When this kubelet took the pod.
    pub start: Timestamp,
    /// The container now.
    pub state: State,
    /// Its last end.
    pub last: Option<Exit>,
    /// How often it was started again.
    pub restarts: u32,
    /// Past its startup probe.
    pub started: bool,
    /// Ready, and since when that is so.
    pub ready: (bool, Timestamp),
}

impl PodStatus {
    /// A pod that was just taken; the count of restarts goes on.
    pub fn taken(pod: &Pod) -> Self {
        let now = Timestamp::now();
        let container = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref()?.first());
        let restarts = container.and_then(|container| u32::try_from(container.restart_count).ok());
        Self {
            start: now,
            state: State::Waiting { reason: "ContainerCreating", message: String::new() },
            last: None,
            restarts: restarts.unwrap_or(0),
            started: false,
            ready: (false, now),
        }
    }

    /// Sets readiness, keeping the time of the last change.
    pub fn set_ready(&mut self, ready: bool) {
        if self.ready.0 != ready {
            self.ready = (ready, Timestamp::now());
        }
    }

    /// The patch of the status subresource.
    pub fn patch(&self, pod: &Pod, container: &Container) -> Value {
        // A container that ever ran makes the pod Running, also while it waits to be started again.
        let phase = match &self.state {
            State::Waiting { .. } if self.last.is_none() => "Pending",
            _ => "Running",
        };
        let pod_ip = pod_ip(pod);
        let condition = |kind: &str, (status, since): (bool, Timestamp)| {
            let generation = pod.metadata.generation;
            let mut condition = json!({
                "type": kind, "status": if status { "True" } else { "False" },
                "lastTransitionTime": time(since), "observedGeneration": generation,
            });
            if !status {
                condition["reason"] = json!("ContainersNotReady");
            }
            condition
        };
        json!({"status": {
            "phase": phase, "startTime": time(self.start),
            "hostIP": HOST_IP, "podIP": pod_ip, "podIPs": [{"ip": pod_ip}],
            "conditions": [
                condition("PodScheduled", (true, self.start)),
                condition("Initialized", (true, self.start)),
                condition("ContainersReady", self.ready),
                condition("Ready", self.ready),
            ],
            "containerStatuses": [{
                "name": container.name, "image": container.image, "imageID": "",
                "ready": self.ready.0, "started": self.started, "restartCount": self.restarts,
                "state": self.state_json(),
                "lastState": self.last.as_ref().map_or_else(|| json!({}), |exit| json!({"terminated": exit.json()})),
            }],
        }})
    }

    fn state_json(&self) -> Value {
        match &self.state {
            State::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
            State::Running { since } => json!({"running": {"startedAt": time(*since)}}),
            State::Terminated(exit) => json!({"terminated": exit.json()}),
        }
    }

    /// In words, where the container does not run.
    pub fn problem(&self) -> Option<String> {
        match &self.state {
            State::Waiting { reason, message } => Some(format!("{reason}: {message}")),
            State::Terminated(exit) => Some(format!("ended with {}", exit.code)),
            State::Running { .. } => None,
        }
    }
}

/// Writes the newest of `patches` to the pod's status, again and again until it is written.
pub async fn write(api: Api<Pod>, name: String, mut patches: watch::Receiver<Option<Value>>) {
    while patches.changed().await.is_ok() {
        loop {
            let Some(patch) = patches.borrow_and_update().clone() else {
                break;
            };
            let params = PatchParams::default();
            let patch = Patch::Merge(patch);
            match tokio::time::timeout(WRITE_LIMIT, api.patch_status(&name, &params, &patch)).await {
                Ok(Ok(_)) => break,
                Ok(Err(kube::Error::Api(status))) if status.is_not_found() => return,
                Ok(Err(error)) => tracing::debug!(%error, name, "the pod's status was not written"),
                Err(_) => tracing::debug!(name, "the API server does not answer"),
            }
            tokio::time::sleep(WRITE_AGAIN).await;
        }
    }
}

/// Kubernetes' times have whole seconds.
fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
