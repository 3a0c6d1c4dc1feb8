//! What must hold of every schedule of the model, and that its defects are caught.
//!
//! `AIGW_INTERLEAVINGS` sets how many schedules are run.

use aigw_contract::limits::{Budget, BudgetWindow};
use aigw_contract::policy::TenantPolicy;

use super::model::{Store, Tally, schedule};
use super::*;
use crate::amount::Amount;
use crate::table::Item;

/// Schedules of a run without the variable. Unoptimised one takes some milliseconds, optimised a twentieth of it.
const INTERLEAVINGS: u64 = if cfg!(debug_assertions) { 5_000 } else { 100_000 };

fn interleavings() -> u64 {
    std::env::var("AIGW_INTERLEAVINGS").ok().and_then(|count| count.parse().ok()).unwrap_or(INTERLEAVINGS)
}

#[test]
fn no_schedule_breaks_the_ledger() {
    let mut total = Tally::default();
    for seed in 0..interleavings() {
        let tally =
            schedule(seed, Store::Conditional).unwrap_or_else(|violation| panic!("schedule {seed}: {violation}"));
        total.accepted += tally.accepted;
        total.denied += tally.denied;
        total.crashed += tally.crashed;
        total.reaped += tally.reaped;
    }
    let Tally { accepted, denied, crashed, reaped } = total;
    println!("{} schedules: {accepted} accepted, {denied} denied, {crashed} crashed, {reaped} reaped", interleavings());
    assert!(accepted > interleavings() && denied > interleavings() / 10 && crashed > interleavings() / 10);
}

#[test]
fn to_check_and_then_to_write_is_caught() {
    let caught = (0..200).filter(|seed| schedule(*seed, Store::CheckThenWrite).is_err()).count();
    assert!(caught > 20, "{caught} of 200 schedules");
}

/// A hundred clients at once, each of which wants a fiftieth of what is left: half of them pass, and not one more.
#[test]
fn at_the_last_dollar_nobody_takes_it_twice() {
    let budget = Budget { window: BudgetWindow::Month, micro_usd: 1_000_000 };
    let policy = TenantPolicy { budgets: vec![budget], ..TenantPolicy::default() };
    let amount = Amount { tokens: 100, micro_usd: 20_000 };
    let wish = Wish { policy: &policy, version: 1, fresh: true, amount, key: None, now: 1_793_487_600 };
    let mut item = None;
    let mut passed = 0;
    // All decide before any of them writes.
    let mut waiting: Vec<_> = (0..100).map(|_| Reserving::begin(wish, None)).collect();
    while !waiting.is_empty() {
        let decided =
            waiting.drain(..).filter_map(|mut attempt| attempt.proceed().ok().map(|(write, _)| (attempt, write)));
        let decided: Vec<_> = decided.collect();
        for (mut attempt, write) in decided {
            let mut tried: Item = item.clone().unwrap_or_default();
            if write.apply(&mut tried).unwrap() {
                item = Some(tried);
                passed += 1;
            } else {
                attempt.failed(Counts::of(item.as_ref()).unwrap());
                waiting.push(attempt);
            }
        }
    }
    assert_eq!(passed, 50);
    assert_eq!(Counts::of(item.as_ref()).unwrap().month.micro_usd, 1_000_000);
}

/// Without any of its guards some schedule breaks. Not in the model: suspension; and a month that changes without its day.
#[test]
fn every_guard_is_needed() {
    let counts = ["minuteRequests", "minuteTokens", "dayMicroUsd", "monthMicroUsd", "inFlight"];
    for name in counts.into_iter().chain(["policyVersion", "minute", "day", "slot", "slotCalls"]) {
        let broken = (0..4_000).any(|seed| schedule(seed, Store::Without(name)).is_err());
        assert!(broken, "{name}");
    }
}
