//! Suspension binds on the next call, whoever ordered it, and only whoever ordered it can lift it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aigw_tests::clients::Client;
use aigw_tests::cluster::{Object, conditions};
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure, figures, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

const DENIED: &str = "AccessDeniedException";

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_team_suspends_and_resumes_its_tenant", by_team),
        test(module_path!(), "the_platform_suspends_and_the_team_cannot_undo_it", by_platform),
        test(module_path!(), "a_suspension_under_load_binds_within_seconds", under_load),
        test(module_path!(), "a_limit_lowered_under_load_binds_within_seconds", limit_under_load),
    ]
}

/// Clients at once.
const PARALLEL: u64 = 8;
/// How long they call before and after what is changed.
const LOADED_FOR: Duration = Duration::from_secs(4);
/// Longest time from `kubectl apply` to the last call that was admitted: a watch, a pass, two writes of the table.
const LIMIT: f64 = 20.0;

/// A gateway of its own with a tenant that has limits and a budget, and one that has none.
fn loaded(shared: &Shared, name: &str) -> Outcome<Own> {
    let spec = json!({
        "tiers": [{"name": "silver", "plan": {"requestsPerSecond": 1000, "burst": 2000}}],
        "tenants": {"rules": [{"name": "own", "match": {"namespaces": {"from": "Same"}}, "ceilings": {
            "limits": {"requestsPerMinute": 18_000, "concurrency": 1000},
            "budgets": [{"window": "Month", "usd": "1000"}],
        }}]},
    });
    let own = shared.own(name, &spec, &[("metered", "silver"), ("unmetered", "silver")])?;
    let limits = json!({"spec": {
        "limits": {"requestsPerMinute": 18_000, "concurrency": 1000},
        "budgets": [{"window": "Month", "usd": "1000"}],
    }});
    shared.world.cluster.patch(&own.tenants[0], &limits)?;
    own.wait_ready(shared)?;
    Ok(own)
}

/// Calls of `tenant` under load that were admitted although they began after `change` was applied, and the seconds from
/// then until the last of them began.
fn admitted_after(shared: &Shared, tenant: &Object, change: &Value, denied: &str) -> Outcome<(usize, f64, usize)> {
    let client = Client::of(&shared.world, tenant)?;
    client.until_answered()?;
    let load = client.load(PARALLEL)?;
    wait::pause(LOADED_FOR);
    shared.world.cluster.patch(tenant, change)?;
    let applied = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    wait::pause(LOADED_FOR * 3);
    let calls = load.finish()?;
    let after = calls.iter().filter(|call| call.start > applied);
    let admitted: Vec<_> = after.filter(|call| call.outcome == "ok").map(|call| call.start - applied).collect();
    let refused = calls.iter().filter(|call| call.outcome == denied).count();
    ensure!(refused > 0, "nothing was refused: {:?}", calls.last());
    let last = admitted.iter().copied().fold(0.0, f64::max);
    ensure!(last < LIMIT, "a call was admitted {last:.1} s after the change was applied");
    Ok((admitted.len(), last, calls.len()))
}

fn under_load() -> Outcome {
    let shared = prod()?;
    let own = loaded(&shared, "suspend-load")?;
    for tenant in &own.tenants {
        let (admitted, last, all) = admitted_after(&shared, tenant, &json!({"spec": {"suspend": true}}), DENIED)?;
        let told = wait::until("the time to effect is told", || {
            let found = shared.world.cluster.get(tenant)?;
            let told = found["status"]["suspension"]["effectiveAfterSeconds"].as_i64();
            Ok(told.ok_or_else(|| conditions(&found))?)
        })?;
        figures::note(
            format!("a suspension of a tenant ({}) under {PARALLEL} clients", tenant.name),
            format!(
                "{admitted} of {all} calls admitted after it was applied, the last {last:.1} s later; status says {told} s"
            ),
        );
        shared.world.cluster.patch(tenant, &json!({"spec": {"suspend": false}}))?;
        shared.world.cluster.wait_condition(tenant, "Suspended", "False")?;
        answered(&Client::of(&shared.world, tenant)?)?;
    }
    own.remove(&shared)
}

fn limit_under_load() -> Outcome {
    let shared = prod()?;
    let own = loaded(&shared, "limit-load")?;
    for tenant in &own.tenants {
        let change = json!({"spec": {"limits": {"requestsPerMinute": 1}}});
        let (admitted, last, all) = admitted_after(&shared, tenant, &change, "ThrottlingException")?;
        figures::note(
            format!("a limit lowered for a tenant ({}) under {PARALLEL} clients", tenant.name),
            format!("{admitted} of {all} calls admitted after it was applied, the last {last:.1} s later"),
        );
    }
    own.remove(&shared)
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
    let list = |list: Value| cluster.patch(&shared.gateway(), &json!({"spec": {"tenants": {"suspended": list}}}));
    list(json!([{"namespace": "team-search", "name": "search"}]))?;
    let outcome = (|| {
        cluster.wait_reason(&shared.search(), "Suspended", "True", "SuspendedByPlatform")?;
        client.must_fail(DENIED)?;
        // A suspended tenant is not an unhealthy one.
        cluster.wait_ready(&shared.search())?;
        // The team's own switch changes nothing, and neither does deleting and making the tenant anew.
        cluster.patch(&shared.search(), &json!({"spec": {"suspend": false}}))?;
        wait::pause(Duration::from_secs(2));
        client.must_fail(DENIED).map(drop)
    })();
    list(json!([]))?;
    cluster.wait_condition(&shared.search(), "Suspended", "False")?;
    outcome?;
    answered(&client)
}
