//! Items of tables.

use aigw_contract::meter::MeterReading;
use aigw_contract::table::{IDENTITY_SK, METER_SK, MeterHead, POLICY_SK, identity_pk, meter_pk, tenant_pk};
use aigw_plan::Class;
use aigw_plan::gateway::observed::Document;
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use crate::ports::subject::{Case, Subject, refused};

const FAILED: &str = "ConditionalCheckFailedException";
const KEY: (&str, &str) = ("gateway", "config");

pub fn cases() -> Vec<Case> {
    cases![
        a_document_is_written_once_by_whoever_saw_it_absent,
        a_document_is_replaced_only_at_the_counter_that_was_read,
        a_document_is_deleted_only_at_the_counter_that_was_read,
        a_meters_head_never_goes_back,
        an_item_that_is_no_document_is_a_defect,
        many_tenants_are_read_in_batches,
        many_identities_are_read_in_batches,
        items_of_an_absent_table_are_absent_and_cannot_be_written,
    ]
}

fn document(version: i64, content: &str) -> Document<String> {
    Document { version, content: content.to_owned() }
}

fn head(policy_version: i64, suspended: bool) -> MeterHead {
    MeterHead { policy_version, suspended }
}

async fn a_document_is_written_once_by_whoever_saw_it_absent(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let table = subject.table().await?;
    ensure_eq!(tables.document(&table, KEY.0, KEY.1).await?, None, "absent document");
    tables.put_document(&table, KEY, None, &document(1, "{}"), None).await?;
    let again = tables.put_document(&table, KEY, None, &document(1, "other"), None).await;
    refused("a second first write", again, Class::Conflict, FAILED)?;
    ensure_eq!(tables.document(&table, KEY.0, KEY.1).await?, Some(document(1, "{}")), "document");
    Ok(())
}

async fn a_document_is_replaced_only_at_the_counter_that_was_read(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let table = subject.table().await?;
    let absent = tables.put_document(&table, KEY, Some(1), &document(2, "b"), None).await;
    refused("a change of nothing", absent, Class::Conflict, FAILED)?;
    tables.put_document(&table, KEY, None, &document(1, "a"), Some(4_000_000_000)).await?;
    tables.put_document(&table, KEY, Some(1), &document(2, "b"), None).await?;
    let old = tables.put_document(&table, KEY, Some(1), &document(2, "c"), None).await;
    refused("a change of an old counter", old, Class::Conflict, FAILED)?;
    ensure_eq!(tables.document(&table, KEY.0, KEY.1).await?, Some(document(2, "b")), "document");
    Ok(())
}

async fn a_document_is_deleted_only_at_the_counter_that_was_read(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let table = subject.table().await?;
    tables.put_document(&table, KEY, None, &document(7, "a"), None).await?;
    let old = tables.delete_document(&table, KEY, 6).await;
    refused("a deletion at an old counter", old, Class::Conflict, FAILED)?;
    tables.delete_document(&table, KEY, 7).await?;
    tables.delete_document(&table, KEY, 7).await?;
    ensure_eq!(tables.document(&table, KEY.0, KEY.1).await?, None, "deleted document");
    Ok(())
}

async fn a_meters_head_never_goes_back(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let table = subject.table().await?;
    ensure_eq!(tables.meter(&table, "t1").await?, None, "absent meter");
    tables.set_meter(&table, "t1", head(3, false), Some(4_000_000_000)).await?;
    tables.set_meter(&table, "t1", head(3, true), None).await?;
    ensure_eq!(tables.meter(&table, "t1").await?, Some(head(3, true)), "the same version again");
    let old = tables.set_meter(&table, "t1", head(2, false), None).await;
    refused("an older version", old, Class::Conflict, FAILED)?;
    tables.set_meter(&table, "t1", head(10, false), None).await?;
    ensure_eq!(tables.meter(&table, "t1").await?, Some(head(10, false)), "numbers compare as numbers");
    Ok(())
}

async fn an_item_that_is_no_document_is_a_defect(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let table = subject.table().await?;
    tables.set_meter(&table, "t1", head(1, false), None).await?;
    let read = tables.document(&table, &meter_pk("t1"), METER_SK).await;
    refused("a meter as a document", read, Class::Bug, "MalformedItem")
}

/// More than one batch; some have a policy, some a meter, some both, some nothing.
async fn many_tenants_are_read_in_batches(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let table = subject.table().await?;
    let ids: Vec<String> = (0..60).map(|number| format!("t{number:02}")).collect();
    for id in ["t00", "t55"] {
        tables.put_document(&table, (&tenant_pk(id), POLICY_SK), None, &document(1, id), None).await?;
    }
    for id in ["t01", "t55"] {
        tables.set_meter(&table, id, head(4, true), None).await?;
    }
    let found = tables.tenants(&table, &ids).await?;
    ensure_eq!(found.keys().cloned().collect::<Vec<_>>(), ids, "one entry per tenant");
    for (id, items) in &found {
        let policy = ["t00", "t55"].contains(&id.as_str()).then(|| document(1, id));
        let meter = ["t01", "t55"].contains(&id.as_str()).then(|| head(4, true));
        ensure_eq!((&items.policy, &items.meter), (&policy, &meter), "{id}");
        // Only the functions count; what the operator writes is no count.
        ensure_eq!(items.reading, MeterReading::default(), "counts of {id}");
    }
    ensure!(tables.tenants(&table, &[]).await?.is_empty(), "nobody was asked for");
    Ok(())
}

async fn many_identities_are_read_in_batches(subject: &Subject) -> Outcome {
    let tables = &subject.cloud.tables;
    let table = subject.table().await?;
    let hashes: Vec<String> = (0..120).map(|number| format!("{number:064}")).collect();
    for hash in [&hashes[0], &hashes[119]] {
        let key = identity_pk(hash);
        tables.put_document(&table, (&key, IDENTITY_SK), None, &document(1, hash), None).await?;
    }
    let found = tables.identities(&table, &hashes).await?;
    ensure_eq!(found.len(), 2, "identities");
    ensure_eq!(found.get(&hashes[119]), Some(&document(1, &hashes[119])), "the last one");
    ensure!(tables.identities(&table, &[]).await?.is_empty(), "nothing was asked for");
    Ok(())
}

async fn items_of_an_absent_table_are_absent_and_cannot_be_written(subject: &Subject) -> Outcome {
    let (tables, table) = (&subject.cloud.tables, subject.name("table"));
    ensure_eq!(tables.document(&table, KEY.0, KEY.1).await?, None, "document");
    ensure_eq!(tables.meter(&table, "t1").await?, None, "meter");
    ensure_eq!(tables.tenants(&table, &["t1".to_owned()]).await?.len(), 1, "tenants");
    tables.delete_document(&table, KEY, 1).await?;
    let put = tables.put_document(&table, KEY, None, &document(1, "{}"), None).await;
    refused("a document", put, Class::Conflict, "ResourceNotFoundException")?;
    let set = tables.set_meter(&table, "t1", head(1, false), None).await;
    refused("a meter", set, Class::Conflict, "ResourceNotFoundException")
}
