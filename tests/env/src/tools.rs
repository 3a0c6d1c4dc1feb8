//! kube-apiserver, etcd, kubectl, helm and the controllers: found on this machine, or compiled once.
//!
//! A complete set in `KUBEBUILDER_ASSETS` and `PATH` whose kube-apiserver is of the minor version our module pins is
//! used as it is; otherwise all come from the pinned Go module, never a mix of versions. The controllers always come
//! from that module, because they are not anybody's release. Compiled tools stay in the cache, by content of the module.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::error::{Error, Result};
use crate::process::{Spec, tail};
use crate::report;

/// Programs that others release too.
const RELEASED: [&str; 4] = ["kube-apiserver", "etcd", "kubectl", "helm"];
const CONTROLLERS: &str = "kube-controllers";
const STAMP: &str = ".complete";

/// Where the tools are.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// Its store.
    pub etcd: PathBuf,
    /// Our selection of the real controllers; also `gen-sa-key`.
    pub kube_controllers: PathBuf,
    /// kubectl.
    pub kubectl: PathBuf,
    /// helm.
    pub helm: PathBuf,
    /// In words: where they come from.
    pub origin: String,
}

impl Tools {
    /// Finds the tools, compiling what is not there. Says on stderr what takes time.
    pub async fn ensure() -> Result<Self> {
        let (found, note) = installed();
        let complete = found.is_some();
        let out = build(complete).await?;
        let [kube_apiserver, etcd, kubectl, helm] = found.unwrap_or_else(|| RELEASED.map(|name| out.join(name)));
        Ok(Self {
            kube_apiserver,
            etcd,
            kubectl,
            helm,
            kube_controllers: out.join(CONTROLLERS),
            origin: if complete {
                format!("{note}; {CONTROLLERS} compiled from the pinned Go module")
            } else {
                format!("compiled from the pinned Go module ({note})")
            },
        })
    }

    /// Name and place of each tool.
    pub fn list(&self) -> [(&'static str, &Path); 5] {
        [
            ("kube-apiserver", &self.kube_apiserver),
            ("etcd", &self.etcd),
            (CONTROLLERS, &self.kube_controllers),
            ("kubectl", &self.kubectl),
            ("helm", &self.helm),
        ]
    }

    /// This process's `PATH` with kubectl and helm in front.
    pub fn path_variable(&self) -> std::ffi::OsString {
        let mut dirs: Vec<PathBuf> = Vec::new();
        for tool in [&self.kubectl, &self.helm] {
            dirs.extend(tool.parent().map(Path::to_owned).filter(|dir| !dirs.contains(dir)));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let rest: Vec<PathBuf> = std::env::split_paths(&path).filter(|dir| !dirs.contains(dir)).collect();
        std::env::join_paths(dirs.iter().chain(&rest)).unwrap_or(path)
    }
}

/// The Go module.
fn module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kube")
}

/// A complete set on this machine, or none; and why.
fn installed() -> (Option<[PathBuf; 4]>, String) {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&assets)
        .chain(std::env::split_paths(&path))
        .filter(|dir| !dir.as_os_str().is_empty())
        .collect();
    let found = RELEASED.map(|name| find(name, &dirs));
    let missing: Vec<&str> =
        RELEASED.iter().zip(&found).filter(|(_, path)| path.is_none()).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        return (None, format!("not in KUBEBUILDER_ASSETS or PATH: {}", missing.join(", ")));
    }
    let found = found.map(Option::unwrap_or_default);
    let (have, want) = (server_minor(&found[0]), pinned_minor());
    if have != want {
        let text = |minor: Option<u32>| minor.map_or_else(|| "unknown".to_owned(), |minor| format!("1.{minor}"));
        return (None, format!("{} is Kubernetes {}, needed is {}", found[0].display(), text(have), text(want)));
    }
    (Some(found), "found in KUBEBUILDER_ASSETS and PATH".to_owned())
}

fn find(name: &str, dirs: &[PathBuf]) -> Option<PathBuf> {
    dirs.iter().map(|dir| dir.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn server_minor(apiserver: &Path) -> Option<u32> {
    let output = Command::new(apiserver).arg("--version").output().ok()?;
    minor(&String::from_utf8_lossy(&output.stdout))
}

fn pinned_minor() -> Option<u32> {
    let text = fs::read_to_string(module().join("go.mod")).ok()?;
    let line = text.lines().find(|line| line.trim_start().starts_with("k8s.io/kubernetes "))?;
    minor(line)
}

/// 37 from any text with `v1.37.2` in it.
fn minor(text: &str) -> Option<u32> {
    let after = text.split("v1.").nth(1)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The folder with the module's programs; compiled unless they are in the cache.
async fn build(only_controllers: bool) -> Result<PathBuf> {
    let kind = if only_controllers { "controllers" } else { "kube" };
    let out = cache::dir()?.join(format!("{kind}-{}", cache::stamp(&module(), kind)?));
    if out.join(STAMP).exists() {
        return Ok(out);
    }
    let what = if only_controllers {
        "compiling kube-controllers (once, about 4 minutes)"
    } else {
        "compiling kube-apiserver, etcd, kubectl, helm (once, about 6 minutes)"
    };
    let _lock = cache::lock(&out.with_extension("lock"), what).await?;
    if out.join(STAMP).exists() {
        return Ok(out);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    has_go(&path)?;
    let log = out.with_extension("log");
    let mut spec = Spec::new("the Go build", "/bin/sh", &log).arg(module().join("build.sh")).arg(&out).inherit_env();
    if only_controllers {
        spec = spec.env("ONLY_CONTROLLERS", "1");
    }
    let status = {
        let process = spec.spawn()?;
        report::while_waiting(what, process.wait()).await
    };
    if !status.success() {
        let what = what.split(" (").next().unwrap_or(what).to_owned();
        return Err(Error::Setup { what, tail: tail(&log), log });
    }
    fs::write(out.join(STAMP), "").map_err(Error::file("write", out.join(STAMP)))?;
    let _ = fs::remove_file(log);
    Ok(out)
}

fn has_go(path: &OsStr) -> Result<()> {
    let dirs: Vec<PathBuf> = std::env::split_paths(path).collect();
    find("go", &dirs).map(|_| ()).ok_or(Error::NoGo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_are_read() {
        assert_eq!(minor("Kubernetes v1.37.2\n"), Some(37));
        assert_eq!(minor("\tk8s.io/kubernetes v1.33.13"), Some(33));
        assert_eq!(minor("etcd"), None);
        assert!(pinned_minor().is_some());
    }

    #[test]
    fn missing_go_is_one_clear_sentence() {
        let message = has_go(OsStr::new("/nowhere")).unwrap_err().to_string();
        assert!(message.starts_with("go was not found on PATH"), "{message}");
        assert!(message.contains("install Go 1.26"), "{message}");
        assert!(!message.contains('\n'));
    }

    #[test]
    fn folders_and_plain_files_are_no_tools() {
        let dir = tempfile::TempDir::new().unwrap();
        fs::create_dir(dir.path().join("etcd")).unwrap();
        fs::write(dir.path().join("helm"), "").unwrap();
        let dirs = [dir.path().to_owned()];
        assert_eq!(find("etcd", &dirs), None);
        assert_eq!(find("helm", &dirs), None);
        fs::set_permissions(dir.path().join("helm"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("helm", &dirs), Some(dir.path().join("helm")));
    }
}
