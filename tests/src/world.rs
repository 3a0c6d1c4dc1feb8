//! The local environment that the suites share: brought up when the first test needs it, taken down at the end.
//!
//! Ctrl-C and SIGTERM end it too: the supervisor's library kills its processes and removes its folder. Programs started
//! here die with this process.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use aigw_env::{Instance, Options, aws_proxy, bedrock};
use tokio::runtime::Runtime;

use crate::cluster::Cluster;
use crate::{Outcome, repository};

/// Lines of a log shown after a failure.
const TAIL: usize = 60;
/// Long enough to tell a stream from a buffer on a busy machine.
const CHUNK_INTERVAL: Duration = Duration::from_millis(100);

/// Custom domains of tests are one label below this; the TLS front has a certificate for them, and no DNS knows them.
pub const CUSTOM_DOMAINS: &str = "example.test";

static WORLD: RwLock<Option<Arc<World>>> = RwLock::new(None);

/// The environment.
pub struct World {
    /// The cluster, with the AWS side.
    pub cluster: Cluster,
    clients: OnceLock<PathBuf>,
    matrix: OnceLock<PathBuf>,
    spare: Mutex<Option<Instance>>,
    // Last: the servers are its tasks.
    runtime: Runtime,
}

/// The environment, which `prepare` brought up.
pub fn world() -> Outcome<Arc<World>> {
    let world = WORLD.read().unwrap_or_else(PoisonError::into_inner);
    Ok(world.clone().ok_or("the local environment is not up")?)
}

/// Brings the environment up unless it is.
pub fn prepare() -> Result<(), String> {
    let mut world = WORLD.write().unwrap_or_else(PoisonError::into_inner);
    if world.is_some() {
        return Ok(());
    }
    let binary = repository::program("aigw-operator");
    if !binary.exists() {
        return Err(format!("no {}; build it with `cargo build --workspace --bins`", binary.display()));
    }
    crate::function_zip::prepare()?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let options = Options {
        chunk_interval: Some(CHUNK_INTERVAL),
        front_names: vec![format!("*.{CUSTOM_DOMAINS}")],
        ..Options::default()
    };
    let cluster = runtime.block_on(Cluster::up(options))?;
    *world = Some(Arc::new(World {
        cluster,
        clients: OnceLock::new(),
        matrix: OnceLock::new(),
        spare: Mutex::default(),
        runtime,
    }));
    Ok(())
}

/// Takes the environment down, if it is up.
pub fn down() -> Result<(), String> {
    let Some(world) = WORLD.write().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
    let world = Arc::into_inner(world).ok_or("a test still uses the environment")?;
    if let Some(spare) = world.spare.into_inner().unwrap_or_else(PoisonError::into_inner) {
        world.runtime.block_on(spare.down()).map_err(|error| error.to_string())?;
    }
    world.runtime.block_on(world.cluster.down())
}

/// An error when a process of the environment has ended.
pub fn check() -> Outcome {
    Ok(world()?.cluster.instance().check()?)
}

/// Prints what a person would look at first after a failure.
pub fn explain() {
    let Ok(world) = world() else { return };
    println!();
    if let Ok(objects) = world.cluster.kubectl(&["get", "aigw,aitn", "-A", "-o", "wide"]) {
        println!("{objects}");
    }
    let logs = world.cluster.instance().logs();
    let mut files: Vec<_> = std::fs::read_dir(logs).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files.iter().filter(|file| worth_showing(file)) {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned();
        let lines: Vec<_> = text.lines().collect();
        println!("--- {} (last lines)", file.file_name().unwrap_or_default().to_string_lossy());
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            println!("{line}");
        }
    }
}

fn worth_showing(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.contains("operator") || name.contains("supervisor")
}

impl World {
    /// The proxy before the emulator: the log of AWS calls, and faults.
    pub fn proxy(&self) -> Outcome<&Arc<aws_proxy::Proxy>> {
        Ok(self.cluster.instance().aws()?.proxy().proxy())
    }

    /// The Bedrock stub.
    pub fn bedrock(&self) -> Outcome<&Arc<bedrock::Stub>> {
        Ok(self.cluster.instance().aws()?.bedrock().stub())
    }

    /// A control plane apart, with nothing in it that runs pods: for tests with an operator of their own, or that stop its
    /// API server. Brought up when first taken; give it back with [`World::give_back`].
    pub fn take_spare(&self) -> Outcome<Instance> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        match spare {
            Some(instance) => Ok(instance),
            None => Ok(self.runtime.block_on(Instance::up(Options { aws: false, ..Options::default() }))?),
        }
    }

    /// Takes back what [`World::take_spare`] gave, for the next test. One that is not given back ends at once.
    pub fn give_back(&self, instance: Instance) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(instance);
    }

    /// The folder with the SDKs of the client programs, installed at first use.
    pub fn clients(&self) -> Outcome<&Path> {
        if let Some(dir) = self.clients.get() {
            return Ok(dir);
        }
        let dir = client_sdks(&[])?;
        Ok(self.clients.get_or_init(|| dir))
    }

    /// The same folder with the further clients of the client matrix in it, installed at first use.
    pub fn client_matrix(&self) -> Outcome<&Path> {
        if let Some(dir) = self.matrix.get() {
            return Ok(dir);
        }
        let dir = client_sdks(&["--matrix".as_ref(), self.clients()?.as_os_str()])?.join("matrix");
        Ok(self.matrix.get_or_init(|| dir))
    }

    /// Waits for a future on the environment's runtime.
    pub fn block<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// The folder with the SDKs of the client programs, from the environment or installed where they are not yet.
pub fn client_sdks(arguments: &[&OsStr]) -> Outcome<PathBuf> {
    if let Some(dir) = std::env::var_os("AIGW_CLIENTS_DIR").filter(|_| arguments.is_empty()) {
        return Ok(PathBuf::from(dir));
    }
    let script = repository::path("tests/clients/setup.sh");
    let output = std::process::Command::new("/bin/sh").arg(script).args(arguments).output()?;
    crate::ensure!(output.status.success(), "the SDKs: {}", String::from_utf8_lossy(&output.stderr));
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
