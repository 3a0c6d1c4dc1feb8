//! The charts as Helm renders them, without a cluster.

use std::process::{Command, Output};

use aigw_env::tools::Tools;
use serde_json::Value;

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

/// Finds helm, or builds it.
pub fn prepare() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(Tools::ensure()).map(drop).map_err(|error| format!("no helm: {error}"))
}

/// One right of the chart's ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Where it holds; `None` is everywhere.
    pub namespace: Option<String>,
    /// API group; empty for core.
    pub group: String,
    /// Plural, with the subresource after a slash.
    pub resource: String,
    /// Verb.
    pub verb: String,
    /// Names it holds for; empty is any.
    pub names: Vec<String>,
}

/// The rights that a rendering of the operator's chart gives to the operator: each verb on each resource by itself.
pub fn grants(rendered: &[Value]) -> Outcome<Vec<Grant>> {
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let mut grants = Vec::new();
    for binding in rendered.iter().filter(|document| text(&document["kind"]).ends_with("RoleBinding")) {
        let namespace = (binding["kind"] == "RoleBinding").then(|| text(&binding["metadata"]["namespace"]));
        let refers = |document: &&Value| {
            document["kind"] == binding["roleRef"]["kind"]
                && document["metadata"]["name"] == binding["roleRef"]["name"]
                && (document["kind"] == "ClusterRole"
                    || namespace.as_deref() == document["metadata"]["namespace"].as_str())
        };
        let role = rendered.iter().find(refers).ok_or_else(|| format!("no role for {binding}"))?;
        for rule in role["rules"].as_array().into_iter().flatten() {
            // Paths that are no resources stand for themselves.
            let paths = product(&[String::new()], &texts(&rule["nonResourceURLs"]), &texts(&rule["verbs"]));
            let resources = product(&texts(&rule["apiGroups"]), &texts(&rule["resources"]), &texts(&rule["verbs"]));
            for (group, resource, verb) in [paths, resources].concat() {
                let names = texts(&rule["resourceNames"]);
                grants.push(Grant { namespace: namespace.clone(), group, resource, verb, names });
            }
        }
    }
    Ok(grants)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn product(groups: &[String], resources: &[String], verbs: &[String]) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for group in groups {
        for resource in resources {
            all.extend(verbs.iter().map(|verb| (group.clone(), resource.clone(), verb.clone())));
        }
    }
    all
}
