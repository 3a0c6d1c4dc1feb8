//! What the data plane needs to know of one tenant: the `tenant#ID` / `policy` item's document.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::access::{ModelRules, ResourceGrant};
use crate::limits::{Budget, Enforcement, Limits, Premium, UtcOffset};

/// Decisions of the control plane about one tenant. Written by the operator only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantPolicy {
    /// Namespace of the Tenant object, for messages and logs.
    pub namespace: String,
    /// Name of the Tenant object, for messages and logs.
    pub name: String,
    /// Tier in force.
    pub tier: String,
    /// Value of the internal API Gateway key whose usage plan limits this tenant; empty once the tenant is deleted.
    pub usage_key: String,
    /// Counts the internal keys this tenant has had, so that a value is never used twice.
    #[serde(default)]
    pub usage_key_generation: i64,
    /// When `usage_key` came into force, in seconds since the Unix epoch. The key before it is deleted once no cached
    /// authorizer answer can name it any more.
    #[serde(default)]
    pub usage_key_since: i64,
    /// Why the tenant may not call, if it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspension>,
    /// Since when it may not, in seconds since the Unix epoch. The internal key is disabled a while after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_since: Option<i64>,
    /// The Tenant object is gone; the item stays so that a re-applied tenant continues its counters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Accepted credentials.
    #[serde(default)]
    pub keys: Vec<KeyHash>,
    /// Number of the latest key this tenant was given, so that none is ever given twice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub last_key: i64,
    /// Digests of the requests for a rotation that were answered, latest last: each is acted on once, also by an operator
    /// that died in between, and where an old request comes back with a restore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rotations: Vec<String>,
    /// Identities whose tokens are accepted, in the order of their hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<AcceptedIdentity>,
    /// Which models the tenant may call; absent where an operator wrote this that knew no such rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRules>,
    /// Shared resources the tenant may reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceGrant>,
    /// Rates, concurrency, length of answers.
    #[serde(default)]
    pub limits: Limits,
    /// Money, one budget a window at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// Ways of paying more per token that are granted, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub premiums: Vec<Premium>,
    /// The tenant's time zone as its changes, in order, the first of which is past; empty: UTC. At the end of the list the
    /// last one goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub utc_offsets: Vec<UtcOffset>,
    /// Whether limits and budgets deny.
    #[serde(default, skip_serializing_if = "Enforcement::is_default")]
    pub enforcement: Enforcement,
    /// When the tenant's access ends, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl TenantPolicy {
    /// The Tenant object as messages name it: `namespace/name`.
    pub fn tenant(&self) -> impl fmt::Display {
        fmt::from_fn(|formatter| write!(formatter, "{}/{}", self.namespace, self.name))
    }

    /// The accepted key of this id, if it is accepted at `now` (seconds since the Unix epoch).
    pub fn key(&self, id: &str, now: i64) -> Option<&KeyHash> {
        self.keys.iter().find(|key| key.id == id && key.not_after.is_none_or(|end| now < end))
    }

    /// Whether what an authorizer's answer names as the credential is accepted at `now`: the id of a key or the hash of
    /// an identity. Neither can be mistaken for the other, a key id having at most 32 characters.
    pub fn accepts(&self, credential: &str, now: i64) -> bool {
        self.key(credential, now).is_some() || self.identities.iter().any(|identity| identity.hash == credential)
    }

    /// Whether calls of this tenant are to be refused whatever their credential.
    pub fn denied(&self) -> bool {
        self.deleted || self.suspended.is_some()
    }
}

/// Who suspended a tenant. The platform's suspension outranks the team's in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suspension {
    /// Listed in the gateway's `spec.tenants.suspended`: only the platform team can lift it.
    Platform,
    /// The tenant's own `spec.suspend`.
    Team,
}

/// One accepted credential, known by hash only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyHash {
    /// Key id, `k1`, `k2`, …; never reused within a tenant.
    pub id: String,
    /// Lower-case hex SHA-256 of the whole credential.
    pub sha256: String,
    /// Since when the key is the active one or, of one with an end, since when it is not, in seconds since the Unix epoch;
    /// zero where an operator wrote this that did not tell.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub since: i64,
    /// Seconds since the Unix epoch from which on the key is refused; absent for the active key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
}

impl KeyHash {
    /// Whether another key has taken its place.
    pub fn is_retiring(&self) -> bool {
        self.not_after.is_some()
    }
}

/// An identity whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AcceptedIdentity {
    /// [`crate::identity::Identity::hash`].
    pub hash: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_ignored_and_missing_optional_fields_have_a_value() {
        let text = r#"{"namespace":"n","name":"m","tier":"bronze","usageKey":"u","futureField":{"a":1}}"#;
        let policy: TenantPolicy = serde_json::from_str(text).unwrap();
        assert!(!policy.denied());
        assert!(policy.keys.is_empty());
    }

    #[test]
    fn a_retiring_key_ends_at_its_time() {
        let key = KeyHash { id: "k1".into(), sha256: String::new(), since: 0, not_after: Some(100) };
        let policy = TenantPolicy {
            namespace: "n".into(),
            name: "m".into(),
            tier: "t".into(),
            usage_key: "u".into(),
            keys: vec![key],
            identities: vec![AcceptedIdentity { hash: "ab".repeat(32) }],
            ..TenantPolicy::default()
        };
        assert!(policy.key("k1", 99).is_some());
        assert!(policy.key("k1", 100).is_none());
        assert!(policy.key("k2", 0).is_none());
        assert!(policy.accepts("k1", 99) && !policy.accepts("k1", 100) && !policy.accepts("", 0));
        assert!(policy.accepts(&"ab".repeat(32), 100) && !policy.accepts(&"ab".repeat(16), 100));
    }
}
