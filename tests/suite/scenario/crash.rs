//! The crash matrix: every scenario, with the operator dying at every write in every way, ends as if nothing had happened.

use aigw_tests::harness::test;
use aigw_tests::simulation::crash::Blow;
use aigw_tests::simulation::invariants;
use aigw_tests::simulation::scenario::Scenario;
use aigw_tests::{Outcome, ensure, figures};
use libtest_mimic::Trial;

use super::cases;

/// Writes by which a run that died may make more than the undisturbed one.
const MORE: usize = 40;

pub fn tests() -> Vec<Trial> {
    let scenarios = cases::all().into_iter();
    let run = |scenario: Scenario| {
        test(module_path!(), scenario.name, move || {
            at_every_write(&scenario).inspect_err(|failed| {
                // At once, and not minutes later with all others.
                println!("{}", aigw_tests::harness::text(failed));
            })
        })
    };
    scenarios.map(run).collect()
}

fn at_every_write(scenario: &Scenario) -> Outcome {
    let undisturbed = scenario.run()?;
    invariants::hold(&undisturbed.world)?;
    cases::check(scenario, &undisturbed)?;
    let writes = undisturbed.writes.len();
    let mut runs = 1;
    for blow in Blow::ALL {
        for index in 0..writes + MORE {
            // Two tasks that write at the same moment do so in no fixed order, so a run may be a few writes shorter.
            if scenario.run_struck(&undisturbed.state, index, blow)?.is_none() {
                break;
            }
            runs += 1;
        }
    }
    ensure!(runs > writes, "{} made {writes} writes and was struck {} times only", scenario.name, runs - 1);
    for (what, number) in [("scenarios", 1), ("writes to die at", writes), ("runs", runs)] {
        figures::add("crash matrix", what, number);
    }
    Ok(())
}
