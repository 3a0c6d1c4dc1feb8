//! Functions: versions, the alias and its permissions.

use aigw_plan::Class;
use aigw_plan::gateway::observed::{ObservedCanary, ObservedPermission};
use aigw_plan::gateway::step::{AliasTarget, FunctionSpec};
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use crate::ports::subject::{Case, Subject, refused, until};

pub fn cases() -> Vec<Case> {
    cases![
        only_code_of_the_expected_hash_is_published,
        publishing_what_did_not_change_gives_the_same_version,
        a_changed_configuration_is_a_new_version,
        an_alias_is_created_once_and_moved,
        an_alias_points_only_at_versions_that_exist,
        an_alias_gives_a_version_a_share_and_takes_it_back,
        an_alias_gives_no_share_to_a_version_of_another_role,
        a_version_behind_the_alias_is_not_deleted,
        a_permission_is_given_and_taken_once,
        a_permission_needs_the_alias,
        a_function_goes_with_versions_and_alias,
    ]
}

/// All calls to one version.
pub(super) fn alone(version: &str) -> AliasTarget {
    AliasTarget { version: version.to_owned(), canary: None, note: String::new() }
}

const SOURCE: &str = "arn:aws:execute-api:eu-central-1:111122223333:abcdef1234/*";

async fn only_code_of_the_expected_hash_is_published(subject: &Subject) -> Outcome {
    let spec = subject.function().await?;
    let other = subject.cloud.functions.publish(&spec.name, &subject.codes[1].sha256, "v").await;
    refused("publication", other, Class::Conflict, "InvalidParameterValueException")
}

async fn publishing_what_did_not_change_gives_the_same_version(subject: &Subject) -> Outcome {
    let (spec, first) = subject.published().await?;
    let again = subject.cloud.functions.publish(&spec.name, &spec.code_sha256, "first").await?;
    ensure_eq!(again, first, "version");
    let versions = subject.ready(&spec.name).await?.versions;
    ensure!(versions.len() == 1 && versions[0].description == "first", "{versions:?}");
    ensure_eq!(versions[0].code_sha256, spec.code_sha256, "hash");
    Ok(())
}

async fn a_changed_configuration_is_a_new_version(subject: &Subject) -> Outcome {
    let (spec, first) = subject.published().await?;
    let changed = FunctionSpec { memory_mib: 512, ..spec.clone() };
    subject.cloud.functions.update_configuration(&changed, None).await?;
    subject.ready(&spec.name).await?;
    let second = subject.cloud.functions.publish(&spec.name, &spec.code_sha256, "second").await?;
    let versions = subject.ready(&spec.name).await?.versions;
    let found: Vec<_> = versions.iter().map(|each| (each.version.clone(), each.description.as_str())).collect();
    ensure_eq!(found, [(first, "first"), (second, "second")], "versions");
    Ok(())
}

async fn an_alias_is_created_once_and_moved(subject: &Subject) -> Outcome {
    let functions = &subject.cloud.functions;
    let (spec, first) = subject.published().await?;
    functions.point_alias(&spec.name, &alone(&first), true).await?;
    let again = functions.point_alias(&spec.name, &alone(&first), true).await;
    refused("a second creation", again, Class::Conflict, "ResourceConflictException")?;
    ensure_eq!(subject.ready(&spec.name).await?.live_version, Some(first), "alias");

    functions.update_code(&spec, &subject.codes[1], None).await?;
    subject.ready(&spec.name).await?;
    let second = functions.publish(&spec.name, &subject.codes[1].sha256, "second").await?;
    functions.point_alias(&spec.name, &alone(&second), false).await?;
    ensure_eq!(subject.ready(&spec.name).await?.live_version, Some(second), "moved alias");
    Ok(())
}

async fn an_alias_points_only_at_versions_that_exist(subject: &Subject) -> Outcome {
    let functions = &subject.cloud.functions;
    let (spec, first) = subject.published().await?;
    let absent = functions.point_alias(&spec.name, &alone("7"), true).await;
    refused("creation", absent, Class::Conflict, "ResourceNotFoundException")?;
    let moved = functions.point_alias(&spec.name, &alone(&first), false).await;
    refused("a move of no alias", moved, Class::Conflict, "ResourceNotFoundException")?;
    functions.point_alias(&spec.name, &alone(&first), true).await?;
    let absent = functions.point_alias(&spec.name, &alone("7"), false).await;
    refused("a move", absent, Class::Conflict, "ResourceNotFoundException")
}

/// A function with two versions, the alias at the first.
async fn two_versions(subject: &Subject) -> Outcome<(FunctionSpec, String, String)> {
    let functions = &subject.cloud.functions;
    let (spec, first) = subject.published().await?;
    functions.point_alias(&spec.name, &alone(&first), true).await?;
    functions.update_code(&spec, &subject.codes[1], None).await?;
    subject.ready(&spec.name).await?;
    let second = functions.publish(&spec.name, &subject.codes[1].sha256, "second").await?;
    Ok((spec, first, second))
}

async fn an_alias_gives_a_version_a_share_and_takes_it_back(subject: &Subject) -> Outcome {
    let functions = &subject.cloud.functions;
    let (spec, first, second) = two_versions(subject).await?;
    let canary = Some(ObservedCanary { version: second.clone(), percent: 25 });
    let shared = AliasTarget { version: first.clone(), canary: canary.clone(), note: "{\"since\":1}".into() };
    functions.point_alias(&spec.name, &shared, false).await?;
    let found = subject.ready(&spec.name).await?;
    ensure_eq!((found.live_version, found.canary), (Some(first.clone()), canary), "alias");
    ensure_eq!(found.release_note, shared.note, "description");
    let in_use = functions.delete_version(&spec.name, &second).await;
    refused("deletion of a version with a share", in_use, Class::Conflict, "ResourceConflictException")?;
    functions.point_alias(&spec.name, &alone(&first), false).await?;
    let found = subject.ready(&spec.name).await?;
    ensure_eq!((found.canary, found.release_note.as_str()), (None, ""), "alias without a share");
    functions.delete_version(&spec.name, &second).await?;
    Ok(())
}

async fn an_alias_gives_no_share_to_a_version_of_another_role(subject: &Subject) -> Outcome {
    let functions = &subject.cloud.functions;
    let (spec, first) = subject.published().await?;
    let other = FunctionSpec { role_arn: subject.second_role().await?, ..spec.clone() };
    let change = async || match functions.update_configuration(&other, None).await {
        Err(error) if error.class == Class::Eventual => Ok(None),
        other => Ok(Some(other?)),
    };
    until("a role Lambda can assume", change).await?;
    subject.ready(&spec.name).await?;
    let second = functions.publish(&spec.name, &spec.code_sha256, "second").await?;
    let versions = subject.ready(&spec.name).await?.versions;
    ensure_eq!((&versions[0].role_arn, &versions[1].role_arn), (&spec.role_arn, &other.role_arn), "roles");
    let canary = Some(ObservedCanary { version: second, percent: 5 });
    let shared = AliasTarget { version: first, canary, note: String::new() };
    let created = functions.point_alias(&spec.name, &shared, true).await;
    refused("a share", created, Class::Invalid, "InvalidParameterValueException")
}

async fn a_version_behind_the_alias_is_not_deleted(subject: &Subject) -> Outcome {
    let functions = &subject.cloud.functions;
    let (spec, first, second) = two_versions(subject).await?;
    let in_use = functions.delete_version(&spec.name, &first).await;
    refused("deletion", in_use, Class::Conflict, "ResourceConflictException")?;
    for _ in 0..2 {
        functions.delete_version(&spec.name, &second).await?;
    }
    let left: Vec<_> = subject.ready(&spec.name).await?.versions.into_iter().map(|each| each.version).collect();
    ensure_eq!(left, [first], "versions");
    Ok(())
}

async fn a_permission_is_given_and_taken_once(subject: &Subject) -> Outcome {
    let functions = &subject.cloud.functions;
    let (spec, first) = subject.published().await?;
    functions.point_alias(&spec.name, &alone(&first), true).await?;
    for _ in 0..2 {
        functions.add_permission(&spec.name, "aigw-one", SOURCE).await?;
    }
    let expected = ObservedPermission { statement_id: "aigw-one".into(), source_arn: SOURCE.into() };
    ensure_eq!(subject.ready(&spec.name).await?.permissions, [expected], "permissions");
    for _ in 0..2 {
        functions.remove_permission(&spec.name, "aigw-one").await?;
    }
    ensure!(subject.ready(&spec.name).await?.permissions.is_empty(), "a permission is left");
    Ok(())
}

async fn a_permission_needs_the_alias(subject: &Subject) -> Outcome {
    let spec = subject.function().await?;
    let added = subject.cloud.functions.add_permission(&spec.name, "aigw-one", SOURCE).await;
    refused("a permission", added, Class::Conflict, "ResourceNotFoundException")
}

async fn a_function_goes_with_versions_and_alias(subject: &Subject) -> Outcome {
    let functions = &subject.cloud.functions;
    let (spec, first) = subject.published().await?;
    functions.point_alias(&spec.name, &alone(&first), true).await?;
    functions.delete(&spec.name).await?;
    ensure!(functions.get(&spec.name).await?.is_none(), "it is still there");
    let created = functions.create(&spec, &subject.codes[0]).await;
    ensure!(created.is_ok(), "its name is not free: {created:?}");
    let function = subject.ready(&spec.name).await?;
    ensure!(function.versions.is_empty() && function.live_version.is_none(), "{function:?}");
    Ok(())
}
