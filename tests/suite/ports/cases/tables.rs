//! Account and tables.

use aigw_plan::Class;
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use crate::ports::subject::{ACCOUNT, Case, Subject, more_tags, refused, until};

pub fn cases() -> Vec<Case> {
    cases![
        the_account_is_that_of_the_credentials,
        an_absent_table_is_none_and_its_deletion_success,
        a_table_becomes_active_with_tags_and_protection,
        a_table_cannot_be_created_twice,
        a_protected_table_is_not_deleted,
        settings_of_a_table_can_be_switched_on_twice,
        a_table_takes_more_tags,
        changes_of_an_absent_table_are_conflicts,
    ]
}

async fn the_account_is_that_of_the_credentials(subject: &Subject) -> Outcome {
    ensure_eq!(subject.cloud.account.id().await?, ACCOUNT, "account");
    Ok(())
}

async fn an_absent_table_is_none_and_its_deletion_success(subject: &Subject) -> Outcome {
    let (tables, name) = (&subject.cloud.tables, subject.name("table"));
    ensure_eq!(tables.get(&name).await?, None, "absent table");
    tables.delete(&name).await?;
    Ok(())
}

async fn a_table_becomes_active_with_tags_and_protection(subject: &Subject) -> Outcome {
    let name = subject.table().await?;
    let table = subject.cloud.tables.get(&name).await?.ok_or("not there")?;
    ensure!(table.active && !table.deleting && table.deletion_protection, "{table:?}");
    ensure!(!table.time_to_live && !table.point_in_time_recovery, "{table:?}");
    ensure_eq!(table.tags, subject.tags(), "tags");
    Ok(())
}

async fn a_table_cannot_be_created_twice(subject: &Subject) -> Outcome {
    let name = subject.table().await?;
    let again = subject.cloud.tables.create(&name, &subject.tags()).await;
    refused("a second creation", again, Class::Conflict, "ResourceInUseException")
}

async fn a_protected_table_is_not_deleted(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let name = subject.table().await?;
    refused("deletion", tables.delete(&name).await, Class::Invalid, "ValidationException")?;
    tables.set_deletion_protection(&name, false).await?;
    tables.delete(&name).await?;
    until("its absence", async || Ok(tables.get(&name).await?.is_none().then_some(()))).await
}

async fn settings_of_a_table_can_be_switched_on_twice(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let name = subject.table().await?;
    for _ in 0..2 {
        tables.enable_time_to_live(&name).await?;
        tables.enable_point_in_time_recovery(&name).await?;
        tables.set_deletion_protection(&name, true).await?;
    }
    let table = tables.get(&name).await?.ok_or("not there")?;
    ensure!(table.time_to_live && table.point_in_time_recovery && table.deletion_protection, "{table:?}");
    Ok(())
}

async fn a_table_takes_more_tags(subject: &Subject) -> Outcome {
    let name = subject.table().await?;
    subject.cloud.tables.tag(&name, &more_tags()).await?;
    let mut expected = subject.tags();
    expected.extend(more_tags());
    ensure_eq!(subject.cloud.tables.get(&name).await?.map(|table| table.tags), Some(expected), "tags");
    Ok(())
}

async fn changes_of_an_absent_table_are_conflicts(subject: &Subject) -> Outcome {
    let (tables, name) = (&subject.cloud.tables, subject.name("table"));
    let changes = [
        ("time to live", tables.enable_time_to_live(&name).await),
        ("protection", tables.set_deletion_protection(&name, false).await),
        ("tags", tables.tag(&name, &subject.tags()).await),
    ];
    for (what, result) in changes {
        refused(what, result, Class::Conflict, "ResourceNotFoundException")?;
    }
    let recovery = tables.enable_point_in_time_recovery(&name).await;
    refused("recovery", recovery, Class::Conflict, "TableNotFoundException")
}
