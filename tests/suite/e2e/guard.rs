//! The operator acts in the account the spec names, and nowhere else.

use std::time::Duration;

use aigw_tests::calls::names;
use aigw_tests::cluster::find_condition;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::prod;
use aigw_tests::{Outcome, ensure, ensure_eq, inventory, wait};
use libtest_mimic::Trial;
use serde_json::json;

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "in_the_wrong_account_nothing_is_written", wrong_account)]
}

fn wrong_account() -> Outcome {
    let shared = prod()?;
    let cluster = &shared.world.cluster;
    let calls = shared.calls()?;
    let own = shared.begin("wrong-account", &json!({"accountId": "999988887777"}), &[("one", "silver")])?;
    let message = cluster.wait_reason(&own.gateway, "Stalled", "True", "WrongAccount")?;
    ensure!(message.contains("111122223333") && message.contains("999988887777"), "{message}");
    wait::pause(Duration::from_secs(3));
    let writes: Vec<_> = calls.writes().into_iter().filter(|call| !aigw_tests::calls::is_item_write(call)).collect();
    ensure!(writes.is_empty(), "writes in the wrong account: {}", names(&writes));
    ensure_eq!(find_condition(&cluster.get(&own.tenants[0])?, "Ready")["status"], "False", "Ready of its tenant");
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])?;
    // Corrected, it goes on by itself.
    cluster.patch(&own.gateway, &json!({"spec": {"accountId": "111122223333"}}))?;
    own.wait_ready(&shared)?;
    own.remove(&shared)?;
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])
}
