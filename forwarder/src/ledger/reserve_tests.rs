use aigw_contract::policy::KeyHash;
use aigw_contract::table::METER_POLICY_VERSION;

use super::*;
use crate::table::Item;

#[test]
fn a_reservation_changes_no_attribute_twice_and_heeds_suspension() {
    let policy = TenantPolicy::default();
    let now = 1_793_487_600;
    let wish = Wish { policy: &policy, version: 1, fresh: true, amount: Amount::default(), key: Some("k1"), now };
    // Everything at once: windows and slots of another round, and keys that are gone.
    let mut item = Item::default();
    for name in ["minute", "day", "month", "slot0", "slot1", "slot2", "slot3", "lastUsed#k0"] {
        item.set(name, 1);
    }
    for names in meter::SLOT {
        item.set(names.calls, 1);
        item.set(names.micro_usd, 1);
    }
    for known in [None, Some(Counts::of(Some(&item)).unwrap())] {
        let mut attempt = Reserving::begin(wish, None);
        if let Some(counts) = known {
            attempt.failed(counts);
        }
        let (write, _) = attempt.proceed().unwrap();
        assert!(write.guards.contains(&Guard::Unset("suspended".into())));
        let mut changed: Vec<_> = write
            .changes
            .iter()
            .map(|change| match change {
                Change::Set(name, _) | Change::Add(name, _) | Change::Copy(name, _) | Change::Remove(name) => {
                    name.clone()
                }
            })
            .collect();
        changed.sort();
        changed.dedup();
        assert_eq!(changed.len(), write.changes.len());
    }
}

/// When the use of a key is recorded anew: an active one's hourly, a retiring one's so that its end can be decided by it.
#[test]
fn the_use_of_a_retiring_key_is_recorded_more_often() {
    let now = 1_793_487_600;
    let recorded = |not_after: Option<i64>, age: i64| {
        let key = KeyHash { id: "k1".into(), sha256: String::new(), since: 0, not_after };
        let policy = TenantPolicy { keys: vec![key], ..TenantPolicy::default() };
        let wish = Wish { policy: &policy, version: 1, fresh: true, amount: Amount::default(), key: Some("k1"), now };
        let mut item = Item::default();
        item.set(&meter::last_used("k1"), now - age);
        let mut attempt = Reserving::begin(wish, None);
        attempt.failed(Counts::of(Some(&item)).unwrap());
        let (write, _) = attempt.proceed().unwrap();
        write.changes.contains(&Change::Set(meter::last_used("k1").into(), now))
    };
    assert!(!recorded(None, 3_599) && recorded(None, 3_600));
    assert!(!recorded(Some(now + 1), 9) && recorded(Some(now + 1), 10));
}

/// A reservation must cost one write unit: 1 KB.
#[test]
fn the_largest_item_fits_a_write_unit() {
    let mut item = Item::default();
    // Amounts of a very large tenant: a hundred million dollars a month, a trillion tokens a day.
    let large = 99_999_999_999_999;
    for window in [meter::DAY, meter::MONTH] {
        item.set(window.id, 99_999);
        item.set(window.previous_id, 99_999);
        item.set(window.requests, 9_999_999_999);
        for name in [window.micro_usd, window.previous_micro_usd, window.tokens] {
            item.set(name, large);
        }
    }
    for slot in meter::SLOT {
        item.set(slot.id, 9_999_999);
        item.set(slot.calls, 99_999);
        item.set(slot.micro_usd, large);
    }
    item.set(meter::MINUTE, 99_999_999);
    for name in [meter::MINUTE_REQUESTS, meter::IN_FLIGHT, meter::LEAKED_CALLS, METER_POLICY_VERSION] {
        item.set(name, 9_999_999);
    }
    for name in [meter::MINUTE_TOKENS, meter::LEAKED_MICRO_USD] {
        item.set(name, large);
    }
    // As many keys as a tenant can have.
    for key in ["k9996", "k9997", "k9998", "k9999", "k10000"] {
        item.set(&meter::last_used(key), 9_999_999_999);
    }
    // Beside those: the keys of the item, `suspended` and `ttl`.
    let tenant = "x".repeat(64);
    let rest = format!("pkskmeter#{tenant}nowsuspended1ttl123456");
    assert!(item.size() + rest.len() <= 1_024, "{} bytes", item.size() + rest.len());
}
