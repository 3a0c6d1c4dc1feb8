//! Calls of functions as CloudWatch counts them.

use std::time::{SystemTime, UNIX_EPOCH};

use aigw_cloud::CallQuery;
use aigw_plan::gateway::observed::Calls;
use aigw_tests::{Outcome, ensure_eq};

use super::cases;
use crate::ports::subject::{Case, Subject};

pub fn cases() -> Vec<Case> {
    cases![a_version_that_took_no_call_has_none]
}

async fn a_version_that_took_no_call_has_none(subject: &Subject) -> Outcome {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let function = subject.name("function");
    // Counts of slow calls are a statistic that the emulator does not have.
    let query = CallQuery { function, version: "1".into(), since: now - 600, until: now, slow_after_ms: None };
    ensure_eq!(subject.cloud.function_metrics.calls(&query).await?, Calls::default(), "calls");
    Ok(())
}
