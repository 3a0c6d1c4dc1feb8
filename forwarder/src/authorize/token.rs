//! Tokens: verified against their issuer, then matched to the one tenant that has an identity they prove.
//!
//! Deny by default, three times over: only claims that some rule of the gateway grants are looked at, the table must
//! say which tenant claimed the identity, and that tenant's policy must list it.

use std::collections::BTreeMap;

use aigw_contract::glob;
use aigw_contract::identity::{self, IdentityClaim};
use aigw_contract::issuer::{Issuer, IssuerKind};
use aigw_contract::table::{self, GatewayConfig};

use super::{Authorization, AuthorizeError, Identity, Verdict, admitted};
use crate::jwt::{Claims, Refused, Token};

/// Most identities one token may prove. A directory leaves groups out of a token long before twice as many.
const MOST_IDENTITIES: usize = 100;
/// Most tenants whose policies are read for one token: one is what there should be.
const MOST_TENANTS: usize = 4;
/// First part of a ServiceAccount's subject.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// What a good token comes to, apart from the tenant.
struct Proof {
    /// Hashes of the identities it proves.
    identities: Vec<String>,
    subject: String,
    expires: i64,
}

impl Authorization {
    pub(super) async fn token(&self, token: &Token<'_>, now: i64) -> Result<Verdict, AuthorizeError> {
        let Some(claimed) = token.claimed_issuer() else { return Ok(Verdict::Unauthorized("no iss")) };
        let may_be_of = |issuer: &Issuer| issuer.issuer.as_deref().is_none_or(|issuer| issuer == claimed);
        let knows = |config: &GatewayConfig| config.issuers.iter().any(may_be_of);
        let config = self.gateway.config(knows).await?;
        let mut refused = "of an issuer the gateway does not know";
        // One issuer may stand in several entries, for audiences apart.
        for issuer in config.issuers.iter().filter(|issuer| may_be_of(issuer)) {
            match self.prove(token, issuer, now).await? {
                Ok(proof) => return self.tenant(proof).await,
                Err(why) => refused = why,
            }
        }
        Ok(Verdict::Unauthorized(refused))
    }

    /// Verifies the token as one of `issuer`; the inner error says what is wrong with it.
    async fn prove(
        &self,
        token: &Token<'_>,
        issuer: &Issuer,
        now: i64,
    ) -> Result<Result<Proof, &'static str>, AuthorizeError> {
        let verified = self.issuers.verify(token, issuer, now).await?;
        Ok(verified.map_err(Refused::reason).and_then(|(mirror, claims)| {
            let identities = match issuer.kind {
                IssuerKind::ServiceAccounts => service_account(&issuer.name, claims.subject)?,
                IssuerKind::Jwt => granted(issuer, &claims)?,
                IssuerKind::Unknown => return Err("of an issuer of a kind this version does not know"),
            };
            let subject = identity::subject_hash(&mirror, claims.subject);
            Ok(Proof { identities, subject, expires: claims.expires })
        }))
    }

    async fn tenant(&self, proof: Proof) -> Result<Verdict, AuthorizeError> {
        let keys: Vec<_> = proof.identities.iter().map(|hash| (table::identity_pk(hash), table::IDENTITY_SK)).collect();
        let claims: BTreeMap<String, IdentityClaim> = self.table.documents(&keys).await?;
        let mut tenants: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for hash in &proof.identities {
            if let Some(claim) = claims.get(&table::identity_pk(hash)) {
                tenants.entry(&claim.tenant).or_default().push(hash);
            }
        }
        if tenants.len() > MOST_TENANTS {
            return Ok(Verdict::Unauthorized("its identities belong to several tenants"));
        }
        let mut found = None;
        for (tenant, hashes) in tenants {
            let Some(policy) = self.policy(tenant).await?.filter(|policy| !policy.deleted) else { continue };
            // Not one that was claimed and never came into force, or was left behind.
            let listed = hashes.into_iter().find(|hash| policy.identities.iter().any(|one| one.hash == **hash));
            let Some(hash) = listed else { continue };
            let identity = Identity {
                tenant: tenant.to_owned(),
                credential: hash.clone(),
                subject: proof.subject.clone(),
                expires: Some(proof.expires),
            };
            if found.replace((identity, policy)).is_some() {
                return Ok(Verdict::Unauthorized("its identities belong to several tenants"));
            }
        }
        match found {
            Some((identity, policy)) => admitted(identity, policy),
            None => Ok(Verdict::Unauthorized("no tenant has an identity it proves")),
        }
    }
}

/// The identity of a ServiceAccount's token.
fn service_account(cluster: &str, subject: &str) -> Result<Vec<String>, &'static str> {
    let named = subject.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'));
    let named = named.filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty() && !name.contains(':'));
    let (namespace, name) = named.ok_or("not of a ServiceAccount")?;
    Ok(vec![identity::Identity::ServiceAccount { cluster, namespace, name }.hash()])
}

/// The identities a token proves by claims that count for somebody, in the order of their hashes.
fn granted(issuer: &Issuer, claims: &Claims<'_>) -> Result<Vec<String>, &'static str> {
    let mut hashes = Vec::new();
    for grant in &issuer.claims {
        let values = claims.texts(&grant.claim);
        let values = values.filter(|value| grant.values.iter().any(|pattern| glob::matches(pattern, value)));
        hashes.extend(
            values.map(|value| identity::Identity::Jwt { issuer: &issuer.name, claim: &grant.claim, value }.hash()),
        );
    }
    hashes.sort();
    hashes.dedup();
    match hashes.len() {
        0 => Err("no claim that any tenant is known by"),
        1..=MOST_IDENTITIES => Ok(hashes),
        _ => Err("more values of claims than can be looked up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_a_namespace_and_a_name() {
        let hash = identity::Identity::ServiceAccount { cluster: "local", namespace: "a", name: "b" }.hash();
        assert_eq!(service_account("local", "system:serviceaccount:a:b"), Ok(vec![hash]));
        for subject in [
            "",
            "system:serviceaccount:",
            "system:serviceaccount:a",
            "system:serviceaccount:a:",
            "system:serviceaccount::b",
            "system:serviceaccount:a:b:c",
            "system:node:a",
            "xsystem:serviceaccount:a:b",
        ] {
            assert!(service_account("local", subject).is_err(), "{subject}");
        }
    }
}
