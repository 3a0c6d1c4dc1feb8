//! The cases on the fake, under virtual time.

use aigw_cloud::FunctionCode;
use aigw_fakes::aws::{ClientOptions, FakeAws};
use aigw_tests::Outcome;
use aigw_tests::harness::test;
use libtest_mimic::Trial;

use super::cases;
use super::subject::{ACCOUNT, Case, REGION, Subject};

pub fn tests() -> Vec<Trial> {
    cases::all().into_iter().map(|case| test(module_path!(), case.name, move || run(&case))).collect()
}

fn run(case: &Case) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build()?.block_on(async {
        let aws = FakeAws::new(ACCOUNT);
        // The cases are about rules; the emulator has no rates.
        aws.behaviour(|behaviour| behaviour.quotas_enforced = false);
        // As the emulator's account has one.
        aws.edit(|account| account.region(REGION).log_role = Some("arn:aws:iam::111122223333:role/logs".into()));
        let options = ClientOptions { limiter: false, ..ClientOptions::default() };
        let cloud = aws.clouds_with("ports", options).region(REGION).await;
        let codes = ["one", "two"].map(|code| FunctionCode::held(code.as_bytes(), code));
        Subject::new(cloud, codes, case.name).run(case).await
    })
}
