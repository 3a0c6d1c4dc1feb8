//! The access log comes and goes by a change of the stage alone, is put right where somebody changes it, and waits for the
//! account's role, which the operator never sets.

use std::time::Duration;

use aigw_plan::gateway::logs::AccessLog;
use aigw_tests::cluster::find_condition;
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Scenario, Start, alone, rest};
use aigw_tests::simulation::{World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, manifests};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::objects::{change, converged, prod};

const REGION: &str = "eu-central-1";
/// Beyond the drift interval of the simulated operator.
const NOTICED: Duration = Duration::from_mins(12);

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "an_access_log_comes_and_goes_without_a_deployment", by_a_change),
        test(module_path!(), "without_the_accounts_role_all_but_the_access_log_works", no_role),
        test(module_path!(), "what_somebody_changes_of_the_access_log_is_put_right", drift),
        test(module_path!(), "an_access_log_of_somebody_else_is_left_alone", foreign),
        test(module_path!(), "the_access_log_goes_with_the_table", deletion),
    ]
}

/// For the crash matrix: the group, its retention and the stage's setting are three writes.
pub fn scenarios() -> Vec<Scenario> {
    vec![converged!("access_log_on", |world| {
        give_role(world);
        change(world, logs(true)).await?;
        logging(world).await
    })]
}

fn logs(access: bool) -> Value {
    json!({"logs": {"access": access, "retentionDays": 90}})
}

fn give_role(world: &World) {
    world.aws.edit(|account| account.region(REGION).log_role = Some("arn:aws:iam::111122223333:role/logs".into()));
}

async fn logging(world: &World) -> Outcome {
    world.condition(&prod(), "AccessLogsReady", "True", Some("Logging")).await
}

/// The access log of the gateway's stage.
fn written(world: &World) -> Option<AccessLog> {
    let account = world.aws.state();
    let mut stages = account.regions.get(REGION)?.rest_apis.values().flat_map(|api| api.stages.values());
    stages.next()?.access_log.clone()
}

/// Days that each access log's group keeps lines.
fn groups(world: &World) -> Vec<Option<i32>> {
    let account = world.aws.state();
    let groups = account.regions.get(REGION).into_iter().flat_map(|region| &region.log_groups);
    groups.filter(|(name, _)| name.starts_with("/aws/apigateway/")).map(|(_, group)| group.retention_days).collect()
}

fn told(world: &World) -> Value {
    world.get(&prod()).map(|found| find_condition(&found, "AccessLogsReady")).unwrap_or_default()
}

fn by_a_change() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        give_role(&world);
        let operator = world.start(&alone());
        rest(&world).await?;
        world.aws.forget_calls();
        change(&world, logs(true)).await?;
        logging(&world).await?;
        let log = written(&world).ok_or("no access log")?;
        let group: Value = world.get(&prod()).unwrap_or_default()["status"]["effective"]["accessLogGroup"].clone();
        ensure_eq!(
            log.destination_arn,
            format!("arn:aws:logs:{REGION}:111122223333:log-group:{}", group.as_str().unwrap_or_default()),
            "destination"
        );
        ensure_eq!(groups(&world), [Some(90)], "groups");
        change(&world, logs(false)).await?;
        ensure_eq!(written(&world), None, "access log once it is off");
        ensure_eq!(told(&world), Value::Null, "condition once it is off");
        // What was written is kept for as long as was said.
        ensure_eq!(groups(&world), [Some(90)], "groups once it is off");
        let writes =
            world.aws.calls().into_iter().filter(|call| call.write && call.operation.starts_with("apigateway:"));
        let operations: Vec<_> = writes.map(|call| call.operation).collect();
        ensure_eq!(operations, ["apigateway:UpdateStage"; 2], "what was changed in API Gateway");
        operator.kill().await;
        Ok(())
    })
}

fn no_role() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        let operator = world.start(&alone());
        change(&world, logs(true)).await?;
        world.condition(&prod(), "AccessLogsReady", "False", Some("LogRoleMissing")).await?;
        let message = told(&world)["message"].to_string();
        ensure!(message.contains("aws apigateway update-account"), "does not say what to do: {message}");
        ensure_eq!((written(&world), groups(&world)), (None, vec![]), "what was made without a role");
        give_role(&world);
        sleep(NOTICED).await;
        logging(&world).await?;
        ensure!(written(&world).is_some(), "no access log once there is a role");
        ensure!(
            !world.aws.calls().iter().any(|call| call.operation == "apigateway:UpdateAccount"),
            "the account was changed"
        );
        operator.kill().await;
        Ok(())
    })
}

fn drift() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        give_role(&world);
        let operator = world.start(&alone());
        change(&world, logs(true)).await?;
        let before = written(&world);
        let elsewhere = || AccessLog {
            destination_arn: "arn:aws:logs:eu-central-1:111122223333:log-group:other".into(),
            format: "$context.status".into(),
        };
        for harm in [None, Some(elsewhere())] {
            edit(&world, harm.as_ref());
            sleep(NOTICED).await;
            ensure_eq!(written(&world), before.clone(), "after {harm:?}");
        }
        world
            .aws
            .edit(|account| account.region(REGION).log_groups.retain(|name, _| !name.starts_with("/aws/apigateway/")));
        sleep(NOTICED).await;
        ensure_eq!(groups(&world), [Some(90)], "groups");
        operator.kill().await;
        Ok(())
    })
}

fn foreign() -> Outcome {
    simulate(Start::Converged.moment()?.as_ref(), |world| async move {
        let operator = world.start(&alone());
        rest(&world).await?;
        let theirs = AccessLog {
            destination_arn: "arn:aws:firehose:eu-central-1:111122223333:deliverystream/amazon-apigateway-x".into(),
            format: "$context.status".into(),
        };
        edit(&world, Some(&theirs));
        change(&world, logs(false)).await?;
        sleep(NOTICED).await;
        ensure_eq!(written(&world), Some(theirs), "access log");
        operator.kill().await;
        Ok(())
    })
}

fn edit(world: &World, access_log: Option<&AccessLog>) {
    world.aws.edit(|account| {
        for api in account.region(REGION).rest_apis.values_mut() {
            api.stages.values_mut().for_each(|stage| stage.access_log = access_log.cloned());
        }
    });
}

fn deletion() -> Outcome {
    for (policy, left) in [("Retain", 1), ("Delete", 0)] {
        simulate(None, |world| async move {
            give_role(&world);
            let operator = world.start(&alone());
            let mut spec = logs(true);
            spec["dataDeletionPolicy"] = json!(policy);
            world.apply(&manifests::with(manifests::gateway("ai-platform", "prod"), &json!({"spec": spec}))).await?;
            world.ready(&prod()).await?;
            logging(&world).await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            ensure_eq!(groups(&world).len(), left, "log groups of access logs that {policy} leaves");
            operator.kill().await;
            Ok(())
        })?;
    }
    Ok(())
}
