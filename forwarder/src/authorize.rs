//! Who calls: the authorizer's decision, free of Lambda's forms.
//!
//! Everything fails closed. A credential that is malformed, unknown, expired or wrong is *unauthorized* and nothing
//! more is said about it; that a tenant is suspended is told only to who holds one of its keys. What is our own
//! fault is neither yes nor no. Nothing is cached here: API Gateway caches answers.

use std::sync::Arc;

use aigw_contract::Credential;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table;

use crate::clock::unix_seconds;
use crate::table::{Document, Table, TableError};

const SCHEME: &str = "Bearer";

/// What is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The caller may use the gateway, under this key of its usage plan.
    Allow {
        /// Who calls.
        identity: Identity,
        /// Value of the internal API key that carries the tenant's limits.
        usage_key: String,
    },
    /// The caller is known and may not call: 403.
    Deny {
        /// Who calls.
        identity: Identity,
    },
    /// Not a valid credential: 401. The reason is for our log alone.
    Unauthorized(&'static str),
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Tenant id.
    pub tenant: String,
    /// Credential id within the tenant.
    pub credential: String,
    /// Who used the credential.
    pub subject: String,
}

/// No verdict could be reached: 500.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The tenant's policy cannot be read.
    #[error("the tenant's policy cannot be read")]
    Store(#[from] TableError),
    /// The policy names no usage plan key, so the tenant's limits would not apply.
    #[error("the policy of tenant {0} has no usage key")]
    NoUsageKey(String),
}

/// Decides by the policies of one table.
pub struct Authorization {
    table: Arc<Table>,
}

impl Authorization {
    /// Decisions by this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { table }
    }

    /// Decides on the values of the `Authorization` header.
    ///
    /// # Errors
    /// [`AuthorizeError`] where no verdict could be reached.
    pub async fn decide<'a>(&self, values: impl Iterator<Item = &'a str>) -> Result<Verdict, AuthorizeError> {
        let credential = match presented(values) {
            Ok(credential) => credential,
            Err(reason) => return Ok(Verdict::Unauthorized(reason)),
        };
        let partition = table::tenant_pk(credential.tenant());
        let policy: Option<Document<TenantPolicy>> = self.table.document(&partition, table::POLICY_SK).await?;
        match policy {
            Some(policy) => verdict(&credential, policy.content, unix_seconds()),
            None => Ok(Verdict::Unauthorized("no such tenant")),
        }
    }
}

/// The one credential among the header's values.
fn presented<'a>(mut values: impl Iterator<Item = &'a str>) -> Result<Credential, &'static str> {
    let value = values.next().ok_or("no Authorization header")?;
    if values.next().is_some() {
        return Err("more than one Authorization header");
    }
    let (scheme, token) = value.trim().split_once(' ').ok_or("not a bearer credential")?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err("not a bearer credential");
    }
    Credential::parse(token.trim_start()).map_err(|_| "malformed credential")
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
    };
    if policy.suspended.is_some() {
        return Ok(Verdict::Deny { identity });
    }
    if policy.usage_key.is_empty() {
        return Err(AuthorizeError::NoUsageKey(identity.tenant));
    }
    Ok(Verdict::Allow { identity, usage_key: policy.usage_key })
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
        let identity = Identity { tenant: "t1".into(), credential: "k1".into(), subject: "k1".into() };
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

    #[test]
    fn exactly_one_bearer_value_counts() {
        let good = format!("Bearer {}", credential().expose());
        let lower = format!(" bearer   {} ", credential().expose());
        assert!(presented([good.as_str()].into_iter()).is_ok());
        assert!(presented([lower.as_str()].into_iter()).is_ok());
        assert!(presented([].into_iter()).is_err());
        assert!(presented([good.as_str(), good.as_str()].into_iter()).is_err());
        for bad in ["", "Bearer", "Bearer ", "Basic abc", "Bearer aigw_x", &format!("{good}, {good}")] {
            assert!(presented([bad].into_iter()).is_err(), "{bad}");
        }
        assert!(presented([credential().expose()].into_iter()).is_err());
    }
}
