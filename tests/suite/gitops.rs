//! What we ship for GitOps tools is complete and of one piece: the values for Argo CD are its scripts, the scripts have a
//! test in the form of Argo CD's own repository, Applications come in waves, and Kustomize builds what validates.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aigw_api::AIGateway;
use aigw_env::tools::Tools;
use aigw_plan::gateway::validate::validate;
use aigw_tests::harness::{Suite, test};
use aigw_tests::{Outcome, ensure, ensure_eq, repository, tools};
use serde_json::{Value, json};

const FOLDER: &str = "examples/gitops/argocd/resource_customizations/aigateway.dev";
const VALUES: &str = "examples/gitops/argocd/values.yaml";
const STATES: &str = "tests/fixtures/statuses/states.jsonl";
const KINDS: [(&str, &[&str]); 2] = [("AIGateway", &["reconcile"]), ("Tenant", &["reconcile", "suspend", "resume"])];
/// What changes of an object without meaning anything to Argo CD: health is judged anew all the same.
const IGNORED: [&str; 3] = ["/status", "/metadata/resourceVersion", "/metadata/managedFields"];
const HEAD: &str = "\
# Values of the chart argo-cd, or entries of the ConfigMap argocd-cm: health, actions, and which changes of objects are not
# worth a refresh. Written by `UPDATE_GOLDEN=1 cargo test -p aigw-tests -- gitops::` from the scripts in
# resource_customizations. Do not edit.
configs:
  cm:
    resource.ignoreResourceUpdatesEnabled: \"true\"
    # Applications count as healthy when what they apply is: without this, waves of Applications wait for nothing.
    resource.customizations.health.argoproj.io_Application: |
      local health = { status = \"Progressing\", message = \"\" }
      if obj.status ~= nil and obj.status.health ~= nil then
        health.status = obj.status.health.status
        health.message = obj.status.health.message or \"\"
      end
      return health
";

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "the_values_for_argo_cd_are_its_scripts", values),
        test(module_path!(), "each_health_has_a_case_in_the_form_of_argo_cds_repository", upstream),
        test(module_path!(), "applications_come_in_waves_that_wait", waves),
        test(module_path!(), "kustomize_builds_a_valid_gateway", kustomize),
    ];
    Suite::new("gitops", tests).needs(tools::prepare)
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

/// Writes a file if asked to; fails where it differs.
fn golden(file: &str, text: &str) -> Outcome {
    if updating() {
        let path = repository::path(file);
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        std::fs::write(&path, text)?;
    }
    ensure!(repository::read(file)? == text, "{file} is out of date, run with UPDATE_GOLDEN=1");
    Ok(())
}

fn indented(text: &str, by: usize) -> String {
    let indent = " ".repeat(by);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { indent.clone() + line + "\n" };
    text.lines().map(line).collect::<Vec<_>>().concat()
}

fn values() -> Outcome {
    let mut text = HEAD.to_owned();
    for (kind, actions) in KINDS {
        let script = |name: &str| repository::read(&format!("{FOLDER}/{kind}/{name}"));
        let key = |about: &str| format!("    resource.customizations.{about}.aigateway.dev_{kind}: |\n");
        text += &(key("health") + &indented(&script("health.lua")?, 6));
        text += &(key("actions") + "      discovery.lua: |\n" + &indented(&script("actions/discovery.lua")?, 8));
        text += "      definitions:\n";
        for action in actions {
            let code = indented(&script(&format!("actions/{action}/action.lua"))?, 12);
            write!(text, "        - name: {action}\n          action.lua: |\n{code}")?;
        }
        text += &(key("ignoreResourceUpdates") + "      jsonPointers:\n");
        for pointer in IGNORED {
            writeln!(text, "        - {pointer}")?;
        }
    }
    golden(VALUES, &text)?;
    // Argo CD reads each as YAML, or as Lua, by itself.
    let parsed = repository::yaml(VALUES)?.remove(0);
    for (kind, actions) in KINDS {
        let entry = |about: &str| {
            parsed["configs"]["cm"][format!("resource.customizations.{about}.aigateway.dev_{kind}")].clone()
        };
        let health = entry("health");
        ensure_eq!(health, repository::read(&format!("{FOLDER}/{kind}/health.lua"))?, "health of {kind}");
        let inner = repository::documents(entry("actions").as_str().unwrap_or_default())?.remove(0);
        ensure_eq!(inner["definitions"].as_array().map(Vec::len), Some(actions.len()), "actions of {kind}");
    }
    Ok(())
}

/// One recorded state per kind and health.
fn upstream() -> Outcome {
    let states = repository::read(STATES)?;
    let states: Vec<Value> = states.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    for (kind, _) in KINDS {
        let mut cases = BTreeMap::new();
        for state in states.iter().filter(|state| state["kind"] == kind) {
            let health = tools::gitops(&["health", &format!("{FOLDER}/{kind}/health.lua")], &[state])?.remove(0);
            let status = health["status"].as_str().unwrap_or_default().to_lowercase();
            cases.entry(status).or_insert((state, health));
        }
        ensure!(cases.len() >= 3, "{kind}: too few kinds of health: {:?}", cases.keys());
        let mut test = "tests:\n".to_owned();
        for (status, (state, health)) in cases {
            golden(&format!("{FOLDER}/{kind}/testdata/{status}.yaml"), &(serde_json::to_string_pretty(state)? + "\n"))?;
            let (status_text, message) = (&health["status"], &health["message"]);
            writeln!(test, "- healthStatus:\n    status: {status_text}\n    message: {message}")?;
            writeln!(test, "  inputPath: testdata/{status}.yaml")?;
        }
        golden(&format!("{FOLDER}/{kind}/health_test.yaml"), &test)?;
    }
    Ok(())
}

fn waves() -> Outcome {
    let mut waves = Vec::new();
    for file in repository::files("examples/gitops/argocd/apps", ".yaml")? {
        for document in repository::yaml(&file)? {
            let (name, spec) = (document["metadata"]["name"].clone(), &document["spec"]);
            let wave = &document["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
            let wave: u32 = wave.as_str().ok_or_else(|| format!("{name} has no wave"))?.parse()?;
            waves.push((wave, name.as_str().unwrap_or_default().to_owned()));
            let source =
                if document["kind"] == "Application" { &spec["source"] } else { &spec["template"]["spec"]["source"] };
            let path = source["path"].as_str().unwrap_or_default();
            let there = [path.to_owned(), format!("examples/gitops/{path}")];
            let templated = path.contains("{{");
            ensure!(templated || there.iter().any(|path| repository::path(path).exists()), "{name}: no folder {path}");
        }
    }
    waves.sort();
    let names: Vec<_> = waves.iter().map(|(_, name)| name.as_str()).collect();
    ensure_eq!(names, ["aigw-crds", "aigw-operator", "ai-gateway", "ai-tenants"], "by wave");
    Ok(())
}

fn kustomize() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kubectl = runtime.block_on(Tools::ensure())?.kubectl;
    let folder = repository::path("examples/gitops/kustomize/prod-eu");
    let output = std::process::Command::new(kubectl).arg("kustomize").arg(folder).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let documents = repository::documents(&String::from_utf8(output.stdout)?)?;
    let kinds: Vec<_> = documents.iter().map(|document| document["kind"].clone()).collect();
    ensure_eq!(kinds, [json!("Namespace"), json!("AIGateway")], "what Kustomize builds");
    let gateway: AIGateway = serde_json::from_value(documents[1].clone())?;
    validate(&gateway.spec).map_err(|violations| format!("{violations:?}"))?;
    ensure_eq!(gateway.spec.account_id, "444455556666", "account of the overlay");
    ensure_eq!(documents[1]["spec"]["tiers"][1]["plan"]["requestsPerSecond"], json!(80), "rate of the overlay");
    Ok(())
}
