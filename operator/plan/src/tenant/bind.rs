//! What becomes of the policy of a tenant whose spec is refused: it is bound to what its rule allows by now.
//!
//! A tenant that no rule admits any more loses access: the platform has revoked it. One that asks for too much keeps
//! what it had, because a mistake in a new spec must not take production down, but within its rule: else a rule that
//! became narrower would bind everybody but those who ask for more.

use aigw_contract::policy::{Suspension, TenantPolicy};

use super::access::Ceiling;
use super::diff::{diff_meter, write_policy};
use super::step::{ObservedTenant, TenantStep};
use crate::identity::GatewayIdentity;
use crate::plan::Plan;

/// Binds the policy, if there is one, to a ceiling; to nothing where no rule decides.
pub fn bind(
    tenant_id: &str,
    identity: &GatewayIdentity,
    observed: &ObservedTenant,
    ceiling: Option<&Ceiling>,
) -> Plan<TenantStep> {
    let mut plan = Plan::default();
    let Some(policy) = observed.policy.as_ref().filter(|policy| !policy.content.deleted) else { return plan };
    let content = match ceiling {
        Some(ceiling) => ceiling.bound(&policy.content),
        None => TenantPolicy { suspended: Some(Suspension::Platform), ..policy.content.clone() },
    };
    if content == policy.content {
        diff_meter(tenant_id, identity, observed, policy.version, content.denied(), None, &mut plan);
    } else {
        write_policy(tenant_id, identity, observed, content, None, &mut plan);
    }
    plan
}
