//! Child processes that never outlive their owner.
//!
//! Each is the leader of a process group of its own, so that its children can be ended with it, and asks the kernel to
//! be killed when this process dies, whatever the reason. Output goes to a file. A thread per process collects its
//! exit, independent of any async runtime; a signal is only ever sent to a process that has not been collected yet, so
//! a number that the kernel gave to somebody else is never hit. Linux only.

mod identity;
mod spawner;

#[cfg(test)]
mod tests;

pub use identity::Identity;
pub use spawner::die_with_parent;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::error::{Error, Result};

/// How many lines of a log an error message quotes.
const TAIL_LINES: usize = 15;
/// How long a dropped process is waited for; it has been sent SIGKILL.
const DROP_WAIT: Duration = Duration::from_secs(3);

/// Signals that are sent to processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Please end.
    Term,
    /// As Ctrl-C.
    Int,
    /// End at once.
    Kill,
    /// Freeze.
    Stop,
    /// Go on after [`Signal::Stop`].
    Cont,
}

impl Signal {
    fn number(self) -> libc::c_int {
        match self {
            Self::Term => libc::SIGTERM,
            Self::Int => libc::SIGINT,
            Self::Kill => libc::SIGKILL,
            Self::Stop => libc::SIGSTOP,
            Self::Cont => libc::SIGCONT,
        }
    }
}

/// What to run. The environment starts empty.
#[derive(Clone, Debug)]
pub struct Spec {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    inherit_env: bool,
    dir: Option<PathBuf>,
    log: PathBuf,
    append: bool,
}

impl Spec {
    /// `program`, called `name` in messages, with its output in the file `log`.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            inherit_env: false,
            dir: None,
            log: log.into(),
            append: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Passes this process's environment on.
    #[must_use]
    pub fn inherit_env(mut self) -> Self {
        self.inherit_env = true;
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Adds to the log instead of starting it anew.
    #[must_use]
    pub fn append(mut self) -> Self {
        self.append = true;
        self
    }

    /// Starts it.
    pub fn spawn(&self) -> Result<Process> {
        let failed = |source| Error::Spawn { name: self.name.clone(), source };
        let log = File::options()
            .create(true)
            .write(true)
            .append(self.append)
            .truncate(!self.append)
            .open(&self.log)
            .map_err(Error::file("write", &self.log))?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null()).process_group(0);
        if !self.inherit_env {
            command.env_clear();
        }
        command.envs(&self.env);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.stdout(log.try_clone().map_err(failed)?).stderr(log);
        die_with_parent(&mut command);
        let child = spawner::spawn(command).map_err(failed)?;
        Ok(Process::adopt(self, child))
    }
}

/// What the owner and the collecting thread share.
#[derive(Debug)]
struct Shared {
    name: String,
    pid: libc::pid_t,
    log: PathBuf,
    /// True once the process number may belong to somebody else.
    collected: Mutex<bool>,
    exit: watch::Sender<Option<ExitStatus>>,
}

impl Shared {
    fn collected(&self) -> MutexGuard<'_, bool> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a signal to `target`, the process or (negative) its group, unless the process is gone.
    fn send(&self, target: libc::pid_t, signal: Signal) -> bool {
        let collected = self.collected();
        // SAFETY: kill takes no pointers. The lock keeps the number from being given to another process.
        !*collected && unsafe { libc::kill(target, signal.number()) } == 0
    }
}

/// All processes of this one that may be alive, for the clean-up at a signal.
static LIVE: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Kills every process started here, group by group. Only for the clean-up before this process ends.
pub fn kill_all() {
    let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let all: Vec<_> = live.iter().filter_map(Weak::upgrade).collect();
    for shared in &all {
        shared.send(-shared.pid, Signal::Kill);
    }
    let deadline = Instant::now() + DROP_WAIT;
    while all.iter().any(|shared| shared.exit.borrow().is_none()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running (or ended) child process. Dropping it kills its whole group.
#[derive(Debug)]
pub struct Process {
    shared: Arc<Shared>,
    identity: Option<Identity>,
}

impl Process {
    fn adopt(spec: &Spec, child: Child) -> Self {
        let shared = Arc::new(Shared {
            name: spec.name.clone(),
            pid: child.id().cast_signed(),
            log: spec.log.clone(),
            collected: Mutex::new(false),
            exit: watch::Sender::new(None),
        });
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|weak| weak.strong_count() > 0);
        live.push(Arc::downgrade(&shared));
        drop(live);
        // Read before the thread below can collect the process: a zombie still has its entry in /proc.
        let identity = Identity::of(child.id());
        let collector = Arc::clone(&shared);
        std::thread::spawn(move || collect(child, &collector));
        Self { shared, identity }
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its process id, which is also the id of its group.
    pub fn pid(&self) -> u32 {
        self.shared.pid.cast_unsigned()
    }

    /// Its identity, to recognise it later from another process.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The file with its output.
    pub fn log(&self) -> &Path {
        &self.shared.log
    }

    /// How it ended, `None` while it runs.
    pub fn exit(&self) -> Option<ExitStatus> {
        *self.shared.exit.borrow()
    }

    /// Waits for its end.
    pub async fn wait(&self) -> ExitStatus {
        let mut exit = self.shared.exit.subscribe();
        loop {
            if let Some(status) = *exit.borrow_and_update() {
                return status;
            }
            // The sender lives in `self`.
            let _ = exit.changed().await;
        }
    }

    /// Sends a signal to the process alone; false when it has ended.
    pub fn signal(&self, signal: Signal) -> bool {
        self.shared.send(self.shared.pid, signal)
    }

    /// Sends a signal to the process and its children; false when it has ended.
    pub fn signal_group(&self, signal: Signal) -> bool {
        self.shared.send(-self.shared.pid, signal)
    }

    /// SIGTERM to the group, SIGKILL to the group after `grace`; returns when it is gone.
    pub async fn stop(&self, grace: Duration) -> ExitStatus {
        self.signal_group(Signal::Term);
        // A stopped process obeys nothing but SIGKILL.
        self.signal_group(Signal::Cont);
        match tokio::time::timeout(grace, self.wait()).await {
            Ok(status) => status,
            Err(_) => self.kill().await,
        }
    }

    /// SIGKILL to the group; returns when it is gone.
    pub async fn kill(&self) -> ExitStatus {
        self.signal_group(Signal::Kill);
        self.wait().await
    }

    /// An error when it has ended.
    pub fn check(&self) -> Result<()> {
        match self.exit() {
            None => Ok(()),
            Some(status) => Err(Error::Died {
                name: self.name().to_owned(),
                status: status.to_string(),
                log: self.log().to_owned(),
                tail: tail(self.log()),
            }),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit().is_some() || !self.signal_group(Signal::Kill) {
            return;
        }
        let deadline = Instant::now() + DROP_WAIT;
        while self.exit().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Waits for the end of `child`, kills what it left in its group, and only then frees its number.
fn collect(mut child: Child, shared: &Shared) {
    loop {
        // SAFETY: siginfo_t is plain data, valid when zeroed, and only written to.
        let waited = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, child.id(), &raw mut info, libc::WEXITED | libc::WNOWAIT)
        };
        if waited == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            break;
        }
    }
    let mut collected = shared.collected();
    // SAFETY: kill takes no pointers; the leader is a zombie, so the group's number is still its own.
    unsafe { libc::kill(-shared.pid, libc::SIGKILL) };
    let status = child.wait();
    *collected = true;
    drop(collected);
    shared.exit.send_replace(Some(status.unwrap_or_default()));
}

/// The last lines of a log, or a note why there are none.
pub fn tail(log: &Path) -> String {
    match fs::read(log) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            let shown = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
            if shown.is_empty() { "(the log is empty)".to_owned() } else { shown }
        }
        Err(error) => format!("(the log cannot be read: {error})"),
    }
}
