//! What the operator relies on, asserted once and run on two servers: the fake and a real kube-apiserver. A test's name
//! says which. Where they differ, the fake is wrong.

mod applying;
mod definitions;
mod kinds;
mod operating;
mod probe;
mod rights;
mod target;
mod watching;
mod writing;

use std::pin::Pin;

use aigw_tests::Outcome;
use aigw_tests::harness::{Suite, environment_test, test};

use self::target::Target;

type Run = for<'a> fn(&'a Target) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// An assertion. The two digits of its name are its number.
struct Case {
    name: &'static str,
    run: Run,
}

macro_rules! cases {
    ($($name:literal => $run:path,)+) => {
        [$(Case { name: $name, run: |target| Box::pin($run(target)) }),+]
    };
}

const CASES: [Case; 22] = cases! {
    "01_definitions_are_accepted_and_established" => definitions::established,
    "02_good_objects_and_examples_are_accepted" => definitions::accepted,
    "03_bad_objects_are_refused_with_our_words" => definitions::refused,
    "04_what_is_immutable_stays" => definitions::immutable,
    "05_defaults_are_filled_in_and_unknown_fields_pruned_or_refused" => definitions::structural,
    "06_tenants_are_selected_by_gateway" => definitions::selectable,
    "07_tables_have_our_columns" => definitions::columns,
    "08_status_is_isolated_from_the_spec_both_ways" => writing::status_is_isolated,
    "09_only_changes_of_the_spec_raise_the_generation" => writing::generation,
    "10_a_finalizer_holds_what_is_deleted" => writing::finalizers_hold,
    "11_no_finalizer_comes_after_the_deletion_mark" => writing::no_late_finalizer,
    "12_a_json_patch_whose_test_fails_is_422_without_causes" => writing::failed_test,
    "13_replacing_a_stale_object_is_a_conflict" => writing::stale_replace,
    "14_applied_fields_have_owners" => applying::ownership,
    "15_the_same_status_applied_twice_changes_nothing" => applying::applied_twice,
    "16_a_status_is_not_applied_to_nothing" => applying::status_of_nothing,
    "17_a_watch_from_a_forgotten_version_is_410_and_a_watcher_recovers" => watching::forgotten_version,
    "18_bookmarks_arrive" => watching::bookmarks,
    "19_our_events_are_accepted_and_long_notes_refused" => kinds::events,
    "20_one_candidate_holds_a_lease" => kinds::leases,
    "21_the_operator_may_do_what_it_needs_and_nothing_else" => rights::operator,
    "22_a_secret_is_created_once" => kinds::secrets,
};

/// With an operator at work, on the chart's rights and with AWS as a fake. The real server is one apart, so that no other
/// operator acts on these objects.
const OPERATED: [Case; 3] = cases! {
    "23_conditions_become_true_in_their_order_and_can_be_waited_for" => operating::end_to_end,
    "24_an_operator_at_rest_keeps_still" => operating::at_rest,
    "25_the_apiserver_restarts_and_the_operator_recovers" => operating::restart,
};

/// What the fake has not: admission policies.
const POLICIES: [Case; 1] = cases! {
    "26_the_operator_writes_only_secrets_it_labelled" => rights::secrets,
};

/// On the fake. Needs nothing.
pub fn fake() -> Suite {
    let place = concat!(module_path!(), "::fake");
    let tests = CASES.into_iter().chain(OPERATED).map(|Case { name, run }| {
        test(place, name, move || {
            let target = Target::fake(&name[..2])?;
            target.block(run(&target))
        })
    });
    Suite::new("conformance: FakeKube", tests.collect())
}

/// On the kube-apiserver of the local environment.
pub fn apiserver() -> Suite {
    let place = concat!(module_path!(), "::apiserver");
    let tests = CASES.into_iter().chain(POLICIES).map(|Case { name, run }| {
        environment_test(place, name, move || {
            let target = Target::apiserver(&name[..2])?;
            let outcome = target.block(run(&target));
            target.clean_up()?;
            outcome
        })
    });
    let operated = OPERATED.map(|Case { name, run }| {
        environment_test(place, name, move || {
            let target = Target::apart(&name[..2])?;
            let outcome = target.block(run(&target));
            target.clean_up()?;
            target.give_back();
            outcome
        })
    });
    Suite::in_environment("conformance: kube-apiserver", tests.chain(operated).collect())
}
