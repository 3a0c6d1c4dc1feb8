//! API keys: the tenant and the key are named in the credential, its hash is in the tenant's policy.

use aigw_contract::Credential;
use aigw_contract::policy::TenantPolicy;

use super::{Authorization, AuthorizeError, Identity, Verdict, admitted};
use crate::clock::unix_seconds;

impl Authorization {
    pub(super) async fn key(&self, credential: &Credential) -> Result<Verdict, AuthorizeError> {
        match self.policy(credential.tenant()).await? {
            Some(policy) => verdict(credential, policy, unix_seconds()),
            None => Ok(Verdict::Unauthorized("no such tenant")),
        }
    }
}

fn verdict(credential: &Credential, policy: TenantPolicy, now: i64) -> Result<Verdict, AuthorizeError> {
    if policy.deleted {
        return Ok(Verdict::Unauthorized("deleted tenant"));
    }
    let Some(key) = policy.key(credential.key(), now) else {
        return Ok(Verdict::Unauthorized("unknown or expired key"));
    };
    if !credential.matches(&key.sha256) {
        return Ok(Verdict::Unauthorized("wrong secret"));
    }
    let identity = Identity {
        tenant: credential.tenant().to_owned(),
        credential: credential.key().to_owned(),
        subject: credential.key().to_owned(),
        expires: None,
    };
    admitted(identity, policy)
}

#[cfg(test)]
mod tests {
    use aigw_contract::policy::Suspension;

    use super::*;

    const NOW: i64 = 1_000;

    fn credential() -> Credential {
        Credential::new("t1", "k1", &[7; 32]).unwrap()
    }

    /// From JSON, as it comes from the table: a new field of the contract needs no change here.
    fn policy() -> TenantPolicy {
        serde_json::from_value(serde_json::json!({
            "namespace": "team-a", "name": "chat", "tier": "bronze", "usageKey": "usage-key",
            "keys": [{ "id": "k1", "sha256": credential().sha256(), "notAfter": NOW + 1 }],
        }))
        .unwrap()
    }

    fn decided(policy: TenantPolicy, now: i64) -> Verdict {
        verdict(&credential(), policy, now).unwrap()
    }

    fn is_unauthorized(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Unauthorized(_))
    }

    #[test]
    fn a_good_key_is_allowed_under_the_tenants_usage_key() {
        let (tenant, credential, subject) = ("t1".into(), "k1".into(), "k1".into());
        let identity = Identity { tenant, credential, subject, expires: None };
        assert_eq!(decided(policy(), NOW), Verdict::Allow { identity, usage_key: "usage-key".into() });
    }

    #[test]
    fn everything_wrong_with_a_key_is_unauthorized() {
        assert!(is_unauthorized(&decided(policy(), NOW + 1)));
        assert!(is_unauthorized(&decided(TenantPolicy { deleted: true, ..policy() }, NOW)));
        assert!(is_unauthorized(&decided(TenantPolicy { keys: vec![], ..policy() }, NOW)));
        let mut other = policy();
        other.keys[0].sha256 = "0".repeat(64);
        assert!(is_unauthorized(&decided(other.clone(), NOW)));
        other.keys[0].sha256.clear();
        assert!(is_unauthorized(&decided(other, NOW)));
    }

    #[test]
    fn suspension_is_told_to_holders_of_a_key_only() {
        let suspended = TenantPolicy { suspended: Some(Suspension::Team), ..policy() };
        assert!(matches!(decided(suspended.clone(), NOW), Verdict::Deny { .. }));
        assert!(is_unauthorized(&decided(TenantPolicy { keys: vec![], ..suspended }, NOW)));
    }

    #[test]
    fn a_policy_without_usage_key_is_our_fault() {
        assert!(verdict(&credential(), TenantPolicy { usage_key: String::new(), ..policy() }, NOW).is_err());
    }
}
