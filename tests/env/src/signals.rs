//! The clean-up when a person (Ctrl-C), a terminal or a CI system ends a program that holds instances: every child is
//! killed and every temporary folder removed before the program exits. A second signal changes nothing.
//!
//! For test programs, whose own stack never unwinds at a signal. `aigw-env` itself ends its instances in order.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

use tokio::signal::unix::{SignalKind, signal};

use crate::process;
use crate::report;

static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Has `dir` removed when a signal ends this process.
pub fn remove_at_signal(dir: &Path) {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).push(dir.to_owned());
}

/// Takes back [`remove_at_signal`].
pub fn forget(dir: &Path) {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other != dir);
}

/// Installs the clean-up for SIGINT, SIGTERM and SIGHUP, once per process. It runs on a thread with a runtime of its
/// own, so that it works while the program's runtimes are busy or gone.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime.map(|runtime| runtime.block_on(wait())) {
                Ok(Ok(number)) => {
                    clean_up();
                    std::process::exit(128 + number);
                }
                Ok(Err(error)) | Err(error) => report::line(&format!("cannot handle signals: {error}")),
            }
        });
    });
}

/// Waits for the first signal that means "end" and returns its number.
pub async fn wait() -> std::io::Result<i32> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => libc::SIGINT,
        _ = terminate.recv() => libc::SIGTERM,
        _ = hangup.recv() => libc::SIGHUP,
    })
}

fn clean_up() {
    process::kill_all();
    for dir in FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = fs::remove_dir_all(dir);
    }
}
