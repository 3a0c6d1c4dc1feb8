//! The one test program with every suite that needs more than one crate. The names of tests are sentences; run some with
//! `cargo test -p aigw-tests -- e2e::drift`.

mod architecture;
mod conformance;
mod crd;
mod e2e;
mod functions;
mod generated;
mod scenario;

use std::process::ExitCode;

fn main() -> ExitCode {
    aigw_tests::harness::run(vec![
        architecture::suite(),
        generated::suite(),
        functions::suite(),
        scenario::suite(),
        conformance::fake(),
        conformance::apiserver(),
        crd::suite(),
        e2e::suite(),
    ])
}
