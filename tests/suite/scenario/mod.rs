//! The whole operator on both fakes under virtual time: what it does when everything goes well, when it is killed at any
//! write, when AWS or Kubernetes refuse, and when it is not alone.

mod access_logs;
mod budgets;
mod cases;
mod clusters;
mod crash;
mod domains;
mod drift;
mod guardrails;
mod issuers;
mod leadership;
mod leaks;
mod objects;
mod probes;
mod rbac;
mod refused;
mod releases;
mod rights;
mod scale;
mod statuses;
mod sweep;
mod throttle;
mod traces;

use aigw_tests::harness::Suite;

/// Everything that needs nothing, what needs helm, and what needs the tools of GitOps.
pub fn suites() -> [Suite; 3] {
    [suite(), rbac::suite(), statuses::suite()]
}

fn suite() -> Suite {
    let groups = [
        crash::tests(),
        refused::tests(),
        access_logs::tests(),
        budgets::tests(),
        clusters::tests(),
        guardrails::tests(),
        domains::tests(),
        issuers::tests(),
        leadership::tests(),
        leaks::tests(),
        probes::tests(),
        releases::tests(),
        rights::tests(),
        scale::tests(),
        sweep::tests(),
        throttle::tests(),
        traces::tests(),
    ];
    Suite::new("scenario", groups.into_iter().flatten().collect())
}
