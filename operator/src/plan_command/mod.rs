//! `aigw-operator plan`: what the operator would change in AWS for manifests, without changing anything.
//!
//! The stages of the reconcile, from the same crates: manifests instead of watches, ports that only look, and instead of
//! executing a plan, a simulation of AWS after it, so that the rounds that follow can be told, too. This file holds the
//! order; it makes no decision.

mod calls;
mod cluster;
#[cfg(test)]
mod fakes;
mod gateways;
mod manifests;
mod names;
mod read_only;
mod report;
mod tenants;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use aigw_cloud::{CloudError, Clouds};
use aigw_plan::gateway::desired::Build;
use aigw_plan::gateway::simulated::Impossible;
use jiff::Timestamp;
use kube::{Client, ResourceExt};

use crate::harness::error::chain;
use crate::harness::triggers::gateway_of;
use cluster::ClusterView;
use gateways::{Planned, PlannedGateways};
use manifests::Manifests;
use read_only::ReadOnlyClouds;
use report::Report;

pub use manifests::ManifestError;

/// Exit code where AWS or the cluster could not be asked.
const COULD_NOT_ASK: i32 = 1;
/// Exit code where the manifests could not be read.
const UNUSABLE: i32 = 2;

/// What to plan, and how to tell it.
#[derive(Debug, Clone)]
pub struct PlanSettings {
    /// Name of the installation whose plan it is.
    pub installation: String,
    /// Files, folders, `-`.
    pub files: Vec<PathBuf>,
    /// What this build of the operator brings. Without code the functions' code is taken to be what AWS has.
    pub build: Build,
    /// Share of the account's rates that the operator takes.
    pub share: f64,
    /// JSON instead of text.
    pub json: bool,
    /// Another exit code where there is something to change.
    pub detailed_exit_code: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum PlanError {
    #[error("cannot ask AWS")]
    Cloud(#[from] CloudError),
    #[error("cannot ask the Kubernetes API")]
    Kube(#[from] Box<kube::Error>),
    #[error("a plan of our own holds a step that AWS would refuse")]
    Impossible(#[from] Impossible),
    #[error("a plan of our own has no end: {0}")]
    Endless(String),
}

impl From<kube::Error> for PlanError {
    fn from(error: kube::Error) -> Self {
        Self::Kube(Box::new(error))
    }
}

/// Everything a plan is made from, beside the manifests.
struct Planner<'a> {
    settings: &'a PlanSettings,
    clouds: &'a dyn Clouds,
    client: Option<&'a Client>,
    cluster: &'a ClusterView,
    now: Timestamp,
}

/// Plans and prints to `out`; what went wrong goes to `problems`. `client` is `None` where no cluster is to be asked.
/// Returns the exit code. Writes nothing, in AWS or in the cluster.
pub async fn run(
    settings: &PlanSettings,
    clouds: Arc<dyn Clouds>,
    client: Option<Client>,
    now: Timestamp,
    input: &mut (dyn Read + Send),
    out: &mut (dyn Write + Send),
    problems: &mut (dyn Write + Send),
) -> i32 {
    let manifests = match manifests::load(&settings.files, input) {
        Ok(manifests) => manifests,
        Err(error) => {
            let _ = writeln!(problems, "aigw-operator: {}", chain(&error));
            return UNUSABLE;
        }
    };
    let clouds = ReadOnlyClouds(clouds);
    let report = match plan(settings, &clouds, client.as_ref(), now, manifests).await {
        Ok(report) => report,
        Err(error) => {
            let _ = writeln!(problems, "aigw-operator: {}", chain(&error));
            return COULD_NOT_ASK;
        }
    };
    let text = if settings.json { report.json().unwrap_or_default() } else { report.text() };
    // A reader that has gone away is no failure of the plan.
    let _ = out.write_all(text.as_bytes());
    report.exit_code(settings.detailed_exit_code)
}

async fn plan(
    settings: &PlanSettings,
    clouds: &dyn Clouds,
    client: Option<&Client>,
    now: Timestamp,
    mut manifests: Manifests,
) -> Result<Report, PlanError> {
    let cluster = ClusterView::read(client).await?;
    let planner = Planner { settings, clouds, client, cluster: &cluster, now };
    let mut report = Report { notes: notes(&planner, &manifests), ..Report::default() };
    report.objects.append(&mut manifests.refused);
    let mut planned = PlannedGateways::new();
    for gateway in &manifests.gateways {
        let (object, after) = gateways::plan(&planner, gateway, true).await?;
        report.objects.push(object);
        planned.insert((gateway.namespace().unwrap_or_default(), gateway.name_any()), after);
    }
    for tenant in &manifests.tenants {
        let key = gateway_of(tenant);
        let key = (key.namespace.unwrap_or_default(), key.name);
        if !planned.contains_key(&key) {
            let found = tenants::gateway_in_cluster(&planner, tenant);
            let after: Option<Planned> = match found {
                Some(gateway) => gateways::plan(&planner, gateway, false).await?.1,
                None => None,
            };
            planned.insert(key.clone(), after);
        }
        let gateway = planned.get(&key).and_then(Option::as_ref);
        report.objects.push(tenants::plan(&planner, &manifests, tenant, gateway).await?);
    }
    report.add_up(settings.share);
    Ok(report)
}

/// What holds for all objects.
fn notes(planner: &Planner<'_>, manifests: &Manifests) -> Vec<String> {
    let mut notes = Vec::new();
    if !planner.cluster.reachable {
        let why = if planner.client.is_some() { "no cluster answered" } else { "no cluster was asked" };
        notes.push(format!("{why}: objects are taken to be as in the manifests, and Secrets to be absent"));
    }
    if manifests.others > 0 {
        notes.push(format!("{} objects of other kinds were left out", manifests.others));
    }
    if manifests.gateways.is_empty() && manifests.tenants.is_empty() && manifests.refused.is_empty() {
        notes.push("the manifests hold no AIGateway and no Tenant".into());
    }
    notes
}

#[cfg(test)]
mod tests;
