//! A gateway's guardrail comes, changes and goes without a call that is denied on the way, and its condition says what was
//! seen: the role's policy, and what a probe got.

use std::time::Duration;

use aigw_contract::guardrail::{Guardrail, Guardrails};
use aigw_contract::model::Place;
use aigw_contract::table::{CONFIG_SK, GATEWAY_PK, GatewayConfig};
use aigw_fakes::aws::Role;
use aigw_plan::gateway::roles::trust;
use aigw_tests::cluster::find_condition;
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Scenario, Start, alone, rest};
use aigw_tests::simulation::{World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, manifests};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::objects::{change, converged, document, prod};

/// For how long a process of the forwarder may use a configuration that was replaced, and IAM a policy.
const BEHIND: Duration = Duration::from_secs(30);
const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "no_call_is_denied_while_a_guardrail_comes_changes_and_goes", on_the_way),
        test(module_path!(), "a_policy_that_lost_its_denial_is_put_right", drift),
        test(module_path!(), "a_given_role_that_denies_nothing_is_told", given_role),
    ]
}

/// Changes of the guardrail, for the crash matrix.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        converged!("guardrail_added_changed_and_removed", |world| {
            change(world, spec(Some("7"))).await?;
            enforced(world).await?;
            change(world, spec(Some("8"))).await?;
            enforced(world).await?;
            change(world, spec(None)).await
        }),
        converged!("guardrail_changed_again_on_the_way", |world| {
            change(world, spec(Some("7"))).await?;
            world.patch(&prod(), &json!({"spec": spec(Some("8"))})).await?;
            sleep(Duration::from_secs(20)).await;
            change(world, spec(Some("9"))).await?;
            enforced(world).await
        }),
    ]
}

fn spec(version: Option<&str>) -> Value {
    let guardrails: Vec<_> = version.iter().map(|version| json!({"id": "abc1", "version": version})).collect();
    json!({"models": {"guardrails": guardrails}})
}

async fn enforced(world: &World) -> Outcome {
    world.condition(&prod(), "GuardrailsEnforced", "True", Some("Enforced")).await
}

fn told(world: &World) -> Value {
    world.get(&prod()).map(|found| find_condition(&found, "GuardrailsEnforced")).unwrap_or_default()
}

/// What the forwarder's role may do.
fn policy(world: &World) -> Outcome<Value> {
    let account = world.aws.state();
    let role = account.roles.iter().find(|(name, _)| name.ends_with("-forwarder")).ok_or("no role")?.1;
    Ok(role.policies.values().next().ok_or("no policy")?.clone())
}

fn written(world: &World) -> Outcome<Guardrails> {
    let config: GatewayConfig = serde_json::from_str(&document(world, GATEWAY_PK, CONFIG_SK)?)?;
    Ok(config.guardrails)
}

/// Whether a call that carries this passes under a role's policy: it may apply the guardrail, and is not denied.
fn passes(policy: &Value, carried: Option<&Guardrail>) -> bool {
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let of = |sid: &str| statements.iter().find(|statement| statement["Sid"] == sid);
    let names =
        |list: &Value, name: &str| list.as_array().is_some_and(|list| list.iter().any(|listed| *listed == name));
    let applied =
        carried.is_none_or(|carried| of("Guard").is_some_and(|it| names(&it["Resource"], &carried.arn(PLACE))));
    let denied = of("DenyUnguarded").is_some_and(|it| {
        let passing = &it["Condition"]["StringNotEquals"]["bedrock:GuardrailIdentifier"];
        !carried.is_some_and(|carried| names(passing, &carried.condition_value(PLACE)))
    });
    applied && !denied
}

/// Watches until the gateway is ready: every second, what processes send that are behind, under policies that are behind.
async fn watch(world: &World) -> Outcome<(usize, Duration)> {
    let (mut configs, mut policies) = (vec![(Instant::now(), written(world)?)], vec![(Instant::now(), policy(world)?)]);
    let (begun, mut calls) = (Instant::now(), 0);
    let generation = |world: &World| world.get(&prod()).map(|found| found["metadata"]["generation"].clone());
    loop {
        let now = Instant::now();
        let found = written(world)?;
        if configs.last().is_none_or(|(_, last)| *last != found) {
            configs.push((now, found));
        }
        let found = policy(world)?;
        if policies.last().is_none_or(|(_, last)| *last != found) {
            policies.push((now, found));
        }
        for (_, config) in still(&configs, now) {
            for (_, policy) in still(&policies, now) {
                calls += 1;
                ensure!(
                    passes(policy, config.apply.as_ref()),
                    "denied after {:?}: {config:?} {policy}",
                    begun.elapsed()
                );
            }
        }
        let ready = world.get(&prod()).map(|found| find_condition(&found, "Ready")).unwrap_or_default();
        if ready["status"] == "True" && Some(&ready["observedGeneration"]) == generation(world).as_ref() {
            return Ok((calls, begun.elapsed()));
        }
        ensure!(begun.elapsed() < Duration::from_mins(10), "not ready: {ready}");
        sleep(Duration::from_secs(1)).await;
    }
}

/// What may be in force somewhere: the last one, and those that were replaced a moment ago.
fn still<T>(seen: &[(Instant, T)], now: Instant) -> Vec<&(Instant, T)> {
    let replaced = |index: usize| seen.get(index + 1).map(|(at, _)| *at);
    let lasts = |index: usize| replaced(index).is_none_or(|at| now.duration_since(at) < BEHIND);
    seen.iter().enumerate().filter(|(index, _)| lasts(*index)).map(|(_, one)| one).collect()
}

fn on_the_way() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        let operator = world.start(&alone());
        rest(&world).await?;
        for (what, version) in [("added", Some("7")), ("changed", Some("8")), ("removed", None)] {
            world.patch(&prod(), &json!({"spec": spec(version)})).await?;
            let (calls, lasted) = watch(&world).await?;
            ensure!(calls > 60, "only {calls} calls were judged while it was {what}");
            ensure!(lasted < Duration::from_mins(4), "{what} after {lasted:?}");
            let wanted = version.map(|version| Guardrail { id: "abc1".into(), version: version.into() });
            let record = written(&world)?;
            ensure_eq!(record, Guardrails { apply: wanted.clone(), transition: None }, "{what}");
            let unguarded = passes(&policy(&world)?, None);
            ensure_eq!(unguarded, wanted.is_none(), "whether a call without it passes once it is {what}");
            match version {
                Some(_) => ensure_eq!(told(&world)["status"], "True", "{what}"),
                None => ensure_eq!(told(&world), Value::Null, "{what}"),
            }
            figures::note(
                "a guardrail comes, changes, goes",
                format!("{what}: {} s, {calls} combinations of process and policy judged, 0 denied", lasted.as_secs()),
            );
        }
        operator.kill().await;
        Ok(())
    })
}

fn drift() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        let operator = world.start(&alone());
        change(&world, spec(Some("7"))).await?;
        enforced(&world).await?;
        world.aws.edit(|account| {
            for role in account.roles.values_mut() {
                for policy in role.policies.values_mut() {
                    if let Some(statements) = policy["Statement"].as_array_mut() {
                        statements.retain(|statement| statement["Effect"] != "Deny");
                    }
                }
            }
        });
        ensure!(passes(&policy(&world)?, None), "the policy was not harmed");
        sleep(Duration::from_mins(12)).await;
        ensure!(!passes(&policy(&world)?, None), "the denial was not put back");
        enforced(&world).await?;
        operator.kill().await;
        Ok(())
    })
}

/// A role that somebody made, with a statement that denies calls without the guardrail, or without.
fn role(name: &str, denies: bool) -> Role {
    let actions = [
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:UpdateItem",
        "bedrock:InvokeModel",
        "bedrock:ApplyGuardrail",
    ];
    let mut statements = vec![json!({"Effect": "Allow", "Action": actions, "Resource": "*"})];
    if denies {
        let guardrail = Guardrail { id: "abc1".into(), version: "7".into() };
        let carried = json!({"bedrock:GuardrailIdentifier": [guardrail.condition_value(PLACE)]});
        statements.push(json!({
            "Effect": "Deny", "Action": ["bedrock:InvokeModel"], "Resource": "*", "Condition": {"StringNotEquals": carried},
        }));
    }
    Role {
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        trust: trust(),
        boundary: None,
        policies: [("given".to_owned(), json!({"Version": "2012-10-17", "Statement": statements}))].into(),
        tags: std::collections::BTreeMap::new(),
        created: Duration::ZERO,
    }
}

fn given_role() -> Outcome {
    simulate(None, |world| async move {
        world.aws.edit(|account| account.roles.insert("given".into(), role("given", false)));
        let arn = json!({"roleArn": "arn:aws:iam::111122223333:role/given"});
        let mut asked = spec(Some("7"));
        asked["functions"] = json!({"forwarder": arn, "authorizer": arn});
        let operator = world.start(&alone());
        world.apply(&manifests::with(manifests::gateway("ai-platform", "prod"), &json!({"spec": asked}))).await?;
        world.condition(&prod(), "Stalled", "True", Some("GuardrailNotEnforced")).await?;
        world.condition(&prod(), "GuardrailsEnforced", "False", Some("GuardrailNotEnforced")).await?;
        world.condition(&prod(), "Ready", "False", Some("GuardrailNotEnforced")).await?;
        let message = told(&world)["message"].to_string();
        ensure!(message.contains("bedrock:GuardrailIdentifier"), "does not say what to do: {message}");
        world.aws.edit(|account| account.roles.insert("given".into(), role("given", true)));
        world.ready(&prod()).await?;
        enforced(&world).await?;
        // Nobody probes any more, and the role is not the operator's to read.
        world.patch(&prod(), &json!({"spec": {"probe": {"mode": "Off"}}})).await?;
        world.condition(&prod(), "GuardrailsEnforced", "Unknown", Some("NotShown")).await?;
        operator.kill().await;
        Ok(())
    })
}
