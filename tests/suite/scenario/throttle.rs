//! Others use the account, too: whatever they leave of API Gateway's rates, work goes on, nobody starves, and AWS has to
//! refuse few of the operator's calls.
//!
//! Two gateways with twenty tenants each are created at once, then a tier of both changes.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_cloud::quotas::{ALL_OPERATIONS, OPERATIONS};
use aigw_fakes::aws::FakeAws;
use aigw_tests::cluster::{Object, find_condition, gateway, tenant};
use aigw_tests::harness::{test, text};
use aigw_tests::simulation::scenario::alone;
use aigw_tests::simulation::{Options, World, simulate};
use aigw_tests::{Outcome, ensure, figures, manifests};
use libtest_mimic::Trial;
use serde_json::json;
use tokio::time::{Instant, sleep};

/// Tenants of each gateway.
const TENANTS: usize = 20;
const GATEWAYS: [&str; 2] = ["one", "two"];
/// Most calls in a hundred that AWS may refuse. Some have to be: a 429 is the only way to learn of others.
const REFUSED_PERCENT: u64 = 15;
/// How much longer than the bound it may take: the rate after a 429 is half of what it was, and climbs back slowly.
const TIMES_BOUND: f64 = 2.5;
/// What a gateway needs besides: roles that cannot be assumed yet, functions that are pending, pauses between looks.
const BESIDES: Duration = Duration::from_mins(2);
/// How much later the second of two installations may be ready.
const UNFAIR: u32 = 3;
/// Of two installations that do not know each other, one call in so many may be refused.
const REFUSED_OF: u64 = 20;
/// Longest virtual time for anything here.
const PATIENCE: Duration = Duration::from_mins(30);
/// Nobody gets less of a rate than this part, as in the fake.
const LEFT_OVER: f64 = 0.05;

/// What others do.
#[derive(Clone, Copy)]
struct Others {
    name: &'static str,
    /// Operation and calls per second.
    load: &'static [(&'static str, f64)],
    /// All of the time, or 5 s of every 15 s.
    always: bool,
}

const NOBODY: Others = Others { name: "nobody", load: &[], always: true };
/// Half of each scarce rate, and what is missing to half of the rate over all.
const HALF: Others = Others {
    name: "half of everything",
    load: &[
        ("apigateway:UpdateUsagePlan", 0.025),
        ("apigateway:CreateDeployment", 0.1),
        ("apigateway:PutRestApi", 0.5),
        ("apigateway:CreateRestApi", 0.17),
        ("apigateway:CreateApiKey", 2.5),
        ("apigateway:GetStage", 1.705),
    ],
    always: true,
};
const MOST: Others = Others {
    name: "90 % of everything",
    load: &[
        ("apigateway:UpdateUsagePlan", 0.045),
        ("apigateway:CreateDeployment", 0.18),
        ("apigateway:PutRestApi", 0.9),
        ("apigateway:CreateRestApi", 0.3),
        ("apigateway:CreateApiKey", 4.5),
        ("apigateway:GetStage", 3.075),
    ],
    always: true,
};
const PLANS: Others =
    Others { name: "all of UpdateUsagePlan", load: &[("apigateway:UpdateUsagePlan", 0.05)], always: true };
const DEPLOYMENTS: Others =
    Others { name: "all of CreateDeployment", load: &[("apigateway:CreateDeployment", 0.2)], always: true };
const KEYS: Others = Others { name: "all of CreateApiKey", load: &[("apigateway:CreateApiKey", 5.0)], always: true };
const BURSTS: Others = Others { name: "bursts of everything", load: &[("apigateway:GetStage", 10.0)], always: false };

pub fn tests() -> Vec<Trial> {
    let others = [
        ("nobody_else", NOBODY),
        ("half_of_everything_is_taken", HALF),
        ("most_of_everything_is_taken", MOST),
        ("all_plan_updates_are_taken", PLANS),
        ("all_deployments_are_taken", DEPLOYMENTS),
        ("all_key_creations_are_taken", KEYS),
        ("bursts_of_others", BURSTS),
    ];
    let matrix = others.map(|(name, others)| test(module_path!(), name, move || matrix(others)));
    let more = [
        test(module_path!(), "two_installations_share_the_rates", two_installations),
        test(module_path!(), "without_the_limiter_these_tests_fail", without_limiter),
    ];
    matrix.into_iter().chain(more).collect()
}

/// What came of it.
struct Run {
    others: Others,
    /// Share of the rates that one operator takes.
    share: f64,
    created: Phase,
    changed: Phase,
}

struct Phase {
    what: &'static str,
    took: Duration,
    /// Who was ready last.
    last: String,
    served: BTreeMap<&'static str, u64>,
    refused: u64,
}

impl Others {
    fn apply(&self, aws: &FakeAws, on: bool) {
        let load = self.load.iter().filter(|_| on).map(|(name, rate)| ((*name).to_owned(), *rate)).collect();
        aws.behaviour(|behaviour| behaviour.other_load = load);
    }

    /// Calls per second of others over all operations, or of one; on average.
    fn rate(&self, operation: Option<&str>) -> f64 {
        let load = self.load.iter().filter(|(name, _)| operation.is_none_or(|operation| operation == *name));
        load.map(|(_, rate)| rate).sum::<f64>() * if self.always { 1.0 } else { 1.0 / 3.0 }
    }
}

impl Phase {
    /// The time the quotas imply for these calls, with what others leave.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn bound(&self, others: &Others, share: f64) -> Duration {
        let left = |rate: f64, taken: f64| (rate - taken).max(rate * LEFT_OVER).min(rate * share);
        let all = self.served.values().sum::<u64>() as f64 / left(ALL_OPERATIONS.rate(), others.rate(None));
        let own = OPERATIONS.iter().map(|(operation, quota)| {
            let calls = self.served.get(operation).copied().unwrap_or_default();
            // One call is there at the start.
            calls.saturating_sub(1) as f64 / left(quota.rate(), others.rate(Some(operation)))
        });
        Duration::from_secs_f64(own.fold(all, f64::max))
    }

    fn check(&self, others: &Others, share: f64, besides: Duration) -> Outcome {
        let Self { what, took, last, served, refused } = self;
        let calls = served.values().sum::<u64>() + refused;
        let bound = self.bound(others, share);
        figures::note(
            format!("throttle: others take {}: {what}", others.name),
            format!(
                "{:.0} s, bound {:.0} s, last {last}, {calls} API Gateway calls, {refused} of them refused",
                took.as_secs_f64(),
                bound.as_secs_f64()
            ),
        );
        let allowed = bound.mul_f64(TIMES_BOUND) + besides;
        ensure!(*took <= allowed, "{what}: {took:?}, bound {bound:?}, allowed {allowed:?}, last {last}");
        ensure!(refused * 100 <= calls * REFUSED_PERCENT, "{what}: {refused} of {calls} calls refused");
        Ok(())
    }
}

impl Run {
    fn check(&self) -> Outcome {
        self.created.check(&self.others, self.share, BESIDES)?;
        self.changed.check(&self.others, self.share, BESIDES)
    }
}

fn gateways() -> Vec<Object> {
    GATEWAYS.iter().map(|name| gateway("ai-platform", name)).collect()
}

fn objects() -> Vec<Object> {
    let tenants = GATEWAYS.iter().flat_map(|gateway| {
        (0..TENANTS).map(move |number| tenant(namespace(number), &format!("{gateway}-{number:02}")))
    });
    gateways().into_iter().chain(tenants).collect()
}

fn namespace(number: usize) -> &'static str {
    if number.is_multiple_of(2) { "team-search" } else { "team-ads" }
}

fn put_all(world: &World) {
    for name in GATEWAYS {
        let mut object = manifests::gateway("ai-platform", name);
        if let Some(allow) = object["spec"]["tenants"]["rules"][0]["allow"].as_object_mut() {
            allow.remove("maxTenantsPerNamespace");
        }
        world.kube.put(&object);
        for number in 0..TENANTS {
            let tier = if number < TENANTS / 2 { "silver" } else { "trial" };
            let of = ("ai-platform", name);
            world.kube.put(&manifests::tenant(namespace(number), &format!("{name}-{number:02}"), of, tier));
        }
    }
}

fn ready(world: &World, object: &Object) -> bool {
    world.get(object).is_some_and(|found| {
        let condition = find_condition(&found, "Ready");
        condition["status"] == "True" && condition["observedGeneration"] == found["metadata"]["generation"]
    })
}

/// Waits until all objects are ready.
async fn converge(what: &'static str, world: &World, objects: Vec<Object>) -> Outcome<Phase> {
    world.aws.forget_calls();
    let began = Instant::now();
    let (mut waiting, mut last) = (objects, String::new());
    while !waiting.is_empty() {
        ensure!(began.elapsed() < PATIENCE, "{what}: {waiting:?} starve\n{}", world.log.tail(10));
        sleep(Duration::from_secs(1)).await;
        waiting.retain(|object| {
            let ready = ready(world, object);
            if ready {
                last = format!("{} {} after {} s", object.kind, object.name, began.elapsed().as_secs());
            }
            !ready
        });
    }
    let took = began.elapsed();
    let (mut served, mut refused) = (BTreeMap::new(), 0);
    for ((operation, outcome), count) in world.aws.call_counts() {
        let count = u64::try_from(count)?;
        if outcome == "TooManyRequestsException" {
            refused += count;
        } else if operation.starts_with("apigateway:") {
            *served.entry(operation).or_default() += count;
        }
    }
    Ok(Phase { what, took, last, served, refused })
}

fn run(others: Others, options: &Options) -> Outcome<Run> {
    simulate(None, |world| async move {
        world.aws.keep_counts_only();
        others.apply(&world.aws, true);
        let aws = world.aws.clone();
        let bursts = tokio::spawn(async move {
            if others.always {
                return;
            }
            loop {
                sleep(Duration::from_secs(5)).await;
                others.apply(&aws, false);
                sleep(Duration::from_secs(10)).await;
                others.apply(&aws, true);
            }
        });
        put_all(&world);
        let operator = world.start(options);
        let created = converge("creation", &world, objects()).await?;
        let changed = tier_changes(&world).await?;
        within_quotas(&world)?;
        bursts.abort();
        operator.kill().await;
        Ok(Run { others, share: options.share, created, changed })
    })
}

async fn tier_changes(world: &World) -> Outcome<Phase> {
    for gateway in gateways() {
        let patch = json!([{"op": "replace", "path": "/spec/tiers/0/plan/requestsPerSecond", "value": 2}]);
        world.patch_json(&gateway, &patch).await?;
    }
    converge("a tier of both changes", world, objects()).await
}

/// What was served stayed within the quotas in every window.
fn within_quotas(world: &World) -> Outcome {
    for used in world.aws.quota_report() {
        ensure!(used.most <= used.quota, "over the quota: {used:?}");
    }
    Ok(())
}

fn matrix(others: Others) -> Outcome {
    run(others, &alone())?.check()
}

fn two_installations() -> Outcome {
    simulate(None, |first| async move {
        first.aws.keep_counts_only();
        let second = first.other_cluster();
        let mut operators = Vec::new();
        for (world, name) in [(&first, "first"), (&second, "second")] {
            put_all(world);
            operators.push(world.start(&alone().installation(name).pod(name)));
        }
        let both = tokio::join!(
            converge("creation by the first", &first, objects()),
            converge("creation by the second", &second, objects())
        );
        // Both share one log of calls: what the later of the two counted is what both did.
        let (one, two) = (both.0?, both.1?);
        let (sooner, later) = if one.took < two.took { (one, two) } else { (two, one) };
        let share = alone().share;
        later.check(&NOBODY, share, BESIDES)?;
        // What was learned of the other by a 429 is not shared: equal parts are not to be had, but neither is nothing.
        ensure!(
            later.took < sooner.took * UNFAIR,
            "one was ready after {:?}, the other after {:?}",
            sooner.took,
            later.took
        );
        let changed = tokio::join!(tier_changes(&first), tier_changes(&second));
        for phase in [changed.0?, changed.1?] {
            phase.check(&NOBODY, share, BESIDES)?;
        }
        // Each keeps to its part. That both together keep to the whole at every moment is AWS's to see to.
        for used in first.aws.quota_report() {
            ensure!(used.refused * REFUSED_OF <= used.served + REFUSED_OF, "refused too often: {used:?}");
        }
        for operator in operators {
            operator.kill().await;
        }
        Ok(())
    })
}

/// An operator that calls as fast as it can is refused half of its calls, or its gateways never get through a look: the
/// same assertions see that.
fn without_limiter() -> Outcome {
    let failed = run(HALF, &Options { limiter: false, ..alone() }).and_then(|run| run.check());
    let Err(failed) = failed else {
        return Err("all assertions hold without a limiter, so they do not see it".into());
    };
    let seen = ["calls refused", "starve"].iter().any(|reason| text(&failed).contains(reason));
    ensure!(seen, "failed for another reason: {}", text(&failed));
    Ok(())
}
