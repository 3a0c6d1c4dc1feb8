//! The client's credential: which one the Secret has to hold, which ones are accepted, and when a replaced one ends.
//!
//! A credential is replaced when somebody asks for it, or when the Secret lost it. The Secret is written first and the policy
//! second, so between the two the Secret holds a key that the policy does not know yet: one with a higher number than any
//! before is taken for that and put in force, whoever made it and whatever died in between. A replaced key ends on its last
//! use: once it was unused for the overlap, or when it has been on its way out for a week.

use aigw_contract::Credential;
use aigw_contract::meter::{LAST_USED_RETIRING_SECONDS, MeterReading};
use aigw_contract::policy::{KeyHash, TenantPolicy};

use super::admit::AdmittedTenant;
use super::rotation::Rotation;
use super::secret;
use super::step::{ObservedSecret, ObservedTenant};

/// How long a replaced key stays valid at most: what goes on using it was started before, and the environment of a running
/// container never changes; but a key that may have leaked has to end some day.
pub const RETIRING_SECONDS: i64 = 7 * 24 * 3600;
/// Most keys that are accepted at once. A rotation waits until there is one only, so more than two are there only where a
/// Secret was lost again and again; then the oldest ends early.
pub const MOST_KEYS: usize = 5;
/// When to look again at what was last read too long ago to tell that a key is not used any more.
const NEXT_LOOK_SECONDS: i64 = 30;
/// Answered requests that are remembered: an older one that comes back is taken for a new one.
const REMEMBERED: usize = 8;
/// How much further than the policy a Secret's key may be: a table restored from a backup has seen fewer.
const AHEAD: i64 = 1_000_000;

/// What a policy says of credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keys {
    /// The active key, then those on their way out, newest first.
    pub(super) accepted: Vec<KeyHash>,
    /// Number of the latest.
    pub(super) last: i64,
    /// Requests that were answered.
    pub(super) rotations: Vec<String>,
}

/// The credential the Secret has to hold: the one it holds, or one made of `random`. Replaced on request only where
/// `may_rotate`, that is, where the policy is going to be written as well.
pub(super) fn choose(
    tenant: &AdmittedTenant,
    observed: &ObservedTenant,
    may_rotate: bool,
    now: i64,
    random: &[u8; 32],
) -> Credential {
    let policy = observed.policy.as_ref().map(|policy| &policy.content);
    let held = match &observed.secret {
        ObservedSecret::Ours(data) => secret::credential(data, &tenant.tenant_id),
        ObservedSecret::Absent | ObservedSecret::Foreign | ObservedSecret::Leaving => None,
    };
    let replaced = |credential: &Credential| {
        let policy = policy.filter(|policy| active(policy).is_some_and(|key| key.id == credential.key()));
        may_rotate
            && policy.is_some_and(|policy| {
                is_due(&tenant.rotation, policy, now)
                    && retiring(policy).all(|key| has_ended(key, &tenant.rotation, observed, now))
            })
    };
    held.filter(|credential| is_usable(credential, policy) && !replaced(credential)).unwrap_or_else(|| {
        let next = policy.map_or(0, latest) + 1;
        Credential::new(&tenant.tenant_id, &format!("k{next}"), random)
            .expect("tenant ids and key ids are of the credential's alphabet by construction")
    })
}

/// Whether what the Secret holds may stay there.
fn is_usable(credential: &Credential, policy: Option<&TenantPolicy>) -> bool {
    let Some(number) = number(credential.key()) else { return false };
    let Some(policy) = policy else { return number <= AHEAD };
    match policy.keys.iter().find(|key| key.id == credential.key()) {
        // It must come with the hash that is known, and must not be on its way out.
        Some(key) => !key.is_retiring() && credential.matches(&key.sha256),
        None => {
            let last = latest(policy);
            // Keys were switched off at the gateway meanwhile: none is accepted, and the latest is as good as ever.
            let paused = policy.keys.is_empty() && number == last;
            paused || (number > last && number - last <= AHEAD)
        }
    }
}

/// What the policy is to say, with `credential` in the Secret; with none, no key is accepted.
pub(super) fn keys(
    tenant: &AdmittedTenant,
    credential: Option<&Credential>,
    observed: &ObservedTenant,
    now: i64,
) -> Keys {
    let previous = observed.policy.as_ref().map(|policy| &policy.content);
    let last = previous.map_or(0, latest);
    let mut rotations = previous.map(|policy| policy.rotations.clone()).unwrap_or_default();
    let Some(credential) = credential else { return Keys { accepted: Vec::new(), last, rotations } };
    let before = previous.and_then(active).filter(|key| key.id == credential.key() && key.since != 0);
    let since = before.map_or(now, |key| key.since);
    let active = KeyHash { id: credential.key().into(), sha256: credential.sha256(), since, not_after: None };
    let number = number(credential.key()).unwrap_or(last);
    // A new credential answers whatever was asked for until then.
    if let Some(request) = tenant.rotation.request.as_ref().filter(|request| !rotations.contains(request))
        && (previous.is_none() || number > last)
    {
        rotations.push(request.clone());
        rotations.drain(..rotations.len().saturating_sub(REMEMBERED));
    }
    let living = previous.filter(|policy| !policy.deleted);
    let others = living.into_iter().flat_map(|policy| &policy.keys).filter(|key| key.id != active.id);
    let retiring = others.map(|key| retired(key, &tenant.rotation, now)).filter(|key| {
        // One that is replaced now stays listed, so that nothing vanishes without its end having been written.
        let newly = key.since == now && key.not_after == Some(now);
        newly || !has_ended(key, &tenant.rotation, observed, now)
    });
    let accepted = std::iter::once(active.clone()).chain(retiring).take(MOST_KEYS).collect();
    Keys { accepted, last: last.max(number), rotations }
}

/// `key`, which another takes the place of, with its end.
fn retired(key: &KeyHash, rotation: &Rotation, now: i64) -> KeyHash {
    match key.not_after {
        Some(end) if key.since == 0 => KeyHash { since: end - RETIRING_SECONDS, ..key.clone() },
        Some(_) => key.clone(),
        None => {
            let longest = if rotation.overlap == 0 { 0 } else { RETIRING_SECONDS };
            KeyHash { since: now, not_after: Some(now + longest), ..key.clone() }
        }
    }
}

/// When a key will have been unused for the overlap if nobody uses it any more, in seconds since the Unix epoch.
fn unused_at(key: &KeyHash, rotation: &Rotation, reading: &MeterReading) -> i64 {
    let used = reading.last_used(&key.id).map(|used| used + LAST_USED_RETIRING_SECONDS);
    used.map_or(key.since, |used| used.max(key.since)) + rotation.overlap
}

/// Whether a replaced key is to be accepted no more: its time is over, or a look after the overlap saw no use of it. An
/// older look says nothing, as the key may have been used since.
fn has_ended(key: &KeyHash, rotation: &Rotation, observed: &ObservedTenant, now: i64) -> bool {
    let unused = unused_at(key, rotation, &observed.reading) <= observed.read_at;
    key.not_after.is_some_and(|end| end <= now || unused)
}

/// Whether a replaced key was used after it had been replaced.
pub(super) fn is_still_used(key: &KeyHash, reading: &MeterReading) -> bool {
    key.is_retiring() && reading.last_used(&key.id).is_some_and(|used| used > key.since)
}

/// Whether somebody asks for a rotation that has not taken place.
pub(super) fn is_due(rotation: &Rotation, policy: &TenantPolicy, now: i64) -> bool {
    let asked = rotation.request.as_ref().is_some_and(|request| !policy.rotations.contains(request));
    active(policy).is_some() && (asked || rotates_at(rotation, policy).is_some_and(|due| due <= now))
}

/// When the active key is to be replaced, in seconds since the Unix epoch.
pub(super) fn rotates_at(rotation: &Rotation, policy: &TenantPolicy) -> Option<i64> {
    let active = active(policy).filter(|key| key.since != 0)?;
    Some(active.since + rotation.every?)
}

/// When there is next something to do about keys, in seconds since the Unix epoch.
pub(super) fn next_change(rotation: &Rotation, policy: &TenantPolicy, reading: &MeterReading, now: i64) -> Option<i64> {
    let ends = retiring(policy).flat_map(|key| {
        // Where it was unused for long enough, the look at that was too old.
        let unused = unused_at(key, rotation, reading);
        [key.not_after.unwrap_or(i64::MAX), if unused <= now { now + NEXT_LOOK_SECONDS } else { unused }]
    });
    // What is due already waits for an end.
    ends.chain(rotates_at(rotation, policy).filter(|due| *due > now)).min()
}

/// The key that the Secret holds.
pub(super) fn active(policy: &TenantPolicy) -> Option<&KeyHash> {
    policy.keys.iter().find(|key| !key.is_retiring())
}

/// Keys on their way out.
pub(super) fn retiring(policy: &TenantPolicy) -> impl Iterator<Item = &KeyHash> {
    policy.keys.iter().filter(|key| key.is_retiring())
}

/// The highest number of a key that the tenant had.
pub(super) fn latest(policy: &TenantPolicy) -> i64 {
    policy.keys.iter().filter_map(|key| number(&key.id)).fold(policy.last_key, i64::max)
}

pub(super) fn number(key: &str) -> Option<i64> {
    key.strip_prefix('k')?.parse().ok()
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
