//! IAM roles.

use aigw_plan::Class;
use aigw_plan::gateway::roles::trust;
use aigw_tests::{Outcome, ensure, ensure_eq};
use serde_json::{Value, json};

use super::cases;
use crate::ports::subject::{ACCOUNT, Case, Subject, more_tags, refused};

pub fn cases() -> Vec<Case> {
    cases![
        an_absent_role_is_none_and_its_deletion_success,
        a_role_is_read_back_as_it_was_written,
        a_role_cannot_be_created_twice,
        a_roles_policies_are_replaced,
        a_role_takes_more_tags,
        changes_of_an_absent_role_are_conflicts,
        a_policy_that_is_none_is_refused,
        a_role_goes_with_its_policy,
    ]
}

fn policy(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [action], "Resource": ["*"]}]})
}

async fn an_absent_role_is_none_and_its_deletion_success(subject: &Subject) -> Outcome {
    let (roles, name) = (&subject.cloud.roles, subject.name("role"));
    ensure_eq!(roles.get(&name).await?, None, "absent role");
    roles.delete(&name).await?;
    Ok(())
}

async fn a_role_is_read_back_as_it_was_written(subject: &Subject) -> Outcome {
    let (name, arn) = (subject.name("role"), subject.role().await?);
    ensure_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:role/aigw/{name}"), "ARN");
    let role = subject.cloud.roles.get(&name).await?.ok_or("not there")?;
    ensure_eq!((role.trust, role.policy, role.tags), (trust(), None, subject.tags()), "role");
    Ok(())
}

async fn a_role_cannot_be_created_twice(subject: &Subject) -> Outcome {
    subject.role().await?;
    let again = subject.cloud.roles.create(&subject.name("role"), "/aigw/", &trust(), None, &subject.tags()).await;
    refused("a second creation", again, Class::Conflict, "EntityAlreadyExists")
}

async fn a_roles_policies_are_replaced(subject: &Subject) -> Outcome {
    let (roles, name) = (&subject.cloud.roles, subject.name("role"));
    subject.role().await?;
    for action in ["dynamodb:GetItem", "dynamodb:PutItem"] {
        roles.put_policy(&name, &policy(action)).await?;
    }
    let mut other = trust();
    other["Statement"][0]["Sid"] = json!("Other");
    roles.update_trust(&name, &other).await?;
    let role = roles.get(&name).await?.ok_or("not there")?;
    ensure_eq!((role.trust, role.policy), (other, Some(policy("dynamodb:PutItem"))), "policies");
    Ok(())
}

async fn a_role_takes_more_tags(subject: &Subject) -> Outcome {
    let (roles, name) = (&subject.cloud.roles, subject.name("role"));
    subject.role().await?;
    roles.tag(&name, &more_tags()).await?;
    let mut expected = subject.tags();
    expected.extend(more_tags());
    ensure_eq!(roles.get(&name).await?.map(|role| role.tags), Some(expected), "tags");
    Ok(())
}

async fn changes_of_an_absent_role_are_conflicts(subject: &Subject) -> Outcome {
    let (roles, name) = (&subject.cloud.roles, subject.name("role"));
    let changes = [
        ("trust", roles.update_trust(&name, &trust()).await),
        ("policy", roles.put_policy(&name, &policy("dynamodb:GetItem")).await),
        ("tags", roles.tag(&name, &subject.tags()).await),
    ];
    for (what, result) in changes {
        refused(what, result, Class::Conflict, "NoSuchEntity")?;
    }
    Ok(())
}

async fn a_policy_that_is_none_is_refused(subject: &Subject) -> Outcome {
    let (roles, name) = (&subject.cloud.roles, subject.name("role"));
    subject.role().await?;
    let put = roles.put_policy(&name, &json!({"Rule": "none"})).await;
    refused("a policy", put, Class::Invalid, "MalformedPolicyDocument")
}

async fn a_role_goes_with_its_policy(subject: &Subject) -> Outcome {
    let (roles, name) = (&subject.cloud.roles, subject.name("role"));
    subject.role().await?;
    roles.put_policy(&name, &policy("dynamodb:GetItem")).await?;
    roles.delete(&name).await?;
    ensure!(roles.get(&name).await?.is_none(), "it is still there");
    Ok(())
}
