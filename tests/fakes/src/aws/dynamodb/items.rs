//! Rules of items: the conditions the operator writes under.

use aigw_contract::table::{
    DOCUMENT, METER_POLICY_VERSION, METER_SK, METER_SUSPENDED, MeterHead, TTL, VERSION, meter_pk,
};
use aigw_plan::gateway::observed::Document;

use super::tables::active;
use super::{Attribute, Item};
use crate::aws::refusal::{Answer, Refusal};
use crate::aws::server::Context;
use crate::aws::state::AccountState;

/// Most keys of one `BatchGetItem`.
pub(super) const MOST_KEYS: usize = 100;

/// Partition and sort key.
pub(super) type Key = (String, String);

fn condition(holds: bool) -> Answer {
    let failed = || Refusal::new(400, "ConditionalCheckFailedException", "The conditional request failed");
    if holds { Ok(()) } else { Err(failed()) }
}

fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name).and_then(Attribute::number)
}

pub(super) fn get(state: &mut AccountState, context: &Context<'_>, table: &str, key: &Key) -> Answer<Option<Item>> {
    Ok(active(state.region(context.region), table)?.items.get(key).cloned())
}

/// Items of those keys that are there.
pub(super) fn batch_get(
    state: &mut AccountState,
    context: &Context<'_>,
    table: &str,
    keys: &[Key],
) -> Answer<Vec<(Key, Item)>> {
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    if distinct.len() < keys.len() {
        return Err(Refusal::new(400, "ValidationException", "Provided list of item keys contains duplicates"));
    }
    if keys.len() > MOST_KEYS {
        return Err(Refusal::new(400, "ValidationException", "Too many items requested for the BatchGetItem call"));
    }
    let items = &active(state.region(context.region), table)?.items;
    Ok(keys.iter().filter_map(|key| Some((key.clone(), items.get(key)?.clone()))).collect())
}

/// `attribute_not_exists(pk)`, or `version = expected`.
pub(super) fn put_document(
    state: &mut AccountState,
    context: &Context<'_>,
    (table, key): (&str, Key),
    expected: Option<i64>,
    (document, expires): (Document<String>, Option<i64>),
) -> Answer {
    let items = &mut active(state.region(context.region), table)?.items;
    let old = items.get(&key);
    condition(match expected {
        None => old.is_none(),
        Some(version) => old.and_then(|item| number(item, VERSION)) == Some(version),
    })?;
    let Document { version, content } = document;
    let mut item =
        Item::from([(VERSION.to_owned(), Attribute::Number(version)), (DOCUMENT.to_owned(), Attribute::Text(content))]);
    item.extend(expires.map(|seconds| (TTL.to_owned(), Attribute::Number(seconds))));
    items.insert(key, item);
    Ok(())
}

/// `attribute_not_exists(pk) OR version = expected`.
pub(super) fn delete_document(
    state: &mut AccountState,
    context: &Context<'_>,
    (table, key): (&str, &Key),
    expected: i64,
) -> Answer {
    let items = &mut active(state.region(context.region), table)?.items;
    condition(items.get(key).is_none_or(|item| number(item, VERSION) == Some(expected)))?;
    items.remove(key);
    Ok(())
}

/// `attribute_not_exists(policyVersion) OR policyVersion <= version`; the rest of the item stays.
pub(super) fn set_meter(
    state: &mut AccountState,
    context: &Context<'_>,
    (table, tenant_id): (&str, &str),
    head: MeterHead,
    expires: Option<i64>,
) -> Answer {
    let items = &mut active(state.region(context.region), table)?.items;
    let key = (meter_pk(tenant_id), METER_SK.to_owned());
    let old = items.get(&key).and_then(|item| item.get(METER_POLICY_VERSION));
    condition(match old {
        None => true,
        // Values of different types never compare.
        Some(version) => version.number().is_some_and(|version| version <= head.policy_version),
    })?;
    let item = items.entry(key).or_default();
    item.insert(METER_POLICY_VERSION.to_owned(), Attribute::Number(head.policy_version));
    item.insert(METER_SUSPENDED.to_owned(), Attribute::Bool(head.suspended));
    match expires {
        Some(seconds) => drop(item.insert(TTL.to_owned(), Attribute::Number(seconds))),
        None => drop(item.remove(TTL)),
    }
    Ok(())
}
