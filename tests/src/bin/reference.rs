//! `make docs`: writes the API reference, `docs/reference.md`.

use std::process::ExitCode;

use aigw_tests::harness::text;
use aigw_tests::{Outcome, reference, repository};

fn write() -> Outcome {
    std::fs::write(repository::path(reference::FILE), reference::markdown()?)?;
    Ok(())
}

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("reference: {}", text(&failed));
            ExitCode::FAILURE
        }
    }
}
