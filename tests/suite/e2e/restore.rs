//! A cluster is lost and rebuilt from Git: what is in AWS is taken over, with the same URL and the same credentials, and
//! no call fails meanwhile. As long as the old cluster lives, the new one keeps its hands off.

use std::sync::Arc;

use aigw_env::{Options, aws_proxy};
use aigw_tests::calls::{Calls, is_item_write, names};
use aigw_tests::clients::Client;
use aigw_tests::cluster::Cluster;
use aigw_tests::harness::environment_test as test;
use aigw_tests::installation::{self, Aws};
use aigw_tests::inventory::{self, INSTALLATION};
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, manifests, secrets, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const NAME: &str = "restored";

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "a_second_cluster_keeps_away_until_told_and_then_adopts", second_cluster)]
}

fn second_cluster() -> Outcome {
    let shared = prod()?;
    let own = shared.own(NAME, &json!({}), &[("one", "silver")])?;
    let client = Client::of(&shared.world, &own.tenants[0])?;
    client.until_answered()?;
    // A proxy of its own: what the second operator calls is in its log alone.
    let aws = shared.world.cluster.instance().aws()?;
    let config = aws_proxy::Config::new(aws.emulator().authority().parse()?);
    let (second, proxy) = shared.world.block(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
        let proxy = aws_proxy::spawn(listener, config).map_err(|error| error.to_string())?;
        Ok::<_, String>((Cluster::up(Options { aws: false, ..Options::default() }).await?, proxy))
    })?;
    let outcome = take_over(&shared, &own, &client, &second, proxy.url(), proxy.proxy());
    if outcome.is_err() {
        println!("\n--- operator of the second cluster:\n{}", second.kubelet().logs());
    }
    // Its logs go with it, before the test that looks for credentials in all logs.
    let logs = second.kubelet().logs();
    let leaked = secrets::secret_parts().iter().any(|secret| logs.contains(secret.as_str()));
    shared.world.block(async {
        proxy.stop().await;
        second.down().await
    })?;
    ensure!(!leaked, "the log of the second cluster's operator contains a credential");
    outcome
}

fn rest_api(cluster: &Cluster, own: &Own) -> Outcome<(Value, Value)> {
    let status = cluster.get(&own.gateway)?["status"].clone();
    Ok((status["restApiId"].clone(), status["endpoint"].clone()))
}

fn take_over(
    shared: &Shared,
    own: &Own,
    client: &Client,
    second: &Cluster,
    endpoint: String,
    proxy: &Arc<aws_proxy::Proxy>,
) -> Outcome {
    let first = &shared.world.cluster;
    let before = rest_api(first, own)?;
    let (calls, steady) = (Calls::from_now(proxy), client.steady()?);
    installation::operator(second, &Aws { endpoint, front: first }, INSTALLATION)?;
    second.namespace(NAME, true)?;
    second.apply(&[manifests::gateway(NAME, NAME), manifests::tenant(NAME, "one", (NAME, NAME), "silver")])?;
    let message = second.wait_reason(&own.gateway, "Stalled", "True", "OwnedElsewhere")?;
    let old = first.get(&own.gateway)?["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    ensure!(message.contains(&format!("aigateway.dev/take-over={old}")), "the message does not say how: {message}");
    ensure!(calls.writes().is_empty(), "writes while another owner is alive: {}", names(&calls.writes()));

    second.annotate(&own.gateway, "aigateway.dev/take-over", Some(&old))?;
    second.wait_ready(&own.gateway)?;
    second.wait_ready(&own.tenants[0])?;
    ensure_eq!(rest_api(second, own)?, before, "REST API and URL after adoption");
    let creates: Vec<_> = calls.writes().into_iter().filter(|call| call.operation.starts_with("Create")).collect();
    ensure!(creates.is_empty(), "created at adoption: {}", names(&creates));
    inventory::of(&shared.world, &own.gateway)?.must_be_whole(2, 1)?;
    // The Secret was lost with its cluster: the new one has a new credential, and running containers still the old.
    client.until_answered()?;
    let renewed = Client::in_cluster(&shared.world, second, &own.tenants[0])?;
    ensure!(renewed.token() != client.token(), "a credential came back from its hash");
    renewed.until_answered()?;
    let total = steady.none_failed()?;
    figures::note("restore into another cluster", format!("calls meanwhile {total}, failed 0"));

    let old_calls = shared.calls()?;
    first.wait_reason(&own.gateway, "Stalled", "True", "OwnedElsewhere")?;
    // Deleting the old object is not deleting the gateway.
    own.remove(shared)?;
    // The shared gateway is ours as ever; all that belongs to this one was left alone.
    let writes: Vec<_> = old_calls.writes().into_iter().filter(|call| !is_item_write(call)).collect();
    ensure!(writes.is_empty(), "the old cluster still writes: {}", names(&writes));
    renewed.until_answered()?;
    client.must_answer()?;

    second.delete_and_wait(&own.tenants[0])?;
    second.delete_and_wait(&own.gateway)?;
    wait::until("nothing is left", || inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[]))
}
