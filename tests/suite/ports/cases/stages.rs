//! Stages.

use aigw_plan::Class;
use aigw_plan::gateway::logs::AccessLog;
use aigw_plan::gateway::observed::ObservedStage;
use aigw_plan::gateway::step::StageThrottle;
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use crate::ports::subject::{ACCOUNT, Case, REGION, Subject, more_tags, refused};

pub fn cases() -> Vec<Case> {
    cases![
        a_stage_is_created_once_and_read_back,
        a_stage_needs_a_deployment,
        a_stage_moves_to_a_deployment_that_exists,
        a_stages_throttle_is_set_and_taken_away,
        a_stages_access_log_is_set_and_taken_away,
        a_deployment_a_stage_serves_is_not_deleted,
        a_stage_takes_more_tags,
        a_stage_leaves_its_usage_plans_when_it_goes,
        an_api_leaves_its_usage_plans_when_it_goes,
    ]
}

async fn a_stage_is_created_once_and_read_back(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let (api, deployment_id) = subject.staged().await?;
    let again = apis.create_stage(&api, "v1", &deployment_id, &subject.tags()).await;
    refused("a second creation", again, Class::Conflict, "ConflictException")?;
    let expected =
        ObservedStage { deployment_id, rate_limit: None, burst_limit: None, access_log: None, tags: subject.tags() };
    ensure_eq!(apis.stage(&api, "v1").await?, Some(expected), "stage");
    apis.delete_stage(&api, "v1").await?;
    ensure_eq!(apis.stage(&api, "v1").await?, None, "deleted stage");
    Ok(())
}

async fn a_stage_needs_a_deployment(subject: &Subject) -> Outcome {
    let (api, _) = subject.deployed().await?;
    let created = subject.cloud.rest_apis.create_stage(&api, "v1", "absent", &subject.tags()).await;
    refused("creation", created, Class::Conflict, "NotFoundException")
}

async fn a_stage_moves_to_a_deployment_that_exists(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let (api, _) = subject.staged().await?;
    let moved = apis.update_stage(&api, "v1", Some("absent"), None).await;
    refused("a move", moved, Class::Invalid, "BadRequestException")?;
    let second = apis.create_deployment(&api, "second").await?;
    apis.update_stage(&api, "v1", Some(&second), None).await?;
    ensure_eq!(apis.stage(&api, "v1").await?.map(|stage| stage.deployment_id), Some(second), "deployment");
    Ok(())
}

async fn a_stages_throttle_is_set_and_taken_away(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let (api, _) = subject.staged().await?;
    let limits =
        async || -> Outcome<_> { Ok(apis.stage(&api, "v1").await?.map(|stage| (stage.rate_limit, stage.burst_limit))) };
    apis.update_stage(&api, "v1", None, Some(&StageThrottle(Some((50, 100))))).await?;
    ensure_eq!(limits().await?, Some((Some(50.0), Some(100))), "limits");
    apis.update_stage(&api, "v1", None, Some(&StageThrottle(None))).await?;
    ensure_eq!(limits().await?, Some((None, None)), "limits");
    let again = apis.update_stage(&api, "v1", None, Some(&StageThrottle(None))).await;
    refused("removal of what is not set", again, Class::Conflict, "BadRequestException")
}

async fn a_stages_access_log_is_set_and_taken_away(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let (api, deployment) = subject.staged().await?;
    ensure!(apis.account_log_role().await?.is_some(), "the account has no role to write logs with");
    let destination_arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{}", subject.log_group().await?);
    let one = AccessLog { destination_arn, format: r#"{"status":"$context.status"}"#.into() };
    let other = AccessLog { format: r#"{"id":"$context.requestId"}"#.into(), ..one.clone() };
    for wanted in [Some(&one), Some(&other), None] {
        apis.set_access_log(&api, "v1", wanted).await?;
        let stage = apis.stage(&api, "v1").await?.ok_or("no stage")?;
        ensure_eq!(stage.access_log.as_ref(), wanted, "access log");
        ensure_eq!(stage.deployment_id, deployment, "deployment");
    }
    let absent = apis.set_access_log(&api, "absent", Some(&one)).await;
    refused("access log of an absent stage", absent, Class::Conflict, "NotFoundException")
}

async fn a_deployment_a_stage_serves_is_not_deleted(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let (api, deployment) = subject.staged().await?;
    let deleted = apis.delete_deployment(&api, &deployment).await;
    refused("deletion", deleted, Class::Conflict, "BadRequestException")?;
    apis.delete_stage(&api, "v1").await?;
    for _ in 0..2 {
        apis.delete_deployment(&api, &deployment).await?;
    }
    ensure_eq!(apis.deployments(&api).await?.len(), 0, "deployments");
    Ok(())
}

async fn a_stage_takes_more_tags(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let (api, _) = subject.staged().await?;
    apis.tag(&api, Some("v1"), &more_tags()).await?;
    let mut expected = subject.tags();
    expected.extend(more_tags());
    ensure_eq!(apis.stage(&api, "v1").await?.map(|stage| stage.tags), Some(expected), "tags");
    Ok(())
}

async fn a_stage_leaves_its_usage_plans_when_it_goes(subject: &Subject) -> Outcome {
    let (api, _) = subject.staged().await?;
    subject.plan("gold", &[(api.clone(), "v1".to_owned())]).await?;
    subject.cloud.rest_apis.delete_stage(&api, "v1").await?;
    let plans = subject.cloud.usage_plans.list(&subject.id()).await?.ours;
    ensure_eq!(plans.into_iter().map(|plan| plan.api_stages).collect::<Vec<_>>(), [Vec::new()], "stages of plans");
    Ok(())
}

async fn an_api_leaves_its_usage_plans_when_it_goes(subject: &Subject) -> Outcome {
    let (api, _) = subject.staged().await?;
    subject.plan("gold", &[(api.clone(), "v1".to_owned())]).await?;
    subject.cloud.rest_apis.delete(&api).await?;
    let plans = subject.cloud.usage_plans.list(&subject.id()).await?.ours;
    ensure_eq!(plans.into_iter().map(|plan| plan.api_stages).collect::<Vec<_>>(), [Vec::new()], "stages of plans");
    Ok(())
}
