//! What a policy says of a caller, whatever it asks for.

use aigw_contract::calendar;
use aigw_contract::policy::{Suspension, TenantPolicy};

use super::Caller;
use crate::denial::Denial;

/// Why `caller` may not call, if it may not. Who suspended comes before whether the key is good: a team that rotates
/// keys while suspended should read the reason that matters.
pub(super) fn of_policy(policy: &TenantPolicy, caller: &Caller, now: i64) -> Option<Denial> {
    if !policy.deleted && policy.suspended.is_some() {
        return Some(suspended(policy));
    }
    if let Some(end) = policy.expires_at.filter(|end| now >= *end && !policy.deleted) {
        return Some(Denial::forbidden(format!(
            "the access of tenant {} ended at {} (spec.expiresAt of the Tenant); whoever may edit the Tenant can extend it as \
             far as the platform team's rules allow",
            policy.tenant(),
            calendar::rfc3339(end)
        )));
    }
    of_credential(policy, caller, now)
}

/// Why the tenant may not call now.
pub(super) fn suspended(policy: &TenantPolicy) -> Denial {
    let tenant = policy.tenant();
    Denial::forbidden(match policy.suspended {
        Some(Suspension::Platform) => format!(
            "tenant {tenant} is suspended by the platform team (spec.tenants.suspended of the AIGateway); only the \
             platform team can lift this"
        ),
        Some(Suspension::Team) => format!(
            "tenant {tenant} is suspended by its own team (spec.suspend of the Tenant); whoever may edit the Tenant can \
             lift this"
        ),
        // The meter says so alone: its policy is about to.
        None => format!("tenant {tenant} is suspended; the platform team that runs the gateway can lift this"),
    })
}

/// Why the credential is not accepted, if it is not.
pub(super) fn of_credential(policy: &TenantPolicy, caller: &Caller, now: i64) -> Option<Denial> {
    let tenant = policy.tenant();
    if policy.deleted {
        return Some(Denial::forbidden(format!("tenant {tenant} was deleted; its credentials are void")));
    }
    if caller.expires.is_some_and(|end| now >= end) {
        return Some(Denial::unauthenticated("the token has expired; present a new one"));
    }
    if policy.accepts(&caller.credential, now) {
        return None;
    }
    if caller.expires.is_some() {
        return Some(Denial::forbidden(format!(
            "the identity of this token no longer belongs to tenant {tenant}; see spec.identities of the Tenant and its \
             conditions"
        )));
    }
    Some(Denial::forbidden(format!(
        "credential {} of tenant {tenant} was revoked or has expired; read the tenant's current credential from its Secret",
        caller.credential
    )))
}

#[cfg(test)]
mod tests {
    use aigw_contract::policy::AcceptedIdentity;

    use super::*;

    /// From JSON, as it comes from the table: a new field of the contract needs no change here.
    fn policy() -> TenantPolicy {
        serde_json::from_value(serde_json::json!({
            "namespace": "team-a", "name": "chat", "tier": "bronze", "usageKey": "u",
            "keys": [{ "id": "k1", "sha256": "", "notAfter": 100 }],
        }))
        .unwrap()
    }

    fn message(policy: &TenantPolicy, key: &str, now: i64) -> Option<String> {
        let caller = Caller { tenant: "t1".into(), credential: key.into(), subject: None, expires: None };
        of_policy(policy, &caller, now).map(|denial| denial.message.into_owned())
    }

    #[test]
    fn every_refusal_says_who_decided() {
        assert_eq!(message(&policy(), "k1", 99), None);
        assert!(message(&policy(), "k1", 100).unwrap().contains("credential k1"));
        assert!(message(&policy(), "k2", 0).unwrap().contains("revoked"));
        assert!(suspended(&policy()).message.contains("platform team"));
        let platform = TenantPolicy { suspended: Some(Suspension::Platform), ..policy() };
        assert!(message(&platform, "k1", 0).unwrap().contains("only the platform team"));
        let team = TenantPolicy { suspended: Some(Suspension::Team), ..policy() };
        assert!(message(&team, "k1", 0).unwrap().contains("spec.suspend"));
        let deleted = TenantPolicy { deleted: true, ..platform };
        assert!(message(&deleted, "k1", 0).unwrap().contains("deleted"));
        let expiring = TenantPolicy { expires_at: Some(50), ..policy() };
        assert_eq!(message(&expiring, "k1", 49), None);
        assert!(message(&expiring, "k1", 50).unwrap().contains("ended at 1970-01-01T00:00:50Z (spec.expiresAt"));
    }

    #[test]
    fn a_token_ends_at_its_time_and_with_its_identity() {
        let mut policy = policy();
        policy.identities = vec![AcceptedIdentity { hash: "ab".into() }];
        let status = |policy: &TenantPolicy, credential: &str, now| {
            let (tenant, credential) = ("t1".into(), credential.into());
            let caller = Caller { tenant, credential, subject: None, expires: Some(50) };
            of_policy(policy, &caller, now).map(|denial| denial.status.as_u16())
        };
        assert_eq!(status(&policy, "ab", 49), None);
        assert_eq!(status(&policy, "ab", 50), Some(401));
        assert_eq!(status(&policy, "cd", 49), Some(403));
        policy.identities.clear();
        assert_eq!(status(&policy, "ab", 49), Some(403));
    }
}
