//! Tenants that a gateway's rules do not admit are told why and get nothing.

use aigw_tests::cluster::{Object, find_condition, secret, tenant};
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, inventory, manifests};
use libtest_mimic::Trial;
use serde_json::{Value, json};

const PROD: (&str, &str) = ("ai-platform", "prod");

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_namespace_without_the_label", no_label),
        test(module_path!(), "a_tier_the_rule_does_not_allow", tier_not_allowed),
        test(module_path!(), "one_tenant_more_than_the_namespace_may_have", too_many),
        test(module_path!(), "a_secret_of_that_name_that_is_not_ours", foreign_secret),
        test(module_path!(), "a_gateway_that_does_not_exist", no_gateway),
    ]
}

/// Applies a tenant in a namespace of its own and waits until it is refused for `reason`; gives the message.
fn refusal(shared: &Shared, namespace: &str, admitted: bool, object: &Value, reason: &str) -> Outcome<String> {
    let cluster = &shared.world.cluster;
    cluster.namespace(namespace, admitted)?;
    cluster.apply(std::slice::from_ref(object))?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let refused = tenant(namespace, name);
    let message = cluster.wait_reason(&refused, "Ready", "False", reason)?;
    let found = cluster.get(&refused)?;
    ensure_eq!(find_condition(&found, "Accepted")["status"], "False", "Accepted");
    ensure_eq!(find_condition(&found, "Stalled")["status"], "True", "Stalled");
    ensure!(cluster.find(&secret(namespace, &format!("ai-gateway-{name}")))?.is_none(), "it got a Secret");
    Ok(message)
}

/// No key in AWS but those of the two tenants of the example.
fn nothing_in_aws(shared: &Shared) -> Outcome {
    inventory::of(&shared.world, &shared.gateway())?.must_be_whole(2, 2)
}

/// Removes the tenants of a namespace. The namespace itself goes in its own time.
fn remove_namespace(shared: &Shared, namespace: &str) -> Outcome {
    let cluster = &shared.world.cluster;
    cluster.kubectl(&["delete", "aitn", "--all", "-n", namespace, "--timeout=60s"])?;
    cluster.kubectl(&["delete", "namespace", namespace, "--wait=false"])?;
    Ok(())
}

fn no_label() -> Outcome {
    let shared = prod()?;
    let object = manifests::tenant("stranger", "one", PROD, "trial");
    let message = refusal(&shared, "stranger", false, &object, "NotAllowed")?;
    ensure!(
        message.contains("no rule of AIGateway ai-platform/prod admits tenants of namespace stranger"),
        "{message}"
    );
    nothing_in_aws(&shared)?;
    // The label is all that is missing, and its coming is noticed.
    shared.world.cluster.namespace("stranger", true)?;
    shared.world.cluster.wait_ready(&tenant("stranger", "one"))?;
    // Taken away, calls end.
    let client = aigw_tests::clients::Client::of(&shared.world, &tenant("stranger", "one"))?;
    client.until_answered()?;
    shared.world.cluster.namespace("stranger", false)?;
    shared.world.cluster.wait_reason(&tenant("stranger", "one"), "Accepted", "False", "NotAllowed")?;
    aigw_tests::wait::until("its calls are denied", || client.must_fail("AccessDeniedException").map(drop))?;
    remove_namespace(&shared, "stranger")?;
    nothing_in_aws(&shared)
}

fn tier_not_allowed() -> Outcome {
    let shared = prod()?;
    let object = manifests::tenant("greedy", "one", PROD, "gold");
    let message = refusal(&shared, "greedy", true, &object, "TierNotAllowed")?;
    ensure!(message.contains("\"gold\"") && message.contains("trial, silver"), "{message}");
    nothing_in_aws(&shared)?;
    remove_namespace(&shared, "greedy")
}

fn too_many() -> Outcome {
    let shared = prod()?;
    let cluster = &shared.world.cluster;
    cluster.namespace("crowd", true)?;
    for name in ["one", "two", "three"] {
        cluster.apply(&[manifests::tenant("crowd", name, PROD, "trial")])?;
        cluster.wait_ready(&tenant("crowd", name))?;
    }
    // Order is by the second of creation.
    aigw_tests::wait::pause(std::time::Duration::from_millis(1100));
    let object = manifests::tenant("crowd", "afourth", PROD, "trial");
    let message = refusal(&shared, "crowd", true, &object, "TooManyTenants")?;
    ensure!(message.contains("already has 3 tenants"), "{message}");
    for name in ["one", "two", "three"] {
        cluster.wait_ready(&tenant("crowd", name))?;
    }
    // One leaves, and there is room.
    cluster.delete_and_wait(&tenant("crowd", "two"))?;
    cluster.wait_ready(&tenant("crowd", "afourth"))?;
    remove_namespace(&shared, "crowd")?;
    nothing_in_aws(&shared)
}

fn foreign_secret() -> Outcome {
    let shared = prod()?;
    let cluster = &shared.world.cluster;
    cluster.namespace("taken", true)?;
    let theirs = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"namespace": "taken", "name": "ai-gateway-one", "labels": {"app": "theirs"}},
        "stringData": {"password": "theirs"},
    });
    cluster.apply(&[theirs, manifests::tenant("taken", "one", PROD, "trial")])?;
    let name = secret("taken", "ai-gateway-one");
    let before = cluster.get(&name)?;
    let message = cluster.wait_reason(&tenant("taken", "one"), "Ready", "False", "SecretNotOurs")?;
    ensure!(message.contains("taken/ai-gateway-one exists and does not belong to this tenant"), "{message}");
    ensure_eq!(cluster.get(&name)?, before, "their Secret");
    cluster.delete_and_wait(&tenant("taken", "one"))?;
    ensure_eq!(cluster.get(&name)?, before, "their Secret after the tenant's deletion");
    remove_namespace(&shared, "taken")?;
    nothing_in_aws(&shared)
}

fn no_gateway() -> Outcome {
    let shared = prod()?;
    let cluster = &shared.world.cluster;
    cluster.namespace("lost", true)?;
    cluster.apply(&[manifests::tenant("lost", "one", ("ai-platform", "pord"), "trial")])?;
    let object: Object = tenant("lost", "one");
    let message = cluster.wait_reason(&object, "Ready", "False", "GatewayNotFound")?;
    ensure!(message.contains("AIGateway ai-platform/pord does not exist"), "{message}");
    remove_namespace(&shared, "lost")
}
