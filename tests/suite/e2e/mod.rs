//! The whole path on real parts: a real apiserver with RBAC, the charts installed by Helm, the operator as its Deployment
//! says and with its ServiceAccount's token, the emulated AWS with our functions, a stub of Bedrock, SDK clients.
//!
//! The tests share one installation (`aigw_tests::shared`). They run in the order below: first those that only look,
//! then those that change the shared gateway and put it back, then those with gateways of their own. Each also runs alone.

mod answers;
mod change;
mod crash;
mod credentials;
mod deletion;
mod drift;
mod endpoints;
mod faults;
mod guard;
mod leaks;
mod limits;
mod metrics;
mod plan;
mod ready;
mod refused;
mod restore;
mod steady_state;
mod suspension;

use aigw_tests::harness::Suite;

pub fn suite() -> Suite {
    let groups = [
        ready::tests(),
        metrics::tests(),
        answers::tests(),
        credentials::tests(),
        limits::tests(),
        suspension::tests(),
        steady_state::tests(),
        plan::tests(),
        change::tests(),
        drift::tests(),
        refused::tests(),
        guard::tests(),
        endpoints::tests(),
        deletion::tests(),
        restore::tests(),
        faults::tests(),
        crash::tests(),
        leaks::tests(),
    ];
    Suite::in_environment("e2e", groups.into_iter().flatten().collect())
}
