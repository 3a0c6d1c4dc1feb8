//! API keys, and the plans they are in.

use aigw_plan::Class;
use aigw_plan::identity::TAG_ID;
use aigw_plan::tenant::step::ObservedApiKey;
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use crate::ports::subject::{Case, Subject, refused};

pub fn cases() -> Vec<Case> {
    cases![
        a_key_is_listed_by_the_beginning_of_its_name,
        a_value_is_given_to_one_key_only,
        a_value_that_is_too_short_is_refused,
        a_key_is_disabled_and_enabled,
        a_key_is_attached_once,
        a_key_is_attached_only_to_what_exists,
        a_key_is_in_one_plan_of_a_stage,
        a_key_leaves_its_plans_when_it_goes,
        changes_of_an_absent_key_are_conflicts,
        more_keys_than_a_page_are_listed,
    ]
}

/// More than the 500 API Gateway gives in one page.
const MORE_THAN_A_PAGE: usize = 501;

async fn a_key_is_listed_by_the_beginning_of_its_name(subject: &Subject) -> Outcome {
    let keys = &subject.cloud.api_keys;
    let id = subject.key("k1").await?;
    let name = subject.name("k1");
    let tags = subject.tags().into_iter().filter(|(name, _)| name == TAG_ID).collect();
    let expected = ObservedApiKey { id, name, enabled: true, tags, usage_plans: Vec::new() };
    ensure_eq!(keys.list(&subject.name("k")).await?, [expected], "keys");
    ensure!(keys.list(&subject.name("other")).await?.is_empty(), "keys of another name");
    Ok(())
}

async fn a_value_is_given_to_one_key_only(subject: &Subject) -> Outcome {
    subject.key("k1").await?;
    let again = subject.cloud.api_keys.create(&subject.name("k2"), &subject.key_value("k1"), &subject.tags()).await;
    refused("a second key", again, Class::Conflict, "ConflictException")?;
    ensure_eq!(subject.cloud.api_keys.list(&subject.name("k")).await?.len(), 1, "keys");
    Ok(())
}

async fn a_value_that_is_too_short_is_refused(subject: &Subject) -> Outcome {
    let created = subject.cloud.api_keys.create(&subject.name("k1"), "short", &subject.tags()).await;
    refused("creation", created, Class::Invalid, "BadRequestException")
}

async fn a_key_is_disabled_and_enabled(subject: &Subject) -> Outcome {
    let keys = &subject.cloud.api_keys;
    let id = subject.key("k1").await?;
    for enabled in [false, true] {
        keys.set_enabled(&id, enabled).await?;
        ensure_eq!(keys.list(&subject.name("k1")).await?.first().map(|key| key.enabled), Some(enabled), "enabled");
    }
    Ok(())
}

async fn a_key_is_attached_once(subject: &Subject) -> Outcome {
    let (key, plan) = (subject.key("k1").await?, subject.plan("gold", &[]).await?);
    for _ in 0..2 {
        subject.cloud.api_keys.attach(&key, &plan).await?;
    }
    ensure_eq!(subject.cloud.usage_plans.key_ids(&plan).await?, [key], "keys of the plan");
    Ok(())
}

async fn a_key_is_attached_only_to_what_exists(subject: &Subject) -> Outcome {
    let (key, plan) = (subject.key("k1").await?, subject.plan("gold", &[]).await?);
    let keys = &subject.cloud.api_keys;
    refused("an absent plan", keys.attach(&key, "absent").await, Class::Conflict, "NotFoundException")?;
    refused("an absent key", keys.attach("absent", &plan).await, Class::Conflict, "NotFoundException")
}

async fn a_key_is_in_one_plan_of_a_stage(subject: &Subject) -> Outcome {
    let (api, _) = subject.staged().await?;
    let stages = [(api, "v1".to_owned())];
    let (key, gold) = (subject.key("k1").await?, subject.plan("gold", &stages).await?);
    let silver = subject.plan("silver", &stages).await?;
    subject.cloud.api_keys.attach(&key, &gold).await?;
    let both = subject.cloud.api_keys.attach(&key, &silver).await;
    refused("a second plan", both, Class::Conflict, "ConflictException")?;
    ensure!(subject.cloud.usage_plans.key_ids(&silver).await?.is_empty(), "it is in both");
    Ok(())
}

async fn a_key_leaves_its_plans_when_it_goes(subject: &Subject) -> Outcome {
    let (key, plan) = (subject.key("k1").await?, subject.plan("gold", &[]).await?);
    subject.cloud.api_keys.attach(&key, &plan).await?;
    for _ in 0..2 {
        subject.cloud.api_keys.delete(&key).await?;
    }
    ensure!(subject.cloud.usage_plans.key_ids(&plan).await?.is_empty(), "the plan still has it");
    ensure!(subject.cloud.api_keys.list(&subject.name("k1")).await?.is_empty(), "it is still there");
    Ok(())
}

async fn changes_of_an_absent_key_are_conflicts(subject: &Subject) -> Outcome {
    let changed = subject.cloud.api_keys.set_enabled("absent", true).await;
    refused("a change", changed, Class::Conflict, "NotFoundException")
}

async fn more_keys_than_a_page_are_listed(subject: &Subject) -> Outcome {
    let plan = subject.plan("gold", &[]).await?;
    for number in 0..MORE_THAN_A_PAGE {
        let key = subject.key(&format!("k{number}")).await?;
        subject.cloud.api_keys.attach(&key, &plan).await?;
    }
    ensure_eq!(subject.cloud.api_keys.list(&subject.name("k")).await?.len(), MORE_THAN_A_PAGE, "keys");
    ensure_eq!(subject.cloud.usage_plans.key_ids(&plan).await?.len(), MORE_THAN_A_PAGE, "keys of the plan");
    Ok(())
}
