//! Who knows whom: the rules are in `aigw_tests::graph`.

use aigw_tests::graph::{Graph, RULES, Rule};
use aigw_tests::harness::{Suite, test};
use aigw_tests::{Outcome, ensure, ensure_eq};

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "crates_know_only_what_they_may", crates_know_only_what_they_may),
        test(module_path!(), "a_forbidden_edge_is_found", a_forbidden_edge_is_found),
        test(module_path!(), "every_crate_of_the_workspace_has_a_rule", every_crate_has_a_rule),
    ];
    Suite::new("architecture", tests)
}

fn crates_know_only_what_they_may() -> Outcome {
    let graph = Graph::of_workspace()?;
    let mut breaches = Vec::new();
    for rule in RULES {
        breaches.extend(match rule {
            Rule::NeverReaches(package, _) => Graph::of_package(package)?.breaches(*rule),
            _ => graph.breaches(*rule),
        });
    }
    ensure!(breaches.is_empty(), "{}", breaches.join("\n"));
    // A check that looks at nothing would pass too.
    ensure!(graph.breaches(Rule::Absent("ring")).len() == 1, "ring, the one provider of cryptography, is not there");
    Ok(())
}

fn a_forbidden_edge_is_found() -> Outcome {
    let graph = Graph::made_up(
        &["aigw-plan", "aigw-aws", "aigw-operator", "aigw-tests", "aigw-env"],
        &[
            ("aigw-plan", "helper"),
            ("helper", "tokio"),
            ("aigw-plan", "aigw-aws"),
            ("aigw-env", "aws-sdk-lambda"),
            ("aigw-aws", "aws-sdk-lambda"),
            ("aigw-tests", "openssl"),
        ],
    );
    let found = |rule| graph.breaches(rule).join("; ");
    ensure_eq!(
        found(Rule::Names("aigw-plan", &["aigw-api"])),
        "aigw-plan names aigw-aws, which it must not know",
        "a direct edge"
    );
    ensure_eq!(
        found(Rule::NeverReaches("aigw-plan", &["tokio"])),
        "aigw-plan must not reach tokio: aigw-plan → helper → tokio",
        "an edge two crates away"
    );
    ensure_eq!(
        found(Rule::NamedOnlyBy("aws-sdk-*", &["aigw-aws"])),
        "aigw-env names aws-sdk-lambda, which only aigw-aws may",
        "a name by its beginning"
    );
    ensure_eq!(found(Rule::Absent("openssl")), "openssl is in the lock file", "a crate that must not be there");
    ensure_eq!(found(Rule::NeverReaches("aigw-env", &["tokio"])), "", "nothing where nothing is wrong");
    Ok(())
}

fn every_crate_has_a_rule() -> Outcome {
    let graph = Graph::of_workspace()?;
    for name in graph.ours.iter().filter(|name| *name != "aigw-tests") {
        let ruled = RULES.iter().any(|rule| matches!(rule, Rule::Names(about, _) if about == name));
        ensure!(ruled, "{name} has no rule about the crates it may name; add one to RULES");
    }
    Ok(())
}
