//! AWS says no: to one operation, to all of them, for want of room, or because it is the wrong account. The operator tells
//! which, keeps still, and goes on by itself once it may.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aigw_fakes::intercept::{Call, Failure, Side, Verdict};
use aigw_tests::cluster::{gateway, tenant};
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Scenario, Start, from_nothing, objects, rest};
use aigw_tests::simulation::state::{difference, state};
use aigw_tests::simulation::{Options, World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, figures};
use libtest_mimic::Trial;
use tokio::time::sleep;

/// How long AWS says no.
const REFUSED_FOR: Duration = Duration::from_mins(40);
/// Most calls of AWS in that time: a first attempt, then passes at growing distances of up to five minutes, and a look each
/// half minute of two tenants that wait for their gateway's usage plan.
const CALLS_WHILE_REFUSED: usize = 1200;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "each_operation_of_a_creation_denied_for_a_while", creation_denied),
        test(module_path!(), "each_operation_of_a_deletion_denied_for_a_while", deletion_denied),
        test(module_path!(), "expired_credentials_change_nothing_and_are_told", expired),
        test(module_path!(), "no_room_for_usage_plans", || no_room("usage plans", |limits| limits.usage_plans = 1)),
        test(module_path!(), "a_gateway_without_room_is_not_begun", not_begun),
        test(module_path!(), "quotas_that_may_not_be_read_are_those_aws_publishes", unread_quotas),
        test(module_path!(), "no_room_for_keys", || no_room("keys", |limits| limits.api_keys = 1)),
        test(module_path!(), "another_account_is_left_alone", another_account),
    ]
}

/// Answers that fail while the switch is on.
fn refusing(on: &Arc<AtomicBool>, operation: Option<String>, failure: Failure) -> impl Fn(&Call) -> Verdict + use<> {
    let on = on.clone();
    move |call: &Call| {
        let meant = operation.as_ref().is_none_or(|operation| *operation == call.operation);
        if call.side == Side::Aws && meant && on.load(Ordering::Relaxed) {
            Verdict::Fail(failure.clone())
        } else {
            Verdict::Serve
        }
    }
}

/// Operations a scenario calls.
fn operations(scenario: &Scenario) -> Outcome<(String, BTreeSet<String>)> {
    let end = scenario.run()?;
    let operations = end.world.aws.calls().iter().map(|call| call.operation.to_owned()).collect();
    Ok((end.state, operations))
}

fn creation_denied() -> Outcome {
    let create = Scenario { name: "create", start: Start::Empty, acts: |world| Box::pin(from_nothing(world)) };
    let (expected, operations) = operations(&create)?;
    ensure!(operations.len() > 30, "too few operations to mean anything: {operations:?}");
    for operation in &operations {
        denied(None, operation, &expected, |world| Box::pin(async move { world.apply_all(&objects()).await }))?;
    }
    figures::add("denied operations", "of a creation", operations.len());
    Ok(())
}

fn deletion_denied() -> Outcome {
    let delete = Scenario {
        name: "everything_deleted",
        start: Start::Converged,
        acts: |world| {
            Box::pin(async move {
                delete_everything(world).await?;
                world.gone(&gateway("ai-platform", "prod")).await
            })
        },
    };
    let (expected, operations) = operations(&delete)?;
    for operation in &operations {
        denied(Some(Start::Converged), operation, &expected, |world| Box::pin(delete_everything(world)))?;
    }
    figures::add("denied operations", "of a deletion", operations.len());
    Ok(())
}

async fn delete_everything(world: &World) -> Outcome {
    world.delete(&tenant("team-search", "search")).await?;
    world.delete(&tenant("team-ads", "nightly")).await?;
    world.delete(&gateway("ai-platform", "prod")).await
}

/// Nothing hangs on it, so it is told where room is.
const QUOTAS: &str = "servicequotas:ListServiceQuotas";

fn denied(
    start: Option<Start>,
    operation: &str,
    expected: &str,
    acts: aigw_tests::simulation::scenario::Acts,
) -> Outcome {
    let moment = start.map_or(Ok(None), Start::moment)?;
    simulate(moment.as_ref(), |world| async move {
        let on = Arc::new(AtomicBool::new(true));
        world.aws.set_intercept(Arc::new(refusing(&on, Some(operation.to_owned()), Failure::Denied)));
        let operator = world.start(&Options::default());
        acts(&world).await?;
        sleep(REFUSED_FOR).await;
        let told = world.kube.objects("aigateways").iter().chain(&world.kube.objects("tenants")).any(|object| {
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|condition| {
                let message = condition["message"].as_str().unwrap_or_default();
                let of_quotas = operation == QUOTAS && message.contains("Service Quotas was not read: AccessDenied");
                of_quotas || condition["reason"] == "AccessDenied" && message.contains(operation)
            })
        });
        let calls = world.aws.calls().len();
        let refused = world.aws.calls().iter().any(|call| call.operation == operation);
        let done = world.kube.objects("aigateways").is_empty();
        ensure!(told || done || !refused, "nothing tells that {operation} is denied:\n{}", world.log.tail(20));
        ensure!(calls <= CALLS_WHILE_REFUSED, "{calls} calls while {operation} was denied");
        on.store(false, Ordering::Relaxed);
        sleep(Duration::from_mins(15)).await;
        rest(&world).await?;
        operator.kill().await;
        let end = state(&world);
        ensure!(end == expected, "after {operation} was denied:\n{}", difference(expected, &end));
        Ok(())
    })
}

fn expired() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let before = state(&world);
        let operator = world.start(&Options::default());
        sleep(Duration::from_mins(1)).await;
        let on = Arc::new(AtomicBool::new(true));
        world.aws.set_intercept(Arc::new(refusing(&on, None, Failure::Expired)));
        world.aws.forget_calls();
        world.condition(&gateway("ai-platform", "prod"), "Ready", "False", Some("AccessDenied")).await?;
        sleep(REFUSED_FOR).await;
        let calls = world.aws.calls().len();
        ensure!(calls <= CALLS_WHILE_REFUSED, "{calls} calls with expired credentials");
        on.store(false, Ordering::Relaxed);
        world.ready(&gateway("ai-platform", "prod")).await?;
        world.ready(&tenant("team-search", "search")).await?;
        world.ready(&tenant("team-ads", "nightly")).await?;
        operator.kill().await;
        ensure!(state(&world) == before, "{}", difference(&before, &state(&world)));
        Ok(())
    })
}

fn no_room(what: &str, limit: fn(&mut aigw_fakes::aws::AccountLimits)) -> Outcome {
    simulate(None, |world| async move {
        let ample = world.aws.behaviour(|behaviour| behaviour.limits);
        world.aws.behaviour(|behaviour| limit(&mut behaviour.limits));
        let operator = world.start(&Options::default());
        world.apply_all(&objects()).await?;
        world
            .until("the quota is told", |world| {
                let objects = [world.kube.objects("aigateways"), world.kube.objects("tenants")].concat();
                let text = serde_json::to_string(&objects)?;
                ensure!(text.contains("QuotaExceeded"), "{text}");
                Ok(())
            })
            .await?;
        sleep(REFUSED_FOR).await;
        let calls = world.aws.calls().len();
        ensure!(calls <= CALLS_WHILE_REFUSED, "{calls} calls without room for {what}");
        world.aws.behaviour(|behaviour| behaviour.limits = ample);
        world.ready(&gateway("ai-platform", "prod")).await?;
        world.ready(&tenant("team-search", "search")).await?;
        world.ready(&tenant("team-ads", "nightly")).await?;
        operator.kill().await;
        Ok(())
    })
}

/// Two tiers where one usage plan fits: nothing is made, and all is as soon as there is room.
fn not_begun() -> Outcome {
    simulate(None, |world| async move {
        let ample = world.aws.behaviour(|behaviour| behaviour.limits);
        world.aws.behaviour(|behaviour| behaviour.limits.usage_plans = 1);
        let operator = world.start(&Options::default());
        world.apply_all(&objects()).await?;
        let prod = gateway("ai-platform", "prod");
        world.condition(&prod, "Ready", "False", Some("QuotaExceeded")).await?;
        sleep(REFUSED_FOR).await;
        ensure!(world.aws.inventory().is_empty(), "begun:\n{}", world.aws.inventory());
        let writes: Vec<_> = world.aws.calls().into_iter().filter(|call| call.write).collect();
        ensure!(writes.is_empty(), "{writes:?}");
        world.aws.behaviour(|behaviour| behaviour.limits = ample);
        world.ready(&prod).await?;
        operator.kill().await;
        Ok(())
    })
}

/// Without the right, a condition says so, and AWS's own refusal is told.
fn unread_quotas() -> Outcome {
    simulate(None, |world| async move {
        let ample = world.aws.behaviour(|behaviour| behaviour.limits);
        world.aws.behaviour(|behaviour| behaviour.limits.usage_plans = 1);
        let on = Arc::new(AtomicBool::new(true));
        let operation = Some("servicequotas:ListServiceQuotas".to_owned());
        world.aws.set_intercept(Arc::new(refusing(&on, operation, Failure::Denied)));
        let operator = world.start(&Options::default());
        world.apply_all(&objects()).await?;
        let prod = gateway("ai-platform", "prod");
        world.condition(&prod, "Ready", "False", Some("QuotaExceeded")).await?;
        ensure!(
            world.aws.calls().iter().any(|call| call.operation == "apigateway:CreateUsagePlan"),
            "AWS was not asked"
        );
        world.aws.behaviour(|behaviour| behaviour.limits = ample);
        world.ready(&prod).await?;
        world.condition(&prod, "CapacityOK", "True", Some("BelowQuota")).await?;
        let text = serde_json::to_string(&world.kube.objects("aigateways"))?;
        ensure!(text.contains("because Service Quotas was not read: "), "{text}");
        operator.kill().await;
        Ok(())
    })
}

fn another_account() -> Outcome {
    simulate(None, |world| async move {
        let options = Options { account: "999988887777".into(), ..Options::default() };
        let writes = Arc::new(AtomicUsize::new(0));
        let seen = writes.clone();
        world.aws.set_intercept(Arc::new(move |call: &Call| {
            seen.fetch_add(usize::from(call.write), Ordering::Relaxed);
            Verdict::Serve
        }));
        let operator = world.start(&options);
        world.apply_all(&objects()).await?;
        world.condition(&gateway("ai-platform", "prod"), "Ready", "False", Some("WrongAccount")).await?;
        sleep(Duration::from_hours(2)).await;
        ensure_eq!(writes.load(Ordering::Relaxed), 0, "writes to another account");
        ensure!(world.aws.inventory().is_empty(), "{}", world.aws.inventory());
        // And it can be deleted, since nothing was ever made.
        delete_everything(&world).await?;
        world.gone(&gateway("ai-platform", "prod")).await?;
        world.gone(&tenant("team-search", "search")).await?;
        operator.kill().await;
        Ok(())
    })
}
