//! What DynamoDB is sent means what the ledger's model evaluates.

use aigw_forwarder::table::{Change, Guard, Item, Write, update_item};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::expressions;

const NAMES: [&str; 5] = ["minute", "day", "inFlight", "slot0", "size"];
const FLAGS: [&str; 2] = ["suspended", "other"];

fn guard() -> impl Strategy<Value = Guard> {
    let name = || prop::sample::select(&NAMES[..]);
    prop_oneof![
        (name(), 0..3_i64).prop_map(|(name, value)| Guard::Is(name.into(), value)),
        name().prop_map(|name| Guard::Absent(name.into())),
        (name(), -1..3_i64).prop_map(|(name, value)| Guard::AtMost(name.into(), value)),
        prop::sample::select(&FLAGS[..]).prop_map(|name| Guard::Unset(name.into())),
    ]
}

fn change(name: &'static str) -> impl Strategy<Value = Option<Change>> {
    prop_oneof![
        Just(None),
        (-3..3_i64).prop_map(move |value| Some(Change::Set(name.into(), value))),
        (-3..3_i64).prop_map(move |value| Some(Change::Add(name.into(), value))),
        prop::sample::select(&NAMES[..]).prop_map(move |from| Some(Change::Copy(name.into(), from.into()))),
        Just(Some(Change::Remove(name.into()))),
    ]
}

fn item() -> impl Strategy<Value = Value> {
    let numbers = NAMES.map(|_| prop::option::of(0..3_i64));
    let flags = FLAGS.map(|_| prop::option::of(any::<bool>()));
    (numbers, flags).prop_map(|(numbers, flags)| {
        let numbers =
            NAMES.iter().zip(numbers).filter_map(|(name, value)| Some((name, json!({ "N": value?.to_string() }))));
        let flags = FLAGS.iter().zip(flags).filter_map(|(name, value)| Some((name, json!({ "BOOL": value? }))));
        numbers.chain(flags).map(|(name, value)| ((*name).to_owned(), value)).collect::<Map<_, _>>().into()
    })
}

proptest! {
    #[test]
    fn expressions_mean_what_the_model_evaluates(
        before in item(),
        guards in prop::collection::vec(guard(), 0..4),
        changes in NAMES.map(change),
    ) {
        let mut write = Write { guards, changes: Vec::new() };
        changes.into_iter().flatten().for_each(|one| write.change(one));
        prop_assume!(!write.changes.is_empty());
        let sent: Value = serde_json::from_str(&update_item("table", "tenant#t", "now", &write)).unwrap();
        let mut modelled: Item = serde_json::from_value(before.clone()).unwrap();
        let applied = write.apply(&mut modelled).unwrap();
        let updated = expressions::update(Some(&before), &sent);
        prop_assert_eq!(applied, updated.is_some(), "{}", sent);
        if let Some(after) = updated {
            prop_assert_eq!(serde_json::from_value::<Item>(after).unwrap(), modelled, "{}", sent);
        }
    }
}
