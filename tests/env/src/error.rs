//! Everything that can go wrong while bringing the local environment up, driving it or taking it down.
//!
//! A message says what to do about it, or quotes the last lines of the log that does.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// An error of the local environment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was tried, as a verb.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {name}: {source}")]
    Spawn {
        /// The program.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Go is needed and not there.
    #[error(
        "go was not found on PATH, and kube-apiserver, etcd, kubectl and helm have to be compiled once: install Go \
         1.26 or newer from https://go.dev/dl, or put all four programs into the folder KUBEBUILDER_ASSETS names"
    )]
    NoGo,
    /// Python 3.13 is needed and not there; the text is the set-up script's.
    #[error("{0}")]
    NoPython(String),
    /// A one-time set-up step failed.
    #[error("{what} failed; the last lines of {log}:\n{tail}", log = log.display())]
    Setup {
        /// The step.
        what: String,
        /// Its whole output.
        log: PathBuf,
        /// The end of its output.
        tail: String,
    },
    /// No folder for things that are built once.
    #[error("no place for the cache: set HOME, XDG_CACHE_HOME or AIGW_CACHE_DIR")]
    NoCacheDir,
    /// No port could be had.
    #[error("no free port on 127.0.0.1: stop other programs or raise net.ipv4.ip_local_port_range")]
    NoFreePort,
    /// A process ended that should run.
    #[error("{name} ended ({status}); the last lines of {log}:\n{tail}", log = log.display())]
    Died {
        /// The process.
        name: String,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// A process runs but does not get ready.
    #[error("{name} is not ready after {} s ({last}); the last lines of {log}:\n{tail}", after.as_secs(), log = log.display())]
    NotReady {
        /// The process.
        name: String,
        /// How long was waited.
        after: Duration,
        /// What the last check said.
        last: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// A command that was run to its end failed.
    #[error("`{command}` failed ({status}): {stderr}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it said.
        stderr: String,
    },
    /// The instance was brought up without this part.
    #[error("this instance runs without {0}: set it in its options")]
    NotThere(&'static str),
    /// The Kubernetes API refused something.
    #[error("kubernetes: {0}")]
    Kube(#[from] kube::Error),
    /// A kubeconfig cannot be used.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The TLS front could not start.
    #[error("cannot start the TLS front: {0}")]
    Front(#[from] crate::front::StartError),
    /// The certificate authority could not be made.
    #[error("cannot make the certificate authority: {0}")]
    Ca(#[from] crate::front::CaError),
    /// A server of this process could not start.
    #[error("cannot start {what}: {source}")]
    Server {
        /// The server.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The folder belongs to a running instance.
    #[error("{0} belongs to a running instance: stop it with `aigw-env down`, or choose another folder with --dir")]
    InUse(PathBuf),
    /// A signal asked for the end.
    #[error("interrupted, and everything taken down")]
    Interrupted,
    /// A wait for something in the cluster took too long.
    #[error("{what} within {} s: {last}", after.as_secs())]
    Timeout {
        /// What did not happen.
        what: String,
        /// How long was waited.
        after: Duration,
        /// The last state seen.
        last: String,
    },
}

impl Error {
    /// For `map_err` on file operations.
    pub fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}

/// Shorthand of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
