//! Limits hold on the whole path: the last dollar is spent once, one tenant's limits are not another's, a suspension and a
//! changed limit bind on the next call, and every denial reaches an SDK as the class it retries or does not.

use std::time::{Duration, Instant};

use aigw_env::bedrock::{Fault, Match, Rule};
use aigw_tests::clients::Client;
use aigw_tests::cluster::Object;
use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// Price of the output of every model, in USD per million tokens: one token is one thousandth of a dollar.
const OUTPUT_USD: &str = "1000";
/// Output a client of these tests asks for: two cents' worth.
const OUTPUT_TOKENS: u64 = 20;
/// Budget of a month: fifty such calls, with the three millionths each reserves for rounding.
const BUDGET_USD: &str = "1.0002";
/// What fifty such calls cost.
const SPENT_USD: &str = "1";
const CALLS: u64 = 100;
const AFFORDABLE: u64 = 50;

const THROTTLED: &str = "ThrottlingException";
const DENIED: &str = "AccessDeniedException";
const INVALID: &str = "ValidationException";

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_hundred_clients_spend_the_last_dollar_once", last_dollar),
        test(module_path!(), "limits_bind_the_next_call_and_one_tenant_only", neighbours),
        test(module_path!(), "a_saturated_tenant_costs_its_neighbour_no_call", saturated),
    ]
}

/// A gateway whose calls cost what they ask for, nothing for input, with these tenants and limits of theirs.
fn gateway(shared: &Shared, name: &str, tenants: &[(&str, Value)]) -> Outcome<Own> {
    let spec = json!({
        "tiers": [{
            "name": "silver",
            "plan": {"requestsPerSecond": 1000, "burst": 2000},
            "limits": {"maxOutputTokens": {"default": OUTPUT_TOKENS}},
        }],
        "models": {"prices": [{"match": "*", "usdPerMillionTokens": {"input": "0", "output": OUTPUT_USD}}]},
        "tenants": {"rules": [{"name": "own", "match": {"namespaces": {"from": "Same"}}, "ceilings": {
            "limits": {"requestsPerMinute": 18_000, "tokensPerMinute": 10_000_000, "concurrency": 1000},
            "budgets": [{"window": "Day", "usd": "1000"}, {"window": "Month", "usd": "1000"}],
        }}]},
    });
    let names: Vec<_> = tenants.iter().map(|(tenant, _)| (*tenant, "silver")).collect();
    let own = shared.begin(name, &spec, &names)?;
    for (tenant, (_, limits)) in own.tenants.iter().zip(tenants) {
        change(shared, tenant, limits)?;
    }
    own.wait_ready(shared)?;
    Ok(own)
}

/// Merges a patch into a tenant's spec and waits until the operator has seen it through.
fn change(shared: &Shared, tenant: &Object, spec: &Value) -> Outcome {
    shared.world.cluster.patch(tenant, &json!({"spec": spec}))?;
    shared.world.cluster.wait_ready(tenant)
}

fn last_dollar() -> Outcome {
    let shared = prod()?;
    let budget = json!({"budgets": [{"window": "Month", "usd": BUDGET_USD}]});
    let own = gateway(&shared, "budgets", &[("one", budget)])?;
    let client = Client::of(&shared.world, &own.tenants[0])?;
    // Bedrock reports exactly what was asked for, so nothing is given back; slow enough that many calls are in flight.
    let usage = json!({"inputTokens": 0, "outputTokens": OUTPUT_TOKENS, "totalTokens": OUTPUT_TOKENS});
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
        "stopReason": "max_tokens", "usage": usage, "metrics": {"latencyMs": 1},
    });
    let stub = shared.world.bedrock()?;
    let fault = Fault { status: Some(200), body: Some(answer.to_string()), latency_ms: Some(500), ..Fault::default() };
    stub.faults().add(Rule::new(Match::default(), 1, 0, fault));
    stub.clear_requests();
    let outcome = client.burst_with(CALLS, CALLS, OUTPUT_TOKENS);
    stub.faults().clear();
    let outcomes = outcome?;
    let answered = outcomes.get("ok").copied().unwrap_or_default();
    ensure_eq!(answered, AFFORDABLE, "answered calls among {outcomes:?}");
    ensure_eq!(outcomes.get(DENIED).copied(), Some(CALLS - AFFORDABLE), "denied calls among {outcomes:?}");
    let usage = client.usage()?;
    let month =
        usage["windows"].as_array().and_then(|windows| windows.iter().find(|window| window["window"] == "Month"));
    let month = month.cloned().unwrap_or_default();
    let told = (month["used"].as_str(), month["limit"].as_str());
    ensure_eq!(told, (Some(SPENT_USD), Some(BUDGET_USD)), "the month in {usage}");
    ensure_eq!(usage["inFlight"]["used"].as_i64(), Some(0), "calls in flight afterwards");
    figures::note(
        format!("{CALLS} calls at once, each reserving 2 % of the month's budget"),
        format!("{answered} answered, {} denied, spent what fifty cost", CALLS - answered),
    );
    own.remove(&shared)
}

/// How long calls are counted.
const COUNTED: Duration = Duration::from_secs(8);
/// Clients of the tenant that is saturated.
const CROWD: u64 = 4;

/// Calls of one client of a tenant meanwhile: all must be answered. Gives how many there were and the median of their times.
fn unharmed(client: &Client) -> Outcome<(usize, Duration)> {
    let load = client.load(1)?;
    std::thread::sleep(COUNTED);
    let calls = load.finish()?;
    let failed = calls.iter().find(|call| call.outcome != "ok");
    ensure!(failed.is_none(), "a call failed: {failed:?} of {}", calls.len());
    let mut times: Vec<f64> = calls.iter().map(|call| call.end - call.start).collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().ok_or("no calls")?;
    Ok((calls.len(), Duration::from_secs_f64(median)))
}

fn saturated() -> Outcome {
    let shared = prod()?;
    let own = gateway(&shared, "saturated", &[("noisy", json!({})), ("quiet", json!({}))])?;
    let [noisy, quiet] = [&own.tenants[0], &own.tenants[1]];
    let (crowd, other) = (Client::of(&shared.world, noisy)?, Client::of(&shared.world, quiet)?);
    crowd.until_answered()?;
    other.until_answered()?;
    let (calls, alone) = unharmed(&other)?;
    figures::note("calls of a tenant alone", format!("{calls}, median {alone:.0?}"));
    for (what, limits, class) in [
        ("calls", json!({"limits": {"requestsPerMinute": 1}}), THROTTLED),
        ("tokens", json!({"limits": {"tokensPerMinute": 300}}), THROTTLED),
        ("money", json!({"budgets": [{"window": "Month", "usd": "0.05"}]}), DENIED),
    ] {
        // Begun without the limit: a load that is refused from its first call on says nothing.
        let load = crowd.load(CROWD)?;
        change(&shared, noisy, &limits)?;
        wait::until("the limit denies", || crowd.must_fail(class))?;
        let (calls, beside) = unharmed(&other)?;
        let denied = load.finish()?.iter().filter(|call| call.outcome == class).count();
        ensure!(denied > 0, "nothing of the other tenant was denied: it was not saturated in {what}");
        figures::note(
            format!("calls of a tenant beside one that is saturated in {what} by {CROWD} clients"),
            format!(
                "{calls}, none failed, median {beside:.0?}, {:.2} times that alone; {denied} of the other were denied",
                beside.as_secs_f64() / alone.as_secs_f64()
            ),
        );
        change(&shared, noisy, &json!({"limits": null, "budgets": null}))?;
        wait::until("the limit is gone", || crowd.must_answer())?;
    }
    own.remove(&shared)
}

fn neighbours() -> Outcome {
    let shared = prod()?;
    let own = gateway(&shared, "neighbours", &[("noisy", json!({})), ("quiet", json!({}))])?;
    let [noisy, quiet] = [&own.tenants[0], &own.tenants[1]];
    let (client, other) = (Client::of(&shared.world, noisy)?, Client::of(&shared.world, quiet)?);
    client.until_answered()?;
    other.until_answered()?;
    let denials = [
        (json!({"requestsPerMinute": 1}), THROTTLED, "requestsPerMinute"),
        (json!({"requestsPerMinute": null, "tokensPerMinute": 300}), THROTTLED, "tokensPerMinute"),
        (json!({"tokensPerMinute": 10}), INVALID, "tokensPerMinute"),
    ];
    let beside = other.steady()?;
    for (limits, class, named) in denials {
        change(&shared, noisy, &json!({"limits": limits}))?;
        let message = wait::until("a limit denies", || client.must_fail(class))?;
        ensure!(message.contains(named) && message.contains("noisy"), "{class} does not say which limit: {message}");
    }
    change(&shared, noisy, &json!({"limits": null}))?;
    client.must_answer()?;
    change(&shared, noisy, &json!({"limits": {"requestsPerMinute": 1}}))?;
    let saturated = client.burst_with(CALLS, 10, OUTPUT_TOKENS)?;
    ensure!(saturated.get("ok").copied().unwrap_or_default() <= 1, "the limit did not hold: {saturated:?}");
    let calls = beside.none_failed()?;
    figures::note("calls of a tenant beside one that is saturated", format!("{calls}, none failed"));

    change(&shared, noisy, &json!({"limits": null}))?;
    client.must_answer()?;
    let began = Instant::now();
    shared.world.cluster.patch(noisy, &json!({"spec": {"suspend": true}}))?;
    let mut admitted = 0;
    while client.converse()?.ok().is_ok() {
        admitted += 1;
        ensure!(began.elapsed() < Duration::from_secs(30), "{admitted} calls were answered after the suspension");
    }
    figures::note(
        "calls admitted one after the other after a suspension was applied",
        format!("{admitted}, the first denial after {:.1} s", began.elapsed().as_secs_f64()),
    );
    own.remove(&shared)
}
