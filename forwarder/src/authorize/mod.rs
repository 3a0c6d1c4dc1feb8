//! Who calls: the authorizer's decision, free of Lambda's forms.
//!
//! Everything fails closed. A credential that is malformed, unknown, expired or wrong is *unauthorized* and nothing
//! more is said about it; that a tenant is suspended is told only to who holds one of its credentials. What is our own
//! fault is neither yes nor no. Verdicts are not kept here: API Gateway caches answers. [`key`](self) and [`token`]
//! each know one kind of credential; [`issuers`] has the keys that tokens are signed with.

mod issuers;
mod key;
mod token;

use std::sync::Arc;

use aigw_contract::Credential;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table;

use crate::clock::unix_seconds;
use crate::denial::Refusal;
use crate::gateway::Gateway;
use crate::jwt::{Refused, Token};
use crate::table::{Document, Table, TableError};
use issuers::Issuers;

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
    /// Credential id within the tenant, or the hash of the identity a token proves.
    pub credential: String,
    /// Who used the credential.
    pub subject: String,
    /// When a token ends, in seconds since the Unix epoch.
    pub expires: Option<i64>,
}

/// No verdict could be reached: 500.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The tenant's policy, or what leads to it, cannot be read.
    #[error("the table cannot be read")]
    Store(#[from] TableError),
    /// The gateway's configuration cannot be read.
    #[error("the gateway's configuration cannot be read: {0}")]
    Configuration(String),
    /// The policy names no usage plan key, so the tenant's limits would not apply.
    #[error("the policy of tenant {0} has no usage key")]
    NoUsageKey(String),
}

/// Decides by the items of one table.
pub struct Authorization {
    table: Arc<Table>,
    gateway: Gateway,
    issuers: Issuers,
}

/// What a client presents.
enum Presented<'a> {
    Key(Credential),
    Token(Token<'a>),
}

impl Authorization {
    /// Decisions by this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { gateway: Gateway::new(Arc::clone(&table)), issuers: Issuers::new(Arc::clone(&table)), table }
    }

    /// Decides on the values of the `Authorization` header.
    ///
    /// # Errors
    /// [`AuthorizeError`] where no verdict could be reached.
    pub async fn decide<'a>(&self, values: impl Iterator<Item = &'a str>) -> Result<Verdict, AuthorizeError> {
        match presented(values) {
            Ok(Presented::Key(credential)) => self.key(&credential).await,
            Ok(Presented::Token(token)) => self.token(&token, unix_seconds()).await,
            Err(reason) => Ok(Verdict::Unauthorized(reason)),
        }
    }

    async fn policy(&self, tenant: &str) -> Result<Option<TenantPolicy>, AuthorizeError> {
        let policy: Option<Document<TenantPolicy>> =
            self.table.document(&table::tenant_pk(tenant), table::POLICY_SK).await?;
        Ok(policy.map(|policy| policy.content))
    }
}

/// The one credential among the header's values.
fn presented<'a>(mut values: impl Iterator<Item = &'a str>) -> Result<Presented<'a>, &'static str> {
    let value = values.next().ok_or("no Authorization header")?;
    if values.next().is_some() {
        return Err("more than one Authorization header");
    }
    let (scheme, text) = value.trim().split_once(' ').ok_or("not a bearer credential")?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err("not a bearer credential");
    }
    let text = text.trim_start();
    match Credential::parse(text) {
        Ok(credential) => Ok(Presented::Key(credential)),
        // A credential of ours has no dot, a token two.
        Err(_) if text.contains('.') => Token::parse(text).map(Presented::Token).map_err(Refused::reason),
        Err(_) => Err("malformed credential"),
    }
}

/// What holders of a good credential are told, whatever its kind.
fn admitted(identity: Identity, policy: TenantPolicy) -> Result<Verdict, AuthorizeError> {
    if policy.suspended.is_some() {
        return Ok(Verdict::Deny { identity });
    }
    if policy.usage_key.is_empty() {
        return Err(AuthorizeError::NoUsageKey(identity.tenant));
    }
    Ok(Verdict::Allow { identity, usage_key: policy.usage_key })
}

impl From<Refusal> for AuthorizeError {
    fn from(refusal: Refusal) -> Self {
        Self::Configuration(refusal.cause.unwrap_or_else(|| refusal.denial.message.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn credential() -> Credential {
        Credential::new("t1", "k1", &KEY).unwrap()
    }

    #[test]
    fn exactly_one_bearer_value_counts() {
        let good = format!("Bearer {}", credential().expose());
        let lower = format!(" bearer   {} ", credential().expose());
        assert!(presented([good.as_str()].into_iter()).is_ok());
        assert!(presented([lower.as_str()].into_iter()).is_ok());
        assert!(presented([].into_iter()).is_err());
        assert!(presented([good.as_str(), good.as_str()].into_iter()).is_err());
        for bad in ["", "Bearer", "Bearer ", "Basic abc", "Bearer aigw_x", "Bearer a.b.c", &format!("{good}, {good}")] {
            assert!(presented([bad].into_iter()).is_err(), "{bad}");
        }
        assert!(presented([credential().expose()].into_iter()).is_err());
    }
}
