//! Log groups.

use aigw_plan::Class;
use aigw_plan::gateway::observed::ObservedLogGroup;
use aigw_tests::{Outcome, ensure_eq};

use super::cases;
use crate::ports::subject::{Case, Subject, refused};

pub fn cases() -> Vec<Case> {
    cases![
        an_absent_log_group_is_none_and_its_deletion_success,
        a_log_group_is_created_once_and_kept_for_ever,
        a_log_group_is_not_mistaken_for_one_whose_name_it_begins,
        a_log_group_takes_a_retention_aws_knows,
        retention_of_an_absent_log_group_is_a_conflict,
    ]
}

async fn an_absent_log_group_is_none_and_its_deletion_success(subject: &Subject) -> Outcome {
    let (groups, name) = (&subject.cloud.log_groups, subject.name("group"));
    ensure_eq!(groups.get(&name).await?, None, "absent group");
    groups.delete(&name).await?;
    Ok(())
}

async fn a_log_group_is_created_once_and_kept_for_ever(subject: &Subject) -> Outcome {
    let groups = &subject.cloud.log_groups;
    let name = subject.log_group().await?;
    groups.create(&name, &subject.tags()).await?;
    ensure_eq!(groups.get(&name).await?, Some(ObservedLogGroup { retention_days: None }), "group");
    groups.delete(&name).await?;
    ensure_eq!(groups.get(&name).await?, None, "deleted group");
    Ok(())
}

async fn a_log_group_is_not_mistaken_for_one_whose_name_it_begins(subject: &Subject) -> Outcome {
    let name = subject.log_group().await?;
    let prefix = &name[..name.len() - 1];
    ensure_eq!(subject.cloud.log_groups.get(prefix).await?, None, "group of a shorter name");
    Ok(())
}

async fn a_log_group_takes_a_retention_aws_knows(subject: &Subject) -> Outcome {
    let groups = &subject.cloud.log_groups;
    let name = subject.log_group().await?;
    groups.set_retention(&name, 30).await?;
    ensure_eq!(groups.get(&name).await?, Some(ObservedLogGroup { retention_days: Some(30) }), "group");
    let odd = groups.set_retention(&name, 31).await;
    refused("31 days", odd, Class::Invalid, "InvalidParameterException")
}

async fn retention_of_an_absent_log_group_is_a_conflict(subject: &Subject) -> Outcome {
    let set = subject.cloud.log_groups.set_retention(&subject.name("group"), 30).await;
    refused("retention", set, Class::Conflict, "ResourceNotFoundException")
}
