//! The cache of things that are built once per machine: `$AIGW_CACHE_DIR`, else `$XDG_CACHE_HOME/aigw`, else
//! `~/.cache/aigw`. Entries are named by a hash of what they are made from; a lock file keeps builders apart.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::report;

/// How often a lock somebody else holds is tried again.
const LOCK_POLL: Duration = Duration::from_millis(200);
/// Hex digits of a hash in a folder's name.
const STAMP_DIGITS: usize = 12;

/// The cache folder; it may not exist yet.
pub fn dir() -> Result<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("AIGW_CACHE_DIR")
        .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("aigw")))
        .or_else(|| var("HOME").map(|dir| dir.join(".cache/aigw")))
        .ok_or(Error::NoCacheDir)
}

/// A short hash of the names and contents of all files below `dir`, and of `more`.
pub fn stamp(dir: &Path, more: &str) -> Result<String> {
    let mut files = Vec::new();
    walk(dir, &mut files)?;
    files.sort();
    let mut hash = Sha256::new();
    hash.update(more);
    for file in files {
        let content = fs::read(&file).map_err(Error::file("read", &file))?;
        let name = file.strip_prefix(dir).unwrap_or(&file);
        hash.update(format!("\n{} {}\n", name.display(), content.len()));
        hash.update(content);
    }
    Ok(digits(hash))
}

/// A short hash of a text.
pub fn stamp_text(text: &str) -> String {
    digits(Sha256::new_with_prefix(text))
}

fn digits(hash: Sha256) -> String {
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(STAMP_DIGITS);
    digits
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::file("read", dir))? {
        let path = entry.map_err(Error::file("read", dir))?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Takes the lock file `path`, waiting for whoever holds it; `doing` says what they do.
pub async fn lock(path: &Path, doing: &str) -> Result<File> {
    let attempt = async {
        loop {
            if let Some(file) = try_lock(path)? {
                return Ok(file);
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
    };
    report::while_waiting(&format!("waiting for another process that is {doing}"), attempt).await
}

/// Takes the lock file `path` if nobody holds it. The kernel frees it with its holder.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
    }
    let file = File::options().create(true).append(true).open(path).map_err(Error::file("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(Error::file("lock", path)(source)),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_stamp_follows_names_and_contents() {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/a"), "1").unwrap();
        let first = stamp(dir.path(), "").unwrap();
        assert_eq!(first, stamp(dir.path(), "").unwrap());
        assert_ne!(first, stamp(dir.path(), "more").unwrap());
        fs::write(dir.path().join("sub/a"), "2").unwrap();
        let second = stamp(dir.path(), "").unwrap();
        assert_ne!(first, second);
        fs::rename(dir.path().join("sub/a"), dir.path().join("sub/b")).unwrap();
        assert_ne!(second, stamp(dir.path(), "").unwrap());
    }

    #[test]
    fn a_lock_is_held_once() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("new/lock");
        let held = try_lock(&path).unwrap();
        assert!(held.is_some());
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }
}
