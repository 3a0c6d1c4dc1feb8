//! Custom domains: added, renamed, shared and taken away while clients call; refused where they are somebody else's; told to
//! nobody before a call came through.

use std::time::Duration;

use aigw_fakes::aws::{Domain, OperationUse};
use aigw_plan::gateway::domains::tell::RETIREMENT;
use aigw_plan::identity::{TAG_ID, TAG_INSTALLATION};
use aigw_tests::cluster::{Object, find_condition, gateway};
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Scenario, Start, alone, from_nothing, objects, rest};
use aigw_tests::simulation::{World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, manifests};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::objects::{change, converged, nightly, prod, search};

const NAME: &str = "ai.example.com";
const OTHER: &str = "llm.example.com";
/// The hour, and the look that finds it over.
const RETIRED: Duration = RETIREMENT.saturating_add(Duration::from_mins(12));

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_domain_without_dns_is_told_to_nobody", without_dns),
        test(module_path!(), "a_domain_of_somebody_else_is_left_alone", not_ours),
        test(module_path!(), "a_base_path_that_is_taken_is_left_alone", taken),
        test(module_path!(), "a_name_of_another_account_and_a_bad_certificate_are_told", refused),
        test(module_path!(), "gateways_that_disagree_about_a_certificate_do_not_take_turns", disagreement),
        test(module_path!(), "a_shared_domain_outlives_all_but_the_last", shared),
        test(module_path!(), "a_gateway_without_a_domain_looks_for_none", no_looks),
        test(module_path!(), "every_url_told_works_while_a_domain_is_added_and_renamed", no_failed_call),
        test(module_path!(), "domain_calls_stay_within_one_in_thirty_seconds", quotas),
    ]
}

fn certificate(name: &str) -> String {
    format!("arn:aws:acm:eu-central-1:111122223333:certificate/{name}")
}

fn domain(name: &str, base_path: Option<&str>) -> Value {
    json!({"name": name, "certificateArn": certificate("c1"), "basePath": base_path})
}

fn endpoint(domain: &Value) -> Value {
    json!({"endpoint": {"domain": domain}})
}

/// For the crash matrix.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        converged!("domain_added", |world| { change(world, endpoint(&domain(NAME, Some("prod")))).await }),
        converged!("domain_renamed_and_the_old_one_retired", |world| {
            change(world, endpoint(&domain(NAME, Some("prod")))).await?;
            change(world, endpoint(&domain(OTHER, None))).await?;
            sleep(RETIRED).await;
            world.ready(&prod()).await
        }),
        converged!("domain_alone_is_open_and_taken_away_again", |world| {
            change(world, json!({"endpoint": {"domain": domain(NAME, None), "disableDefaultEndpoint": true}})).await?;
            rest(world).await?;
            change(world, json!({"endpoint": {"domain": null, "disableDefaultEndpoint": null}})).await?;
            sleep(RETIRED).await;
            world.ready(&prod()).await
        }),
        converged!("domain_deleted_with_its_gateway", |world| {
            change(world, endpoint(&domain(NAME, Some("prod")))).await?;
            for object in [search(), nightly(), prod()] {
                world.delete(&object).await?;
            }
            world.gone(&prod()).await
        }),
        converged!("drift_domain_and_mapping", |world| {
            change(world, endpoint(&domain(NAME, Some("prod")))).await?;
            world.aws.edit(|account| {
                let domain = account.region("eu-central-1").domains.get_mut(NAME);
                if let Some(domain) = domain {
                    domain.mappings.values_mut().for_each(|(_, stage)| "by-hand".clone_into(stage));
                    domain.certificate_arn = certificate("by-hand");
                }
            });
            sleep(Duration::from_mins(12)).await;
            world.ready(&prod()).await?;
            world.aws.edit(|account| {
                let domain = account.region("eu-central-1").domains.get_mut(NAME);
                if let Some(domain) = domain {
                    domain.mappings.clear();
                }
            });
            sleep(Duration::from_mins(12)).await;
            world.ready(&prod()).await?;
            world.aws.edit(|account| drop(account.region("eu-central-1").domains.remove(NAME)));
            sleep(Duration::from_mins(12)).await;
            world.ready(&prod()).await?;
            change(world, json!({"endpoint": {"domain": null}})).await?;
            sleep(RETIRED).await;
            world.ready(&prod()).await
        }),
    ]
}

fn domains(world: &World) -> Vec<(String, Domain)> {
    let account = world.aws.state();
    account.regions.values().flat_map(|region| region.domains.clone()).collect()
}

fn told(world: &World, object: &Object) -> String {
    let found = world.get(object).unwrap_or_default();
    found["status"]["endpoint"].as_str().unwrap_or_default().to_owned()
}

/// What must be true of the end of an undisturbed run of one of these.
pub fn check(name: &str, world: &World) -> Outcome {
    let expected: (&str, &[&str]) = match name {
        "domain_added" => ("https://ai.example.com/prod", &[NAME]),
        "domain_renamed_and_the_old_one_retired" => ("https://llm.example.com", &[OTHER]),
        "domain_alone_is_open_and_taken_away_again" => ("", &[]),
        _ => return Ok(()),
    };
    let (url, names) = expected;
    let found: Vec<_> = domains(world).into_iter().map(|(name, _)| name).collect();
    ensure_eq!(found, names, "domains");
    let endpoint = told(world, &prod());
    if url.is_empty() {
        ensure!(endpoint.contains(".execute-api."), "still told {endpoint}");
        let apis = &world.aws.state().regions["eu-central-1"].rest_apis;
        ensure!(apis.values().all(|api| !api.default_endpoint_disabled), "still closed");
        return Ok(());
    }
    ensure_eq!(endpoint, url, "URL");
    ensure_eq!(secret_url(world)?, format!("{url}/bedrock-runtime"), "URL in the tenant's Secret");
    let condition = find_condition(&world.get(&prod()).unwrap_or_default(), "DomainReady");
    ensure_eq!((&condition["status"], &condition["reason"]), (&json!("True"), &json!("DomainServes")), "DomainReady");
    Ok(())
}

fn secret_url(world: &World) -> Outcome<String> {
    let secrets = world.kube.objects("secrets");
    let of_team = secrets.iter().find(|secret| secret["metadata"]["namespace"] == "team-search");
    let encoded = &of_team.ok_or("no Secret")?["data"]["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"];
    Ok(String::from_utf8(STANDARD.decode(encoded.as_str().unwrap_or_default())?)?)
}

async fn converge(world: &World) -> Outcome {
    from_nothing(world).await
}

fn without_dns() -> Outcome {
    simulate(None, |world| async move {
        world.aws.behaviour(|behaviour| behaviour.data_plane.no_dns = [NAME.to_owned()].into());
        let operator = world.start(&alone());
        converge(&world).await?;
        let before = told(&world, &prod());
        let spec = json!({"endpoint": {"domain": domain(NAME, Some("prod")), "disableDefaultEndpoint": true}});
        world.patch(&prod(), &json!({"spec": spec})).await?;
        world.condition(&prod(), "DomainReady", "False", Some("DomainNotReached")).await?;
        sleep(Duration::from_mins(30)).await;
        let found = world.get(&prod()).ok_or("no gateway")?;
        ensure_eq!(told(&world, &prod()), before, "URL while there is no DNS record");
        ensure_eq!(find_condition(&found, "Ready")["reason"], json!("DomainNotReached"), "Ready");
        ensure!(found["status"]["domains"][0]["target"].is_string(), "no target: {}", found["status"]["domains"]);
        let apis = world.aws.state().regions["eu-central-1"].rest_apis.clone();
        ensure!(apis.values().all(|api| !api.default_endpoint_disabled), "closed although nothing else is open");
        world.aws.behaviour(|behaviour| behaviour.data_plane.no_dns.clear());
        world.ready(&prod()).await?;
        sleep(Duration::from_mins(1)).await;
        world.ready(&prod()).await?;
        ensure_eq!(told(&world, &prod()), "https://ai.example.com/prod", "URL");
        let apis = world.aws.state().regions["eu-central-1"].rest_apis.clone();
        ensure!(apis.values().all(|api| api.default_endpoint_disabled), "still open");
        operator.stop().await?;
        Ok(())
    })
}

/// A domain as a stranger made it.
fn foreign() -> Domain {
    Domain {
        certificate_arn: certificate("theirs"),
        security_policy: "TLS_1_2".into(),
        pending_reads: 0,
        failed: None,
        tags: [(TAG_INSTALLATION.to_owned(), "another".to_owned())].into(),
        created: Duration::ZERO,
        mappings: [(String::new(), ("theirs".to_owned(), "live".to_owned()))].into(),
    }
}

fn not_ours() -> Outcome {
    simulate(None, |world| async move {
        world.aws.edit(|account| account.region("eu-central-1").domains.insert(NAME.into(), foreign()));
        let operator = world.start(&alone());
        let [gateway, ..] = objects();
        world.apply(&manifests::with(gateway, &json!({"spec": endpoint(&domain(NAME, None))}))).await?;
        world.condition(&prod(), "DomainReady", "False", Some("DomainNotOurs")).await?;
        world.condition(&prod(), "Stalled", "True", Some("DomainNotOurs")).await?;
        world.delete(&prod()).await?;
        world.gone(&prod()).await?;
        let found = domains(&world);
        ensure_eq!(found.len(), 1, "domains");
        ensure_eq!(format!("{:?}", found[0].1), format!("{:?}", foreign()), "their domain");
        operator.stop().await?;
        Ok(())
    })
}

fn taken() -> Outcome {
    simulate(None, |world| async move {
        let ours = [
            (TAG_INSTALLATION.to_owned(), "test".to_owned()),
            (TAG_ID.to_owned(), aigw_plan::gateway::domains::domain_id("test", NAME)),
        ];
        let kept = [("prod".to_owned(), ("theirs".to_owned(), "live".to_owned()))];
        let made = Domain { tags: ours.into(), mappings: kept.clone().into(), ..foreign() };
        world.aws.edit(|account| account.region("eu-central-1").domains.insert(NAME.into(), made));
        let operator = world.start(&alone());
        let [gateway, ..] = objects();
        world.apply(&manifests::with(gateway, &json!({"spec": endpoint(&domain(NAME, Some("prod")))}))).await?;
        world.condition(&prod(), "DomainReady", "False", Some("BasePathTaken")).await?;
        world.delete(&prod()).await?;
        world.gone(&prod()).await?;
        ensure_eq!(domains(&world)[0].1.mappings, kept.into(), "mappings");
        operator.stop().await?;
        Ok(())
    })
}

fn refused() -> Outcome {
    simulate(None, |world| async move {
        world.aws.edit(|account| account.region("eu-central-1").foreign_domains.insert(NAME.into()));
        world.aws.behaviour(|behaviour| behaviour.bad_certificates = [certificate("bad")].into());
        let operator = world.start(&alone());
        converge(&world).await?;
        world.patch(&prod(), &json!({"spec": endpoint(&domain(NAME, None))})).await?;
        world.condition(&prod(), "Stalled", "True", Some("RejectedByAWS")).await?;
        let bad = json!({"name": OTHER, "certificateArn": certificate("bad")});
        world.patch(&prod(), &json!({"spec": endpoint(&bad)})).await?;
        world.condition(&prod(), "Stalled", "True", Some("RejectedByAWS")).await?;
        let message = find_condition(&world.get(&prod()).unwrap_or_default(), "Ready")["message"].to_string();
        ensure!(message.contains("certificate"), "{message}");
        change(&world, endpoint(&domain(OTHER, None))).await?;
        operator.stop().await?;
        Ok(())
    })
}

fn disagreement() -> Outcome {
    simulate(None, |world| async move {
        let operator = world.start(&alone());
        let with = |name: &str, base: &str, arn: &str| {
            let domain = json!({"name": NAME, "certificateArn": certificate(arn), "basePath": base});
            manifests::with(manifests::gateway("ai-platform", name), &json!({"spec": endpoint(&domain)}))
        };
        world.apply(&with("prod", "prod", "c1")).await?;
        world.ready(&prod()).await?;
        world.apply(&with("zone", "zone", "c2")).await?;
        let other = gateway("ai-platform", "zone");
        world.condition(&other, "DomainReady", "False", Some("DomainConflict")).await?;
        world.aws.forget_calls();
        sleep(Duration::from_mins(40)).await;
        let changes = world.aws.calls().iter().filter(|call| call.operation.contains("UpdateDomainName")).count();
        ensure_eq!(changes, 0, "changes of the shared domain");
        world.apply(&with("zone", "zone", "c1")).await?;
        world.ready(&other).await?;
        operator.stop().await?;
        Ok(())
    })
}

fn shared() -> Outcome {
    simulate(None, |world| async move {
        let operator = world.start(&alone());
        let names = ["prod", "test"];
        for name in names {
            let spec = json!({"spec": endpoint(&domain(NAME, Some(name)))});
            world.apply(&manifests::with(manifests::gateway("ai-platform", name), &spec)).await?;
        }
        for name in names {
            world.ready(&gateway("ai-platform", name)).await?;
            ensure_eq!(told(&world, &gateway("ai-platform", name)), format!("https://{NAME}/{name}"), "URL");
        }
        world.delete(&prod()).await?;
        world.gone(&prod()).await?;
        let left = domains(&world);
        ensure_eq!(left[0].1.mappings.keys().collect::<Vec<_>>(), ["test"], "mappings");
        world.delete(&gateway("ai-platform", "test")).await?;
        world.gone(&gateway("ai-platform", "test")).await?;
        ensure!(world.aws.inventory().is_empty(), "left:\n{}", world.aws.inventory());
        operator.stop().await?;
        Ok(())
    })
}

/// An installation whose rights are older than domains goes on.
fn no_looks() -> Outcome {
    let moment = Start::Converged.moment()?.ok_or("no moment")?;
    simulate(Some(&moment), |world| async move {
        let operator = world.start(&alone());
        sleep(Duration::from_hours(2)).await;
        let looks: Vec<_> = world.aws.calls().into_iter().filter(|call| call.operation.contains("Domain")).collect();
        ensure!(looks.is_empty(), "{looks:?}");
        operator.stop().await?;
        Ok(())
    })
}

/// A client that reads its Secret and calls, all the time: no URL it was ever told may fail within the hour after.
fn no_failed_call() -> Outcome {
    simulate(None, |world| async move {
        let operator = world.start(&alone());
        converge(&world).await?;
        let (mut calls, mut failed) = (0_usize, Vec::new());
        for spec in [endpoint(&domain(NAME, Some("prod"))), endpoint(&domain(OTHER, None))] {
            world.patch(&prod(), &json!({"spec": spec})).await?;
            let mut known: Vec<String> = Vec::new();
            for _ in 0..600 {
                let url = secret_url(&world)?;
                if !known.contains(&url) {
                    known.push(url);
                }
                // The one in the Secret, and those a pod that was not restarted still has.
                for url in &known {
                    calls += 1;
                    if let Some(problem) = ask(&world, url).await {
                        failed.push(problem);
                    }
                }
                sleep(Duration::from_millis(500)).await;
            }
            ensure_eq!(known.len(), 2, "URLs told: {known:?}");
        }
        ensure!(failed.is_empty(), "{} of {calls} calls failed: {:?}", failed.len(), failed.first());
        figures::add("domains", "calls while one is added and renamed", calls);
        figures::add("domains", "calls that failed", failed.len());
        operator.stop().await?;
        Ok(())
    })
}

async fn ask(world: &World, url: &str) -> Option<String> {
    use aigw_plan::probe::{Method, Presented, Request};
    let url = format!("{url}/model/x/converse");
    let request = Request { method: Method::Post, url: url.clone(), presented: Presented::Nonsense };
    // Refused by the authorizer of a gateway: it came through.
    match world.aws.prober().ask(&request).await {
        Ok(answer) if answer.refused_by.as_deref() == Some("UNAUTHORIZED") => None,
        other => Some(format!("{url}: {other:?}")),
    }
}

fn quotas() -> Outcome {
    simulate(None, |world| async move {
        let operator = world.start(&alone());
        let names = ["one", "two", "three"];
        for name in names {
            let spec = json!({"spec": endpoint(&domain(&format!("{name}.example.com"), None))});
            world.apply(&manifests::with(manifests::gateway("ai-platform", name), &spec)).await?;
        }
        for name in names {
            world.ready(&gateway("ai-platform", name)).await?;
        }
        for name in names {
            world.delete(&gateway("ai-platform", name)).await?;
        }
        for name in names {
            world.gone(&gateway("ai-platform", name)).await?;
        }
        ensure!(domains(&world).is_empty(), "left: {:?}", domains(&world));
        let used: Vec<OperationUse> = world.aws.quota_report();
        for operation in ["apigateway:CreateDomainName", "apigateway:DeleteDomainName"] {
            let used = used.iter().find(|used| used.operation == operation).ok_or("not called")?;
            ensure!((used.served, used.refused) == (3, 0) && used.most <= used.quota, "{used:?}");
        }
        operator.stop().await?;
        Ok(())
    })
}
