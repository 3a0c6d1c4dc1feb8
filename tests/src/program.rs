//! Programs that tests run: without the caller's environment, and dead at the latest when this process is.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use aigw_env::process::die_with_parent;

use crate::{Outcome, ensure, repository};

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Whether its exit code was 0.
    pub success: bool,
    /// What it printed, both streams.
    pub output: String,
    /// What it printed to standard output.
    pub stdout: String,
}

impl Ended {
    /// The JSON in the last line of its standard output.
    pub fn summary(&self) -> Outcome<serde_json::Value> {
        let line = self.stdout.trim().lines().last().unwrap_or_default();
        Ok(serde_json::from_str(line).map_err(|error| format!("no summary ({error}) in: {}", self.output))?)
    }

    /// Fails unless it succeeded.
    pub fn ok(self) -> Outcome<Self> {
        ensure!(self.success, "a program failed: {}", self.output);
        Ok(self)
    }

    /// Fails unless it ended in an error whose line begins with `class` and a colon; gives the message.
    pub fn must_fail(&self, class: &str) -> Outcome<String> {
        let line = self.output.trim().lines().last().unwrap_or_default();
        let found = line.strip_prefix(class).and_then(|rest| rest.strip_prefix(": "));
        ensure!(!self.success && found.is_some(), "expected {class}, got: {line}");
        Ok(found.unwrap_or_default().to_owned())
    }
}

fn command(program: &Path, arguments: &[&str], env: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(env).current_dir(repository::root());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    die_with_parent(&mut command);
    command
}

/// Runs a program to its end.
pub fn run(program: &Path, arguments: &[&str], env: &BTreeMap<String, String>) -> Outcome<Ended> {
    let output = command(program, arguments, env).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stdout = text(&output.stdout);
    Ok(Ended { success: output.status.success(), output: stdout.clone() + &text(&output.stderr), stdout })
}

/// Runs a program to its end and notes when each piece of its standard output came: milliseconds since it was started.
pub fn run_timed(
    program: &Path,
    arguments: &[&str],
    env: &BTreeMap<String, String>,
) -> Outcome<(Ended, Vec<u8>, Vec<f64>)> {
    let started = Instant::now();
    let mut child = command(program, arguments, env).stdin(Stdio::null()).spawn()?;
    let mut stdout = child.stdout.take().ok_or("no standard output")?;
    let (mut bytes, mut arrivals, mut piece) = (Vec::new(), Vec::new(), vec![0; 64 * 1024]);
    loop {
        let length = stdout.read(&mut piece)?;
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..length]);
        arrivals.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let whole = text.clone() + &String::from_utf8_lossy(&output.stderr);
    Ok((Ended { success: output.status.success(), output: whole, stdout: text }, bytes, arrivals))
}

/// A program in the background that runs until its standard input closes. Dropping it kills it.
pub struct Background {
    child: Child,
}

impl Background {
    /// Starts it and waits until it says, on standard error, that it is running.
    pub fn start(program: &Path, arguments: &[&str], env: &BTreeMap<String, String>) -> Outcome<Self> {
        let mut child = command(program, arguments, env).stdin(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
        let background = Self { child };
        let mut seen = String::new();
        for line in &mut lines {
            let line = line?;
            if line.trim() == "running" {
                // Nobody may have to wait because nobody reads.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(background);
            }
            seen += &line;
        }
        Err(format!("the program in the background did not begin: {seen}").into())
    }

    /// Ends it and gives the summary it prints.
    pub fn finish(mut self) -> Outcome<Ended> {
        drop(self.child.stdin.take());
        let mut stdout = String::new();
        self.child.stdout.take().ok_or("no standard output")?.read_to_string(&mut stdout)?;
        let success = self.child.wait()?.success();
        Ok(Ended { success, output: stdout.clone(), stdout })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
