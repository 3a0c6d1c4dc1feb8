//! Deletion removes what was made, waits where it would cut somebody off, and leaves what it was told to leave.

use std::time::Duration;

use aigw_tests::clients::Client;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::prod;
use aigw_tests::{Outcome, ensure, ensure_eq, figures, inventory, manifests, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_gateway_and_its_tenants_leave_nothing", everything_goes),
        test(module_path!(), "the_table_stays_unless_told_otherwise", table_stays),
        test(module_path!(), "a_gateway_waits_for_its_tenants_until_confirmed", waits_for_tenants),
        test(module_path!(), "retain_leaves_a_gateway_that_is_adopted_when_made_again", retain),
        test(module_path!(), "a_namespace_with_gateway_and_tenants_goes", namespace_goes),
        test(module_path!(), "a_gateway_deleted_while_it_is_made_leaves_nothing", while_being_made),
    ]
}

fn everything_goes() -> Outcome {
    let shared = prod()?;
    let own = shared.own("goes", &json!({}), &[("one", "silver"), ("two", "trial")])?;
    inventory::of(&shared.world, &own.gateway)?.must_be_whole(2, 2)?;
    let calls = shared.calls()?;
    own.remove(&shared)?;
    figures::note("AWS calls for the deletion of one gateway and two tenants", calls.figure());
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])?;
    for name in ["ai-gateway-one", "ai-gateway-two"] {
        let secret = aigw_tests::cluster::secret("goes", name);
        ensure!(shared.world.cluster.find(&secret)?.is_none(), "Secret {name} is left");
    }
    Ok(())
}

fn table_stays() -> Outcome {
    let shared = prod()?;
    let own = shared.own("table", &json!({"dataDeletionPolicy": null}), &[("one", "silver")])?;
    own.remove(&shared)?;
    let left = inventory::of(&shared.world, &own.gateway)?;
    left.must_be_empty_but(&["tables"])?;
    ensure_eq!(left.one("tables")?["deletionProtection"], true, "deletion protection of the table that stays");
    // Made again with the other policy, it takes the table up and then away.
    let own = shared.own("table", &json!({}), &[])?;
    own.remove(&shared)?;
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])
}

fn waits_for_tenants() -> Outcome {
    let shared = prod()?;
    let cluster = &shared.world.cluster;
    let own = shared.own("waits", &json!({}), &[("one", "silver")])?;
    let client = Client::of(&shared.world, &own.tenants[0])?;
    client.until_answered()?;
    cluster.delete(&own.gateway)?;
    let message = cluster.wait_reason(&own.gateway, "Ready", "False", "TenantsAttached")?;
    ensure!(message.contains("waits/one") && message.contains("aigateway.dev/confirm-delete=waits"), "{message}");
    // Nothing was taken away yet.
    client.must_answer()?;
    cluster.annotate(&own.gateway, "aigateway.dev/confirm-delete", Some("waits"))?;
    cluster.wait_gone(&own.gateway)?;
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])?;
    cluster.wait_reason(&own.tenants[0], "Ready", "False", "GatewayNotFound")?;
    cluster.delete_and_wait(&own.tenants[0])
}

fn retain() -> Outcome {
    let shared = prod()?;
    let cluster = &shared.world.cluster;
    let spec = json!({"deletionPolicy": "Retain", "dataDeletionPolicy": "Retain"});
    let own = shared.own("retain", &spec, &[("one", "silver")])?;
    let client = Client::of(&shared.world, &own.tenants[0])?;
    client.until_answered()?;
    let status = |field: &str| -> Outcome<Value> { Ok(cluster.get(&own.gateway)?["status"][field].clone()) };
    let before = (status("restApiId")?, status("endpoint")?);
    // The gateway goes with its tenant attached: the team keeps its credential and its Secret.
    cluster.annotate(&own.gateway, "aigateway.dev/confirm-delete", Some("retain"))?;
    cluster.delete_and_wait(&own.gateway)?;
    inventory::of(&shared.world, &own.gateway)?.must_be_whole(2, 1)?;
    client.must_answer()?;
    let calls = shared.calls()?;
    cluster.apply(&[manifests::with(manifests::gateway("retain", "retain"), &json!({"spec": spec}))])?;
    own.wait_ready(&shared)?;
    ensure_eq!((status("restApiId")?, status("endpoint")?), before, "REST API and URL after adoption");
    ensure_eq!(
        calls.count("CreateRestApi") + calls.count("CreateApiKey") + calls.count("CreateDeployment"),
        0,
        "creates"
    );
    client.must_answer()?;
    inventory::of(&shared.world, &own.gateway)?.must_be_whole(2, 1)?;
    cluster.patch(&own.gateway, &json!({"spec": {"deletionPolicy": "Delete", "dataDeletionPolicy": "Delete"}}))?;
    own.remove(&shared)?;
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])
}

fn namespace_goes() -> Outcome {
    let shared = prod()?;
    let own = shared.own("leaving", &json!({}), &[("one", "silver"), ("two", "trial")])?;
    shared.world.cluster.kubectl(&["delete", "namespace", "leaving", "--timeout=90s"])?;
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])
}

fn while_being_made() -> Outcome {
    let shared = prod()?;
    let calls = shared.calls()?;
    let own = shared.begin("brief", &json!({}), &[])?;
    wait::until("the REST API is made", || {
        ensure!(calls.count("CreateRestApi") > 0, "not yet");
        Ok(())
    })?;
    shared.world.cluster.delete_and_wait(&own.gateway)?;
    wait::pause(Duration::from_secs(1));
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])
}
