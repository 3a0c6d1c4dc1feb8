//! Functions: creation and change of `$LATEST`.

use aigw_plan::Class;
use aigw_plan::gateway::step::FunctionSpec;
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use super::versions::alone;
use crate::ports::subject::{ACCOUNT, Case, REGION, Subject, more_tags, refused};

pub fn cases() -> Vec<Case> {
    cases![
        an_absent_function_is_none_and_its_deletion_success,
        a_function_is_read_back_as_it_was_written,
        a_function_cannot_be_created_twice,
        a_role_that_does_not_exist_cannot_be_assumed_yet,
        a_function_changes_only_at_the_revision_that_was_read,
        a_functions_code_changes_with_its_hash,
        a_function_takes_more_tags,
        changes_of_an_absent_function_are_conflicts,
    ]
}

async fn an_absent_function_is_none_and_its_deletion_success(subject: &Subject) -> Outcome {
    let (functions, name) = (&subject.cloud.functions, subject.name("function"));
    ensure!(functions.get(&name).await?.is_none(), "an absent function");
    functions.delete(&name).await?;
    functions.delete_version(&name, "1").await?;
    functions.remove_permission(&name, "statement").await?;
    Ok(())
}

async fn a_function_is_read_back_as_it_was_written(subject: &Subject) -> Outcome {
    let spec = subject.function().await?;
    let function = subject.ready(&spec.name).await?;
    ensure_eq!(function.arn, format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", spec.name), "ARN");
    ensure_eq!(
        (&function.role_arn, &function.architecture, function.memory_mib, function.timeout_seconds),
        (&spec.role_arn, &spec.architecture, spec.memory_mib, spec.timeout_seconds),
        "configuration"
    );
    ensure_eq!(
        (&function.environment, &function.code_sha256, &function.tags),
        (&spec.environment, &spec.code_sha256, &spec.tags),
        "environment, code and tags"
    );
    ensure!(function.versions.is_empty() && function.live_version.is_none(), "{function:?}");
    ensure!(function.permissions.is_empty() && function.revision_id.is_some(), "{function:?}");
    Ok(())
}

async fn a_function_cannot_be_created_twice(subject: &Subject) -> Outcome {
    let spec = subject.function().await?;
    let again = subject.cloud.functions.create(&spec, &subject.codes[0]).await;
    refused("a second creation", again, Class::Conflict, "ResourceConflictException")
}

async fn a_role_that_does_not_exist_cannot_be_assumed_yet(subject: &Subject) -> Outcome {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/aigw/{}", subject.name("role"));
    let spec = subject.function_spec(&arn);
    let created = subject.cloud.functions.create(&spec, &subject.codes[0]).await;
    // On the emulator it may have been made.
    subject.cloud.functions.delete(&spec.name).await?;
    refused("creation", created, Class::Eventual, "InvalidParameterValueException")
}

async fn a_function_changes_only_at_the_revision_that_was_read(subject: &Subject) -> Outcome {
    let functions = &subject.cloud.functions;
    let spec = subject.function().await?;
    let old = subject.ready(&spec.name).await?.revision_id;
    let changed = FunctionSpec { memory_mib: 512, ..spec.clone() };
    functions.update_configuration(&changed, old.as_deref()).await?;
    let function = subject.ready(&spec.name).await?;
    ensure!(function.memory_mib == 512 && function.revision_id != old, "{function:?}");
    let stale = functions.update_configuration(&spec, old.as_deref()).await;
    refused("configuration", stale, Class::Conflict, "PreconditionFailedException")?;
    let stale = functions.update_code(&spec, &subject.codes[1], old.as_deref()).await;
    refused("code", stale, Class::Conflict, "PreconditionFailedException")
}

async fn a_functions_code_changes_with_its_hash(subject: &Subject) -> Outcome {
    let spec = subject.function().await?;
    let revision = subject.ready(&spec.name).await?.revision_id;
    subject.cloud.functions.update_code(&spec, &subject.codes[1], revision.as_deref()).await?;
    let function = subject.ready(&spec.name).await?;
    ensure_eq!(function.code_sha256, subject.codes[1].sha256, "hash");
    Ok(())
}

async fn a_function_takes_more_tags(subject: &Subject) -> Outcome {
    let spec = subject.function().await?;
    let arn = subject.ready(&spec.name).await?.arn;
    subject.cloud.functions.tag(&arn, &more_tags()).await?;
    let mut expected = subject.tags();
    expected.extend(more_tags());
    ensure_eq!(subject.ready(&spec.name).await?.tags, expected, "tags");
    Ok(())
}

async fn changes_of_an_absent_function_are_conflicts(subject: &Subject) -> Outcome {
    let (functions, role) = (&subject.cloud.functions, subject.role().await?);
    let spec = subject.function_spec(&role);
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", spec.name);
    let changes = [
        ("configuration", functions.update_configuration(&spec, None).await),
        ("code", functions.update_code(&spec, &subject.codes[0], None).await),
        ("publication", functions.publish(&spec.name, &spec.code_sha256, "v").await.map(drop)),
        ("alias", functions.point_alias(&spec.name, &alone("1"), true).await),
        ("tags", functions.tag(&arn, &subject.tags()).await),
    ];
    for (what, result) in changes {
        refused(what, result, Class::Conflict, "ResourceNotFoundException")?;
    }
    Ok(())
}
