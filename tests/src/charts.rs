//! The charts as Helm renders them, without a cluster.

use std::process::{Command, Output};

use aigw_env::tools::Tools;

use crate::{Outcome, ensure, repository};

/// Runs helm at the checkout's root, with no configuration of the person who runs this.
pub fn helm(arguments: &[&str]) -> Outcome<Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tools = runtime.block_on(Tools::ensure())?;
    // Nothing is left in their home either. The thread's id: tests run beside each other.
    let home = format!("aigw-helm-{}-{:?}", std::process::id(), std::thread::current().id());
    let home = std::env::temp_dir().join(home);
    let output = Command::new(&tools.helm).args(arguments).current_dir(repository::root()).env("HOME", &home).output();
    let _ = std::fs::remove_dir_all(&home);
    Ok(output?)
}

/// Renders a chart as release `release` in namespace `aigw-system`.
pub fn template(chart: &str, more: &[&str]) -> Outcome<String> {
    render("release", "aigw-system", chart, more)
}

/// Renders a chart.
pub fn render(release: &str, namespace: &str, chart: &str, more: &[&str]) -> Outcome<String> {
    let installation: &[&str] = if chart.ends_with("operator") { &["--set", "installation=prod-eu"] } else { &[] };
    let output = helm(&[&["template", release, chart, "-n", namespace], installation, more].concat())?;
    ensure!(output.status.success(), "helm template {chart}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
