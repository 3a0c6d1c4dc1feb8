//! The programs of `tests/lint`, found or built by its script: what GitOps tools and Prometheus make of things.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Outcome, ensure, repository};

/// The folder with the programs.
pub fn folder() -> Outcome<PathBuf> {
    let output = Command::new(repository::path("tests/lint/setup.sh")).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "tests/lint/setup.sh failed");
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// Finds the programs, or builds them.
pub fn prepare() -> Result<(), String> {
    folder().map(drop).map_err(|failed| format!("no tools: {}", failed.message().unwrap_or("no reason")))
}

/// What `gitops ARGUMENTS` answers to each object.
pub fn gitops(arguments: &[&str], objects: &[&Value]) -> Outcome<Vec<Value>> {
    let program = folder()?.join("gitops");
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(repository::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    let lines = objects.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    // Beside reading its answers: a full pipe on either side would be the end.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "the writer panicked")??;
    ensure!(output.status.success(), "gitops {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let answers = text.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>()?;
    ensure!(answers.len() == objects.len(), "{} answers to {} objects", answers.len(), objects.len());
    Ok(answers)
}
