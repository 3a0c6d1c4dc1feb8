//! Clients at full speed through one change after the other: limits of tiers, moves between plans, rotations, new
//! deployments of the API and of a function, limits of a tenant. No call fails.

use std::time::{Duration, Instant};

use aigw_tests::clients::{Client, Steady};
use aigw_tests::cluster::{Object, find_condition};
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, inventory, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::rotation::{keys, rotate};

/// How many changes, from the environment.
const CHANGES: &str = "AIGW_STORM_CHANGES";
/// Two of each kind.
const DEFAULT_CHANGES: usize = 12;

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "clients_at_full_speed_see_nothing_of_changes", changes)]
}

/// Makes the change of this number; gives the client that has to take over, if there is a new credential.
type Change = fn(&Storm, usize) -> Outcome<Option<Client>>;

/// The kinds of changes, which take turns.
const KINDS: [(&str, Change); 6] = [
    ("limits of a tier", Storm::tier_limits),
    ("move to another plan", Storm::plan_move),
    ("rotation", Storm::rotation),
    ("deployment of the API", Storm::deployment),
    ("limits of the tenant", Storm::tenant_limits),
    ("deployment of a function", Storm::function),
];

/// A gateway with a tenant that everything happens to, and one that only its gateway's changes concern.
struct Storm {
    shared: Shared,
    own: Own,
}

impl Storm {
    fn tenant(&self) -> &Object {
        &self.own.tenants[0]
    }

    /// Changes the gateway's spec and waits until it is in place, and `done`.
    fn gateway(&self, spec: &Value, done: impl Fn(&Value) -> bool) -> Outcome<Option<Client>> {
        let cluster = &self.shared.world.cluster;
        cluster.patch(&self.own.gateway, &json!({"spec": spec}))?;
        wait::until("the gateway's change is in place", || {
            let gateway = cluster.get(&self.own.gateway)?;
            let ready = find_condition(&gateway, "Ready");
            let current = ready["observedGeneration"] == gateway["metadata"]["generation"];
            let settled = current && ready["status"] == "True" && ready["reason"] == "Ready";
            ensure!(settled && done(&gateway["status"]), "{}", gateway["status"]);
            Ok(None)
        })
    }

    fn status(&self) -> Outcome<Value> {
        Ok(self.shared.world.cluster.get(&self.own.gateway)?["status"].clone())
    }

    fn tier_limits(&self, number: usize) -> Outcome<Option<Client>> {
        let rate = 1000 + number;
        let wanted = format!("\"requestsPerSecond\":{rate}");
        self.gateway(&json!({"tiers": tiers(rate)}), |status| status["effective"].to_string().contains(&wanted))
    }

    fn plan_move(&self, number: usize) -> Outcome<Option<Client>> {
        let tier = if (number / KINDS.len()).is_multiple_of(2) { "gold" } else { "silver" };
        let cluster = &self.shared.world.cluster;
        cluster.patch(self.tenant(), &json!({"spec": {"tier": tier}}))?;
        cluster.wait_ready(self.tenant())?;
        ensure_eq!(cluster.get(self.tenant())?["status"]["effective"]["tier"], tier, "tier");
        Ok(None)
    }

    /// As workloads do it: the new ones are up before the old ones go.
    fn rotation(&self, number: usize) -> Outcome<Option<Client>> {
        wait::until("the key before is gone", || {
            ensure_eq!(keys(&self.shared, self.tenant())?.len(), 1, "keys");
            Ok(())
        })?;
        rotate(&self.shared, self.tenant(), &format!("change {number}")).map(Some)
    }

    fn deployment(&self, number: usize) -> Outcome<Option<Client>> {
        let more = (number / KINDS.len()).is_multiple_of(2);
        let families: &[&str] = if more { &["bedrock-runtime", "bedrock-agent-runtime"] } else { &["bedrock-runtime"] };
        let deployed = |status: &Value| status["stages"][0]["deploymentId"].clone();
        let before = deployed(&self.status()?);
        self.gateway(&json!({"bedrock": {"families": families}}), |status| deployed(status) != before)
    }

    fn tenant_limits(&self, number: usize) -> Outcome<Option<Client>> {
        let cluster = &self.shared.world.cluster;
        cluster.patch(self.tenant(), &json!({"spec": {"limits": {"requestsPerMinute": 17_000 - number}}}))?;
        cluster.wait_ready(self.tenant())?;
        Ok(None)
    }

    fn function(&self, number: usize) -> Outcome<Option<Client>> {
        let version = |status: &Value| {
            let functions = status["functions"].as_array().cloned().unwrap_or_default();
            functions.into_iter().find(|function| function["name"] == "forwarder").map(|one| one["version"].clone())
        };
        let before = version(&self.status()?);
        let memory = json!({"functions": {"forwarder": {"memoryMiB": 256 + number}}});
        self.gateway(&memory, |status| version(status) != before)
    }
}

fn tiers(silver: usize) -> Value {
    let limits = json!({"requestsPerMinute": 18_000, "concurrency": 100});
    json!([
        {"name": "silver", "plan": {"requestsPerSecond": silver, "burst": 2000}, "limits": limits},
        {"name": "gold", "plan": {"requestsPerSecond": 1500, "burst": 3000}, "limits": limits},
    ])
}

fn changes() -> Outcome {
    let count = std::env::var(CHANGES).map_or(Ok(DEFAULT_CHANGES), |count| count.parse())?;
    let shared = prod()?;
    let spec = json!({
        "auth": {"cacheSeconds": 2}, "tiers": tiers(1000),
        "tenants": {"rules": [{"name": "own", "match": {"namespaces": {"from": "Same"}}, "allow": {"tiers": ["silver", "gold"]}}]},
    });
    let own = shared.own("storm", &spec, &[("mover", "silver"), ("neighbour", "silver")])?;
    shared.world.cluster.patch(&own.tenants[0], &json!({"spec": {"apiKey": {"overlap": "1s"}}}))?;
    shared.world.cluster.wait_ready(&own.tenants[0])?;
    let storm = Storm { shared, own };
    let began = Instant::now();
    let calls = through(&storm, count)?;
    let kinds = KINDS.map(|(name, _)| name).join(", ");
    figures::note(
        format!("{count} changes ({kinds}) under clients at full speed"),
        format!("{calls} calls in {:.0} s, 0 failed", began.elapsed().as_secs_f64()),
    );
    storm.own.remove(&storm.shared)
}

/// Makes the changes; gives how many calls were made meanwhile, of which none failed.
fn through(storm: &Storm, count: usize) -> Outcome<u64> {
    let start = |client: &Client| -> Outcome<Steady> { client.steady_with(&["--pause", "0"]) };
    let [mover, neighbour] = [0, 1].map(|index| Client::of(&storm.shared.world, &storm.own.tenants[index]));
    let (mover, neighbour) = (mover?, neighbour?);
    mover.until_answered()?;
    neighbour.until_answered()?;
    let beside = start(&neighbour)?;
    let mut current = start(&mover)?;
    let mut calls = 0;
    for number in 0..count {
        let (kind, change) = KINDS[number % KINDS.len()];
        let began = Instant::now();
        let next = change(storm, number).map_err(|failed| format!("change {number}, {kind}: {failed:?}"))?;
        if let Some(client) = next {
            let newer = start(&client)?;
            calls += std::mem::replace(&mut current, newer).none_failed()?;
        }
        println!("change {number}, {kind}: {:.1} s", began.elapsed().as_secs_f64());
    }
    // The key of the last move goes half a minute after it, under the same clients.
    wait::within(Duration::from_mins(2), "internal keys of earlier plans are gone", || {
        let keys = inventory::of(&storm.shared.world, &storm.own.gateway)?.0["apiKeys"].len();
        ensure_eq!(keys, 3, "internal keys of two tenants and of the gateway's probe");
        Ok(())
    })?;
    calls += current.none_failed()?;
    Ok(calls + beside.none_failed()?)
}
