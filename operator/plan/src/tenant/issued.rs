//! What a tenant's owner is told of its credentials: which there are, whether one that was replaced is still used, and when
//! the next rotation is due. Coarsely where it moves with every call, because each write of a status wakes everybody who
//! watches it.

use std::fmt::Write as _;

use aigw_api::conditions::{kind, reason};
use aigw_api::{CredentialStatus, CredentialsStatus};
use aigw_contract::calendar::rfc3339;
use aigw_contract::meter::MeterReading;
use aigw_contract::policy::KeyHash;
use jiff::Timestamp;

use super::admit::AdmittedTenant;
use super::credentials::{active, is_due, is_still_used, retiring, rotates_at};
use super::report::InForce;
use super::rotation::Rotation;
use crate::conditions::ConditionSpec;
use crate::time_span;

/// How much later a key was used before that is shown, in seconds: of the active key, and of one on its way out, whose owner
/// looks for what still uses it.
const STANDS_ACTIVE: i64 = 24 * 3600;
const STANDS_RETIRING: i64 = 3600;

/// The condition `CredentialsReady` of a tenant that has a credential. Its message is constant for as long as what it says
/// is.
pub(super) fn condition(tenant: &AdmittedTenant, in_force: InForce<'_>, now: i64) -> ConditionSpec {
    let InForce { policy, reading } = in_force;
    let held = active(policy).map_or("", |key| key.id.as_str());
    let mut message = format!("credential {held} is in Secret {}", tenant.secret_name);
    let mut reason = reason::ISSUED;
    for key in retiring(policy) {
        if is_still_used(key, reading) {
            reason = reason::OLD_KEY_IN_USE;
            let _ = write!(message, "; {} was replaced and is still used: {}", key.id, remedy(key));
        } else {
            let _ = write!(message, "; {} was replaced and ends {}", key.id, end(key, &tenant.rotation));
        }
    }
    if is_due(&tenant.rotation, policy, now) && retiring(policy).next().is_some() {
        message += "; the next rotation waits for that, or for spec.apiKey.overlap to be shorter";
    }
    ConditionSpec::new(kind::CREDENTIALS_READY, true, reason, message)
}

fn remedy(key: &KeyHash) -> String {
    let end = key.not_after.map(rfc3339).unwrap_or_default();
    format!("restart what took it from the Secret; it ends at {end} at the latest")
}

fn end(key: &KeyHash, rotation: &Rotation) -> String {
    let end = key.not_after.map(rfc3339).unwrap_or_default();
    format!("once it was not used for {}, or at {end}", time_span::written(rotation.overlap))
}

/// The status of credentials; `previous` is the one that stands.
pub(super) fn shown(
    tenant: &AdmittedTenant,
    in_force: InForce<'_>,
    previous: Option<&CredentialsStatus>,
) -> CredentialsStatus {
    let InForce { policy, reading } = in_force;
    let key = |key: &KeyHash| {
        let before = previous.iter().flat_map(|status| &status.keys).find(|before| before.id == key.id);
        CredentialStatus {
            id: key.id.clone(),
            state: if key.is_retiring() { "Retiring".into() } else { "Active".into() },
            since: (key.since != 0).then(|| rfc3339(key.since)),
            last_used: last_used(key, reading, before),
            retires_at: key.not_after.map(rfc3339),
        }
    };
    CredentialsStatus {
        secret_name: tenant.secret_name.clone(),
        keys: policy.keys.iter().map(key).collect(),
        rotates_at: rotates_at(&tenant.rotation, policy).map(rfc3339),
    }
}

/// When a key was last used: what is shown, unless that is too old.
fn last_used(key: &KeyHash, reading: &MeterReading, before: Option<&CredentialStatus>) -> Option<String> {
    let used = reading.last_used(&key.id);
    let shown = before.and_then(|before| before.last_used.clone());
    let time = shown.as_deref().and_then(|shown| shown.parse::<Timestamp>().ok()).map(Timestamp::as_second);
    let stands = if key.is_retiring() { STANDS_RETIRING } else { STANDS_ACTIVE };
    match (used, time) {
        (Some(used), Some(time)) if used < time.saturating_add(stands) => shown,
        (Some(used), _) => Some(rfc3339(used)),
        // The meter forgets a key that is gone, and nothing else.
        (None, _) => None,
    }
}

/// What to tell of a rotation that took place between two statuses.
pub fn rotated(previous: Option<&CredentialsStatus>, next: Option<&CredentialsStatus>) -> Option<String> {
    let held = |status: &CredentialsStatus| {
        status.keys.iter().find(|key| key.retires_at.is_none()).map(|key| key.id.clone()).unwrap_or_default()
    };
    let (before, after) = (held(previous?), held(next?));
    if before.is_empty() || after.is_empty() || before == after {
        return None;
    }
    let old = next?.keys.iter().find(|key| key.id == before).and_then(|key| key.retires_at.as_deref());
    let secret = &next?.secret_name;
    Some(match old {
        Some(end) => format!(
            "credential {after} is in Secret {secret} and replaces {before}, which is accepted until it is not used any more, and until {end} at most; restart what took it from the Secret"
        ),
        None => format!("credential {after} is in Secret {secret} and replaces {before}, which is accepted no more"),
    })
}

#[cfg(test)]
#[path = "issued_tests.rs"]
mod tests;
