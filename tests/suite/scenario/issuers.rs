//! Identity providers, the cluster as an issuer, and identities that tenants come to have, share by mistake, and lose.

use std::time::Duration;

use aigw_contract::identity::Identity;
use aigw_contract::issuer::KeyMirror;
use aigw_tests::cluster::{Object, find_condition};
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Scenario, Start, alone};
use aigw_tests::simulation::{ISSUER, World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, figures};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::objects::{converged, document, nightly, policy, prod, search, teams};

/// How long a provider is away.
const AWAY: Duration = Duration::from_hours(25);

/// Rules that grant these values of the claim `groups`.
fn rules(values: &Value) -> Value {
    teams(&json!({"identities": {"jwt": [{"issuer": "corp", "claim": "groups", "values": values}]}}))
}

fn jwt(value: &str) -> Value {
    json!({"issuer": "corp", "claim": "groups", "value": value})
}

fn hash(value: &str) -> String {
    Identity::Jwt { issuer: "corp", claim: "groups", value }.hash()
}

/// Makes the gateway accept tokens of both kinds, and waits until it knows their keys.
async fn accept_tokens(world: &World) -> Outcome {
    let auth = json!({
        "jwt": [{"name": "corp", "issuer": ISSUER, "audiences": ["ai-gateway"], "algorithms": ["EdDSA"]}],
        "serviceAccounts": {"clusters": [{"name": "local", "audience": "ai-gateway"}]},
    });
    let spec = json!({"auth": auth, "tenants": rules(&json!(["team-*"]))});
    world.patch(&prod(), &json!({"spec": spec})).await?;
    world.ready(&prod()).await?;
    world.condition(&prod(), "IssuersReady", "True", None).await
}

async fn ask(world: &World, tenant: &Object, identities: Value) -> Outcome {
    world.patch(tenant, &json!({"spec": {"identities": identities}})).await
}

/// For the crash matrix and whatever else runs every scenario.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        converged!("identities_added_and_removed", |world| {
            accept_tokens(world).await?;
            let both = json!({"serviceAccounts": [{"name": "api"}], "jwt": [jwt("team-search")]});
            ask(world, &search(), both).await?;
            world.ready(&search()).await?;
            world.condition(&search(), "IdentitiesReady", "True", None).await?;
            ask(world, &search(), json!({"serviceAccounts": null})).await?;
            world.ready(&search()).await?;
            ensure_eq!(listed(world, &search())?, [hash("team-search")], "identities in force");
            Ok(())
        }),
        converged!("identity_conflict", |world| {
            accept_tokens(world).await?;
            ask(world, &search(), json!({"jwt": [jwt("team-a")]})).await?;
            world.condition(&search(), "IdentitiesReady", "True", None).await?;
            ask(world, &nightly(), json!({"jwt": [jwt("team-a"), jwt("team-b")]})).await?;
            world.condition(&nightly(), "IdentitiesReady", "False", Some("IdentityConflict")).await?;
            world.condition(&nightly(), "Ready", "False", Some("IdentityConflict")).await?;
            world.condition(&search(), "IdentitiesReady", "True", None).await?;
            ensure_eq!(listed(world, &nightly())?, [hash("team-b")], "identities of the second");
            // The first lets go, and nobody has to tell the second.
            ask(world, &search(), Value::Null).await?;
            world.condition(&nightly(), "IdentitiesReady", "True", None).await?;
            world.ready(&nightly()).await
        }),
        converged!("identity_beyond_the_rule_and_grant_withdrawn", |world| {
            accept_tokens(world).await?;
            ask(world, &search(), json!({"jwt": [jwt("team-a")]})).await?;
            world.condition(&search(), "IdentitiesReady", "True", None).await?;
            ask(world, &nightly(), json!({"jwt": [jwt("finance")]})).await?;
            world.condition(&nightly(), "Accepted", "False", Some("IdentityNotAllowed")).await?;
            world.patch(&prod(), &json!({"spec": {"tenants": rules(&json!(["finance"]))}})).await?;
            world.condition(&search(), "Accepted", "False", Some("IdentityNotAllowed")).await?;
            world.ready(&nightly()).await?;
            ensure_eq!(listed(world, &search())?, Vec::<String>::new(), "identities after the withdrawal");
            Ok(())
        }),
        converged!("issuers_keys_rotate_and_issuer_removed", |world| {
            accept_tokens(world).await?;
            world.issuers.publish(ISSUER, &["corp-2"]);
            world.kube.rotate_token_key();
            world
                .until("both new keys are mirrored", |world| {
                    let (corp, local) = (mirror(world, "corp")?, mirror(world, "cluster/local")?);
                    ensure_eq!(ids(&corp), "corp-2 (corp-1)", "keys of the provider");
                    ensure_eq!(ids(&local), "sa-2 (sa-1)", "keys of the cluster");
                    Ok(())
                })
                .await?;
            let spec = json!({"auth": {"jwt": null}, "tenants": {"rules": [{
                "name": "teams",
                "match": {"namespaces": {"selector": {"matchLabels": {"ai-gateway": "enabled"}}}},
                "allow": {"tiers": ["trial", "silver"]},
            }]}});
            world.patch(&prod(), &json!({"spec": spec})).await?;
            world
                .until("its mirror is gone", |world| {
                    ensure!(mirror(world, "corp").is_err(), "still there");
                    Ok(())
                })
                .await?;
            world.ready(&prod()).await
        }),
    ]
}

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_provider_that_is_away_for_a_day", away),
        test(module_path!(), "a_provider_that_was_never_there", never_there),
        test(module_path!(), "a_key_goes_a_day_after_its_issuer_took_it_away", key_goes),
    ]
}

/// A day without the provider costs a condition, and no key.
fn away() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        let operator = world.start(&alone());
        accept_tokens(&world).await?;
        world.issuers.outage(true);
        let before = (world.issuers.reads(), world.aws.calls().len());
        sleep(Duration::from_mins(50)).await;
        ensure_eq!(condition(&world, "IssuersReady")["status"], "True", "after 50 minutes");
        sleep(AWAY).await;
        let told = condition(&world, "IssuersReady");
        ensure_eq!(told["status"], "False", "after a day");
        let message = told["message"].as_str().unwrap_or_default().to_owned();
        ensure!(message.contains("login.example.com did not answer in time; last read 2026-03-02T09:"), "{message}");
        ensure!(!message.contains("cluster/local"), "the cluster was there all the time: {message}");
        ensure_eq!(condition(&world, "Ready")["status"], "True", "the gateway serves");
        let corp = mirror(&world, "corp")?;
        ensure_eq!(ids(&corp), "corp-1", "keys of the provider");
        let now = world.kube.now().as_second();
        ensure_eq!(corp.usable(now).count(), 1, "usable keys");
        let reads = world.issuers.reads() - before.0;
        figures::note(
            "a day without the provider",
            format!("{reads} reads of it, {} AWS calls", world.aws.calls().len() - before.1),
        );
        ensure!((100..400).contains(&reads), "{reads} reads in a day");
        let statuses = world.kube.writes().iter().filter(|write| write.resource == "aigateways/status").count();
        ensure!(statuses < 330, "{statuses} statuses in a day: more than one per read of the cluster's keys");
        world.issuers.outage(false);
        world.issuers.publish(ISSUER, &["corp-2"]);
        world.condition(&prod(), "IssuersReady", "True", None).await?;
        ensure_eq!(ids(&mirror(&world, "corp")?), "corp-2 (corp-1)", "keys after the day");
        operator.kill().await;
        Ok(())
    })
}

fn never_there() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        let operator = world.start(&alone());
        let entry = json!({"name": "corp", "issuer": "https://typo.example.com", "audiences": ["a"]});
        world.patch(&prod(), &json!({"spec": {"auth": {"jwt": [entry]}}})).await?;
        world.condition(&prod(), "IssuersReady", "False", Some("IssuerUnreachable")).await?;
        world.condition(&prod(), "Reconciling", "True", Some("IssuerUnreachable")).await?;
        // A document that is there and of somebody else is no better.
        let document = json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys")}).to_string();
        world.issuers.answer("https://typo.example.com/.well-known/openid-configuration", &document);
        world
            .until("the condition says what is wrong", |world| {
                let told = condition(world, "IssuersReady");
                ensure!(told["message"].as_str().is_some_and(|text| text.contains("names another issuer")), "{told}");
                Ok(())
            })
            .await?;
        world.issuers.publish("https://typo.example.com", &["typo-1"]);
        world.condition(&prod(), "IssuersReady", "True", None).await?;
        world.ready(&prod()).await?;
        operator.kill().await;
        Ok(())
    })
}

fn key_goes() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        let operator = world.start(&alone());
        accept_tokens(&world).await?;
        world.issuers.publish(ISSUER, &["corp-2"]);
        sleep(Duration::from_hours(23)).await;
        ensure_eq!(ids(&mirror(&world, "corp")?), "corp-2 (corp-1)", "after 23 hours");
        sleep(Duration::from_hours(2)).await;
        ensure_eq!(ids(&mirror(&world, "corp")?), "corp-2", "after 25 hours");
        operator.kill().await;
        Ok(())
    })
}

fn condition(world: &World, kind: &str) -> Value {
    world.get(&prod()).map(|found| find_condition(&found, kind)).unwrap_or_default()
}

/// Ids of the keys, in parentheses where the issuer has taken them away.
fn ids(mirror: &KeyMirror) -> String {
    let told = mirror.keys.iter().map(|key| {
        let id = key.jwk["kid"].as_str().unwrap_or_default();
        if key.removed_at.is_some() { format!("({id})") } else { id.to_owned() }
    });
    told.collect::<Vec<_>>().join(" ")
}

fn mirror(world: &World, key: &str) -> Outcome<KeyMirror> {
    Ok(serde_json::from_str(&document(world, "gateway", &format!("jwks#{key}"))?)?)
}

/// Identities in force for a tenant.
fn listed(world: &World, tenant: &Object) -> Outcome<Vec<String>> {
    Ok(policy(world, tenant)?.identities.into_iter().map(|one| one.hash).collect())
}
