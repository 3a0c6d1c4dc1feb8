//! Whether a call may go ahead: the tenant is not suspended and the credential is still accepted.
//!
//! Decided on every call from the meter's head, because the authorizer's answer is cached by API Gateway for
//! minutes. The store failing means no: an answer we cannot get is not a yes.

use std::sync::Arc;

use aigw_contract::policy::{Suspension, TenantPolicy};
use aigw_contract::table::{self, MeterHead};

use crate::clock::unix_seconds;
use crate::denial::{Denial, Refusal};
use crate::policies::Policies;
use crate::table::{Document, Table, TableError};

/// Who calls, as the authorizer found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Tenant id.
    pub tenant: String,
    /// Credential id within the tenant, or the hash of the identity a token proves.
    pub credential: String,
    /// Who used the credential.
    pub subject: Option<String>,
    /// When the token that was presented ends, in seconds since the Unix epoch.
    pub expires: Option<i64>,
}

/// The gate every call passes.
pub struct Admission {
    table: Arc<Table>,
    policies: Policies,
}

/// The call may go ahead under this policy.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Policy in force.
    pub policy: Arc<Document<TenantPolicy>>,
}

impl Admission {
    /// Admission by the items of this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { policies: Policies::new(Arc::clone(&table)), table }
    }

    /// Decides on one call.
    ///
    /// # Errors
    /// [`Refusal`] where the call must not go ahead.
    pub async fn admit(&self, caller: &Caller) -> Result<Admitted, Refusal> {
        let meter = self.meter(&caller.tenant).await.map_err(|error| unreadable(&error))?;
        let version = meter.map(|head| head.policy_version);
        let policy = self.policies.at(&caller.tenant, version).await.map_err(|error| unreadable(&error))?;
        let unknown = || Denial::forbidden("the tenant of this credential is not known to the gateway");
        let policy = policy.ok_or_else(unknown)?;
        let suspended = meter.is_some_and(|head| head.suspended);
        match denial(&policy.content, suspended, caller, unix_seconds()) {
            None => Ok(Admitted { policy }),
            Some(denial) => Err(denial.into()),
        }
    }

    async fn meter(&self, tenant: &str) -> Result<Option<MeterHead>, TableError> {
        let Some(item) = self.table.get(&table::meter_pk(tenant), table::METER_SK).await? else { return Ok(None) };
        let policy_version = item.integer(table::METER_POLICY_VERSION)?;
        Ok(Some(MeterHead { policy_version, suspended: item.flag(table::METER_SUSPENDED)? }))
    }
}

fn unreadable(error: &TableError) -> Refusal {
    Refusal::because(Denial::unavailable("the gateway cannot read this tenant's policy; try again"), error)
}

/// Why `caller` may not call, if it may not. Who suspended comes before whether the key is good: a team that rotates
/// keys while suspended should read the reason that matters.
fn denial(policy: &TenantPolicy, suspended: bool, caller: &Caller, now: i64) -> Option<Denial> {
    let tenant = format_args!("{}/{}", policy.namespace, policy.name);
    if policy.deleted {
        return Some(Denial::forbidden(format!("tenant {tenant} was deleted; its credentials are void")));
    }
    match policy.suspended {
        Some(Suspension::Platform) => {
            return Some(Denial::forbidden(format!(
                "tenant {tenant} is suspended by the platform team (spec.tenants.suspended of the AIGateway); only \
                 the platform team can lift this"
            )));
        }
        Some(Suspension::Team) => {
            return Some(Denial::forbidden(format!(
                "tenant {tenant} is suspended by its own team (spec.suspend of the Tenant); whoever may edit the \
                 Tenant can lift this"
            )));
        }
        None => {}
    }
    if suspended {
        return Some(Denial::forbidden(format!(
            "tenant {tenant} is suspended; the platform team that runs the gateway can lift this"
        )));
    }
    if caller.expires.is_some_and(|end| now >= end) {
        return Some(Denial::unauthenticated("the token has expired; present a new one"));
    }
    if !policy.accepts(&caller.credential, now) {
        if caller.expires.is_some() {
            return Some(Denial::forbidden(format!(
                "the identity of this token no longer belongs to tenant {tenant}; see spec.identities of the Tenant and \
                 its conditions"
            )));
        }
        return Some(Denial::forbidden(format!(
            "credential {} of tenant {tenant} was revoked or has expired; read the tenant's current credential from \
             its Secret",
            caller.credential
        )));
    }
    None
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

    fn message(policy: &TenantPolicy, suspended: bool, key: &str, now: i64) -> Option<String> {
        let caller = Caller { tenant: "t1".into(), credential: key.into(), subject: None, expires: None };
        denial(policy, suspended, &caller, now).map(|denial| denial.message.into_owned())
    }

    #[test]
    fn every_refusal_says_who_decided() {
        assert_eq!(message(&policy(), false, "k1", 99), None);
        assert!(message(&policy(), false, "k1", 100).unwrap().contains("credential k1"));
        assert!(message(&policy(), false, "k2", 0).unwrap().contains("revoked"));
        assert!(message(&policy(), true, "k1", 0).unwrap().contains("platform team"));
        let platform = TenantPolicy { suspended: Some(Suspension::Platform), ..policy() };
        assert!(message(&platform, false, "k1", 0).unwrap().contains("only the platform team"));
        let team = TenantPolicy { suspended: Some(Suspension::Team), ..policy() };
        assert!(message(&team, true, "k1", 0).unwrap().contains("spec.suspend"));
        let deleted = TenantPolicy { deleted: true, ..platform };
        assert!(message(&deleted, false, "k1", 0).unwrap().contains("deleted"));
    }

    #[test]
    fn a_token_ends_at_its_time_and_with_its_identity() {
        let mut policy = policy();
        policy.identities = vec![AcceptedIdentity { hash: "ab".into() }];
        let status = |policy: &TenantPolicy, credential: &str, now| {
            let (tenant, credential) = ("t1".into(), credential.into());
            let caller = Caller { tenant, credential, subject: None, expires: Some(50) };
            denial(policy, false, &caller, now).map(|denial| denial.status.as_u16())
        };
        assert_eq!(status(&policy, "ab", 49), None);
        assert_eq!(status(&policy, "ab", 50), Some(401));
        assert_eq!(status(&policy, "cd", 49), Some(403));
        policy.identities.clear();
        assert_eq!(status(&policy, "ab", 49), Some(403));
    }
}
