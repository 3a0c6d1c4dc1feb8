//! Running kubectl and helm to their end, as a cluster admin, with their own files in the instance's folder.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Instance;
use crate::error::{Error, Result};

impl Instance {
    /// Runs kubectl and returns its standard output.
    pub async fn kubectl<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<String> {
        self.run(&self.kube()?.tools().kubectl, args, "").await
    }

    /// Runs kubectl with `input` as its standard input, for `-f -`.
    pub async fn kubectl_with_input<A: AsRef<OsStr>>(&self, args: &[A], input: &str) -> Result<String> {
        self.run(&self.kube()?.tools().kubectl, args, input).await
    }

    /// Runs helm and returns its standard output.
    pub async fn helm<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<String> {
        self.run(&self.kube()?.tools().helm, args, "").await
    }

    async fn run<A: AsRef<OsStr>>(&self, program: &Path, args: &[A], input: &str) -> Result<String> {
        let home = self.dir().join("home");
        fs::create_dir_all(&home).map_err(Error::file("create", &home))?;
        let shown: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let command = format!("{name} {}", shown.join(" "));
        let failed = |source| Error::Spawn { name: command.clone(), source };
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("KUBECONFIG", self.kubeconfig()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut stdin = child.stdin.take();
        let write = async {
            if let Some(mut stdin) = stdin.take() {
                // A program that does not read its input says why in its own words.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        let output = output.map_err(failed)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Command {
            command,
            status: output.status.to_string(),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}
