//! Every set of conditions that the operator ever gives, as the scenarios show them, and what GitOps tools make of each:
//! Argo CD by the health scripts we ship, Flux and Helm by kstatus.
//!
//! The states are committed, so that a change of what users see is a change of a file that is reviewed;
//! `UPDATE_GOLDEN=1` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::OnceLock;

use aigw_tests::harness::{Suite, test};
use aigw_tests::simulation::scenario::{Scenario, alone};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, repository, tools};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use super::cases;

/// A line per state: the states themselves, and what tools make of them.
const STATES: &str = "tests/fixtures/statuses/states.jsonl";
const HEALTH: &str = "tests/fixtures/statuses/health.txt";
const SCRIPTS: &str = "examples/gitops/argocd/resource_customizations/aigateway.dev";

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "every_state_of_the_scenarios_is_recorded", recorded),
        test(module_path!(), "argo_cd_and_flux_see_each_state_as_it_is", health),
        test(module_path!(), "actions_of_argo_cd_do_what_they_say", actions),
    ];
    Suite::new("scenario::statuses", tests).needs(tools::prepare)
}

/// All states, by kind and conditions. Made once.
fn states() -> Outcome<&'static BTreeMap<String, Value>> {
    static STATES: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    if let Some(states) = STATES.get() {
        return Ok(states);
    }
    let mut all = BTreeMap::new();
    for scenario in cases::all() {
        for (key, object) in seen(&scenario)? {
            all.entry(key).or_insert_with(|| reduced(&object));
        }
    }
    Ok(STATES.get_or_init(|| all))
}

fn seen(scenario: &Scenario) -> Outcome<BTreeMap<String, Value>> {
    scenario.observe(LevelFilter::OFF, &alone(), |_| (), |(), world, _| Ok(world.kube.states()))
}

/// What matters to tools, without what differs from run to run.
fn reduced(object: &Value) -> Value {
    let mut conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    for condition in &mut conditions {
        condition["lastTransitionTime"] = json!("2026-03-02T09:00:00Z");
    }
    let mut metadata = json!({"generation": object["metadata"]["generation"], "name": "one", "namespace": "team"});
    if !object["metadata"]["deletionTimestamp"].is_null() {
        metadata["deletionTimestamp"] = json!("2026-03-02T10:00:00Z");
    }
    let mut status = json!({"conditions": conditions});
    // Not yet there is not null.
    if !object["status"]["observedGeneration"].is_null() {
        status["observedGeneration"] = object["status"]["observedGeneration"].clone();
    }
    json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata,
        "spec": {"suspend": object["spec"]["suspend"] == json!(true)}, "status": status,
    })
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

fn recorded() -> Outcome {
    if updating() {
        update()?;
    }
    let named = |states: &mut dyn Iterator<Item = &Value>| states.map(name).collect::<BTreeSet<_>>();
    let (states, committed) = (states()?, committed()?);
    figures::note("states of objects in scenarios", states.len().to_string());
    // Whether a status is written in between depends on the order of two controllers.
    let lasting = |object: &&Value| !is_passing(object);
    let (now, known) = (named(&mut states.values().filter(lasting)), named(&mut committed.iter().filter(lasting)));
    let differences: Vec<_> = now.symmetric_difference(&known).collect();
    ensure!(differences.is_empty(), "{STATES} is out of date, run with UPDATE_GOLDEN=1: {differences:#?}");
    Ok(())
}

/// Writes the states. One that passes is kept although this run did not show it.
fn update() -> Outcome {
    let mut all: BTreeMap<_, _> = states()?.values().map(|object| (name(object), object.clone())).collect();
    for object in committed()?.into_iter().filter(is_passing) {
        all.entry(name(&object)).or_insert(object);
    }
    let text = all.values().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n";
    Ok(std::fs::write(repository::path(STATES), text)?)
}

fn is_passing(object: &Value) -> bool {
    condition_is(object, "Reconciling", "True")
}

fn condition_is(object: &Value, kind: &str, status: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|each| each["type"] == kind && each["status"] == status)
}

/// Kind and conditions, for people.
fn name(object: &Value) -> String {
    let mut name = object["kind"].as_str().unwrap_or_default().to_owned();
    if !object["metadata"]["deletionTimestamp"].is_null() {
        name.push_str(" being deleted");
    }
    if object["metadata"]["generation"] != object["status"]["observedGeneration"] {
        name.push_str(" with a newer spec");
    }
    for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
        let text = |field: &str| condition[field].as_str().unwrap_or_default();
        let _ = write!(name, " {}={}/{}", text("type"), text("status"), text("reason"));
    }
    name
}

fn committed() -> Outcome<Vec<Value>> {
    Ok(repository::read(STATES)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn health() -> Outcome {
    if updating() {
        update()?;
    }
    let states = committed()?;
    let states: Vec<_> = states.iter().collect();
    let kstatus = tools::gitops(&["kstatus"], &states)?;
    let mut table = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (object, kstatus) in states.iter().zip(&kstatus) {
        let kind = object["kind"].as_str().unwrap_or_default();
        let argo = tools::gitops(&["health", &format!("{SCRIPTS}/{kind}/health.lua")], &[object])?.remove(0);
        agrees(object, &argo, kstatus)?;
        let text = |value: &Value| value["status"].as_str().unwrap_or_default().to_owned();
        seen.insert(text(&argo));
        table.insert(format!("{:<11} {:<11} {}", text(&argo), text(kstatus), name(object)));
    }
    for status in ["Healthy", "Progressing", "Degraded", "Suspended"] {
        ensure!(seen.contains(status), "no state is {status}");
    }
    let text = table.into_iter().fold("Argo CD     kstatus     state\n".to_owned(), |all, line| all + &line + "\n");
    if updating() {
        std::fs::write(repository::path(HEALTH), &text)?;
    }
    ensure!(repository::read(HEALTH)? == text, "{HEALTH} is out of date, run with UPDATE_GOLDEN=1");
    Ok(())
}

/// What must hold of any state, whatever the script says.
fn agrees(object: &Value, argo: &Value, kstatus: &Value) -> Outcome {
    let is = |kind: &str, status: &str| condition_is(object, kind, status);
    let what = format!("{}: {argo} {kstatus}", name(object));
    let current = object["metadata"]["generation"] == object["status"]["observedGeneration"];
    let deleted = !object["metadata"]["deletionTimestamp"].is_null();
    let good = argo["status"] == "Healthy" || argo["status"] == "Suspended";
    ensure!(!good || current && !deleted, "settled although it is not: {what}");
    ensure!(argo["status"] != "Healthy" || is("Ready", "True"), "healthy without being ready: {what}");
    ensure!(argo["status"] != "Healthy" || kstatus["status"] == "Current", "healthy for Argo CD alone: {what}");
    ensure!(kstatus["status"] != "Current" || good, "current for Flux alone: {what}");
    ensure!(!(is("Stalled", "True") && current) || argo["status"] == "Degraded", "stalled and not degraded: {what}");
    ensure!(!argo["message"].as_str().unwrap_or_default().is_empty(), "no message: {what}");
    Ok(())
}

fn actions() -> Outcome {
    let tenant = json!({"kind": "Tenant", "metadata": {"name": "one"}, "spec": {"gatewayRef": {"name": "prod"}}});
    let suspended = json!({"kind": "Tenant", "metadata": {"name": "one"}, "spec": {"gatewayRef": {"name": "prod"}, "suspend": true}});
    let folder = format!("{SCRIPTS}/Tenant/actions");
    let discovered = tools::gitops(&["discovery", &format!("{folder}/discovery.lua")], &[&tenant, &suspended])?;
    let disabled = |of: &Value| ["reconcile", "suspend", "resume"].map(|action| of[action]["disabled"] == true);
    ensure_eq!(disabled(&discovered[0]), [false, false, true], "actions of a tenant");
    ensure_eq!(disabled(&discovered[1]), [false, true, false], "actions of a suspended tenant");
    let act = |action: &str, object: &Value| -> Outcome<Value> {
        Ok(tools::gitops(&["action", &format!("{folder}/{action}/action.lua")], &[object])?.remove(0))
    };
    ensure_eq!(act("suspend", &tenant)?, suspended, "a suspended tenant");
    ensure_eq!(act("resume", &suspended)?["spec"]["suspend"], json!(false), "a resumed tenant");
    for kind in ["AIGateway", "Tenant"] {
        let script = format!("{SCRIPTS}/{kind}/actions/reconcile/action.lua");
        let asked = tools::gitops(&["action", &script], &[&tenant])?.remove(0);
        let annotation = aigw_api::annotations::RECONCILE_REQUESTED_AT;
        ensure_eq!(asked["metadata"]["annotations"][annotation], "2026-01-01T00:00:00Z", "the annotation");
        ensure_eq!(asked["spec"], tenant["spec"], "the spec after a reconcile");
    }
    Ok(())
}
