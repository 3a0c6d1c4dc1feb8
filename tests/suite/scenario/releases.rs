//! Releases of functions by canary: a build that fails goes back by itself, a good one takes all calls in the end, and
//! gateways take turns, while a client calls all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aigw_api::annotations::{ABORT, PROMOTE};
use aigw_cloud::Prober;
use aigw_contract::Credential;
use aigw_fakes::intercept::{Call, Failure, Verdict};
use aigw_plan::probe::{Method, Presented, Request};
use aigw_tests::cluster::{Object, find_condition, gateway};
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Scenario, Start, alone};
use aigw_tests::simulation::{Options, World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, manifests};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::objects::{change, converged, prod, search};

/// Between two calls of the client.
const PACE: Duration = Duration::from_millis(95);

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_build_that_fails_3_percent_is_stopped_at_the_first_step", failing_build),
        test(module_path!(), "a_good_build_serves_all_in_the_end_whatever_happens_to_the_operator", good_build),
        test(module_path!(), "gateways_take_turns_and_a_person_may_hurry_them", turns),
        test(module_path!(), "a_slow_build_is_sent_back", slow_build),
        test(module_path!(), "without_the_right_to_read_metrics_a_share_stays", without_rights),
        test(module_path!(), "without_canaries_nobody_asks_for_metrics", no_looks),
    ]
}

/// For the crash matrix.
pub fn scenarios() -> Vec<Scenario> {
    vec![converged!("release_aborted_and_the_next_one_rolled_out", |world| {
        let steps = json!({"steps": [50, 100], "interval": "1m", "minCalls": 2});
        let memory = |mib: i32| json!({"functions": {"forwarder": {"memoryMiB": mib}}});
        change(world, json!({"releases": {"policy": "Canary", "canary": steps}})).await?;
        change(world, memory(512)).await?;
        world.annotate(&prod(), ABORT, "forwarder/2").await?;
        world.condition(&prod(), "RolledOut", "False", Some("RolledBack")).await?;
        change(world, memory(640)).await?;
        let (prober, request) = (world.aws.prober(), request(world)?);
        while split(world, "prod") != Some((3, None)) {
            passes(&*prober, &request).await;
            sleep(Duration::from_secs(10)).await;
        }
        world.condition(&prod(), "RolledOut", "True", None).await
    })]
}

/// What must be true of the end of an undisturbed run of it.
pub fn check(world: &World) -> Outcome {
    ensure_eq!(split(world, "prod"), Some((3, None)), "versions of the forwarder");
    Ok(())
}

fn converged() -> Outcome<aigw_tests::simulation::Moment> {
    Ok(Start::Converged.moment()?.ok_or("no moment")?)
}

/// An operator whose functions are of another build.
fn build(build: &'static str) -> Options {
    Options { build, ..alone() }
}

async fn canary(world: &World, canary: Value) -> Outcome {
    change(world, json!({"releases": {"policy": "Canary", "canary": canary}})).await
}

/// Name of a function of a gateway.
fn name_of(world: &World, gateway: &str, function: &str) -> Option<String> {
    let found = world.get(&Object { name: gateway.into(), ..prod() })?;
    Some(format!("{}-{function}", found["status"]["tableName"].as_str()?))
}

/// Version of the forwarder that serves, and the one that takes a share.
fn split(world: &World, gateway: &str) -> Option<(u64, Option<(u64, u8)>)> {
    let account = world.aws.state();
    let function = account.regions["eu-central-1"].functions.get(&name_of(world, gateway, "forwarder")?)?.clone();
    function.live.map(|alias| (alias.version, alias.canary))
}

/// A call as a tenant makes it. Made once, as a pod's environment is.
fn request(world: &World) -> Outcome<Request> {
    let found = world.get(&prod()).ok_or("no gateway")?;
    let endpoint = found["status"]["endpoint"].as_str().ok_or("no URL")?.to_owned();
    let secrets = world.kube.objects("secrets");
    let of_team = secrets.iter().find(|secret| secret["metadata"]["namespace"] == search().namespace.as_str());
    let encoded = of_team.ok_or("no Secret")?["data"]["AWS_BEARER_TOKEN_BEDROCK"].as_str().unwrap_or_default();
    let credential = Credential::parse(&String::from_utf8(STANDARD.decode(encoded)?)?)?;
    let url = format!("{endpoint}/bedrock-runtime/model/amazon.nova-micro-v1:0/converse");
    Ok(Request { method: Method::Post, url, presented: Presented::Credential(credential) })
}

/// Whether a call came through: its content is refused, which says that all before let it pass.
async fn passes(prober: &dyn Prober, request: &Request) -> bool {
    prober.ask(request).await.is_ok_and(|answer| answer.status == 400)
}

/// A client that calls all the time, and what became of its calls.
struct Client {
    counts: Arc<[AtomicUsize; 2]>,
    task: JoinHandle<()>,
}

impl Client {
    fn start(world: &World) -> Outcome<Self> {
        let counts = Arc::<[AtomicUsize; 2]>::default();
        let (prober, request, counted) = (world.aws.prober(), request(world)?, Arc::clone(&counts));
        let task = tokio::spawn(async move {
            loop {
                let failed = !passes(&*prober, &request).await;
                counted[0].fetch_add(1, Ordering::Relaxed);
                counted[1].fetch_add(usize::from(failed), Ordering::Relaxed);
                sleep(PACE).await;
            }
        });
        Ok(Self { counts, task })
    }

    /// Calls, and those that failed.
    fn counts(&self) -> (usize, usize) {
        let [calls, failed] = &*self.counts;
        (calls.load(Ordering::Relaxed), failed.load(Ordering::Relaxed))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn events(world: &World, reason: &str) -> usize {
    world.kube.objects("events").iter().filter(|event| event["reason"] == reason).count()
}

/// A test that does not see what it should do cannot show that it does: fails where a share never began.
async fn until_shared(world: &World, percent: u8) -> Outcome {
    world
        .until("a share of the calls", |world| {
            let found = split(world, "prod");
            ensure!(matches!(found, Some((1, Some((2, share)))) if share == percent), "{found:?}");
            Ok(())
        })
        .await
}

fn failing_build() -> Outcome {
    simulate(Some(&converged()?), |world| async move {
        let operator = world.start(&alone());
        canary(&world, json!({})).await?;
        operator.kill().await;
        world.aws.behaviour(|behaviour| behaviour.data_plane.failing = [(("forwarder".to_owned(), 2), 3)].into());
        let client = Client::start(&world)?;
        let operator = world.start(&build("bad"));
        until_shared(&world, 5).await?;
        let (began, before) = (Instant::now(), client.counts());
        ensure_eq!(before.1, 0, "calls that failed before");
        world
            .until("the old version alone", |world| {
                ensure!(split(world, "prod") == Some((1, None)), "{:?}", split(world, "prod"));
                Ok(())
            })
            .await?;
        let (took, after) = (began.elapsed(), client.counts());
        world.condition(&prod(), "RolledOut", "False", Some("RolledBack")).await?;
        let found = world.get(&prod()).ok_or("no gateway")?;
        let message = find_condition(&found, "RolledOut")["message"].to_string();
        ensure!(message.contains("at 5 % of the calls"), "{message}");
        ensure_eq!(find_condition(&found, "Ready")["status"], json!("True"), "Ready");
        ensure_eq!(found["status"]["functions"][0]["rejected"]["version"], json!("2"), "what was sent back");
        ensure!(events(&world, "RolledBack") == 1, "no Event");

        let taken = world.aws.invocations(&name_of(&world, "prod", "forwarder").ok_or("no name")?);
        let (calls, failed) = (after.0 - before.0, after.1 - before.1);
        ensure!(failed > 0 && took < Duration::from_mins(6), "{failed} of {calls} calls in {took:?}");
        figures::note(
            "a build that fails 3 % of its calls",
            format!(
                "sent back after {} s at 5 %: {calls} calls meanwhile, {} by the new version, {failed} failed\n{message}",
                took.as_secs(),
                taken.get(&2).copied().unwrap_or_default(),
            ),
        );

        // Never again: not after a while, and not after a restart.
        world.aws.forget_calls();
        sleep(Duration::from_mins(25)).await;
        operator.kill().await;
        let operator = world.start(&build("bad"));
        sleep(Duration::from_mins(25)).await;
        let of_forwarder = |target: &str| target.contains("-forwarder");
        let calls = world.aws.calls().into_iter();
        let writes =
            calls.filter(|call| call.write && call.operation.starts_with("lambda:") && of_forwarder(&call.target));
        ensure_eq!(writes.count(), 0, "changes of the forwarder after it was sent back");
        let later = client.counts();
        ensure_eq!(later.1, after.1, "calls that failed after it was sent back");
        // The authorizer of that build failed nobody, and serves by now.
        operator.kill().await;

        let operator = world.start(&build("mended"));
        world.condition(&prod(), "RolledOut", "True", None).await?;
        ensure_eq!(split(&world, "prod"), Some((3, None)), "the next build");
        ensure_eq!(client.counts().1, after.1, "calls that failed with the next build");
        figures::note("calls of the client over all of it", format!("{:?} (all, failed)", client.counts()));
        operator.stop().await?;
        Ok(())
    })
}

fn good_build() -> Outcome {
    simulate(Some(&converged()?), |world| async move {
        let operator = world.start(&alone());
        canary(&world, json!({})).await?;
        operator.kill().await;
        let client = Client::start(&world)?;
        let began = Instant::now();
        let mut reached = Vec::new();
        for share in [5, 25] {
            // Each process dies in the middle of a step.
            let operator = world.start(&build("good"));
            until_shared(&world, share).await?;
            reached.push((share, began.elapsed().as_secs()));
            world.ready(&prod()).await?;
            sleep(Duration::from_mins(4)).await;
            operator.kill().await;
        }
        let operator = world.start(&build("good"));
        world.aws.forget_calls();
        sleep(Duration::from_mins(5)).await;
        // Both functions are under way: a look at each, once a minute, and with it at all else.
        let looks = world.aws.calls().iter().filter(|call| call.operation == "lambda:GetAlias").count();
        ensure!((8..=14).contains(&looks), "{looks} looks at two aliases in five minutes");
        world.condition(&prod(), "RolledOut", "True", None).await?;
        ensure_eq!(split(&world, "prod"), Some((2, None)), "versions");
        reached.push((100, began.elapsed().as_secs()));
        let (calls, failed) = client.counts();
        ensure_eq!(failed, 0, "calls that failed of {calls}");
        ensure!(reached[2].1 >= 1_200, "two steps of ten minutes: {reached:?}");
        figures::note(
            "a good build, the operator killed in both steps",
            format!("percent of calls and seconds since the upgrade: {reached:?}; {failed} of {calls} calls failed"),
        );
        operator.stop().await?;
        Ok(())
    })
}

fn turns() -> Outcome {
    simulate(Some(&converged()?), |world| async move {
        let operator = world.start(&alone());
        let spec = json!({"spec": {"releases": {"policy": "Canary"}}});
        let zone = gateway("ai-platform", "zone");
        world.apply(&manifests::with(manifests::gateway("ai-platform", "zone"), &spec)).await?;
        world.ready(&zone).await?;
        canary(&world, json!({})).await?;
        operator.kill().await;
        let client = Client::start(&world)?;
        let operator = world.start(&build("good"));
        until_shared(&world, 5).await?;
        world.condition(&zone, "RolledOut", "False", Some("AwaitingTurn")).await?;
        ensure_eq!(split(&world, "zone"), Some((1, None)), "the second gateway");
        sleep(Duration::from_mins(11)).await;
        world.condition(&zone, "RolledOut", "False", Some("RollingOut")).await?;
        // Nobody calls it, so it stays at its first step until a person says so.
        sleep(Duration::from_mins(40)).await;
        ensure_eq!(split(&world, "zone"), Some((1, Some((2, 5)))), "the second gateway");
        ensure_eq!(split(&world, "prod"), Some((2, None)), "the first gateway");
        world.annotate(&zone, PROMOTE, "forwarder/2,authorizer/2").await?;
        world.condition(&zone, "RolledOut", "True", None).await?;
        operator.kill().await;

        // What goes back at one is not begun with at the next.
        world.aws.behaviour(|behaviour| behaviour.data_plane.failing = [(("forwarder".to_owned(), 3), 20)].into());
        let operator = world.start(&build("bad"));
        world.condition(&prod(), "RolledOut", "False", Some("RolledBack")).await?;
        world.condition(&zone, "RolledOut", "False", Some("HeldBack")).await?;
        sleep(Duration::from_mins(30)).await;
        ensure_eq!(split(&world, "zone"), Some((2, None)), "the second gateway");
        drop(client);
        operator.stop().await?;
        Ok(())
    })
}

fn slow_build() -> Outcome {
    simulate(Some(&converged()?), |world| async move {
        let operator = world.start(&alone());
        canary(&world, json!({"abortOn": {"latencyP99Ms": 2000}})).await?;
        world.aws.behaviour(|behaviour| behaviour.data_plane.slow = [("forwarder".to_owned(), 2)].into());
        let client = Client::start(&world)?;
        change(&world, json!({"functions": {"forwarder": {"memoryMiB": 128}}})).await?;
        world.condition(&prod(), "RolledOut", "False", Some("RolledBack")).await?;
        let message = find_condition(&world.get(&prod()).unwrap_or_default(), "RolledOut")["message"].to_string();
        ensure!(message.contains("took longer than 2000 ms"), "{message}");
        ensure_eq!((split(&world, "prod"), client.counts().1), (Some((1, None)), 0), "versions, failed calls");
        operator.stop().await?;
        Ok(())
    })
}

fn without_rights() -> Outcome {
    simulate(Some(&converged()?), |world| async move {
        let deny = |call: &Call| {
            let denied = call.operation == "cloudwatch:GetMetricData";
            if denied { Verdict::Fail(Failure::Denied) } else { Verdict::Serve }
        };
        world.aws.set_intercept(Arc::new(deny));
        let operator = world.start(&alone());
        canary(&world, json!({})).await?;
        let client = Client::start(&world)?;
        change(&world, json!({"functions": {"forwarder": {"memoryMiB": 512}}})).await?;
        world.condition(&prod(), "RolledOut", "False", Some("MetricsUnreadable")).await?;
        let version = || world.get(&prod()).unwrap_or_default()["metadata"]["resourceVersion"].clone();
        sleep(Duration::from_mins(20)).await;
        let before = version();
        sleep(Duration::from_mins(30)).await;
        ensure_eq!(version(), before, "no status is written while nothing changes");
        ensure_eq!(split(&world, "prod"), Some((1, Some((2, 5)))), "versions");
        world.aws.set_intercept(Arc::new(|_: &Call| Verdict::Serve));
        world.condition(&prod(), "RolledOut", "True", None).await?;
        drop(client);
        operator.stop().await?;
        Ok(())
    })
}

/// An installation whose rights are older than releases goes on.
fn no_looks() -> Outcome {
    simulate(Some(&converged()?), |world| async move {
        let operator = world.start(&build("good"));
        world
            .until("the new version", |world| {
                ensure!(split(world, "prod") == Some((2, None)), "{:?}", split(world, "prod"));
                Ok(())
            })
            .await?;
        let found = world.get(&prod()).unwrap_or_default();
        ensure!(find_condition(&found, "RolledOut").is_null(), "told of canaries");
        let looks = world.aws.calls().into_iter().filter(|call| call.operation.starts_with("cloudwatch:")).count();
        ensure_eq!(looks, 0, "looks at metrics");
        operator.stop().await?;
        Ok(())
    })
}
