//! Who signs tokens the gateway accepts, and the operator's mirror of their keys.
//!
//! The operator reads discovery documents and key sets, so the functions need no route to an identity provider, and
//! tokens of a cluster whose issuer URL is reachable from nowhere else work all the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How long a key that its issuer took away is still accepted, in seconds: tokens signed just before are in use.
pub const REMOVED_KEY_SECONDS: i64 = 24 * 3600;
/// Age of a mirror, in seconds, from which on nothing is accepted by it. The data plane goes on without the operator,
/// but not for ever with keys that nobody has seen since: a week is the pace at which managed clusters rotate theirs.
pub const STALE_SECONDS: i64 = 7 * 24 * 3600;

/// An issuer as the gateway's spec has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issuer {
    /// Name in the spec: of the issuer, or of the cluster.
    pub name: String,
    /// What its tokens speak of.
    pub kind: IssuerKind,
    /// Exact value of the claim `iss`. Absent for a cluster, whose mirror tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Accepted audiences: a token must be for one of them.
    pub audiences: Vec<String>,
    /// Accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Claims that tenants may be found by, and the values rules grant to anybody at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimGrant>,
}

/// What an issuer's tokens speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IssuerKind {
    /// Claims of an identity provider.
    Jwt,
    /// ServiceAccounts of a cluster.
    ServiceAccounts,
    /// A kind this version does not know, and so accepts nothing of.
    #[serde(other)]
    Unknown,
}

/// A claim and the values of it that count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimGrant {
    /// A name, or a JSON pointer if it begins with `/`.
    pub claim: String,
    /// Patterns as in [`crate::glob`].
    pub values: Vec<String>,
}

/// A signature algorithm of RFC 7518 and RFC 8037. There is no symmetric one, and no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the RFCs'")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
    /// One this version does not know, and so does not accept.
    #[serde(other)]
    Unknown,
}

impl Algorithm {
    /// Every algorithm there is.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Its name in a token's header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
            Self::Unknown => "",
        }
    }

    /// The algorithm of exactly that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl Issuer {
    /// What its mirror is kept under: `jwks#` and this. The names of issuers and clusters are apart.
    pub fn key(&self) -> String {
        match self.kind {
            IssuerKind::ServiceAccounts => format!("cluster/{}", self.name),
            IssuerKind::Jwt | IssuerKind::Unknown => self.name.clone(),
        }
    }
}

/// Document of `gateway` / `jwks#NAME`: an issuer's keys as they were last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyMirror {
    /// Exact value of the claim `iss`.
    pub issuer: String,
    /// When the issuer was last read, in seconds since the Unix epoch.
    pub fetched_at: i64,
    /// Keys, present ones and those removed lately.
    pub keys: Vec<MirroredKey>,
}

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirroredKey {
    /// The JSON Web Key: public members only.
    pub jwk: Map<String, Value>,
    /// When the issuer was first seen without it, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<i64>,
}

impl KeyMirror {
    /// Keys that may have signed what is accepted at `now`; none once the mirror is too old.
    pub fn usable(&self, now: i64) -> impl Iterator<Item = &Map<String, Value>> {
        let fresh = now.saturating_sub(self.fetched_at) < STALE_SECONDS;
        let kept = move |key: &&MirroredKey| {
            fresh && key.removed_at.is_none_or(|removed| now.saturating_sub(removed) < REMOVED_KEY_SECONDS)
        };
        self.keys.iter().filter(kept).map(|key| &key.jwk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_operator_writes_is_read_and_not_accepted() {
        let text = r#"{"name":"n","kind":"spiffe","audiences":[],"algorithms":["RS256","ML-DSA-44"],"x":1}"#;
        let issuer: Issuer = serde_json::from_str(text).unwrap();
        assert_eq!(issuer.kind, IssuerKind::Unknown);
        assert_eq!(issuer.algorithms, [Algorithm::RS256, Algorithm::Unknown]);
        assert_eq!(Algorithm::named(""), None);
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.name());
        }
    }

    #[test]
    fn keys_end_a_day_after_their_removal_and_all_of_them_with_a_mirror_a_week_old() {
        let key = |removed_at| MirroredKey { jwk: Map::new(), removed_at };
        let mirror = KeyMirror { issuer: "i".into(), fetched_at: 0, keys: vec![key(None), key(Some(10))] };
        assert_eq!(mirror.usable(10 + REMOVED_KEY_SECONDS - 1).count(), 2);
        assert_eq!(mirror.usable(10 + REMOVED_KEY_SECONDS).count(), 1);
        assert_eq!(mirror.usable(STALE_SECONDS - 1).count(), 1);
        assert_eq!(mirror.usable(STALE_SECONDS).count(), 0);
    }
}
