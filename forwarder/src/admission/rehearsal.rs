//! A call that takes nothing: reserved and settled like any other, so that it shows whether calls can be counted.

use aigw_contract::probe::TableAnswer;

use super::{Admission, Caller, verdict};
use crate::amount::Amount;
use crate::clock::unix_seconds;
use crate::denial::Refusal;
use crate::ledger::{NotReserved, Unsettled, Wish};
use crate::table::TableError;

/// Part of the codes with which DynamoDB refuses a role.
const DENIED: &str = "AccessDenied";

impl Admission {
    /// Reserves nothing for `caller` and settles it.
    ///
    /// # Errors
    /// [`Refusal`] where the policy says no; what is wrong with the table is an answer.
    pub async fn rehearse(&self, caller: &Caller) -> Result<TableAnswer, Refusal> {
        let policy = match self.policies.read(&caller.tenant).await {
            Ok(Some(policy)) => policy,
            Ok(None) => return Ok(TableAnswer::Unclear),
            Err(error) => return Ok(of_error(&error)),
        };
        let now = unix_seconds();
        if let Some(denial) = verdict::of_policy(&policy.content, caller, now) {
            return Err(denial.into());
        }
        let key = policy.content.key(&caller.credential, now).map(|key| key.id.as_str());
        let amount = Amount::default();
        let wish = Wish { policy: &policy.content, version: policy.version, fresh: true, amount, key, now };
        let mut reserved = match self.ledger.reserve(&caller.tenant, wish).await {
            Ok(reserved) => reserved,
            Err(NotReserved::Refused(..)) => return Ok(TableAnswer::Unclear),
            Err(NotReserved::Table(error)) => return Ok(of_error(&error)),
        };
        let Some(settlement) = reserved.hold.settle(amount) else { return Ok(TableAnswer::Unclear) };
        Ok(match settlement.await {
            Ok(Ok(())) => TableAnswer::Counted,
            Ok(Err(Unsettled::Table(error))) => of_error(&error),
            Ok(Err(Unsettled::Reaped | Unsettled::Contended)) | Err(_) => TableAnswer::Unclear,
        })
    }
}

fn of_error(error: &TableError) -> TableAnswer {
    match error {
        TableError::Refused { code, .. } if code.contains(DENIED) => TableAnswer::Denied,
        error if error.is_outage() => TableAnswer::Unreachable,
        _ => TableAnswer::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::*;

    #[test]
    fn a_role_that_may_not_is_told_from_a_table_that_is_gone() {
        let refused = |status, code: &str| of_error(&TableError::Refused { status, code: code.into() });
        assert_eq!(refused(StatusCode::BAD_REQUEST, "AccessDeniedException"), TableAnswer::Denied);
        assert_eq!(refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), TableAnswer::Unreachable);
        assert_eq!(refused(StatusCode::BAD_REQUEST, "ThrottlingException"), TableAnswer::Unclear);
        assert_eq!(of_error(&TableError::Timeout(Duration::from_secs(1))), TableAnswer::Unreachable);
    }
}
