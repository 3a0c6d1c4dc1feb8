//! Rules of tables.

use std::collections::BTreeMap;

use aigw_contract::Partition;
use aigw_plan::gateway::observed::{ObservedTable, Tags};

use super::{Table, TableStatus};
use crate::aws::refusal::{Answer, Refusal};
use crate::aws::server::Context;
use crate::aws::state::{AccountState, RegionState};

pub(super) fn not_found(name: &str) -> Refusal {
    Refusal::new(400, "ResourceNotFoundException", format!("Requested resource not found: Table: {name} not found"))
}

fn in_use(what: &str, name: &str) -> Refusal {
    let message = format!("Attempt to change a resource which is still in use: Table is being {what}: {name}");
    Refusal::new(400, "ResourceInUseException", message)
}

fn validation(message: &str) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

/// A table that can be changed.
fn settled<'a>(region: &'a mut RegionState, name: &str) -> Answer<&'a mut Table> {
    let table = region.tables.get_mut(name).ok_or_else(|| not_found(name))?;
    match table.status {
        TableStatus::Active => Ok(table),
        TableStatus::Creating(_) => Err(in_use("created", name)),
        TableStatus::Deleting(_) => Err(in_use("deleted", name)),
    }
}

/// A table whose items can be read and written; on its way in or out it is as good as absent.
pub(super) fn active<'a>(region: &'a mut RegionState, name: &str) -> Answer<&'a mut Table> {
    region.tables.get_mut(name).filter(|table| table.status == TableStatus::Active).ok_or_else(|| not_found(name))
}

/// What `DescribeTable` shows. Every look brings a table on its way nearer to its end.
pub(super) fn describe(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer<ObservedTable> {
    let tables = &mut state.region(context.region).tables;
    let table = tables.get_mut(name).ok_or_else(|| not_found(name))?;
    match table.status {
        TableStatus::Creating(0) => table.status = TableStatus::Active,
        TableStatus::Creating(looks) => table.status = TableStatus::Creating(looks - 1),
        TableStatus::Deleting(0) => {
            tables.remove(name);
            return Err(not_found(name));
        }
        TableStatus::Deleting(looks) => {
            table.status = TableStatus::Deleting(looks - 1);
            return Ok(observed(table, true));
        }
        TableStatus::Active => {}
    }
    Ok(observed(table, false))
}

fn observed(table: &Table, deleting: bool) -> ObservedTable {
    ObservedTable {
        active: table.status == TableStatus::Active,
        deleting,
        time_to_live: false,
        point_in_time_recovery: false,
        deletion_protection: table.deletion_protection,
        tags: Tags::new(),
    }
}

pub(super) fn create(state: &mut AccountState, context: &Context<'_>, name: &str, tags: Tags) -> Answer {
    let tables = &mut state.region(context.region).tables;
    if tables.get(name).is_some_and(|table| matches!(table.status, TableStatus::Deleting(_))) {
        return Err(in_use("deleted", name));
    }
    if tables.contains_key(name) {
        return Err(Refusal::new(400, "ResourceInUseException", format!("Table already exists: {name}")));
    }
    let partition = Partition::of(context.region).id;
    let status = match context.behaviour.table_creating_reads {
        0 => TableStatus::Active,
        looks => TableStatus::Creating(looks),
    };
    let table = Table {
        arn: format!("arn:{partition}:dynamodb:{}:{}:table/{name}", context.region, context.account_id),
        status,
        time_to_live: false,
        point_in_time_recovery: false,
        deletion_protection: true,
        tags,
        items: BTreeMap::new(),
    };
    tables.insert(name.to_owned(), table);
    Ok(())
}

pub(super) fn enable_time_to_live(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer {
    let table = settled(state.region(context.region), name)?;
    if table.time_to_live {
        return Err(validation("TimeToLive is already enabled"));
    }
    table.time_to_live = true;
    Ok(())
}

pub(super) fn enable_point_in_time_recovery(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer {
    let table = state.region(context.region).tables.get_mut(name);
    let table = table.ok_or_else(|| Refusal::new(400, "TableNotFoundException", format!("Table not found: {name}")))?;
    if table.status != TableStatus::Active {
        let message = format!("Backups are being enabled for the table: {name}. Please retry later");
        return Err(Refusal::new(400, "ContinuousBackupsUnavailableException", message));
    }
    table.point_in_time_recovery = true;
    Ok(())
}

pub(super) fn set_deletion_protection(
    state: &mut AccountState,
    context: &Context<'_>,
    name: &str,
    enabled: bool,
) -> Answer {
    settled(state.region(context.region), name)?.deletion_protection = enabled;
    Ok(())
}

pub(super) fn delete(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer {
    let region = state.region(context.region);
    let table = settled(region, name)?;
    if table.deletion_protection {
        let message = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
            protection first.";
        return Err(validation(message));
    }
    match context.behaviour.table_deleting_reads {
        0 => drop(region.tables.remove(name)),
        looks => table.status = TableStatus::Deleting(looks),
    }
    Ok(())
}

pub(super) fn tag(state: &mut AccountState, context: &Context<'_>, name: &str, tags: Tags) -> Answer {
    settled(state.region(context.region), name)?.tags.extend(tags);
    Ok(())
}
