//! Memory of the real operator: its binary, with its real adapters, between a real kube-apiserver and the emulator.
//!
//! Brings up a local environment, applies tenants (a first argument says how many, a second how many rounds), waits until
//! all are Ready, goes through rounds of churn, starts the operator anew, and prints what the kernel says of its process
//! after each: resident now, and the peak, both of which count the pages of the binary that were touched, and resident
//! without those. A third argument is the operator to measure, since the one that ships is built with a profile of its own.

use std::collections::BTreeMap;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use aigw_env::process::die_with_parent;
use aigw_tests::cluster::Cluster;
use aigw_tests::harness::text;
use aigw_tests::world::{self, World};
use aigw_tests::{Outcome, ensure, installation, manifests, repository, wait};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

const TENANTS: usize = 200;
const NAMESPACES: usize = 50;
const ROUNDS: usize = 20;
/// Requests of the bench to the apiserver at a time.
const AT_ONCE: usize = 8;
/// How long a fresh operator is given before it is measured.
const START: Duration = Duration::from_secs(3);
/// And one that finds everything in place: lists, and a pass for every tenant.
const RESTART: Duration = Duration::from_mins(1);
/// Longest time for one phase.
const PATIENCE: Duration = Duration::from_mins(30);

fn main() -> ExitCode {
    let outcome = world::prepare().map_err(Into::into).and_then(|()| measure());
    let down = world::down();
    match (outcome, down) {
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        (outcome, down) => {
            eprintln!(
                "{} {}",
                outcome.err().map(|failed| text(&failed).to_owned()).unwrap_or_default(),
                down.err().unwrap_or_default()
            );
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Outcome {
    let tenants = std::env::args().nth(1).map_or(Ok(TENANTS), |text| text.parse())?;
    let rounds = std::env::args().nth(2).map_or(Ok(ROUNDS), |text| text.parse())?;
    let world = world::world()?;
    let cluster = &world.cluster;
    prepare(cluster)?;
    let operator = Operator::start(&world)?;
    wait::pause(START);
    println!("{:<24} {:>8} {:>12} {:>12} {:>12}", "after", "time", "resident", "without file", "peak");
    let began = Instant::now();
    operator.row("start", began);
    let all = Tenants { api: api(cluster), all: tenants };
    all.create(cluster, 0..tenants)?;
    all.wait(cluster, tenants)?;
    operator.row(&format!("{tenants} tenants Ready"), began);
    for round in 0..rounds {
        let began = Instant::now();
        all.churn(cluster, round)?;
        operator.row(&format!("round {} of churn", round + 1), began);
    }
    drop(operator);
    let (operator, began) = (Operator::start(&world)?, Instant::now());
    wait::pause(RESTART);
    operator.row("restart", began);
    Ok(())
}

fn prepare(cluster: &Cluster) -> Outcome {
    installation::definitions(cluster)?;
    let mut objects: Vec<Value> = (0..NAMESPACES)
        .map(|number| {
            let metadata = json!({"name": format!("team-{number:02}"), "labels": {"ai-gateway": "enabled"}});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        })
        .collect();
    objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ai-platform"}}));
    let mut gateway = manifests::gateway("ai-platform", "prod");
    // No functions run here that could answer.
    gateway["spec"]["probe"] = json!({"mode": "Report"});
    if let Some(allow) = gateway["spec"]["tenants"]["rules"][0]["allow"].as_object_mut() {
        allow.remove("maxTenantsPerNamespace");
    }
    objects.push(gateway);
    cluster.apply(&objects)
}

/// The operator's process.
struct Operator(Child);

impl Operator {
    fn start(world: &World) -> Outcome<Self> {
        let instance = world.cluster.instance();
        let mut env: BTreeMap<String, String> = instance.env();
        env.remove("PATH");
        let endpoint = instance.emulator_endpoint()?;
        env.insert("AWS_ENDPOINT_URL".into(), endpoint);
        // It calls the gateway as clients do, whose certificate is of the environment's own authority.
        if let Some(bundle) = env.get("AWS_CA_BUNDLE").cloned() {
            env.insert("SSL_CERT_FILE".into(), bundle);
        }
        let template = format!("{}/{{restApiId}}/{{stage}}", env["AIGW_GATEWAY_URL"]);
        let address = format!("127.0.0.1:{}", instance.free_port()?);
        let functions = repository::functions().display().to_string();
        let log = std::fs::File::create(instance.logs().join("operator.log"))?;
        let program =
            std::env::args_os().nth(3).map_or_else(|| repository::program("aigw-operator"), std::path::PathBuf::from);
        let mut command = Command::new(program);
        command.env_clear().envs(&env).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.args(["--installation", "bench", "--namespace", installation::NAMESPACE, "--leader-elect=false"]);
        command.args(["--functions-dir", &functions, "--http-address", &address, "--log-level", "warn"]);
        command.args(["--control-plane-share", "1000", "--endpoint-url-template", &template]);
        die_with_parent(&mut command);
        Ok(Self(command.spawn()?))
    }

    fn row(&self, what: &str, began: Instant) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            let number = line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok());
            format!("{:.1} MiB", number.unwrap_or_default() / 1024.0)
        };
        let time = format!("{:.0} s", began.elapsed().as_secs_f64());
        println!("{what:<24} {time:>8} {:>12} {:>12} {:>12}", field("VmRSS:"), field("RssAnon:"), field("VmHWM:"));
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn api(cluster: &Cluster) -> impl Fn(&str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("aigateway.dev", "v1alpha1", "Tenant");
    let resource = ApiResource::from_gvk_with_plural(&kind, "tenants");
    let client = cluster.client().clone();
    move |namespace| match namespace {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

/// All tenants of the bench.
struct Tenants<F> {
    api: F,
    all: usize,
}

fn place(number: usize) -> (String, String) {
    (format!("team-{:02}", number % NAMESPACES), format!("tenant-{number:05}"))
}

impl<F: Fn(&str) -> Api<DynamicObject>> Tenants<F> {
    fn create(&self, cluster: &Cluster, numbers: impl Iterator<Item = usize>) -> Outcome {
        let creating = stream::iter(numbers.map(|number| async move {
            let (namespace, name) = place(number);
            let tier = if number.is_multiple_of(2) { "silver" } else { "trial" };
            let tenant = manifests::tenant(&namespace, &name, ("ai-platform", "prod"), tier);
            let tenant: DynamicObject = serde_json::from_value(tenant).map_err(kube::Error::SerdeError)?;
            (self.api)(&namespace).create(&PostParams::default(), &tenant).await.map(drop)
        }));
        Ok(cluster.block(creating.buffer_unordered(AT_ONCE).try_collect::<()>())?)
    }

    /// A twentieth goes, as many come back that went in the round before, as many are suspended or resumed.
    fn churn(&self, cluster: &Cluster, round: usize) -> Outcome {
        let each = self.all / 20;
        let those = |from: usize| (from..from + each).map(|number| number % self.all);
        if round > 0 {
            self.create(cluster, those((round - 1) * each))?;
        }
        let deleting = stream::iter(those(round * each).map(|number| async move {
            let (namespace, name) = place(number);
            (self.api)(&namespace).delete(&name, &DeleteParams::default()).await.map(drop)
        }));
        cluster.block(deleting.buffer_unordered(AT_ONCE).try_collect::<()>())?;
        let suspend = json!({"spec": {"suspend": round.is_multiple_of(2)}});
        let patching = stream::iter(those(round * each + self.all / 2).map(|number| {
            let patch = Patch::Merge(&suspend);
            async move {
                let (namespace, name) = place(number);
                (self.api)(&namespace).patch(&name, &PatchParams::default(), &patch).await.map(drop)
            }
        }));
        cluster.block(patching.buffer_unordered(AT_ONCE).try_collect::<()>())?;
        self.wait(cluster, self.all - each)
    }

    /// Waits until there are `there` tenants and the status of each is about its present spec.
    fn wait(&self, cluster: &Cluster, there: usize) -> Outcome {
        wait::within(PATIENCE, "all tenants settled", || {
            wait::pause(Duration::from_secs(2));
            let list = cluster.block((self.api)("").list(&ListParams::default()))?;
            let settled = list.items.iter().filter(|tenant| settled(tenant)).count();
            ensure!(list.items.len() == there && settled == there, "{settled} settled, {} there", list.items.len());
            Ok(())
        })
    }
}

fn settled(tenant: &DynamicObject) -> bool {
    let conditions = tenant.data["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready");
    let ready = ready.filter(|ready| ready["observedGeneration"].as_i64() == tenant.metadata.generation);
    ready.is_some_and(|ready| ready["status"] == "True" || tenant.data["spec"]["suspend"] == true)
}
