//! The scenarios: what happens, and up to where it has had its effect. What must be true at the end is the end state of
//! the undisturbed run, which [`check`] looks at.

mod checks;
mod gateway_changes;
mod lifecycle;
mod limits;
mod removal;
mod rotation;
mod tenant_changes;

use aigw_tests::simulation::scenario::Scenario;

use super::{access_logs, domains, drift, guardrails, issuers, probes, releases};

pub use checks::check;

/// All of them.
pub fn all() -> Vec<Scenario> {
    let own = [
        lifecycle::scenarios(),
        gateway_changes::scenarios(),
        tenant_changes::scenarios(),
        tenant_changes::admission(),
        limits::scenarios(),
        removal::scenarios(),
        rotation::scenarios(),
        issuers::scenarios(),
        probes::scenarios(),
        guardrails::scenarios(),
        domains::scenarios(),
        releases::scenarios(),
        access_logs::scenarios(),
    ];
    let drift = [drift::api_gateway(), drift::compute(), drift::table(), drift::cluster()];
    [own.concat(), drift.concat()].concat()
}
