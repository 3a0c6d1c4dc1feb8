//! The one test program with every suite that needs more than one crate. The names of tests are sentences; run some with
//! `cargo test -p aigw-tests -- e2e::drift`.

mod architecture;
mod charts;
mod conformance;
mod crd;
mod demo_text;
mod documents;
mod e2e;
mod functions;
mod generated;
mod gitops;
mod iam;
mod image;
mod metering;
mod ports;
mod scenario;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut suites = vec![
        architecture::suite(),
        generated::suite(),
        charts::suite(),
        documents::suite(),
        functions::suite(),
        gitops::suite(),
        iam::suite(),
        image::suite(),
        metering::suite(),
    ];
    suites.extend(scenario::suites());
    suites.extend([conformance::fake(), conformance::apiserver()]);
    suites.extend(ports::suites());
    suites.extend([crd::suite(), e2e::suite()]);
    aigw_tests::harness::run(suites)
}
