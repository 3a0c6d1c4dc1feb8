//! `aigw-env run -- COMMAND`: a temporary instance around one command.
//!
//! The command stays in the terminal's foreground group, so that Ctrl-C reaches it directly; the instance is taken down
//! after it, however it ends. A second Ctrl-C does not cut that short.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use tokio::process::{Child, Command};

use crate::error::{Error, Result};
use crate::instance::{Instance, Options, UNSET};
use crate::kubelet::{Image, Scope};
use crate::process::die_with_parent;
use crate::report;
use crate::signals;

/// Runs `command` with the environment of a temporary instance; returns the exit code to end with.
pub async fn run(options: Options, operator: Option<Image>, command: &[OsString]) -> Result<u8> {
    let options = Options { handle_signals: false, ..options };
    let instance = tokio::select! {
        instance = Instance::up(options) => instance?,
        number = signals::wait() => return Ok(signal_code(number.unwrap_or(libc::SIGINT))),
    };
    let outcome = with_instance(&instance, operator, command).await;
    if let Err(error) = instance.check() {
        report::line(&error.to_string());
    }
    instance.down().await?;
    outcome
}

async fn with_instance(instance: &Instance, operator: Option<Image>, command: &[OsString]) -> Result<u8> {
    let kubelet = match operator {
        Some(image) => Some(instance.kubelet(Scope::operator_anywhere(), image).await?),
        None => None,
    };
    let status = execute(instance, command).await;
    if let Some(kubelet) = kubelet {
        kubelet.stop().await;
    }
    status.map(exit_code)
}

async fn execute(instance: &Instance, command: &[OsString]) -> Result<ExitStatus> {
    let name = command.first().cloned().unwrap_or_default();
    let failed = |source| Error::Spawn { name: name.to_string_lossy().into_owned(), source };
    let mut prepared = std::process::Command::new(&name);
    prepared.args(command.iter().skip(1)).envs(instance.env());
    for variable in UNSET {
        prepared.env_remove(variable);
    }
    // From the main thread, which lives as long as this process.
    die_with_parent(&mut prepared);
    let mut child = Command::from(prepared).spawn().map_err(failed)?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(failed),
            number = signals::wait() => forward(&child, number.unwrap_or(libc::SIGTERM)),
        }
    }
}

/// The terminal has sent its Ctrl-C to the command too; anything else is for us to pass on.
fn forward(child: &Child, number: i32) {
    if number == libc::SIGINT && std::io::stdin().is_terminal() {
        return;
    }
    if let Some(pid) = child.id() {
        // SAFETY: kill takes no pointers; the child has not been waited for, so the number is its own.
        unsafe { libc::kill(pid.cast_signed(), number) };
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.unwrap_or_else(|| signal_code(status.signal().unwrap_or_default()))
}

/// As a shell reports the end by a signal.
fn signal_code(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}
