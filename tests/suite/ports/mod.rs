//! The contract of the ports: cases written once, run on the fake AWS and, through the adapters, on the emulator.
//!
//! The scenario tier believes what the fake does, so the fake has to be checked against something it does not share code
//! with. Where the two disagree, either one is corrected, or the difference is in [`differences::DIFFERENCES`] with what
//! AWS does: it is then expected, not skipped. `docs/emulator-differences.md` is that table for people.

mod cases;
mod differences;
mod emulator;
mod fake;
mod subject;

use aigw_tests::harness::{Suite, test};
use aigw_tests::{Outcome, ensure, ensure_eq, repository};

pub fn suites() -> Vec<Suite> {
    let mut of_fake = fake::tests();
    of_fake.push(test(module_path!(), "the_document_lists_every_difference", document));
    of_fake.push(test(module_path!(), "every_difference_is_about_a_case", differences_are_about_cases));
    let of_fake = Suite::new("ports on the fake", of_fake);
    let of_emulator = Suite::in_environment("ports on the emulator", emulator::tests());
    vec![of_fake, of_emulator]
}

fn document() -> Outcome {
    let text = repository::read("docs/emulator-differences.md")?;
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> = differences::DIFFERENCES.iter().map(differences::Difference::row).collect();
    ensure_eq!(rows, expected, "the table in docs/emulator-differences.md");
    Ok(())
}

fn differences_are_about_cases() -> Outcome {
    let cases = cases::all();
    for difference in differences::DIFFERENCES {
        ensure!(cases.iter().any(|case| case.name == difference.case), "no case is called {}", difference.case);
    }
    Ok(())
}
