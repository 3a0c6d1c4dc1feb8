//! One pod from binding to its end: prepare, start, probe, restart with back-off, terminate, report.
//!
//! Nothing here waits for the API server except the binding: status is written by a task of its own, so that a frozen
//! API server does not keep a process from being watched.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Binding, Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::container::{Prepared, only_container};
use super::handle::PodProcess;
use super::probe::Verdict;
use super::status::{self, Exit, PodStatus, State};
use super::{Kubelet, NODE};
use crate::process::{Process, Signal};

/// The first pause before a restart; doubled up to the longest one. A container that got Ready begins anew.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);
/// Pause before preparing is tried again: what was missing may have appeared.
const PREPARE_AGAIN: Duration = Duration::from_secs(2);
/// Kubernetes' default grace period.
const GRACE_SECONDS: i64 = 30;

/// Runs a pod until it is gone or the kubelet stops; returns its uid.
pub(super) async fn run(kubelet: Arc<Kubelet>, pod: watch::Receiver<Pod>, stop: watch::Receiver<bool>) -> String {
    let first = pod.borrow().clone();
    let (namespace, name) = (first.namespace().unwrap_or_default(), first.name_any());
    let uid = first.uid().unwrap_or_default();
    let mut worker = Worker {
        api: Api::namespaced(kubelet.client.clone(), &namespace),
        dir: kubelet.config.dir.join(&uid),
        log: kubelet.config.logs.join(format!("pod-{namespace}-{name}.log")),
        status: PodStatus::taken(&first),
        written: watch::Sender::default(),
        tasks: JoinSet::new(),
        terminating: false,
        process: None,
        kubelet,
        pod,
        stop,
        first,
    };
    worker.live().await;
    worker.kubelet.board.remove(&namespace, &name);
    let _ = std::fs::remove_dir_all(&worker.dir);
    uid
}

struct Worker {
    kubelet: Arc<Kubelet>,
    /// The newest version; closed when the pod is gone.
    pod: watch::Receiver<Pod>,
    stop: watch::Receiver<bool>,
    /// The version that was taken: the spec does not change.
    first: Pod,
    api: Api<Pod>,
    dir: PathBuf,
    log: PathBuf,
    status: PodStatus,
    written: watch::Sender<Option<serde_json::Value>>,
    /// Ends with the worker.
    tasks: JoinSet<()>,
    terminating: bool,
    process: Option<Arc<Process>>,
}

impl Worker {
    async fn live(&mut self) {
        if self.first.metadata.deletion_timestamp.is_none() && !self.bind().await {
            return;
        }
        self.tasks.spawn(status::write(self.api.clone(), self.first.name_any(), self.written.subscribe()));
        if let Err(error) = std::fs::create_dir_all(&self.dir) {
            tracing::error!(%error, dir = %self.dir.display(), "cannot make the pod's folder");
        }
        let mut pause = FIRST_BACK_OFF;
        loop {
            let again = match self.attempt().await {
                None => break,
                Some(Attempt::NotPrepared) => PREPARE_AGAIN,
                Some(Attempt::Ended { was_ready }) => {
                    pause = if was_ready { FIRST_BACK_OFF } else { pause };
                    let wait = pause;
                    pause = (pause * 2).min(LONGEST_BACK_OFF);
                    self.waiting("CrashLoopBackOff", format!("back-off {}s restarting the container", wait.as_secs()));
                    wait
                }
            };
            let ending = self.ending();
            if tokio::time::timeout(again, ending).await.is_ok() {
                break;
            }
            if self.status.last.is_some() {
                self.status.restarts += 1;
            }
        }
        self.delete().await;
    }

    /// Binds the pod to our node; false when it is somebody else's or gone.
    async fn bind(&self) -> bool {
        if self.first.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()) {
            return true;
        }
        let name = self.first.name_any();
        let binding: Binding = match serde_json::from_value(json!({
            "metadata": {"name": name, "uid": self.first.uid()},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
        })) {
            Ok(binding) => binding,
            Err(error) => {
                tracing::error!(%error, "cannot make a binding");
                return false;
            }
        };
        let bound: Result<Status, _> =
            self.api.create_subresource("binding", &name, &PostParams::default(), &binding).await;
        if let Err(error) = &bound {
            tracing::warn!(%error, pod = name, "the pod was not bound");
        }
        bound.is_ok()
    }

    /// One start of the container to its end; `None` when the pod is to end.
    async fn attempt(&mut self) -> Option<Attempt> {
        let pod = self.first.clone();
        let prepared = async {
            let container = only_container(&pod)?;
            Prepared::new(&self.kubelet, &pod, container, &self.dir).await
        };
        let prepared = tokio::select! {
            () = self.ending() => return None,
            prepared = prepared => prepared,
        };
        let name = self.first.name_any();
        let started = prepared.and_then(|prepared| Ok((prepared.start(&name, &self.log)?, prepared)));
        let (process, prepared) = match started {
            Ok(started) => started,
            Err(message) => {
                tracing::warn!(pod = name, message, "the pod's container cannot be started");
                self.waiting("CreateContainerConfigError", message);
                return Some(Attempt::NotPrepared);
            }
        };
        self.process = Some(Arc::clone(&process));
        let since = Timestamp::now();
        self.status.state = State::Running { since };
        self.report();
        let (was_ready, ended) = self.watch(&prepared, &process).await;
        let exit = Exit { code: exit_code(process.wait().await), started: since, finished: Timestamp::now() };
        self.process = None;
        self.status.started = false;
        self.status.set_ready(false);
        self.status.state = State::Terminated(exit.clone());
        self.status.last = Some(exit);
        self.report();
        ended.then_some(Attempt::Ended { was_ready })
    }

    /// Follows a running process to its end. Tells whether it ever was ready, and whether it may be started again.
    async fn watch(&mut self, prepared: &Prepared, process: &Process) -> (bool, bool) {
        let (verdicts, mut heard) = mpsc::unbounded_channel();
        let mut probes = JoinSet::new();
        probes.spawn(prepared.probes.clone().run(verdicts));
        let mut was_ready = false;
        loop {
            let verdict = tokio::select! {
                _ = process.wait() => return (was_ready, true),
                () = self.ending() => {
                    self.terminating = true;
                    self.status.set_ready(false);
                    self.report();
                    self.terminate(process).await;
                    return (was_ready, false);
                }
                Some(verdict) = heard.recv() => verdict,
            };
            match verdict {
                Verdict::Started => self.status.started = true,
                Verdict::Ready(ready) => {
                    was_ready |= ready;
                    self.status.set_ready(ready);
                }
                Verdict::Kill(probe) => {
                    tracing::warn!(pod = process.name(), probe, "a probe failed for good: the process is restarted");
                    self.status.set_ready(false);
                    self.report();
                    self.terminate(process).await;
                    return (was_ready, true);
                }
            }
            self.report();
        }
    }

    /// SIGTERM to the process, as to a container's first one; SIGKILL to all after the grace period, or as soon as the
    /// pod is gone.
    async fn terminate(&self, process: &Process) {
        process.signal(Signal::Term);
        let grace = {
            let pod = self.pod.borrow();
            let spec = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
            pod.metadata.deletion_grace_period_seconds.or(spec).unwrap_or(GRACE_SECONDS)
        };
        let mut pod = self.pod.clone();
        tokio::select! {
            _ = process.wait() => return,
            () = tokio::time::sleep(Duration::from_secs(grace.unsigned_abs())) => {}
            _ = pod.wait_for(|_| false) => {}
        }
        process.kill().await;
    }

    /// Resolves when the pod is being deleted, is gone, or the kubelet stops.
    fn ending(&self) -> impl Future<Output = ()> + use<> {
        let (mut pod, mut stop) = (self.pod.clone(), self.stop.clone());
        async move {
            tokio::select! {
                _ = pod.wait_for(|pod| pod.metadata.deletion_timestamp.is_some()) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// Removes a pod that is being deleted, now that its process has ended.
    async fn delete(&self) {
        if self.pod.borrow().metadata.deletion_timestamp.is_none() {
            return;
        }
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: self.first.uid(), resource_version: None }),
            ..DeleteParams::default()
        };
        if let Err(error) = self.api.delete(&self.first.name_any(), &params).await {
            tracing::debug!(%error, "the pod is gone already");
        }
    }

    fn waiting(&mut self, reason: &'static str, message: String) {
        self.status.state = State::Waiting { reason, message };
        self.report();
    }

    /// Shows the state to the handle and has it written.
    fn report(&self) {
        self.kubelet.board.put(PodProcess {
            namespace: self.first.namespace().unwrap_or_default(),
            name: self.first.name_any(),
            process: self.process.clone(),
            restarts: self.status.restarts,
            ready: self.status.ready.0,
            terminating: self.terminating,
            log: self.log.clone(),
            problem: self.status.problem(),
        });
        let unknown = Container::default();
        let containers = self.first.spec.as_ref().and_then(|spec| spec.containers.first());
        let patch = self.status.patch(&self.first, containers.unwrap_or(&unknown));
        self.written.send_replace(Some(patch));
    }
}

enum Attempt {
    /// Something it needs is missing.
    NotPrepared,
    /// The process ended by itself or by a probe.
    Ended { was_ready: bool },
}

/// As a container runtime reports it.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}
