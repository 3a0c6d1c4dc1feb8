//! The folder of an instance: claimed by a lock that the kernel frees with its holder, with a record of the processes,
//! so that whatever a killed supervisor may have left can be found and ended safely.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::cache;
use crate::error::{Error, Result};
use crate::process::{Identity, Process, Signal};
use crate::signals;

const LOCK: &str = "lock";
const LOGS: &str = "logs";
const HOLDER: &str = "holder.json";
/// Written by whoever starts a supervisor, before the supervisor claims the folder.
const SUPERVISOR_LOG: &str = "supervisor.log";
const PROCESSES: &str = "processes.json";
/// Files may still be written by what was killed a moment ago.
const REMOVE_ATTEMPTS: u32 = 20;
const REMOVE_PAUSE: Duration = Duration::from_millis(50);

/// A claimed folder. Dropping it removes a temporary one; of a named one, the logs stay.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    temporary: bool,
    keep: bool,
    _lock: File,
}

impl Folder {
    /// Claims `dir`, or a new temporary folder (removed in the end unless `keep`). What an earlier instance left in
    /// `dir` is ended and removed.
    pub fn claim(dir: Option<&Path>, keep: bool) -> Result<Self> {
        let temporary = dir.is_none();
        let path = match dir {
            Some(dir) => {
                fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
                dir.canonicalize().map_err(Error::file("find", dir))?
            }
            None => tempfile::Builder::new()
                .prefix("aigw-env-")
                .tempdir()
                .map(TempDir::keep)
                .map_err(Error::file("create", std::env::temp_dir()))?,
        };
        let lock = cache::try_lock(&path.join(LOCK))?.ok_or_else(|| Error::InUse(path.clone()))?;
        let folder = Self { path, temporary, keep, _lock: lock };
        if temporary && !keep {
            signals::remove_at_signal(&folder.path);
        }
        end_leftovers(&folder.path);
        let logs = folder.logs();
        fs::create_dir_all(&logs).map_err(Error::file("create", &logs))?;
        clear(&folder.path, &[LOCK, LOGS])?;
        clear(&logs, &[SUPERVISOR_LOG])?;
        // Tokens and keys of the instance are in there.
        private(&folder.path)?;
        let holder = folder.path.join(HOLDER);
        let identity = serde_json::to_vec(&Identity::own()).unwrap_or_default();
        fs::write(&holder, identity).map_err(Error::file("write", &holder))?;
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder with the logs.
    pub fn logs(&self) -> PathBuf {
        self.path.join(LOGS)
    }

    /// Whether an instance holds `dir` now.
    pub fn is_claimed(dir: &Path) -> Result<bool> {
        Ok(dir.join(LOCK).exists() && cache::try_lock(&dir.join(LOCK))?.is_none())
    }

    /// The process that holds `dir`, or held it last.
    pub fn holder(dir: &Path) -> Option<Identity> {
        serde_json::from_slice(&fs::read(dir.join(HOLDER)).ok()?).ok()
    }

    /// The log of the background supervisor of `dir`.
    pub fn supervisor_log(dir: &Path) -> PathBuf {
        dir.join(LOGS).join(SUPERVISOR_LOG)
    }

    /// Writes down the processes of the instance.
    pub fn record(&self, processes: &[&Process]) -> Result<()> {
        let identities: Vec<_> = processes.iter().filter_map(|process| process.identity()).collect();
        let path = self.path.join(PROCESSES);
        let text = serde_json::to_vec_pretty(&identities).unwrap_or_default();
        fs::write(&path, text).map_err(Error::file("write", &path))
    }

    /// Removes what the instance made; of a named folder the logs stay.
    pub fn remove(mut self) -> Result<()> {
        let removed = self.remove_now();
        self.keep = true;
        removed
    }

    fn remove_now(&self) -> Result<()> {
        if !self.temporary {
            return clear(&self.path, &[LOGS]);
        }
        if self.keep {
            return Ok(());
        }
        retried(|| fs::remove_dir_all(&self.path)).map_err(Error::file("remove", &self.path))?;
        signals::forget(&self.path);
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = self.remove_now();
        }
    }
}

/// Removes everything in `dir` but the named entries.
fn clear(dir: &Path, except: &[&str]) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::file("read", dir))?.flatten() {
        if except.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let path = entry.path();
        retried(|| if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) })
            .map_err(Error::file("remove", &path))?;
    }
    Ok(())
}

/// Ends processes recorded in `dir` that still run; returns how many there were. A recorded number that now belongs to
/// another process is left alone.
pub fn end_leftovers(dir: &Path) -> usize {
    let recorded = fs::read(dir.join(PROCESSES)).unwrap_or_default();
    let identities: Vec<Identity> = serde_json::from_slice(&recorded).unwrap_or_default();
    identities.iter().filter(|identity| identity.signal(Signal::Kill, true)).count()
}

fn private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(Error::file("protect", path))
}

fn retried(remove: impl Fn() -> std::io::Result<()>) -> std::io::Result<()> {
    let mut left = REMOVE_ATTEMPTS;
    loop {
        match remove() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) if left == 0 => return Err(error),
            Err(_) => std::thread::sleep(REMOVE_PAUSE),
            Ok(()) => return Ok(()),
        }
        left -= 1;
    }
}
