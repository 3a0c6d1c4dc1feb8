//! The cases on the emulator, through the adapters. A difference that is on the list has to show as it is written there.

use aigw_aws::{AwsClouds, Settings};
use aigw_cloud::{Clouds, FunctionCode};
use aigw_tests::harness::{environment_test, text};
use aigw_tests::world::world;
use aigw_tests::{Outcome, ensure, function_zip};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Trial;
use sha2::{Digest, Sha256};

use super::cases;
use super::differences::DIFFERENCES;
use super::subject::{ACCOUNT, Case, REGION, Subject};

/// The emulator has no rates, so the limiter is not to slow down the suite.
const NO_LIMIT: f64 = 10_000.0;

pub fn tests() -> Vec<Trial> {
    cases::all().into_iter().map(|case| environment_test(module_path!(), case.name, move || run(&case))).collect()
}

fn run(case: &Case) -> Outcome {
    let world = world()?;
    let endpoint = world.cluster.instance().aws_endpoint()?;
    let outcome = world.block(async {
        let settings = Settings { quota_share: NO_LIMIT, ..Settings::default() };
        // The emulator's account is the key id.
        let clouds = AwsClouds::at_endpoint(&endpoint, REGION, ACCOUNT, settings).await;
        Subject::new(clouds.region(REGION).await, codes()?, case.name).run(case).await
    });
    let Some(difference) = DIFFERENCES.iter().find(|difference| difference.case == case.name) else { return outcome };
    match outcome {
        Ok(()) => Err("the emulator does as AWS now; take the case off the list of differences".into()),
        Err(failure) => {
            let found = text(&failure);
            ensure!(found.contains(difference.shows), "another difference than the one on the list: {found}");
            Ok(())
        }
    }
}

fn codes() -> Outcome<[FunctionCode; 2]> {
    let mut codes = Vec::new();
    for zip in function_zip::of_this_machine() {
        let zip = std::fs::read(zip)?;
        let sha256 = STANDARD.encode(Sha256::digest(&zip));
        codes.push(FunctionCode::held(&zip, sha256));
    }
    Ok(codes.try_into().map_err(|_| "not two zips")?)
}
