//! What a test sees of a running kubelet: its pods' processes, and the means to disturb them.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::process::{Process, Signal, tail};

/// Pause between two looks while waiting.
const POLL: Duration = Duration::from_millis(50);

/// One pod and its process.
#[derive(Clone, Debug)]
pub struct PodProcess {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// Its process, `None` between two starts.
    pub process: Option<Arc<Process>>,
    /// How often it was started again.
    pub restarts: u32,
    /// Its Ready condition.
    pub ready: bool,
    /// Being deleted.
    pub terminating: bool,
    /// The file with its output.
    pub log: PathBuf,
    /// Why it does not run, as in the pod's status.
    pub problem: Option<String>,
}

impl PodProcess {
    /// Its process id, `None` between two starts.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().filter(|process| process.exit().is_none()).map(|process| process.pid())
    }
}

/// The pods as their workers see them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Vec<PodProcess>>);

impl Board {
    fn pods(&self) -> MutexGuard<'_, Vec<PodProcess>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, pod: PodProcess) {
        let mut pods = self.pods();
        match pods.iter_mut().find(|other| other.namespace == pod.namespace && other.name == pod.name) {
            Some(known) => *known = pod,
            None => pods.push(pod),
        }
    }

    pub(super) fn remove(&self, namespace: &str, name: &str) {
        self.pods().retain(|pod| pod.namespace != namespace || pod.name != name);
    }
}

/// A running kubelet. Dropping it kills the processes; [`KubeletHandle::stop`] ends them as a deletion would.
#[derive(Debug)]
pub struct KubeletHandle {
    board: Arc<Board>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl KubeletHandle {
    pub(super) fn new(board: Arc<Board>, stop: watch::Sender<bool>, task: JoinHandle<()>) -> Self {
        Self { board, stop, task }
    }

    /// All pods, oldest first.
    pub fn pods(&self) -> Vec<PodProcess> {
        self.board.pods().clone()
    }

    /// The newest pod that is not being deleted.
    pub fn pod(&self) -> Option<PodProcess> {
        self.board.pods().iter().rfind(|pod| !pod.terminating).cloned()
    }

    /// The process id of [`KubeletHandle::pod`], `None` between two starts.
    pub fn pid(&self) -> Option<u32> {
        self.pod()?.pid()
    }

    /// How often the process of [`KubeletHandle::pod`] was started again.
    pub fn restarts(&self) -> u32 {
        self.pod().map_or(0, |pod| pod.restarts)
    }

    /// Everything the pods have printed that are there now, over all their restarts.
    pub fn logs(&self) -> String {
        let read = |pod: &PodProcess| fs::read(&pod.log).unwrap_or_default();
        self.pods().iter().map(|pod| String::from_utf8_lossy(&read(pod)).into_owned()).collect()
    }

    /// Sends a signal to the process of [`KubeletHandle::pod`]; false when none runs.
    pub fn kill(&self, signal: Signal) -> bool {
        self.pod().and_then(|pod| pod.process).is_some_and(|process| process.signal(signal))
    }

    /// Waits until [`KubeletHandle::pod`] is Ready.
    pub async fn wait_ready(&self, limit: Duration) -> Result<PodProcess> {
        self.wait("no pod got Ready", limit, |pod| pod.ready && pod.pid().is_some()).await
    }

    /// Waits until the process of [`KubeletHandle::pod`] was started again `restarts` times and runs.
    pub async fn wait_restarts(&self, restarts: u32, limit: Duration) -> Result<PodProcess> {
        self.wait("no restart happened", limit, |pod| pod.restarts >= restarts && pod.pid().is_some()).await
    }

    /// Waits until [`KubeletHandle::pod`] is as wanted.
    pub async fn wait(&self, what: &str, limit: Duration, wanted: impl Fn(&PodProcess) -> bool) -> Result<PodProcess> {
        let started = Instant::now();
        loop {
            let pod = self.pod();
            if let Some(pod) = pod.clone().filter(&wanted) {
                return Ok(pod);
            }
            if started.elapsed() > limit {
                return Err(Error::Timeout {
                    what: what.to_owned(),
                    after: limit,
                    last: pod.map_or_else(|| "there is no pod".to_owned(), |pod| describe(&pod)),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Ends all processes as a deletion of their pods would, and the kubelet.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // A panic was already printed by the runtime.
        let _ = (&mut self.task).await;
    }
}

impl Drop for KubeletHandle {
    fn drop(&mut self) {
        self.task.abort();
        for pod in self.board.pods().drain(..) {
            if let Some(process) = pod.process {
                process.signal_group(Signal::Kill);
            }
        }
    }
}

fn describe(pod: &PodProcess) -> String {
    let PodProcess { name, restarts, ready, .. } = pod;
    let problem = pod.problem.as_deref().unwrap_or("no problem reported");
    format!("pod {name}: ready={ready}, restarts={restarts}, {problem}; its last output:\n{}", tail(&pod.log))
}
