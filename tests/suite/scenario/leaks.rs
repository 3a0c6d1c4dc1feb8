//! No credential is where none may be: all scenarios are run with everything logged, then one in which AWS and Kubernetes
//! repeat credentials in their refusals. That the search finds what is there is shown by planting some.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aigw_fakes::intercept::{Call, Failure, Side, Verdict};
use aigw_operator::plan_command::{self, PlanSettings};
use aigw_plan::gateway::desired::Build;
use aigw_tests::cluster::{gateway, secret, tenant};
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Scenario, Start, alone};
use aigw_tests::simulation::witness::{Witness, leaks};
use aigw_tests::simulation::{World, simulate_logging};
use aigw_tests::{Outcome, ensure, figures, manifests};
use libtest_mimic::Trial;
use serde_json::json;
use tokio::time::sleep;
use tracing::level_filters::LevelFilter;

use super::cases;

/// How long everything is refused.
const REFUSED_FOR: Duration = Duration::from_mins(30);

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "no_scenario_shows_a_credential", every_scenario),
        test(module_path!(), "refusals_that_repeat_a_credential_show_none", repeated_in_refusals),
        test(module_path!(), "a_planted_credential_is_found", planted),
    ]
}

fn every_scenario() -> Outcome {
    let (mut secrets, mut bytes, mut places) = (0, 0, 0);
    let scenarios = cases::all();
    for scenario in &scenarios {
        let (found, looked) =
            scenario.observe(LevelFilter::TRACE, &alone(), Witness::of, |witness, world, process| {
                let plan = plan_of(world)?;
                Ok((witness.secrets(), witness.places(world, process, plan)))
            })?;
        clean(scenario, &found, &looked)?;
        (secrets, places) = (secrets + found.len(), places + looked.len());
        bytes += looked.values().map(String::len).sum::<usize>();
    }
    ensure!(secrets > scenarios.len(), "only {secrets} texts were looked for");
    let megabytes = bytes / 1_000_000;
    figures::note(
        "search for credentials",
        format!("{} scenarios, {secrets} texts looked for in {places} places of {megabytes} MB", scenarios.len()),
    );
    Ok(())
}

/// Nothing leaks, and there was something to leak and somewhere to look.
fn clean(scenario: &Scenario, secrets: &BTreeSet<String>, places: &BTreeMap<String, String>) -> Outcome {
    let name = scenario.name;
    let leaks = leaks(secrets, places);
    ensure!(leaks.is_empty(), "{name}: {}", leaks.join("\n"));
    // What begins with nothing may end before there is a credential.
    ensure!(!secrets.is_empty() || scenario.start == Start::Empty, "{name}: nothing secret was there");
    for wanted in ["log", "traces", "metrics", "calls", "answers of AWS", "aigateways", "events"] {
        let looked = places.iter().any(|(place, text)| place.starts_with(wanted) && !text.is_empty());
        ensure!(looked, "{name}: nothing called {wanted} was looked at");
    }
    Ok(())
}

/// What `aigw-operator plan` tells about everything in the cluster.
fn plan_of(world: &World) -> Outcome<String> {
    let kinds = ["namespaces", "aigateways", "tenants"];
    let objects: Vec<String> =
        kinds.iter().flat_map(|plural| world.kube.objects(plural)).map(|object| object.to_string()).collect();
    let manifests = objects.join("\n---\n");
    let settings = PlanSettings {
        installation: "test".into(),
        files: vec!["-".into()],
        build: Build::default(),
        share: 1.0,
        json: false,
        detailed_exit_code: false,
    };
    // Asks the fakes, whose clock stands still in the world that is looked at: a runtime of its own.
    let world = world.clone();
    let (told, problems) = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async {
            let (mut told, mut problems) = (Vec::new(), Vec::new());
            let (clouds, client) = (world.aws.clouds("person"), world.kube.client("person"));
            let (now, mut input) = (world.kube.now(), manifests.as_bytes());
            plan_command::run(&settings, clouds, Some(client), now, &mut input, &mut told, &mut problems).await;
            Ok::<_, std::io::Error>((told, problems))
        })
    })
    .join()
    .map_err(|_| "the plan panicked")??;
    Ok(format!("{}{}", String::from_utf8_lossy(&told), String::from_utf8_lossy(&problems)))
}

/// Refuses every write, in turn with each credential there is in the words of the refusal.
fn repeating(secrets: &BTreeSet<String>, counted: &Arc<AtomicUsize>) -> impl Fn(&Call) -> Verdict + use<> {
    let (secrets, counted): (Vec<String>, _) = (secrets.iter().cloned().collect(), counted.clone());
    move |call: &Call| {
        if !call.write || call.operation.ends_with("events") || call.operation.ends_with("/status") {
            return Verdict::Serve;
        }
        let number = counted.fetch_add(1, Ordering::Relaxed);
        let secret = &secrets[number % secrets.len()];
        let message = match call.side {
            Side::Aws => format!("Invalid value '{secret}' ({secret}), request {number}"),
            Side::Kube => format!("data[AWS_BEARER_TOKEN_BEDROCK]: Invalid value: \"{secret}\": injected"),
        };
        Verdict::Fail(Failure::Other { status: 422, code: "ValidationException".into(), message })
    }
}

fn repeated_in_refusals() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate_logging(LevelFilter::TRACE, moment.as_ref(), |world| async move {
        let whole = credentials(&world);
        ensure!(whole.len() >= 2, "no whole credentials to repeat");
        let counted = Arc::new(AtomicUsize::new(0));
        let witness = Witness::before(&world, Arc::new(repeating(&whole, &counted)));
        let operator = world.start(&alone());
        world.patch(&gateway("ai-platform", "prod"), &json!({"spec": {"tags": {"a": "b"}}})).await?;
        world.patch(&tenant("team-search", "search"), &json!({"spec": {"tier": "trial"}})).await?;
        // A Secret to be made again, and one to be made for the first time.
        world.delete(&secret("team-ads", "ai-gateway-nightly")).await?;
        world.apply(&manifests::tenant("team-ads", "daily", ("ai-platform", "prod"), "silver")).await?;
        world.apply(&manifests::gateway("ai-platform", "test")).await?;
        sleep(REFUSED_FOR).await;
        let refused = counted.load(Ordering::Relaxed);
        ensure!(refused > 10, "only {refused} writes were refused");
        let (secrets, places) = (witness.secrets(), witness.places(&world, &operator, plan_of(&world)?));
        let leaks = leaks(&secrets, &places);
        ensure!(leaks.is_empty(), "{} of {} places:\n{}", leaks.len(), places.len(), leaks.join("\n"));
        let told = places.values().any(|text| text.contains("ValidationException"));
        ensure!(told, "the refusals are told nowhere");
        figures::add("search for credentials", "refusals that repeated one", refused);
        operator.kill().await;
        Ok(())
    })
}

/// Whole credentials in the Secrets of a world.
fn credentials(world: &World) -> BTreeSet<String> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let secrets = world.kube.objects("secrets");
    let values =
        secrets.iter().flat_map(|secret| secret["data"].as_object().into_iter().flat_map(|data| data.values()));
    let texts = values.filter_map(|value| String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok());
    texts.filter(|text| aigw_contract::Credential::parse(text).is_ok()).collect()
}

fn planted() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate_logging(LevelFilter::TRACE, moment.as_ref(), |world| async move {
        let witness = Witness::of(&world);
        let operator = world.start(&alone());
        sleep(Duration::from_mins(1)).await;
        let secret = credentials(&world).into_iter().next().ok_or("no credential")?;
        let looked = || Ok::<_, libtest_mimic::Failed>(witness.places(&world, &operator, plan_of(&world)?));
        ensure!(leaks(&witness.secrets(), &looked()?).is_empty(), "there before it is planted");
        // Replaced in the cluster: still to be looked for.
        let (api, name) = (tenant("team-search", "search"), "planted");
        world.annotate(&api, name, &secret).await?;
        world.annotate(&api, name, "nothing").await?;
        ensure!(leaks(&witness.secrets(), &looked()?).is_empty(), "seen although no operator acted in between");
        world.annotate(&api, name, &secret).await?;
        sleep(Duration::from_mins(15)).await;
        world.annotate(&api, name, "nothing").await?;
        found(&witness.secrets(), &looked()?, "tenants")?;
        tracing::trace!(target: "aigw_operator", "logged {secret}");
        found(&witness.secrets(), &looked()?, "log")?;
        tracing::info_span!(target: "aigw_operator", "reconcile").in_scope(|| {
            tracing::debug!(target: "aigw_cloud", "traced {secret}");
        });
        found(&witness.secrets(), &looked()?, "traces")?;
        let key = world
            .aws
            .state()
            .regions
            .values()
            .flat_map(|region| region.api_keys.values())
            .next()
            .map(|key| key.value.clone());
        tracing::trace!(target: "aigw_cloud", "logged {key:?}");
        let places = BTreeMap::from([("only the key".to_owned(), format!("{key:?}"))]);
        found(&witness.secrets(), &places, "only the key")?;
        let cloud = world.aws.clouds("careless");
        let cloud = cloud.region("eu-central-1").await;
        let _ = cloud.log_groups.get(&secret).await;
        found(&witness.secrets(), &looked()?, "calls")?;
        operator.kill().await;
        Ok(())
    })
}

fn found(secrets: &BTreeSet<String>, places: &BTreeMap<String, String>, place: &str) -> Outcome {
    let leaks = leaks(secrets, places);
    ensure!(leaks.iter().any(|leak| leak.starts_with(place)), "what was planted in {place} was not found: {leaks:?}");
    Ok(())
}
