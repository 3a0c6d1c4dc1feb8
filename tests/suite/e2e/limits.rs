//! Rate and burst of a tier count per tenant.

use std::collections::BTreeSet;

use aigw_tests::harness::environment_test as test;
use aigw_tests::shared::prod;
use aigw_tests::{Outcome, ensure, ensure_eq};
use libtest_mimic::Trial;

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "a_trial_tenant_is_throttled_while_the_other_goes_on", throttled)]
}

fn throttled() -> Outcome {
    let shared = prod()?;
    let (ads, search) = (shared.ads_client()?, shared.search_client()?);
    let (limited, free) = std::thread::scope(|scope| {
        let limited = scope.spawn(|| ads.burst(12));
        (search.burst(12), limited.join())
    });
    let (free, limited) = (limited, free.map_err(|_| "a client panicked")??);
    let names: BTreeSet<_> = limited.keys().map(String::as_str).collect();
    ensure_eq!(names, BTreeSet::from(["ok", "ThrottlingException"]), "outcomes of the trial tenant");
    ensure!(limited["ok"] < 12, "nothing was throttled: {limited:?}");
    let free = free?;
    ensure_eq!(free.get("ok"), Some(&12), "answered calls of the silver tenant among {free:?}");
    Ok(())
}
