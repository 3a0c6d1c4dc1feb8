//! Identities that tokens prove, and the table's record of which tenant has which.
//!
//! An identity belongs to one tenant at most: the operator writes the [`IdentityClaim`] on the condition that there is
//! none, so of two tenants that ask for one identity the first to write keeps it. The claim is an index for the
//! authorizer; what decides is that the tenant's policy lists the hash, too.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Something a token can prove its bearer to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'a> {
    /// A ServiceAccount.
    ServiceAccount {
        /// Name of the cluster in the gateway's spec.
        cluster: &'a str,
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A claim of a JWT that has, or that lists, a value.
    Jwt {
        /// Name of the issuer in the gateway's spec.
        issuer: &'a str,
        /// The claim: a name, or a JSON pointer if it begins with `/`.
        claim: &'a str,
        /// The value.
        value: &'a str,
    },
}

impl Identity<'_> {
    /// Lower-case hex SHA-256 of an unambiguous text of the identity: what the table and the policies know it by.
    pub fn hash(&self) -> String {
        // JSON keeps apart what a separator would let run together.
        let parts = match *self {
            Self::ServiceAccount { cluster, namespace, name } => ["aigw-sa-1", cluster, namespace, name],
            Self::Jwt { issuer, claim, value } => ["aigw-jwt-1", issuer, claim, value],
        };
        hash_of(&parts)
    }
}

impl fmt::Display for Identity<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAccount { namespace, name, .. } => write!(formatter, "ServiceAccount {namespace}/{name}"),
            Self::Jwt { issuer, claim, value } => write!(formatter, "{claim}={value} of issuer {issuer}"),
        }
    }
}

/// Who used a token: a hash of issuer and subject, which may be a person's name and so is never logged.
pub fn subject_hash(issuer: &str, subject: &str) -> String {
    let mut hash = hash_of(&["aigw-subject-1", issuer, subject]);
    // 128 bits tell subjects apart, and a log line has enough to carry.
    hash.truncate(32);
    hash
}

fn hash_of(parts: &[&str]) -> String {
    let text = serde_json::Value::from(parts.to_vec()).to_string();
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Document of `identity#HASH` / `tenant`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityClaim {
    /// Id of the tenant that has the identity.
    pub tenant: String,
    /// When it was claimed, in seconds since the Unix epoch. One that its tenant's policy does not list after a while
    /// was left behind, and may be taken over.
    #[serde(default)]
    pub since: i64,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn different_identities_have_different_hashes() {
        let account = |cluster, namespace, name| Identity::ServiceAccount { cluster, namespace, name }.hash();
        let jwt = |issuer, claim, value| Identity::Jwt { issuer, claim, value }.hash();
        let hashes = [
            account("local", "a", "b"),
            account("local", "a", "c"),
            account("local", "ab", ""),
            account("other", "a", "b"),
            jwt("local", "a", "b"),
            jwt("local", "a\",\"b", ""),
            jwt("local", "a", "b\n"),
            subject_hash("local", "a"),
            subject_hash("loca", "la"),
        ];
        assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len());
        assert!(hashes[..7].iter().all(|hash| hash.len() == 64));
        // Written into tables: it must never change.
        assert_eq!(hashes[0], "331323a220b608fb5c212b2a363266d41d6885242605adb8f3b1f81a109428d2");
    }
}
