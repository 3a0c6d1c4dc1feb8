//! The pod's status as its worker knows it, and the JSON that is written to the status subresource.

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::environment::POD_IP;

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
    /// A pod that was just taken.
    pub fn new() -> Self {
        let now = Timestamp::now();
        Self {
            start: now,
            state: State::Waiting {
                reason: "ContainerCreating",
                message: String::new(),
            },
            last: None,
            restarts: 0,
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
            "hostIP": POD_IP, "podIP": POD_IP, "podIPs": [{"ip": POD_IP}],
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

/// Kubernetes' times have whole seconds.
fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
