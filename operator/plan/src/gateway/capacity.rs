//! What the account can hold in a Region against what a gateway and its tenants need.
//!
//! A creation that is certain to hit a quota is not begun: half a gateway serves nobody and has to be cleaned up. What is
//! not certain (counts are hours old, others create too, quotas that were not read may have been raised) is left to AWS's
//! answer. Pure: who reads and how often, the
//! operator decides.

use aigw_api::conditions::{kind, reason};

use super::desired::DesiredGateway;
use super::diff::Blocked;
use super::observed::ObservedGateway;
use super::step::GatewayStep;
use crate::conditions::ConditionSpec;
use crate::plan::Plan;
use crate::tenant::step::TenantStep;

/// Share of a quota from which on people are told, in percent.
const NEAR_PERCENT: usize = 90;
/// Counts are told in this many steps of their quota, rounded up: told exactly, each tenant that comes or goes anywhere in
/// the account would change the status of every gateway.
const TOLD_STEPS: usize = 20;

/// How many objects an account may have in one Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountQuotas {
    /// Usage plans.
    pub usage_plans: usize,
    /// API keys.
    pub api_keys: usize,
    /// Regional REST APIs.
    pub regional_apis: usize,
    /// Private REST APIs.
    pub private_apis: usize,
}

impl Default for AccountQuotas {
    /// What AWS publishes ("Quotas for configuring and running a REST API in API Gateway", API Gateway Developer Guide).
    fn default() -> Self {
        Self { usage_plans: 300, api_keys: 10_000, regional_apis: 600, private_apis: 600 }
    }
}

/// How many objects an account has in one Region, of any owner, when it was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountUse {
    /// API keys.
    pub api_keys: usize,
    /// Regional REST APIs.
    pub regional_apis: usize,
    /// Private REST APIs.
    pub private_apis: usize,
}

/// What is known of the account's room in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capacity {
    /// The quotas to go by.
    pub quotas: AccountQuotas,
    /// Why those are AWS's published ones and not the account's own; `None` where Service Quotas told.
    pub unread: Option<String>,
    /// What is used; `None` where it could not be counted.
    pub used: Option<AccountUse>,
}

impl Capacity {
    /// Why one more API key cannot be made, where that is certain.
    pub fn no_room_for_a_key(&self) -> Option<String> {
        let (used, quota) = (self.used?.api_keys, self.quotas.api_keys);
        (self.unread.is_none() && used >= quota).then(|| {
            format!(
                "the account has {used} of {quota} API keys in this Region, and a tenant needs one; delete what is not needed, or use another account or Region"
            )
        })
    }
}

/// Why the gateway cannot have what it still needs, where that is certain.
fn shortage(desired: &DesiredGateway, observed: &ObservedGateway) -> Option<String> {
    let Capacity { quotas, unread, used } = &observed.capacity;
    if unread.is_some() {
        return None;
    }
    let has = |tier: &str| observed.usage_plans.iter().any(|plan| plan.tier == tier);
    let missing = desired.usage_plans.iter().filter(|plan| !has(&plan.tier)).count();
    let plans = observed.usage_plans_in_account;
    if missing > 0 && plans + missing > quotas.usage_plans {
        return Some(format!(
            "spec.tiers needs {missing} more usage plans, and the account has {plans} of {} in this Region; ask AWS to raise the quota \"Usage plans\", or remove tiers or plans",
            quotas.usage_plans
        ));
    }
    let used = used.filter(|_| observed.rest_apis.is_empty())?;
    let (kind, used, quota) = match desired.rest_api.endpoint_type.as_str() {
        "PRIVATE" => ("Private", used.private_apis, quotas.private_apis),
        _ => ("Regional", used.regional_apis, quotas.regional_apis),
    };
    (used >= quota).then(|| {
        format!(
            "the account has {used} of {quota} {kind} APIs in this Region, and the gateway needs one; delete what is not needed, or use another account or Region"
        )
    })
}

/// Refuses to begin a gateway that cannot fit.
///
/// # Errors
/// [`Blocked::NoRoom`] where nothing of it serves yet.
pub(super) fn before(desired: &DesiredGateway, observed: &ObservedGateway) -> Result<(), Blocked> {
    match shortage(desired, observed).filter(|_| observed.rest_apis.is_empty()) {
        Some(message) => Err(Blocked::NoRoom(message)),
        None => Ok(()),
    }
}

/// Takes out of the plan of a gateway that serves what cannot fit: the rest of it is to be kept as it should be.
///
/// # Errors
/// [`Blocked::NoRoom`] once nothing else is left to do.
pub(super) fn beside(
    desired: &DesiredGateway,
    observed: &ObservedGateway,
    plan: &mut Plan<GatewayStep>,
) -> Result<(), Blocked> {
    let Some(message) = shortage(desired, observed) else { return Ok(()) };
    plan.steps.retain(|step| !matches!(step, GatewayStep::CreateUsagePlan(_)));
    if plan.in_sync() { Err(Blocked::NoRoom(message)) } else { Ok(()) }
}

/// Takes out of a tenant's plan the key that cannot be made and all that follows from it, and says why. What comes before,
/// such as a suspension, is done.
pub fn hold_keys(plan: &mut Plan<TenantStep>, capacity: &Capacity) -> Option<String> {
    let creation = plan.steps.iter().position(|step| matches!(step, TenantStep::CreateApiKey { .. }))?;
    let message = capacity.no_room_for_a_key()?;
    plan.steps.truncate(creation);
    Some(message)
}

/// Whether the account leaves room for another tier, gateway or tenant.
pub fn condition(observed: &ObservedGateway) -> ConditionSpec {
    let Capacity { quotas, unread, used } = &observed.capacity;
    let mut figures = vec![("usage plans", observed.usage_plans_in_account, quotas.usage_plans, false)];
    if let Some(AccountUse { api_keys, regional_apis, private_apis }) = *used {
        figures.push(("API keys", api_keys, quotas.api_keys, true));
        figures.push(("Regional APIs", regional_apis, quotas.regional_apis, true));
        figures.push(("Private APIs", private_apis, quotas.private_apis, true));
    }
    let told = figures.iter().map(|(what, used, quota, coarse)| {
        if *coarse {
            format!("{what} up to {}/{quota}", coarsely(*used, *quota))
        } else {
            format!("{what} {used}/{quota}")
        }
    });
    let source = match unread {
        None => "quotas as Service Quotas tells".to_owned(),
        Some(why) => format!("quotas as AWS publishes them, because Service Quotas was not read: {why}"),
    };
    let message = format!("{} of the account in this Region; {source}", told.collect::<Vec<_>>().join(", "));
    let near: Vec<_> = figures
        .iter()
        .filter(|(_, used, quota, _)| used * 100 >= quota * NEAR_PERCENT)
        .map(|(what, ..)| *what)
        .collect();
    if near.is_empty() {
        return ConditionSpec::new(kind::CAPACITY_OK, true, reason::BELOW_QUOTA, message);
    }
    let near = near.join(", ");
    let message =
        format!("little room is left for {near}: {message}. Ask AWS to raise what can be raised, or remove some");
    ConditionSpec::new(kind::CAPACITY_OK, false, reason::NEAR_QUOTA, message)
}

/// `used`, rounded up to a step of its quota; at least one step, so that a first object changes nothing.
fn coarsely(used: usize, quota: usize) -> usize {
    let step = (quota / TOLD_STEPS).max(1);
    used.div_ceil(step).max(1) * step
}

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;
