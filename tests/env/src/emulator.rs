//! The AWS emulator as a child process, and the Python environment it runs in.
//!
//! The environment is made by `emulator/setup.sh` into the cache, one per checkout (its plugin is installed into it).
//! The emulator gets a clean set of variables; its functions are processes of its group and end with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache;
use crate::error::{Error, Result};
use crate::net::wire::{self, HttpClient};
use crate::ports::Port;
use crate::process::{Process, Spec, tail};
use crate::report;
use crate::wait;

/// From spawn to ready: 5 s alone, a multiple of that beside a compiler.
const READY_LIMIT: Duration = Duration::from_mins(2);
/// How long it may take to obey SIGTERM.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// `setup.sh`'s exit code for "no Python 3.13".
const NO_PYTHON: i32 = 3;

/// Credentials as the emulator's functions get them.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key id: 12 digits select the account.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
}

/// The emulator's Python environment.
#[derive(Clone, Debug)]
pub struct Python {
    venv: PathBuf,
}

impl Python {
    /// Makes the environment unless it is there.
    pub async fn ensure() -> Result<Self> {
        Self::ensure_from(&Path::new(env!("CARGO_MANIFEST_DIR")).join("emulator"), &cache::dir()?).await
    }

    async fn ensure_from(source: &Path, cache: &Path) -> Result<Self> {
        let venv = cache.join(format!("emulator-{}", key(source)?));
        let what = "installing the AWS emulator (once, about a minute)";
        let _lock = cache::lock(&venv.with_extension("lock"), what).await?;
        let log = venv.with_extension("setup-log");
        let process =
            Spec::new("setup.sh", "/bin/sh", &log).arg(source.join("setup.sh")).arg(&venv).inherit_env().spawn()?;
        let status = report::while_waiting(what, process.wait()).await;
        match status.code() {
            Some(0) => Ok(Self { venv }),
            Some(NO_PYTHON) => Err(Error::NoPython(tail(&log))),
            _ => Err(Error::Setup { what: "installing the AWS emulator".to_owned(), tail: tail(&log), log }),
        }
    }

    /// A program of the environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.venv.join("bin").join(name)
    }
}

/// A changed plugin is installed into the same environment, changed packages make a new one.
fn key(source: &Path) -> Result<String> {
    let path = source.join("constraints.txt");
    let constraints = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    Ok(cache::stamp_text(&format!("{}\n{constraints}", source.display())))
}

/// A running emulator; dropping it kills it with its functions.
#[derive(Debug)]
pub struct Emulator {
    process: Process,
    port: Port,
}

impl Emulator {
    /// Starts it with its files in `dir`. Functions get `credentials` and `function_env`.
    pub async fn start(
        python: &Python,
        dir: &Path,
        logs: &Path,
        credentials: &Credentials,
        function_env: &BTreeMap<String, String>,
    ) -> Result<Self> {
        for part in [dir.join("tmp"), dir.join("home")] {
            fs::create_dir_all(&part).map_err(Error::file("create", &part))?;
        }
        let port = Port::reserve()?;
        let mut spec = Spec::new("AWS emulator", python.program("localemu"), logs.join("emulator.log"))
            .arg("start")
            .dir(dir)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GATEWAY_LISTEN", format!("127.0.0.1:{}", port.number()))
            .env("GATEWAY_SERVER", "aigw-loopback")
            .env("LAMBDA_RUNTIME_EXECUTOR", "aigw-process")
            .env("DNS_ADDRESS", "0")
            .env("SKIP_SSL_CERT_DOWNLOAD", "1")
            .env("FILESYSTEM_ROOT", dir)
            .env("HOME", dir.join("home"))
            .env("TMPDIR", dir.join("tmp"))
            .env("AIGW_FUNCTION_ACCESS_KEY_ID", &credentials.access_key_id)
            .env("AIGW_FUNCTION_SECRET_ACCESS_KEY", &credentials.secret_access_key)
            .env("AIGW_FUNCTION_SESSION_TOKEN", &credentials.session_token);
        for (name, value) in function_env {
            spec = spec.env(format!("AIGW_FUNCTION_ENV_{name}"), value);
        }
        let process = spec.spawn()?;
        let health = format!("{}/_aigw/health", port.http_url());
        let client = wire::http_client();
        wait::until_ready(&process, READY_LIMIT, || healthy(&client, &health)).await?;
        Ok(Self { process, port })
    }

    /// Its URL: the AWS endpoint, and the base of `/_aws/execute-api/{api}/{stage}/…`.
    pub fn url(&self) -> String {
        self.port.http_url()
    }

    /// `host:port`.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Ends it and its functions.
    pub async fn stop(self) {
        self.process.stop(STOP_GRACE).await;
    }
}

async fn healthy(client: &HttpClient, url: &str) -> Result<(), String> {
    let (status, body) = wait::get(client, url).await?;
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() && answer["status"] == "ready" {
        return Ok(());
    }
    Err(format!("{url} answers {status}"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    async fn with_setup(script: &str) -> Result<Python> {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("constraints.txt"), "").unwrap();
        fs::write(dir.path().join("setup.sh"), script).unwrap();
        Python::ensure_from(dir.path(), &dir.path().join("cache")).await
    }

    #[tokio::test]
    async fn a_missing_python_is_told_in_the_script_s_words() {
        let error = with_setup("echo 'the AWS emulator needs Python 3.13' >&2; exit 3").await.unwrap_err();
        assert_eq!(error.to_string(), "the AWS emulator needs Python 3.13");
    }

    #[tokio::test]
    async fn a_failed_installation_is_quoted() {
        let error = with_setup("echo no space left; exit 1").await.unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("installing the AWS emulator failed"), "{message}");
        assert!(message.ends_with("no space left"), "{message}");
    }

    #[tokio::test]
    async fn a_prepared_environment_is_used() {
        let python = with_setup("mkdir -p \"$1\"").await.unwrap();
        assert!(python.program("localemu").ends_with("bin/localemu"));
    }
}
