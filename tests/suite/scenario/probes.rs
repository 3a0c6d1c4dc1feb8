//! Ready is what a probe showed: each part of the way of a call that is broken is named, holds Ready back, and gives it
//! back by itself once it is whole.

use std::time::Duration;

use aigw_fakes::aws::{DataPlane, Role};
use aigw_plan::gateway::roles::trust;
use aigw_tests::cluster::{Object, find_condition};
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Start, alone, from_nothing, rest};
use aigw_tests::simulation::{World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, manifests};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::objects::{change, converged, nightly, policy, prod, search};
use aigw_tests::simulation::scenario::Scenario;

/// Model the probe asks for unless the spec names one.
const MODEL: &str = "amazon.nova-micro-v1:0";
/// Longest time between two probes of a gateway at rest.
const INTERVAL: Duration = Duration::from_mins(15);
/// How long something stays broken.
const BROKEN_FOR: Duration = Duration::from_mins(10);

/// What breaks, and the reason it is told by.
type Fault = (&'static str, fn(&mut DataPlane));

const FAULTS: [Fault; 9] = [
    ("PermissionMissing", |data_plane| data_plane.invocation_denied = true),
    ("AuthorizerFailed", |data_plane| data_plane.authorizer_fails = true),
    ("AuthorizerFailed", |data_plane| data_plane.authorizer_detached = true),
    ("PlanNotAttached", |data_plane| data_plane.key_lag = Duration::from_hours(100)),
    ("TableUnreachable", |data_plane| data_plane.table_unreachable = true),
    ("ModelDenied", |data_plane| data_plane.denied_models = [MODEL.to_owned()].into()),
    ("BedrockUnreachable", |data_plane| data_plane.bedrock_down = true),
    ("NotRefused", |data_plane| data_plane.lax = true),
    ("Unreachable", |data_plane| data_plane.unreachable = true),
];

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_gateway_that_never_worked_is_not_ready_and_says_why", never_worked),
        test(module_path!(), "a_gateway_that_stops_working_is_no_longer_ready_and_recovers", stops_working),
        test(module_path!(), "a_role_that_lacks_a_right_is_told_and_given_time", role_denied),
        test(module_path!(), "a_private_gateway_out_of_reach_is_ready_and_says_so", private),
        test(module_path!(), "an_address_that_is_not_let_in_holds_nothing_up", source_refused),
        test(module_path!(), "reports_bind_nobody_and_off_takes_the_probe_away", report_and_off),
        test(module_path!(), "what_passes_by_itself_never_stalls", never_stalls),
        test(module_path!(), "the_time_to_effect_of_a_suspension_is_told", suspension),
        test(module_path!(), "a_tenant_without_a_key_is_judged_by_its_gateway", no_key),
        test(module_path!(), "a_restart_asks_little_and_writes_nothing", restart),
        test(module_path!(), "a_quiet_day_is_a_few_probes_an_hour", quiet),
    ]
}

/// Changes of what a probe needs, for the crash matrix.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        converged!("probe_off_and_on", |world| {
            change(world, json!({"probe": {"mode": "Off"}})).await?;
            rest(world).await?;
            change(world, json!({"probe": {"mode": "Required", "interval": "5m"}})).await
        }),
        converged!("probe_loses_its_secret_and_its_key", |world| {
            let secret = probe_secret(world)?;
            world.delete(&secret).await?;
            world.aws.edit(|account| {
                for region in account.regions.values_mut() {
                    region.api_keys.retain(|_, key| !key.tags.values().any(|value| *value == probe_id()));
                }
            });
            sleep(Duration::from_mins(12)).await;
            world.ready(&prod()).await
        }),
    ]
}

fn probe_id() -> String {
    identity().probe_id()
}

fn identity() -> aigw_plan::GatewayIdentity {
    aigw_plan::GatewayIdentity { installation: "test".into(), namespace: "ai-platform".into(), name: "prod".into() }
}

fn probe_secret(world: &World) -> Outcome<Object> {
    let secret = aigw_tests::cluster::secret("ai-platform", &aigw_plan::probe::identity::secret_name(&identity()));
    ensure!(world.get(&secret).is_some(), "the probe has no Secret");
    Ok(secret)
}

fn condition(world: &World, object: &Object, kind: &str) -> Value {
    world.get(object).map(|found| find_condition(&found, kind)).unwrap_or_default()
}

fn holds(world: &World, object: &Object, kind: &str, status: &str, reason: &str) -> Outcome {
    let found = condition(world, object, kind);
    ensure!(found["status"] == status && found["reason"] == reason, "{kind} of {object:?}: {found}");
    Ok(())
}

fn never_worked() -> Outcome {
    for (reason, fault) in FAULTS {
        simulate(None, |world| async move {
            let healthy = world.aws.behaviour(|behaviour| {
                let healthy = behaviour.data_plane.clone();
                fault(&mut behaviour.data_plane);
                healthy
            });
            let operator = world.start(&alone());
            let [gateway, ..] = aigw_tests::simulation::scenario::objects();
            world.apply(&gateway).await?;
            world.condition(&prod(), "Ready", "False", Some(reason)).await?;
            let until = Instant::now() + BROKEN_FOR;
            while Instant::now() < until {
                sleep(Duration::from_secs(10)).await;
                holds(&world, &prod(), "Ready", "False", reason)?;
            }
            // It is AWS as the operator sees it that is whole.
            holds(&world, &prod(), "Programmed", "True", "InSync")?;
            world.aws.behaviour(|behaviour| behaviour.data_plane = healthy);
            let since = Instant::now();
            world.ready(&prod()).await?;
            holds(&world, &prod(), "Probed", "True", "ProbePassed")?;
            ensure!(since.elapsed() < Duration::from_mins(6), "{reason}: recovered after {:?}", since.elapsed());
            operator.kill().await;
            Ok(())
        })?;
    }
    Ok(())
}

fn stops_working() -> Outcome {
    let moment = Start::Converged.moment()?;
    for (reason, fault) in FAULTS {
        simulate(moment.as_ref(), |world| async move {
            let operator = world.start(&alone());
            sleep(Duration::from_mins(1)).await;
            world.ready(&prod()).await?;
            let healthy = world.aws.behaviour(|behaviour| {
                let healthy = behaviour.data_plane.clone();
                fault(&mut behaviour.data_plane);
                healthy
            });
            let since = Instant::now();
            world.condition(&prod(), "Ready", "False", Some(reason)).await?;
            // A look at the gateway every ten minutes, the probe's interval, and the grace.
            let noticed = since.elapsed();
            ensure!(noticed < INTERVAL + Duration::from_mins(13), "{reason}: noticed after {noticed:?}");
            if reason != "Unreachable" {
                world.condition(&search(), "Ready", "False", Some("GatewayProbeFailed")).await?;
            }
            world.aws.behaviour(|behaviour| behaviour.data_plane = healthy);
            for object in [prod(), search(), nightly()] {
                world.ready(&object).await?;
            }
            figures::note(format!("a gateway at rest stops working: {reason}"), format!("told after {noticed:?}"));
            operator.kill().await;
            Ok(())
        })?;
    }
    Ok(())
}

/// A role of the platform team's, which the operator does not mend.
fn role(name: &str, actions: &[&str]) -> Role {
    let policy =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    Role {
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        trust: trust(),
        boundary: None,
        policies: [("given".to_owned(), policy)].into(),
        tags: std::collections::BTreeMap::new(),
        created: Duration::ZERO,
    }
}

fn role_denied() -> Outcome {
    let all = ["dynamodb:GetItem", "dynamodb:UpdateItem", "bedrock:InvokeModel"];
    for (reason, message, rights) in
        [("RoleDenied", "bedrock:InvokeModel", &all[..2]), ("RoleDenied", "dynamodb:UpdateItem", &[all[0], all[2]][..])]
    {
        simulate(None, |world| async move {
            world.aws.edit(|account| {
                account.roles.insert("given-f".into(), role("given-f", rights));
                account.roles.insert("given-a".into(), role("given-a", &all[..1]));
            });
            let arn = |name: &str| json!({"roleArn": format!("arn:aws:iam::111122223333:role/{name}")});
            let spec = json!({"spec": {"functions": {"forwarder": arn("given-f"), "authorizer": arn("given-a")}}});
            let operator = world.start(&alone());
            world.apply(&manifests::with(manifests::gateway("ai-platform", "prod"), &spec)).await?;
            world.condition(&prod(), "Stalled", "True", Some(reason)).await?;
            holds(&world, &prod(), "Ready", "False", reason)?;
            let told = condition(&world, &prod(), "Ready")["message"].to_string();
            ensure!(told.contains(message), "does not name the right: {told}");
            world.aws.edit(|account| account.roles.insert("given-f".into(), role("given-f", &all)));
            world.ready(&prod()).await?;
            operator.kill().await;
            Ok(())
        })?;
    }
    Ok(())
}

fn private() -> Outcome {
    simulate(None, |world| async move {
        let spec = json!({"spec": {"endpoint": {"type": "Private", "vpcEndpointIds": ["vpce-0a1b2c3d4e5f60718"]}}});
        let operator = world.start(&alone());
        world.apply(&manifests::with(manifests::gateway("ai-platform", "prod"), &spec)).await?;
        world.ready(&prod()).await?;
        holds(&world, &prod(), "Probed", "Unknown", "Unreachable")?;
        world.apply(&manifests::tenant("team-search", "search", ("ai-platform", "prod"), "silver")).await?;
        world.ready(&search()).await?;
        holds(&world, &search(), "Probed", "Unknown", "Unreachable")?;
        world.aws.behaviour(|behaviour| behaviour.data_plane.in_vpc = true);
        world.condition(&prod(), "Probed", "True", Some("ProbePassed")).await?;
        world.condition(&search(), "Probed", "True", Some("ProbePassed")).await?;
        // Once it can be reached, what it answers counts.
        world.aws.behaviour(|behaviour| behaviour.data_plane.bedrock_down = true);
        world.condition(&prod(), "Ready", "False", Some("BedrockUnreachable")).await?;
        operator.kill().await;
        Ok(())
    })
}

fn source_refused() -> Outcome {
    simulate(None, |world| async move {
        world.aws.behaviour(|behaviour| behaviour.data_plane.source_refused = true);
        let operator = world.start(&alone());
        from_nothing(&world).await?;
        holds(&world, &prod(), "Probed", "Unknown", "SourceNotAllowed")?;
        holds(&world, &search(), "Probed", "Unknown", "SourceNotAllowed")?;
        operator.kill().await;
        Ok(())
    })
}

fn report_and_off() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let operator = world.start(&alone());
        world.aws.behaviour(|behaviour| behaviour.data_plane.denied_models = [MODEL.to_owned()].into());
        change(&world, json!({"probe": {"mode": "Report"}})).await?;
        world.condition(&prod(), "Probed", "False", Some("ModelDenied")).await?;
        sleep(Duration::from_mins(20)).await;
        holds(&world, &prod(), "Ready", "True", "Ready")?;
        holds(&world, &search(), "Ready", "True", "Ready")?;
        let keys = |world: &World| -> usize {
            let account = world.aws.state();
            account.regions.values().map(|region| region.api_keys.len()).sum()
        };
        ensure_eq!(keys(&world), 3, "keys of two tenants and the probe");
        change(&world, json!({"probe": {"mode": "Off"}})).await?;
        rest(&world).await?;
        ensure_eq!(keys(&world), 2, "keys without the probe");
        for object in [prod(), search()] {
            ensure!(condition(&world, &object, "Probed").is_null(), "{object:?} still tells of a probe");
        }
        let before = world.aws.behaviour(|behaviour| behaviour.data_plane.requests);
        sleep(Duration::from_hours(2)).await;
        ensure_eq!(world.aws.behaviour(|behaviour| behaviour.data_plane.requests), before, "probes while off");
        operator.kill().await;
        Ok(())
    })
}

/// API Gateway takes seconds to know a key: told as under way, and never as something for people.
fn never_stalls() -> Outcome {
    simulate(None, |world| async move {
        world.aws.behaviour(|behaviour| behaviour.data_plane.key_lag = Duration::from_secs(40));
        let operator = world.start(&alone());
        world.apply_all(&aigw_tests::simulation::scenario::objects()).await?;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..600 {
            sleep(Duration::from_secs(1)).await;
            for object in [prod(), search(), nightly()] {
                let stalled = condition(&world, &object, "Stalled");
                ensure!(stalled["status"] != "True", "{object:?} is stalled: {stalled}");
                seen.insert(condition(&world, &object, "Ready")["reason"].to_string());
            }
        }
        ensure!(seen.contains("\"PlanNotAttached\""), "the lag was not met: {seen:?}");
        for object in [prod(), search(), nightly()] {
            world.ready(&object).await?;
        }
        operator.kill().await;
        Ok(())
    })
}

fn suspension() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let operator = world.start(&alone());
        sleep(Duration::from_mins(1)).await;
        world.patch(&search(), &json!({"spec": {"suspend": true}})).await?;
        world.condition(&search(), "Suspended", "True", Some("SuspendedByTeam")).await?;
        world.ready(&search()).await?;
        let told = |world: &World| world.get(&search()).map(|found| found["status"]["suspension"].clone());
        let first = told(&world).unwrap_or_default();
        let seconds = first["effectiveAfterSeconds"].as_i64().ok_or_else(|| format!("no time to effect: {first}"))?;
        ensure!((0..=5).contains(&seconds), "{first}");
        holds(&world, &search(), "Probed", "True", "ProbePassed")?;
        sleep(Duration::from_hours(30)).await;
        ensure_eq!(told(&world).unwrap_or_default(), first, "what was told once");
        world.patch(&search(), &json!({"spec": {"suspend": false}})).await?;
        world.condition(&search(), "Suspended", "False", None).await?;
        world.ready(&search()).await?;
        ensure!(told(&world).unwrap_or_default().is_null(), "still told after it was lifted");
        operator.kill().await;
        Ok(())
    })
}

fn no_key() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let operator = world.start(&alone());
        world.patch(&prod(), &json!({"spec": {"auth": {"apiKeys": {"enabled": false}}}})).await?;
        world.condition(&search(), "CredentialsReady", "False", Some("APIKeysDisabled")).await?;
        world.ready(&search()).await?;
        world.condition(&search(), "Probed", "Unknown", Some("NoCredential")).await?;
        // The gateway's own probe has a key all the same.
        world.ready(&prod()).await?;
        world.condition(&prod(), "Probed", "True", Some("ProbePassed")).await?;
        operator.kill().await;
        Ok(())
    })
}

fn restart() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        world.aws.behaviour(|behaviour| behaviour.data_plane.requests = 0);
        world.kube.clear_log();
        world.aws.forget_calls();
        let operator = world.start(&alone());
        sleep(Duration::from_secs(30)).await;
        let requests = world.aws.behaviour(|behaviour| behaviour.data_plane.requests);
        // A gateway's four, should its turn come just then; tenants' are spread over a day.
        ensure!(requests <= 6, "{requests} requests of probes in the half minute after a restart");
        let statuses = world.kube.writes().iter().filter(|write| write.resource.ends_with("/status")).count();
        ensure_eq!(statuses, 0, "status writes after a restart");
        operator.kill().await;
        Ok(())
    })
}

fn quiet() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let operator = world.start(&alone());
        sleep(Duration::from_mins(20)).await;
        world.aws.behaviour(|behaviour| behaviour.data_plane.requests = 0);
        sleep(Duration::from_hours(24)).await;
        let requests = world.aws.behaviour(|behaviour| behaviour.data_plane.requests);
        figures::note("probes of a quiet day of one gateway and two tenants", format!("{requests} requests"));
        // Four requests every quarter of an hour or sooner, and at most two or so for each tenant.
        ensure!((4 * 60..=4 * 200 + 8).contains(&requests), "{requests} requests");
        ensure!(policy(&world, &search()).is_ok(), "the tenant is gone");
        let text = operator.metrics.encode(&[]).unwrap_or_default();
        let counted = "aigw_probes_total{gateway=\"ai-platform/prod\",of=\"gateway\",result=\"passed\"}";
        ensure!(text.contains(counted), "no {counted} in the metrics");
        operator.kill().await;
        Ok(())
    })
}
