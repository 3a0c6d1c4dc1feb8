//! Issuers of tokens: what the functions are told of them, and the mirror of their keys.
//!
//! Pure: documents come in as text, the mirror to be kept goes out. What an issuer publishes is not trusted to be
//! sensible: sizes are bounded, members that are not public are left out, and a set without a usable key is an error,
//! so that a provider's mishap takes no key away.

use std::collections::{BTreeMap, BTreeSet};

use aigw_api::conditions::{kind, reason};
use aigw_api::{Auth, IssuerStatus, JwtAlgorithm, JwtIssuer, TenantRule};
use aigw_contract::issuer::{
    Algorithm, ClaimGrant, Issuer, IssuerKind, KeyMirror, MirroredKey, REMOVED_KEY_SECONDS, STALE_SECONDS,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::conditions::ConditionSpec;
use crate::violation::Violation;

/// How often an issuer is read, in seconds. Providers publish a key hours before they sign with it.
pub const REFRESH_SECONDS: i64 = 600;
/// Age of a mirror, in seconds, from which on the gateway says that something is wrong: a failed read or two are not.
pub const OVERDUE_SECONDS: i64 = 3_600;
/// Most keys of one issuer that are mirrored. Large providers have about ten.
const MOST_KEYS: usize = 50;
/// Longest key, as JSON. One of RSA with 8192 bits takes 1.5 KB.
const LONGEST_KEY: usize = 4_096;
/// Members of a key that verifying needs. Certificates are left out for their size, private members for what they are.
const PUBLIC_MEMBERS: [&str; 10] = ["kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y"];
/// Algorithms of an issuer that names none: those nearly every provider signs with.
const DEFAULT_ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];
/// Algorithms of ServiceAccount tokens: what an apiserver can be given keys for.
const CLUSTER_ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::RS512];

/// An issuer without options left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidIssuer {
    /// What the functions are told.
    pub contract: Issuer,
    /// Where its keys are.
    pub keys: KeySource,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In the set its discovery document, at this URL, names.
    Discovery(String),
    /// In the set at this URL.
    KeySet(String),
    /// At the apiserver of the operator's cluster.
    Apiserver,
}

/// What an issuer publishes is not usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssuerProblem {
    /// The discovery document is none.
    #[error("its discovery document is not one with issuer and jwks_uri")]
    Discovery,
    /// The discovery document is of somebody else.
    #[error("its discovery document names another issuer; spec.auth.jwt[].issuer must be exactly what it names")]
    OtherIssuer,
    /// The key set cannot be fetched safely.
    #[error("its discovery document names a jwks_uri that is not https")]
    Insecure,
    /// The key set is none.
    #[error("its key set is not a JSON Web Key Set")]
    KeySet,
    /// The key set has nothing that tokens could be verified with.
    #[error("its key set has no public key with an id for signatures")]
    NoKey,
}

/// The issuers of a spec, sorted as they are in the functions' configuration.
pub(super) fn valid(auth: &Auth, rules: &[TenantRule]) -> Vec<ValidIssuer> {
    let jwt = auth.jwt.iter().map(|issuer| {
        let JwtIssuer { name, issuer: iss, jwks_uri, audiences, algorithms } = issuer;
        let mut algorithms: Vec<_> = algorithms.iter().map(|algorithm| wire(*algorithm)).collect();
        if algorithms.is_empty() {
            algorithms.extend(DEFAULT_ALGORITHMS);
        }
        algorithms.sort();
        algorithms.dedup();
        let mut audiences = audiences.clone();
        audiences.sort();
        let discovery = || format!("{}/.well-known/openid-configuration", iss.trim_end_matches('/'));
        ValidIssuer {
            keys: jwks_uri.clone().map_or_else(|| KeySource::Discovery(discovery()), KeySource::KeySet),
            contract: Issuer {
                name: name.clone(),
                kind: IssuerKind::Jwt,
                issuer: Some(iss.clone()),
                audiences,
                algorithms,
                claims: grants(name, rules),
            },
        }
    });
    let clusters = auth.service_accounts.iter().flat_map(|accounts| &accounts.clusters);
    let clusters = clusters.map(|cluster| ValidIssuer {
        keys: KeySource::Apiserver,
        contract: Issuer {
            name: cluster.name.clone(),
            kind: IssuerKind::ServiceAccounts,
            issuer: None,
            audiences: vec![cluster.audience.clone()],
            algorithms: CLUSTER_ALGORITHMS.into(),
            claims: Vec::new(),
        },
    });
    let mut issuers: Vec<_> = jwt.chain(clusters).collect();
    issuers.sort_by_key(|issuer| issuer.contract.key());
    issuers
}

/// Claims that some rule grants values of.
fn grants(issuer: &str, rules: &[TenantRule]) -> Vec<ClaimGrant> {
    let mut claims: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let granted = rules.iter().filter_map(|rule| rule.allow.as_ref()?.identities.as_ref());
    for grant in granted.flat_map(|granted| &granted.jwt).filter(|grant| grant.issuer == issuer) {
        claims.entry(&grant.claim).or_default().extend(grant.values.iter().map(String::as_str));
    }
    let owned = |values: BTreeSet<&str>| values.into_iter().map(str::to_owned).collect();
    claims.into_iter().map(|(claim, values)| ClaimGrant { claim: claim.to_owned(), values: owned(values) }).collect()
}

/// Grants of a rule that no issuer goes with.
pub(super) fn violations(index: usize, rule: &TenantRule, auth: &Auth) -> Vec<Violation> {
    let granted = rule.allow.as_ref().and_then(|allow| allow.identities.as_ref());
    let granted = granted.into_iter().flat_map(|granted| granted.jwt.iter().enumerate());
    let unknown = granted.filter(|(_, grant)| !auth.jwt.iter().any(|issuer| issuer.name == grant.issuer));
    unknown
        .map(|(position, grant)| {
            let path = format!("spec.tenants.rules[{index}].allow.identities.jwt[{position}].issuer");
            let known = auth.jwt.iter().map(|issuer| issuer.name.as_str()).collect::<Vec<_>>().join(", ");
            let message = format!("issuer {:?} is not in spec.auth.jwt ({known})", grant.issuer);
            Violation::new(path, reason::INVALID, message)
        })
        .collect()
}

const fn wire(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::RS256 => Algorithm::RS256,
        JwtAlgorithm::RS384 => Algorithm::RS384,
        JwtAlgorithm::RS512 => Algorithm::RS512,
        JwtAlgorithm::PS256 => Algorithm::PS256,
        JwtAlgorithm::PS384 => Algorithm::PS384,
        JwtAlgorithm::PS512 => Algorithm::PS512,
        JwtAlgorithm::ES256 => Algorithm::ES256,
        JwtAlgorithm::ES384 => Algorithm::ES384,
        JwtAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

/// Issuer and key set that a discovery document names; `expected` is the issuer it must be of.
///
/// # Errors
/// [`IssuerProblem`].
pub fn discovery(text: &str, expected: Option<&str>) -> Result<(String, String), IssuerProblem> {
    let document: Value = serde_json::from_str(text).map_err(|_| IssuerProblem::Discovery)?;
    let member = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let (issuer, keys) = member("issuer").zip(member("jwks_uri")).ok_or(IssuerProblem::Discovery)?;
    if expected.is_some_and(|expected| expected != issuer) {
        return Err(IssuerProblem::OtherIssuer);
    }
    // A cluster's set is asked of its apiserver, whatever the document says.
    if expected.is_some() && !keys.starts_with("https://") {
        return Err(IssuerProblem::Insecure);
    }
    Ok((issuer, keys))
}

/// The public keys for signatures of a key set.
///
/// # Errors
/// [`IssuerProblem`].
pub fn keys(text: &str) -> Result<Vec<Map<String, Value>>, IssuerProblem> {
    let document: Value = serde_json::from_str(text).map_err(|_| IssuerProblem::KeySet)?;
    let listed = document.get("keys").and_then(Value::as_array).ok_or(IssuerProblem::KeySet)?;
    let mut keys: Vec<_> = listed.iter().filter_map(public).take(MOST_KEYS).collect();
    if keys.is_empty() {
        return Err(IssuerProblem::NoKey);
    }
    keys.sort_by(|one, other| id(one).cmp(&id(other)));
    Ok(keys)
}

fn public(key: &Value) -> Option<Map<String, Value>> {
    let key = key.as_object()?;
    let asymmetric = matches!(key.get("kty")?.as_str()?, "RSA" | "EC" | "OKP");
    let signs = key.get("use").is_none_or(|purpose| purpose == "sig");
    let named = key.get("kid")?.as_str().is_some_and(|id| !id.is_empty());
    let public = PUBLIC_MEMBERS.iter().filter_map(|name| Some(((*name).to_owned(), key.get(*name)?.clone())));
    let public: Map<String, Value> = public.collect();
    let short = serde_json::to_string(&public).is_ok_and(|text| text.len() <= LONGEST_KEY);
    (asymmetric && signs && named && short).then_some(public)
}

fn id(key: &Map<String, Value>) -> Option<&str> {
    key.get("kid")?.as_str()
}

/// The mirror after an issuer was read at `now`: what it has, and for a day what it had.
pub fn mirrored(previous: Option<&KeyMirror>, issuer: &str, keys: Vec<Map<String, Value>>, now: i64) -> KeyMirror {
    let before = previous.filter(|mirror| mirror.issuer == issuer).map_or(&[][..], |mirror| &mirror.keys);
    let gone = before.iter().filter(|known| !keys.iter().any(|key| id(key) == id(&known.jwk))).filter_map(|known| {
        let removed = known.removed_at.unwrap_or(now);
        let kept = now.saturating_sub(removed) < REMOVED_KEY_SECONDS;
        kept.then(|| MirroredKey { jwk: known.jwk.clone(), removed_at: Some(removed) })
    });
    // The newest of many: an issuer that rotates at every read must not fill the table.
    let gone: Vec<_> = gone.take(MOST_KEYS).collect();
    let present = keys.into_iter().map(|jwk| MirroredKey { jwk, removed_at: None });
    KeyMirror { issuer: issuer.to_owned(), fetched_at: now, keys: present.chain(gone).collect() }
}

/// What was found out about an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedIssuer {
    /// [`Issuer::key`].
    pub key: String,
    /// The mirror in force.
    pub mirror: Option<KeyMirror>,
    /// Why the last read failed, if it did. Constant for a constant cause.
    pub problem: Option<String>,
}

/// `IssuersReady`; nothing where there are no issuers.
pub fn condition(observed: &[ObservedIssuer], now: i64) -> Option<ConditionSpec> {
    if observed.is_empty() {
        return None;
    }
    let complaints: Vec<String> = observed.iter().filter_map(|issuer| complaint(issuer, now)).collect();
    Some(if complaints.is_empty() {
        let message = "the keys of every issuer were read lately";
        ConditionSpec::new(kind::ISSUERS_READY, true, reason::KEYS_MIRRORED, message)
    } else {
        ConditionSpec::new(kind::ISSUERS_READY, false, reason::ISSUER_UNREACHABLE, complaints.join("; "))
    })
}

fn complaint(issuer: &ObservedIssuer, now: i64) -> Option<String> {
    let problem = issuer.problem.as_deref().unwrap_or("it has not been read yet");
    let Some(mirror) = &issuer.mirror else {
        return Some(format!("issuer {}: {problem}; its tokens are refused", issuer.key));
    };
    let age = now.saturating_sub(mirror.fetched_at);
    if age < OVERDUE_SECONDS {
        return None;
    }
    let last = time(mirror.fetched_at);
    Some(if age < STALE_SECONDS {
        format!("issuer {}: {problem}; last read {last}, and its keys are accepted for a week from then", issuer.key)
    } else {
        format!("issuer {}: {problem}; last read {last}, more than a week ago: its tokens are refused", issuer.key)
    })
}

/// Issuers none of whose keys was ever read.
pub fn never_read(observed: &[ObservedIssuer]) -> bool {
    observed.iter().any(|issuer| issuer.mirror.is_none())
}

/// For the status.
pub fn status(observed: &[ObservedIssuer]) -> Vec<IssuerStatus> {
    let of = |issuer: &ObservedIssuer| {
        let mirror = issuer.mirror.as_ref()?;
        Some(IssuerStatus {
            name: issuer.key.clone(),
            issuer: mirror.issuer.clone(),
            keys: i32::try_from(mirror.keys.len()).unwrap_or(i32::MAX),
            fetched_at: time(mirror.fetched_at),
        })
    };
    observed.iter().filter_map(of).collect()
}

fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| "never".into(), |time| time.to_string())
}

#[cfg(test)]
#[path = "issuers_tests.rs"]
mod tests;
