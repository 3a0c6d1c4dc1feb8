//! Usage plans.

use aigw_plan::Class;
use aigw_plan::gateway::observed::ObservedUsagePlan;
use aigw_plan::gateway::step::UsagePlanSpec;
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use crate::ports::subject::{Case, Subject, more_tags, refused};

pub fn cases() -> Vec<Case> {
    cases![
        absent_usage_plans_are_none_and_their_deletion_success,
        a_usage_plan_is_read_back_as_it_was_written,
        names_of_usage_plans_may_repeat,
        a_usage_plan_needs_stages_that_exist,
        a_usage_plan_changes_limits_and_stages_in_one_call,
        a_usage_plan_with_stages_is_detached_before_it_goes,
        a_usage_plan_with_stages_does_not_go,
        a_usage_plan_takes_more_tags,
        changes_of_an_absent_usage_plan_are_conflicts,
    ]
}

/// The plans of the case.
async fn plans(subject: &Subject) -> Outcome<Vec<ObservedUsagePlan>> {
    Ok(subject.cloud.usage_plans.list(&subject.id()).await?.ours)
}

fn stage(api: &str, name: &str) -> (String, String) {
    (api.to_owned(), name.to_owned())
}

async fn absent_usage_plans_are_none_and_their_deletion_success(subject: &Subject) -> Outcome {
    ensure!(plans(subject).await?.is_empty(), "found by a tag nobody has");
    ensure!(subject.cloud.usage_plans.key_ids("absent").await?.is_empty(), "keys of an absent plan");
    subject.cloud.usage_plans.delete("absent", &[]).await?;
    Ok(())
}

async fn a_usage_plan_is_read_back_as_it_was_written(subject: &Subject) -> Outcome {
    let (api, _) = subject.staged().await?;
    let before = subject.cloud.usage_plans.list(&subject.id()).await?.in_account;
    let stages = vec![stage(&api, "v1")];
    let id = subject.plan("gold", &stages).await?;
    let UsagePlanSpec { tier, name, rate_limit, burst_limit, api_stages, tags } = subject.plan_spec("gold", &stages);
    let (rate_limit, burst_limit) = (Some(f64::from(rate_limit)), Some(burst_limit));
    let expected = ObservedUsagePlan { id, name, tier, rate_limit, burst_limit, api_stages, tags };
    let list = subject.cloud.usage_plans.list(&subject.id()).await?;
    ensure_eq!(list.ours, [expected], "plans");
    ensure_eq!(list.in_account, before + 1, "plans in the account");
    Ok(())
}

async fn names_of_usage_plans_may_repeat(subject: &Subject) -> Outcome {
    for _ in 0..2 {
        subject.plan("gold", &[]).await?;
    }
    ensure_eq!(plans(subject).await?.len(), 2, "plans");
    Ok(())
}

async fn a_usage_plan_needs_stages_that_exist(subject: &Subject) -> Outcome {
    let (api, _) = subject.deployed().await?;
    let absent = [stage(&api, "v1")];
    let created = subject.cloud.usage_plans.create(&subject.plan_spec("gold", &absent)).await;
    if let Ok(id) = &created {
        subject.cloud.usage_plans.delete(id, &absent).await?;
    }
    refused("creation", created, Class::Conflict, "NotFoundException")?;
    let id = subject.plan("gold", &[]).await?;
    let updated = subject.cloud.usage_plans.update(&id, 1, 2, &absent, &[]).await;
    refused("a change", updated, Class::Conflict, "NotFoundException")?;
    ensure_eq!(plans(subject).await?[0].rate_limit, Some(5.0), "all or nothing: rate limit");
    Ok(())
}

async fn a_usage_plan_changes_limits_and_stages_in_one_call(subject: &Subject) -> Outcome {
    let (api, deployment) = subject.staged().await?;
    subject.cloud.rest_apis.create_stage(&api, "v2", &deployment, &subject.tags()).await?;
    let id = subject.plan("gold", &[stage(&api, "v1")]).await?;
    subject.cloud.usage_plans.update(&id, 7, 14, &[stage(&api, "v2")], &[stage(&api, "v1")]).await?;
    let plan = plans(subject).await?.pop().ok_or("no plan")?;
    ensure_eq!((plan.rate_limit, plan.burst_limit), (Some(7.0), Some(14)), "limits");
    ensure_eq!(plan.api_stages, [stage(&api, "v2")], "stages");
    Ok(())
}

async fn a_usage_plan_with_stages_is_detached_before_it_goes(subject: &Subject) -> Outcome {
    let (api, _) = subject.staged().await?;
    let id = subject.plan("gold", &[stage(&api, "v1")]).await?;
    subject.cloud.usage_plans.delete(&id, &[stage(&api, "v1")]).await?;
    ensure!(plans(subject).await?.is_empty(), "it is still there");
    Ok(())
}

async fn a_usage_plan_with_stages_does_not_go(subject: &Subject) -> Outcome {
    let (api, _) = subject.staged().await?;
    let id = subject.plan("gold", &[stage(&api, "v1")]).await?;
    let deleted = subject.cloud.usage_plans.delete(&id, &[]).await;
    refused("deletion", deleted, Class::Invalid, "BadRequestException")
}

async fn a_usage_plan_takes_more_tags(subject: &Subject) -> Outcome {
    let id = subject.plan("gold", &[]).await?;
    subject.cloud.usage_plans.tag(&id, &more_tags()).await?;
    let mut expected = subject.plan_spec("gold", &[]).tags;
    expected.extend(more_tags());
    ensure_eq!(plans(subject).await?.into_iter().map(|plan| plan.tags).collect::<Vec<_>>(), [expected], "tags");
    Ok(())
}

async fn changes_of_an_absent_usage_plan_are_conflicts(subject: &Subject) -> Outcome {
    let usage_plans = &subject.cloud.usage_plans;
    let updated = usage_plans.update("absent", 1, 2, &[], &[]).await;
    refused("a change", updated, Class::Conflict, "NotFoundException")?;
    let tagged = usage_plans.tag("absent", &subject.tags()).await;
    refused("tags", tagged, Class::Conflict, "NotFoundException")
}
