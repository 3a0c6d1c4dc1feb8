//! What the account can hold, and holds.

use aigw_plan::gateway::capacity::AccountQuotas;
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use crate::ports::subject::{Case, Subject};

pub fn cases() -> Vec<Case> {
    cases![objects_of_any_owner_are_counted, quotas_of_the_account_can_be_read]
}

async fn objects_of_any_owner_are_counted(subject: &Subject) -> Outcome {
    // Other cases make and delete theirs meanwhile: what this case made is the least there is.
    subject.staged().await?;
    let used = subject.cloud.capacity.used().await?;
    ensure!(used.regional_apis >= 1, "{used:?}");
    for name in ["one", "two"] {
        subject.key(name).await?;
    }
    let used = subject.cloud.capacity.used().await?;
    ensure!(used.api_keys >= 2, "{used:?}");
    Ok(())
}

async fn quotas_of_the_account_can_be_read(subject: &Subject) -> Outcome {
    ensure_eq!(subject.cloud.capacity.quotas().await?, AccountQuotas::default(), "quotas nobody raised");
    Ok(())
}
