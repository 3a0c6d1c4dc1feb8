//! What `kubectl aigw` offers beside `plan`: the operator's binary under the name `kubectl-aigw`, for people at a cluster.
//!
//! It acts with the rights of whoever runs it, reads through the API server, and changes nothing but `spec.suspend` and
//! one annotation of a Tenant, when told to. AWS is asked by the doctor alone, and only read. What is printed is made by
//! pure functions, one file each.

mod bundle;
mod doctor;
mod explain;
mod usage;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use aigw_api::{AIGateway, Tenant, annotations};
use aigw_cloud::Callers;
use clap::CommandFactory as _;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::args::{Args, ExplainArgs, Named, PluginCommand, Which};
use crate::context::{Clock as _, SystemClock};

/// Exit code where something is wrong, or could not be asked.
const WRONG: i32 = 1;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The cluster did not answer, or refused.
    #[error("cannot ask the Kubernetes API")]
    Kube(#[from] Box<kube::Error>),
    /// No configuration of a cluster.
    #[error("no cluster is configured; set KUBECONFIG")]
    NoCluster(#[source] Box<kube::Error>),
    /// A file cannot be read, or the answer cannot be written.
    #[error("{0}")]
    Io(String, #[source] std::io::Error),
    /// The answer cannot be written as JSON.
    #[error("cannot write the answer")]
    Json(#[from] serde_json::Error),
}

impl From<kube::Error> for PluginError {
    fn from(error: kube::Error) -> Self {
        Self::Kube(Box::new(error))
    }
}

/// What commands are given beside their own arguments.
#[derive(Default)]
pub struct Surroundings {
    /// Namespace, where it is not the context's.
    pub namespace: Option<String>,
    /// Installation of the operator, where it is said.
    pub installation: Option<String>,
    /// Permissions boundary of the operator's roles, where it is said.
    pub boundary: Option<String>,
    /// AWS, with the credentials of whoever asks; `None` where it is not to be asked.
    pub callers: Option<Arc<dyn Callers>>,
}

/// Does what was asked and prints to `out`; gives the exit code.
///
/// # Errors
/// [`PluginError`] where the cluster, a file or `out` fails.
pub async fn run(
    command: PluginCommand,
    surroundings: Surroundings,
    input: &mut (dyn Read + Send),
    out: &mut (dyn Write + Send),
) -> Result<i32, PluginError> {
    let (text, code) = match command {
        PluginCommand::Completion { shell } => (completion(shell), 0),
        PluginCommand::Explain(arguments) => explained(&arguments, input)?,
        asked => {
            let client = Client::try_default().await.map_err(|error| PluginError::NoCluster(Box::new(error)))?;
            of_cluster(asked, &client, surroundings).await?
        }
    };
    out.write_all(text.as_bytes()).map_err(|error| PluginError::Io("cannot write the answer".into(), error))?;
    Ok(code)
}

/// What needs a cluster.
async fn of_cluster(
    command: PluginCommand,
    client: &Client,
    surroundings: Surroundings,
) -> Result<(String, i32), PluginError> {
    let Surroundings { namespace, installation, boundary, callers } = surroundings;
    let namespace = &namespace.unwrap_or_else(|| client.default_namespace().to_owned());
    Ok(match command {
        PluginCommand::Usage(which) => (usage::table(&tenants(client, namespace, which).await?), 0),
        PluginCommand::Top => {
            let mut tenants = Api::<Tenant>::all(client.clone()).list(&ListParams::default()).await?.items;
            usage::sort_by_use(&mut tenants);
            (usage::table(&tenants), 0)
        }
        PluginCommand::Suspend(named) => (suspend(client, namespace, &named, true).await?, 0),
        PluginCommand::Resume(named) => (suspend(client, namespace, &named, false).await?, 0),
        PluginCommand::Rotate(named) => (rotate(client, namespace, &named).await?, 0),
        PluginCommand::Doctor(arguments) => {
            let asked = doctor::Asked { arguments, installation, boundary, callers };
            let (text, fine) = doctor::examine(client, &asked).await?;
            (text, if fine { 0 } else { WRONG })
        }
        PluginCommand::SupportBundle => (bundle::bundle(client).await?, 0),
        PluginCommand::Explain(_) | PluginCommand::Completion { .. } => (String::new(), 0),
    })
}

fn completion(shell: clap_complete::Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "kubectl-aigw", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn explained(arguments: &ExplainArgs, input: &mut (dyn Read + Send)) -> Result<(String, i32), PluginError> {
    let problem = |error| PluginError::Io(format!("cannot read {}", arguments.file.display()), error);
    let reader: Box<dyn Read + '_> = if arguments.file == Path::new("-") {
        Box::new(input)
    } else {
        Box::new(std::fs::File::open(&arguments.file).map_err(problem)?)
    };
    let lines = BufReader::new(reader).lines().collect::<Result<Vec<_>, _>>().map_err(problem)?;
    let told = explain::explain(&lines, arguments.request_id.as_deref());
    Ok(match told {
        Some(text) => (text, 0),
        None => ("no such call is in these lines\n".into(), WRONG),
    })
}

async fn tenants(client: &Client, namespace: &str, which: Which) -> Result<Vec<Tenant>, PluginError> {
    let of_namespace = Api::<Tenant>::namespaced(client.clone(), namespace);
    Ok(match which {
        Which { tenant: Some(name), .. } => vec![of_namespace.get(&name).await?],
        Which { all_namespaces: true, .. } => Api::all(client.clone()).list(&ListParams::default()).await?.items,
        Which { .. } => of_namespace.list(&ListParams::default()).await?.items,
    })
}

async fn rotate(client: &Client, namespace: &str, named: &Named) -> Result<String, PluginError> {
    // Any value that was not there before asks for one rotation.
    let patch = json!({"metadata": {"annotations": {annotations::ROTATE: SystemClock.now().to_string()}}});
    let api = Api::<Tenant>::namespaced(client.clone(), namespace);
    let tenant = api.patch(&named.tenant, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    let secret = tenant.status.and_then(|status| status.credentials).map(|issued| issued.secret_name);
    let place = secret.map_or_else(|| "its Secret".to_owned(), |name| format!("Secret {name}"));
    Ok(format!(
        "tenant {namespace}/{}: a new credential goes to {place}; restart the workloads that read it\n",
        named.tenant
    ))
}

async fn suspend(client: &Client, namespace: &str, named: &Named, on: bool) -> Result<String, PluginError> {
    // Without the field rather than false: what is in Git usually lacks it.
    let patch = json!({"spec": {"suspend": on.then_some(true)}});
    let api = Api::<Tenant>::namespaced(client.clone(), namespace);
    api.patch(&named.tenant, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    let name = &named.tenant;
    let gateways = Api::<AIGateway>::all(client.clone()).list(&ListParams::default()).await.map(|list| list.items);
    let listed = |gateway: &AIGateway| {
        gateway.spec.tenants.suspended.iter().any(|each| each.namespace == namespace && each.name == *name)
    };
    let still = !on && gateways.is_ok_and(|gateways| gateways.iter().any(listed));
    Ok(match (on, still) {
        (true, _) => format!("tenant {namespace}/{name}: calls are refused from now on; GitOps may undo this\n"),
        (false, false) => format!("tenant {namespace}/{name}: calls are answered again\n"),
        (false, true) => {
            format!(
                "tenant {namespace}/{name}: spec.suspend is gone, but the platform team has suspended it at the gateway\n"
            )
        }
    })
}
