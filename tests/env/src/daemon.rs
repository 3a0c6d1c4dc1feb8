//! The environment that stays after the command that started it: `up` starts a supervisor in the background, `down` ends
//! it, `serve` is that supervisor.
//!
//! The supervisor holds the lock of the instance's folder as long as it lives, so that "is it up" needs no trust in
//! files; it writes `state.json` once everything answers, and `env` for shells.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::instance::{self, Folder, Instance, Options, end_leftovers, env_file};
use crate::kubelet::{Image, KubeletHandle, Scope};
use crate::process::{Identity, Signal, tail};
use crate::report;
use crate::signals;

const STATE: &str = "state.json";
const ENV: &str = "env";
/// Everything answers after 10 s on an idle machine.
const UP_LIMIT: Duration = Duration::from_mins(4);
/// An emulator with many functions takes some seconds to end.
const DOWN_LIMIT: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);
/// How often the supervisor looks after its processes.
const CHECK: Duration = Duration::from_millis(500);

/// What `up` needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The instance.
    pub options: Options,
    /// Its folder.
    pub dir: PathBuf,
    /// Run the operator's pods with this image.
    pub operator: Option<Image>,
}

/// What is written when the instance is up.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// For people.
    summary: String,
}

/// Starts the supervisor as `serve` with `arguments` and waits until the instance is up.
pub async fn up(settings: &Settings, serve: &[std::ffi::OsString]) -> Result<()> {
    let started = Instant::now();
    let dir = &settings.dir;
    if Folder::is_claimed(dir)? {
        let state = wait_for_state(dir, None).await?;
        report::line(&format!("already up\n{}", state.summary));
        return Ok(());
    }
    instance::prepare(settings.options.kube, settings.options.aws).await?;
    let log = Folder::supervisor_log(dir);
    let logs = log.parent().unwrap_or(dir);
    fs::create_dir_all(logs).map_err(Error::file("create", logs))?;
    let _ = fs::remove_file(dir.join(STATE));
    let mut child = spawn_supervisor(serve, &log)?;
    let what = "starting etcd, kube-apiserver and the AWS emulator";
    let state = tokio::select! {
        state = report::while_waiting(what, wait_for_state(dir, Some(&mut child))) => match state {
            // Another `up` was faster: its supervisor holds the folder.
            Err(Error::Died { .. }) if Folder::is_claimed(dir)? => wait_for_state(dir, None).await?,
            state => state?,
        },
        _ = signals::wait() => {
            report::line("interrupted: taking down what was started");
            interrupt(child, dir).await?;
            return Err(Error::Interrupted);
        }
    };
    report::line(&format!("up after {}\n{}", report::elapsed(started.elapsed()), state.summary));
    Ok(())
}

fn spawn_supervisor(serve: &[std::ffi::OsString], log: &Path) -> Result<Child> {
    let failed = |source| Error::Spawn { name: "the supervisor".to_owned(), source };
    let output = File::options().create(true).append(true).open(log).map_err(Error::file("write", log))?;
    output.set_len(0).map_err(Error::file("write", log))?;
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("serve").args(serve).stdin(Stdio::null());
    command.stdout(output.try_clone().map_err(failed)?).stderr(output);
    // A session of its own: it survives the terminal and gets none of its signals.
    // SAFETY: setsid is async-signal-safe and takes no pointers.
    unsafe {
        command.pre_exec(|| match libc::setsid() {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    command.spawn().map_err(failed)
}

/// Waits for the state file; fails when the supervisor (`child`, where it is ours) ends first.
async fn wait_for_state(dir: &Path, mut child: Option<&mut Child>) -> Result<State> {
    let started = Instant::now();
    let log = Folder::supervisor_log(dir);
    loop {
        if let Ok(text) = fs::read(dir.join(STATE))
            && let Ok(state) = serde_json::from_slice(&text)
        {
            return Ok(state);
        }
        let ended = match &mut child {
            Some(child) => child.try_wait().ok().flatten().map(|status| status.to_string()),
            None => (!Folder::is_claimed(dir)?).then(|| "it was stopped".to_owned()),
        };
        if let Some(status) = ended {
            return Err(Error::Died { name: "the supervisor".to_owned(), status, tail: tail(&log), log });
        }
        if started.elapsed() > UP_LIMIT {
            let after = UP_LIMIT;
            let last = "it still runs: `aigw-env down` ends it".to_owned();
            let tail = tail(&log);
            let name = "the supervisor".to_owned();
            return Err(Error::NotReady { name, after, last, log, tail });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Ends the supervisor of `dir`, and whatever a killed one left.
pub async fn down(dir: &Path) -> Result<()> {
    let running = Folder::is_claimed(dir)?;
    match Folder::holder(dir) {
        Some(supervisor) if running => end(&supervisor, dir).await?,
        None if running => return Err(Error::InUse(dir.to_owned())),
        leftover => {
            let ended = end_leftovers(dir);
            if leftover.is_none() && ended == 0 {
                report::line("nothing is up");
                return Ok(());
            }
            // Claiming clears the folder.
            Folder::claim(Some(dir), false)?.remove()?;
            report::line("nothing is up; removed what a killed supervisor had left");
            return Ok(());
        }
    }
    report::line("down");
    Ok(())
}

/// Ends a supervisor that is still starting and may not have claimed its folder.
async fn interrupt(mut child: Child, dir: &Path) -> Result<()> {
    if let Some(supervisor) = Identity::of(child.id()) {
        // Until it is collected below, a child is a zombie, which does not count as alive.
        end(&supervisor, dir).await?;
    }
    let _ = child.wait();
    Ok(())
}

async fn end(supervisor: &Identity, dir: &Path) -> Result<()> {
    supervisor.signal(Signal::Term, false);
    let ended = async {
        while supervisor.is_alive() {
            tokio::time::sleep(POLL).await;
        }
    };
    let ended = tokio::time::timeout(DOWN_LIMIT, report::while_waiting("stopping", ended)).await;
    if ended.is_err() {
        report::line("the supervisor does not stop: killing it");
        supervisor.signal(Signal::Kill, false);
        while supervisor.is_alive() {
            tokio::time::sleep(POLL).await;
        }
        end_leftovers(dir);
        Folder::claim(Some(dir), false)?.remove()?;
    }
    Ok(())
}

/// The supervisor: brings the instance up, holds it until a signal or the end of one of its processes, takes it down.
pub async fn serve(settings: Settings) -> Result<()> {
    let signal = signals::wait();
    let mut signal = std::pin::pin!(signal);
    let dir = settings.dir;
    let options = Options { dir: Some(dir.clone()), handle_signals: false, ..settings.options };
    let instance = tokio::select! {
        instance = Instance::up(options) => instance?,
        _ = &mut signal => return Ok(()),
    };
    let kubelet = match settings.operator {
        Some(image) if instance.kube().is_ok() => Some(instance.kubelet(Scope::operator_anywhere(), image).await?),
        _ => None,
    };
    write(&dir.join(ENV), env_file(&instance.env()).as_bytes())?;
    let state = State { summary: summary(&instance, kubelet.as_ref()) };
    write(&dir.join(STATE), &serde_json::to_vec_pretty(&state).unwrap_or_default())?;
    let outcome = loop {
        tokio::select! {
            _ = &mut signal => break Ok(()),
            () = tokio::time::sleep(CHECK) => {}
        }
        if let Err(error) = instance.check() {
            report::line(&format!("taking everything down: {error}"));
            break Err(error);
        }
    };
    if let Some(kubelet) = kubelet {
        kubelet.stop().await;
    }
    instance.down().await?;
    outcome
}

/// Nobody reads half a file.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, content).map_err(Error::file("write", &new))?;
    fs::rename(&new, path).map_err(Error::file("write", path))
}

fn summary(instance: &Instance, kubelet: Option<&KubeletHandle>) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<14} {value}"));
    if let Ok(kube) = instance.kube() {
        line("Kubernetes", kube.url().to_owned());
    }
    if let Ok(aws) = instance.aws() {
        line("AWS", format!("{} (emulator {})", aws.proxy().url(), aws.emulator().url()));
        line("gateways", format!("{}/API/STAGE/…", aws.front().url()));
        line("Bedrock stub", aws.bedrock().url());
    }
    if kubelet.is_some() {
        line("operator", "runs wherever its chart is installed".to_owned());
    }
    line("logs", instance.logs().display().to_string());
    line("use it", format!(". {}", instance.dir().join(ENV).display()));
    line("end it", "aigw-env down".to_owned());
    lines.join("\n")
}
