//! A blow at a chosen write, and the supervisor that starts the operator again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aigw_fakes::intercept::{Call, Failure, Intercept, Verdict};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::World;
use super::process::Options;

/// Time a kubelet takes to start a container again.
const RESTART: Duration = Duration::from_secs(1);

/// How a write ends.
///
/// A process that dies right after its write's answer leaves the same world as one that dies without it, since nothing it
/// holds lives on: dying is one case. Losing the answer is a case of its own for a process that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blow {
    /// The process dies before the write has any effect.
    DiesBefore,
    /// The write takes effect; the process dies before it does anything else.
    DiesAfter,
    /// The write takes effect, the answer is lost, and the process lives on with a connection error.
    AnswerLost,
}

impl Blow {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::DiesBefore, Self::DiesAfter, Self::AnswerLost];
}

#[derive(Default)]
struct State {
    armed: bool,
    /// Writes seen since it was armed.
    writes: Vec<String>,
    /// The write that was hit.
    hit: Option<String>,
    dead: bool,
}

/// Counts an operator's writes on both sides and, at the chosen one, lets it die. Leases do not count: they are renewed
/// for ever, and have scenarios of their own.
pub struct Crasher {
    pod: String,
    at: Option<(usize, Blow)>,
    state: Mutex<State>,
    died: Notify,
}

impl Crasher {
    /// One that only counts.
    pub fn counting(pod: &str) -> Arc<Self> {
        Self::new(pod, None)
    }

    /// One that strikes at the `index`-th write, from 0.
    pub fn striking(pod: &str, index: usize, blow: Blow) -> Arc<Self> {
        Self::new(pod, Some((index, blow)))
    }

    fn new(pod: &str, at: Option<(usize, Blow)>) -> Arc<Self> {
        Arc::new(Self { pod: pod.into(), at, state: Mutex::default(), died: Notify::new() })
    }

    /// Counts from here on.
    pub fn arm(&self) {
        self.lock().armed = true;
    }

    /// Writes seen.
    pub fn writes(&self) -> Vec<String> {
        self.lock().writes.clone()
    }

    /// The write it struck at, if it came to that.
    pub fn hit(&self) -> Option<String> {
        self.lock().hit.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn die(&self, state: &mut State, effect: bool) -> Verdict {
        state.dead = true;
        self.died.notify_one();
        Verdict::Hang { effect }
    }
}

impl Intercept for Crasher {
    fn call(&self, call: &Call) -> Verdict {
        if call.actor != self.pod {
            return Verdict::Serve;
        }
        let mut state = self.lock();
        if state.dead {
            return Verdict::Hang { effect: false };
        }
        if !state.armed || !call.write || call.operation.ends_with(" leases") {
            return Verdict::Serve;
        }
        let index = state.writes.len();
        state.writes.push(call.to_string());
        let Some((at, blow)) = self.at else { return Verdict::Serve };
        if index != at || state.hit.is_some() {
            return Verdict::Serve;
        }
        state.hit = Some(call.to_string());
        match blow {
            Blow::DiesBefore => self.die(&mut state, false),
            Blow::DiesAfter => self.die(&mut state, true),
            Blow::AnswerLost => Verdict::FailAfter(Failure::Connection),
        }
    }
}

/// Keeps an operator running, as a Deployment would. Ends with the test's runtime.
pub struct Supervisor(JoinHandle<()>);

impl World {
    /// Runs an operator under `crasher`, and starts it again whenever it died or ended.
    pub fn supervise(&self, options: &Options, crasher: Arc<Crasher>) -> Supervisor {
        self.kube.set_intercept(crasher.clone());
        self.aws.set_intercept(crasher.clone());
        let (world, options) = (self.clone(), options.clone());
        Supervisor(tokio::spawn(async move {
            loop {
                let mut process = world.start(&options);
                tokio::select! {
                    () = crasher.died.notified() => process.kill().await,
                    ended = process.ended() => tracing::warn!(?ended, "the operator ended by itself"),
                }
                tokio::time::sleep(RESTART).await;
                crasher.lock().dead = false;
            }
        }))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.0.abort();
    }
}
