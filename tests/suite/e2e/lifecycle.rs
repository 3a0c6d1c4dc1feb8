//! The charts come, change and go while a client calls: from the charts before these, to these, gone, and back. Custom
//! resources and everything in AWS stay what they were.

use std::sync::Arc;
use std::time::Duration;

use aigw_env::{Options, aws_proxy};
use aigw_tests::calls::{Calls, is_item_write, names};
use aigw_tests::clients::{Client, read_secret};
use aigw_tests::cluster::{Cluster, Object, gateway, tenant};
use aigw_tests::harness::environment_test as test;
use aigw_tests::installation::{self, Aws, CHARTS, Charts, DRIFT_SECONDS, NAMESPACE, RELEASE, words};
use aigw_tests::inventory::{self, INSTALLATION, Inventory};
use aigw_tests::shared::{Shared, operator};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, manifests, secrets, wait};
use libtest_mimic::Trial;
use serde_json::Value;
use tokio::net::TcpListener;

const NAME: &str = "lifecycle";
/// The charts before these. They start today's operator: what is tested is the upgrade of the charts.
const PREVIOUS: Charts = Charts {
    definitions: "tests/fixtures/previous-charts/aigw-crds-0.1.0.tgz",
    operator: "tests/fixtures/previous-charts/aigw-operator-0.1.0.tgz",
};

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "upgrade_uninstall_and_reinstall_make_nothing_again_and_fail_no_call", lifecycle)]
}

fn lifecycle() -> Outcome {
    // For the AWS side; its operator and cluster have no part in this.
    let shared = operator()?;
    let aws = shared.world.cluster.instance().aws()?;
    let config = aws_proxy::Config::new(aws.emulator().authority().parse()?);
    let (cluster, proxy) = shared.world.block(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
        let proxy = aws_proxy::spawn(listener, config).map_err(|error| error.to_string())?;
        Ok::<_, String>((Cluster::up(Options { aws: false, ..Options::default() }).await?, proxy))
    })?;
    let outcome = through_all(&shared, &cluster, proxy.url(), proxy.proxy());
    let logs = cluster.kubelet().logs();
    if outcome.is_err() {
        println!("\n--- operator of the cluster:\n{logs}");
    }
    let leaked = secrets::secret_parts().iter().any(|secret| logs.contains(secret.as_str()));
    shared.world.block(async {
        proxy.stop().await;
        cluster.down().await
    })?;
    ensure!(!leaked, "the log of the cluster's operator contains a credential");
    outcome
}

/// What must be the same all the way.
#[derive(Debug, PartialEq)]
struct Kept {
    inventory: Inventory,
    uids: [Value; 2],
    endpoint: Value,
    token: String,
}

struct Scene<'a> {
    shared: &'a Shared,
    cluster: &'a Cluster,
    gateway: Object,
    tenant: Object,
}

impl Scene<'_> {
    fn kept(&self) -> Outcome<Kept> {
        let (gateway, tenant) = (self.cluster.get(&self.gateway)?, self.cluster.get(&self.tenant)?);
        let secret = read_secret(self.cluster, NAME, &format!("ai-gateway-{}", self.tenant.name))?;
        Ok(Kept {
            inventory: inventory::of(&self.shared.world, &self.gateway)?,
            uids: [gateway["metadata"]["uid"].clone(), tenant["metadata"]["uid"].clone()],
            endpoint: gateway["status"]["endpoint"].clone(),
            token: secret.get(aigw_tests::clients::TOKEN).cloned().unwrap_or_default(),
        })
    }

    /// Waits until the operator that runs now has looked at the gateway twice, and compares.
    fn looked_and_kept(&self, before: &Kept, calls: &Calls) -> Outcome {
        wait::until("the operator looks", || {
            ensure!(calls.count("GetStage") >= 2, "{}", calls.figure());
            Ok(())
        })?;
        self.cluster.wait_ready(&self.gateway)?;
        self.cluster.wait_ready(&self.tenant)?;
        let writes: Vec<_> = calls.writes().into_iter().filter(|call| !is_item_write(call)).collect();
        ensure!(writes.is_empty(), "writes to AWS: {}", names(&writes));
        ensure_eq!(self.kept()?, *before, "what must be kept");
        Ok(())
    }

    fn helm(&self, arguments: &[&str]) -> Outcome {
        self.cluster.helm(&words(&[arguments, &["-n", NAMESPACE]].concat())).map(drop)
    }
}

fn through_all(shared: &Shared, cluster: &Cluster, endpoint: String, proxy: &Arc<aws_proxy::Proxy>) -> Outcome {
    let aws = Aws { endpoint, front: &shared.world.cluster };
    installation::operator_of(&PREVIOUS, cluster, &aws, INSTALLATION)?;
    cluster.namespace(NAME, true)?;
    cluster.apply(&[manifests::gateway(NAME, NAME), manifests::tenant(NAME, "one", (NAME, NAME), "silver")])?;
    let scene = Scene { shared, cluster, gateway: gateway(NAME, NAME), tenant: tenant(NAME, "one") };
    cluster.wait_ready(&scene.gateway)?;
    cluster.wait_ready(&scene.tenant)?;
    let client = Client::in_cluster(&shared.world, cluster, &scene.tenant)?;
    client.until_answered()?;
    // What is changed last, and seen late: the description of what was made.
    wait::pause(Duration::from_secs(2));
    let (before, steady) = (scene.kept()?, client.steady()?);

    let calls = Calls::from_now(proxy);
    scene.helm(&["upgrade", "aigw-crds", CHARTS.definitions])?;
    let upgrade = ["upgrade", RELEASE, CHARTS.operator, "--reset-then-reuse-values", "--wait", "--timeout", "120s"];
    scene.helm(&upgrade)?;
    cluster.wait_operator()?;
    let calls_of_new = Calls::from_now(proxy);
    scene.looked_and_kept(&before, &calls_of_new)?;
    let policies = cluster.kubectl(&["get", "validatingadmissionpolicies", "-o", "name"])?;
    ensure!(policies.contains("aigw-operator"), "the upgrade brought no admission policy: {policies}");
    ensure!(calls.resource_writes().is_empty(), "the upgrade wrote: {}", names(&calls.resource_writes()));

    scene.helm(&["uninstall", RELEASE, "--wait"])?;
    scene.helm(&["uninstall", "aigw-crds", "--wait"])?;
    let gone = Calls::from_now(proxy);
    wait::pause(Duration::from_secs(DRIFT_SECONDS));
    ensure!(gone.all().is_empty(), "somebody still calls AWS: {}", gone.figure());
    ensure_eq!(scene.kept()?, before, "what an uninstall leaves");

    installation::operator_of(&CHARTS, cluster, &aws, INSTALLATION)?;
    scene.looked_and_kept(&before, &gone)?;
    let total = steady.none_failed()?;
    figures::note("upgrade, uninstall and re-install of the charts", format!("calls meanwhile {total}, failed 0"));

    // The new operator is one: it deletes what the old one made.
    cluster.delete_and_wait(&scene.tenant)?;
    cluster.delete_and_wait(&scene.gateway)?;
    wait::until("nothing is left", || inventory::of(&shared.world, &scene.gateway)?.must_be_empty_but(&[]))
}
