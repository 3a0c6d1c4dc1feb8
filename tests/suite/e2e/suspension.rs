//! Suspension binds on the next call, whoever ordered it, and only whoever ordered it can lift it.

use aigw_tests::clients::Client;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, wait};
use libtest_mimic::Trial;
use serde_json::json;

const DENIED: &str = "AccessDeniedException";

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_team_suspends_and_resumes_its_tenant", by_team),
        test(module_path!(), "the_platform_suspends_and_the_team_cannot_undo_it", by_platform),
    ]
}

fn answered(client: &Client) -> Outcome {
    wait::until("answered again", || client.must_answer())
}

fn suspend(shared: &Shared, suspended: bool) -> Outcome {
    let cluster = &shared.world.cluster;
    cluster.patch(&shared.search(), &json!({"spec": {"suspend": suspended}}))?;
    cluster.wait_condition(&shared.search(), "Suspended", if suspended { "True" } else { "False" })
}

fn by_team() -> Outcome {
    let shared = prod()?;
    let client = shared.search_client()?;
    // The authorizer's answer is in API Gateway's cache from here on, for the default of 60 s.
    answered(&client)?;
    suspend(&shared, true)?;
    let message = client.must_fail(DENIED)?;
    ensure!(message.contains("suspended"), "the denial does not say why: {message}");
    suspend(&shared, false)?;
    answered(&client)
}

fn by_platform() -> Outcome {
    let shared = prod()?;
    let (client, cluster) = (shared.search_client()?, &shared.world.cluster);
    answered(&client)?;
    let list =
        |list: serde_json::Value| cluster.patch(&shared.gateway(), &json!({"spec": {"tenants": {"suspended": list}}}));
    list(json!([{"namespace": "team-search", "name": "search"}]))?;
    let outcome = (|| {
        cluster.wait_reason(&shared.search(), "Suspended", "True", "SuspendedByPlatform")?;
        client.must_fail(DENIED)?;
        // A suspended tenant is not an unhealthy one.
        cluster.wait_ready(&shared.search())?;
        // The team's own switch changes nothing, and neither does deleting and making the tenant anew.
        cluster.patch(&shared.search(), &json!({"spec": {"suspend": false}}))?;
        wait::pause(std::time::Duration::from_secs(2));
        client.must_fail(DENIED).map(drop)
    })();
    list(json!([]))?;
    cluster.wait_condition(&shared.search(), "Suspended", "False")?;
    outcome?;
    answered(&client)
}
