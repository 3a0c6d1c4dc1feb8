//! The whole path on real parts: a real apiserver with RBAC, the charts installed by Helm, the operator as its Deployment
//! says and with its ServiceAccount's token, the emulated AWS with our functions, a stub of Bedrock, SDK clients.
//!
//! The tests share one installation (`aigw_tests::shared`). They run in the order below: first those that only look,
//! then those that change the shared gateway and put it back, then those with gateways of their own. Each also runs alone.

mod access_logs;
mod answers;
mod budgets;
mod change;
mod crash;
mod credentials;
mod deletion;
mod denials;
mod domains;
mod drift;
mod endpoints;
mod faults;
mod gitops;
mod guard;
mod guardrails;
mod guide;
mod kind;
mod leaks;
mod lifecycle;
mod limits;
mod matrix;
mod metering;
mod metrics;
mod operations;
mod plan;
mod plugin;
mod probes;
mod ready;
mod refused;
mod restore;
mod rights;
mod rotation;
mod steady_state;
mod storm;
mod suspension;
mod tokens;

use aigw_tests::harness::Suite;
use aigw_tests::weather;

/// Tests that count the operator's calls exactly, or bring faults of their own: on a bad day (`AIGW_E2E_FAULTS=1`) they
/// mean nothing.
const EXACT: [(&str, &str); 9] = [
    ("change::a_tiers_limits_take_one_update_of_its_plan", COUNTS),
    ("change::families_take_one_deployment_and_fail_no_call", COUNTS),
    ("change::a_functions_memory_takes_a_version_and_fails_no_call", COUNTS),
    ("change::another_tenant_takes_a_key_and_nothing_of_the_gateway", COUNTS),
    ("steady_state::drift_passes_write_nothing", COUNTS),
    ("faults::throttled_refused_and_failed_calls_are_made_again", OWN_FAULTS),
    ("faults::lost_responses_make_nothing_twice", OWN_FAULTS),
    ("faults::deletion_gets_through_failures_too", OWN_FAULTS),
    ("faults::a_bad_day_ends_in_the_same_state_as_a_good_one", OWN_FAULTS),
];
const COUNTS: &str = "counts calls or writes exactly, which says nothing while calls fail by chance";
const OWN_FAULTS: &str = "brings faults of its own";

/// Why a test is left out, if it is.
fn left_out(name: &str) -> Option<&'static str> {
    if let Some(reason) = matrix::left_out(name) {
        return Some(reason);
    }
    let exact = EXACT.iter().find(|(test, _)| name.strip_prefix("e2e::") == Some(*test));
    exact.filter(|_| weather::always()).map(|(_, reason)| *reason)
}

pub fn suite() -> Suite {
    let groups = [
        ready::tests(),
        metrics::tests(),
        answers::tests(),
        guide::tests(),
        kind::tests(),
        metering::tests(),
        credentials::tests(),
        rotation::tests(),
        limits::tests(),
        budgets::tests(),
        denials::tests(),
        suspension::tests(),
        steady_state::tests(),
        gitops::tests(),
        plan::tests(),
        plugin::tests(),
        change::tests(),
        storm::tests(),
        drift::tests(),
        refused::tests(),
        guard::tests(),
        endpoints::tests(),
        operations::tests(),
        guardrails::tests(),
        domains::tests(),
        access_logs::tests(),
        matrix::tests(),
        tokens::tests(),
        deletion::tests(),
        restore::tests(),
        lifecycle::tests(),
        probes::tests(),
        faults::tests(),
        crash::tests(),
        rights::tests(),
        leaks::tests(),
    ];
    let tests: Vec<_> = groups.into_iter().flatten().collect();
    for (name, _) in EXACT {
        assert!(tests.iter().any(|test| test.name() == format!("e2e::{name}")), "no test is named {name}");
    }
    Suite::in_environment("e2e", tests).without(left_out)
}
