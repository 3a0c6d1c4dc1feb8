//! What the user is told of a tenant.

use aigw_api::conditions::{kind, reason};
use aigw_api::{EffectiveModels, EffectiveTenant, TenantStatus};
use aigw_contract::access::ModelRules;
use aigw_contract::calendar::rfc3339;
use aigw_contract::meter::MeterReading;
use aigw_contract::policy::{Suspension, TenantPolicy};

use super::admit::AdmittedTenant;
use super::limits::shown_premium;
use super::{access, issued};
use crate::conditions::{ConditionSpec, Progress};
use crate::probe::report::Unproven;
use crate::time_span;
use crate::violation::Violation;

/// What a pass came to.
#[derive(Debug, Clone, PartialEq)]
pub enum TenantOutcome {
    /// Not admitted; a person has to act.
    Refused(Violation),
    /// The gateway is missing or not ready; goes on by itself once it is.
    GatewayPending {
        /// Condition reason.
        reason: &'static str,
        /// What is waited for.
        message: String,
    },
    /// AWS and the Secret match.
    InSync,
    /// AWS and the Secret match, and a probe does not show that calls go through.
    Unproven {
        /// What keeps it from being shown.
        unproven: Unproven,
        /// Whether the tenant counts as ready meanwhile.
        serving: bool,
    },
    /// Going on by itself.
    Working {
        /// Condition reason.
        reason: &'static str,
        /// What is being done or waited for.
        message: String,
    },
    /// A person has to act.
    Stalled {
        /// Condition reason.
        reason: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
}

/// What binds a tenant, where it was read.
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a> {
    /// The policy.
    pub policy: &'a TenantPolicy,
    /// What the meter has counted.
    pub reading: &'a MeterReading,
}

/// Conditions after a pass. `in_force` is what binds the tenant, also one whose spec was refused; `now` is in seconds since
/// the Unix epoch.
pub fn conditions(
    outcome: &TenantOutcome,
    admitted: Option<&AdmittedTenant>,
    in_force: Option<InForce<'_>>,
    was_ready: bool,
    now: i64,
) -> Vec<ConditionSpec> {
    let policy = in_force.map(|in_force| in_force.policy);
    let accepted =
        ConditionSpec::new(kind::ACCEPTED, true, reason::ACCEPTED, "a rule of the gateway admits this tenant");
    let (accepted, programmed, progress) = match outcome {
        TenantOutcome::Refused(violation) => {
            let message = violation.to_string();
            let programmed = ConditionSpec::new(kind::PROGRAMMED, None, violation.reason, "the spec was refused");
            let stalled = Progress::Stalled { reason: violation.reason, message: message.clone() };
            (ConditionSpec::new(kind::ACCEPTED, false, violation.reason, message), programmed, stalled)
        }
        TenantOutcome::GatewayPending { reason, message } => {
            // An admitted tenant stays admitted while its gateway is repaired.
            let accepted =
                if admitted.is_some() { accepted } else { ConditionSpec::new(kind::ACCEPTED, None, reason, message) };
            let programmed = ConditionSpec::new(kind::PROGRAMMED, None, reason, message);
            (accepted, programmed, Progress::Working { reason, message: message.clone(), serving: false })
        }
        TenantOutcome::InSync => {
            let message = match admitted {
                Some(tenant) if tenant.suspended.is_some() => "in place, and suspended: calls are refused",
                Some(tenant) if tenant.has_expired(now) => "in place, and expired: calls are refused",
                _ => "the tenant can call",
            };
            let programmed = ConditionSpec::new(kind::PROGRAMMED, true, reason::IN_SYNC, "AWS was read and matches");
            (accepted, programmed, Progress::Ready(message.into()))
        }
        TenantOutcome::Unproven { unproven, serving } => {
            let programmed = ConditionSpec::new(kind::PROGRAMMED, true, reason::IN_SYNC, "AWS was read and matches");
            (accepted, programmed, unproven.progress(*serving))
        }
        TenantOutcome::Working { reason, message } => {
            let programmed = ConditionSpec::new(kind::PROGRAMMED, was_ready, reason, message);
            (accepted, programmed, Progress::Working { reason, message: message.clone(), serving: was_ready })
        }
        TenantOutcome::Stalled { reason, message } => {
            let programmed = ConditionSpec::new(kind::PROGRAMMED, false, reason, message);
            (accepted, programmed, Progress::Stalled { reason, message: message.clone() })
        }
    };
    let mut conditions = vec![
        accepted,
        programmed,
        credentials_ready(outcome, admitted, in_force, now),
        suspended(admitted, policy, now),
    ];
    conditions.extend(identities_ready(outcome, admitted, policy));
    conditions.extend(progress.summary());
    conditions
}

/// Whether every identity asked for is the tenant's; nothing where none is asked for.
fn identities_ready(
    outcome: &TenantOutcome,
    admitted: Option<&AdmittedTenant>,
    policy: Option<&TenantPolicy>,
) -> Option<ConditionSpec> {
    let kind = kind::IDENTITIES_READY;
    match outcome {
        TenantOutcome::Refused(violation) if violation.reason == reason::IDENTITY_NOT_ALLOWED => {
            return Some(ConditionSpec::new(kind, false, violation.reason, violation.to_string()));
        }
        TenantOutcome::Stalled { reason: reason::IDENTITY_CONFLICT, message } => {
            return Some(ConditionSpec::new(kind, false, reason::IDENTITY_CONFLICT, message));
        }
        _ => {}
    }
    let tenant = admitted.filter(|tenant| !tenant.identities.is_empty())?;
    let in_force = policy.filter(|policy| !policy.deleted).map_or(0, |policy| policy.identities.len());
    let count = tenant.identities.len();
    Some(if in_force == count {
        let message = format!("tokens of {count} identities are accepted");
        ConditionSpec::new(kind, true, reason::CLAIMED, message)
    } else {
        ConditionSpec::new(kind, None, reason::PROGRESSING, "the identities are not in force yet")
    })
}

/// The outcome of a tenant that is in place but for identities another one has. `taken` says which and whose.
pub fn conflict(taken: &[(&str, &str)]) -> TenantOutcome {
    let listed: Vec<_> = taken.iter().map(|(identity, holder)| format!("{identity} (tenant {holder})")).collect();
    let message = format!(
        "another tenant of this gateway has {}; it keeps the identity until its spec.identities no longer names it. Everything else is in place",
        listed.join(", ")
    );
    TenantOutcome::Stalled { reason: reason::IDENTITY_CONFLICT, message }
}

fn credentials_ready(
    outcome: &TenantOutcome,
    admitted: Option<&AdmittedTenant>,
    in_force: Option<InForce<'_>>,
    now: i64,
) -> ConditionSpec {
    if let TenantOutcome::Stalled { reason: reason::SECRET_NOT_OURS, message } = outcome {
        return ConditionSpec::new(kind::CREDENTIALS_READY, false, reason::SECRET_NOT_OURS, message);
    }
    match admitted.zip(in_force.filter(|in_force| !in_force.policy.deleted)) {
        Some((_, InForce { policy, .. })) if policy.keys.is_empty() => {
            let message = "the gateway issues no API keys (auth.apiKeys.enabled is false)";
            ConditionSpec::new(kind::CREDENTIALS_READY, false, reason::API_KEYS_DISABLED, message)
        }
        Some((tenant, in_force)) => issued::condition(tenant, in_force, now),
        None => {
            ConditionSpec::new(kind::CREDENTIALS_READY, None, reason::PROGRESSING, "no credential has been issued yet")
        }
    }
}

fn suspended(admitted: Option<&AdmittedTenant>, policy: Option<&TenantPolicy>, now: i64) -> ConditionSpec {
    let by = admitted.map_or_else(|| policy.and_then(|policy| policy.suspended), |tenant| tenant.suspended);
    match by {
        Some(Suspension::Platform) => {
            let message = "the platform team has suspended this tenant at the gateway; only it can lift that";
            ConditionSpec::new(kind::SUSPENDED, true, reason::SUSPENDED_BY_PLATFORM, message)
        }
        Some(Suspension::Team) => {
            ConditionSpec::new(kind::SUSPENDED, true, reason::SUSPENDED_BY_TEAM, "spec.suspend is true")
        }
        None if admitted.is_some_and(|tenant| tenant.has_expired(now)) => {
            ConditionSpec::new(kind::SUSPENDED, true, reason::EXPIRED, "spec.expiresAt has passed")
        }
        None => ConditionSpec::new(kind::SUSPENDED, false, reason::ACTIVE, ""),
    }
}

/// Everything of the status but conditions, generation and usage. `previous` is the status that stands.
pub fn status(
    tenant_id: String,
    endpoint: Option<String>,
    admitted: Option<&AdmittedTenant>,
    in_force: Option<InForce<'_>>,
    previous: &TenantStatus,
) -> TenantStatus {
    let issued = admitted.zip(in_force).filter(|(_, in_force)| !in_force.policy.keys.is_empty());
    TenantStatus {
        observed_generation: None,
        conditions: Vec::new(),
        tenant_id: Some(tenant_id),
        endpoint,
        credentials: issued.map(|(tenant, in_force)| issued::shown(tenant, in_force, previous.credentials.as_ref())),
        effective: admitted.map(|tenant| effective(tenant, in_force.map(|in_force| in_force.policy))),
        suspension: None,
        usage: None,
    }
}

fn effective(tenant: &AdmittedTenant, policy: Option<&TenantPolicy>) -> EffectiveTenant {
    let (limits, budgets) = tenant.limits.shown();
    EffectiveTenant {
        tier: tenant.tier.name.clone(),
        rule: tenant.rule.clone(),
        requests_per_second: tenant.tier.requests_per_second,
        burst: tenant.tier.burst,
        suspended: tenant.suspended.is_some(),
        identities: policy
            .filter(|_| !tenant.identities.is_empty())
            .map(|policy| i32::try_from(policy.identities.len()).unwrap_or(i32::MAX)),
        models: Some(effective_models(&tenant.models)),
        resources: tenant.resources.iter().map(access::shown).collect(),
        limits,
        budgets,
        premiums: tenant.limits.premiums.iter().copied().map(shown_premium).collect(),
        time_zone: Some(tenant.time_zone.clone()),
        enforcement: Some(format!("{:?}", tenant.limits.enforcement)),
        expires_at: tenant.expires_at.map(rfc3339),
        rotate_every: tenant.rotation.every.map(time_span::written),
        overlap: Some(time_span::written(tenant.rotation.overlap)),
    }
}

fn effective_models(rules: &ModelRules) -> EffectiveModels {
    let ModelRules { rule: _, granted, allow, deny, residency } = rules;
    let narrowest = [allow, granted].into_iter().find(|list| !list.is_empty());
    EffectiveModels {
        allow: narrowest.cloned().unwrap_or_else(|| vec!["*".into()]),
        deny: deny.clone(),
        residency: residency.map(|residency| residency.to_string()),
    }
}
