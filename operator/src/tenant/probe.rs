//! The last stage of a tenant's pass: do its calls go through, or, of one that is suspended, do they not?
//!
//! Asked with the tenant's own credential, read out of its Secret for this and kept nowhere. What all tenants share is
//! the gateway's probe to show: while that has not passed no tenant is asked, so that a gateway that nobody can reach is
//! not asked thousands of times.

use aigw_api::conditions::{kind, reason};
use aigw_api::{AIGateway, ProbeMode, SuspensionStatus, Tenant};
use aigw_contract::Credential;
use aigw_contract::calendar::rfc3339;
use aigw_contract::policy::TenantPolicy;
use aigw_plan::ConditionSpec;
use aigw_plan::probe::Finding;
use aigw_plan::probe::report::{Terms, conclude};
use aigw_plan::probe::schedule::{GRACE, Memo, TENANT_INTERVAL};
use aigw_plan::probe::tenant::checks;
use aigw_plan::tenant::admit::AdmittedTenant;
use aigw_plan::tenant::report::TenantOutcome;
use aigw_plan::tenant::secret;
use aigw_plan::tenant::step::{ObservedSecret, ObservedTenant};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

use super::{Pass, Target};
use crate::context::Context;
use crate::harness::Outcome;
use crate::harness::conditions::{Status, find, holds};
use crate::probe::{known, run, told_of};
use crate::report::held_for_generation;

/// What a pass has to tell of probes.
#[derive(Debug, Default)]
pub(super) struct Probed {
    /// The condition; none where it stays as it is.
    pub(super) condition: Option<ConditionSpec>,
    /// Whether no probes are made.
    pub(super) off: bool,
    /// Since when calls are refused; none where that stays as it is.
    pub(super) suspension: Option<Option<SuspensionStatus>>,
}

/// What a tenant that is in place is probed by.
struct Subject<'a> {
    tenant: &'a Tenant,
    target: &'a Target,
    policy: &'a TenantPolicy,
    credential: Option<Credential>,
    /// Whether its calls are to be refused.
    refused: bool,
    /// Since when, if they are.
    suspension: Option<SuspensionStatus>,
}

/// Probes the tenant where that is due, and lets its pass, which began at `began`, tell of it.
pub(super) async fn tenant(
    context: &Context,
    tenant: &Tenant,
    target: &Target,
    mut pass: Pass,
    began: Timestamp,
) -> Pass {
    let (TenantOutcome::InSync, Some(admitted), Some(observed)) = (&pass.outcome, &pass.admitted, &pass.observed)
    else {
        return pass;
    };
    let Some(policy) = observed.policy.as_ref().map(|document| &document.content) else { return pass };
    let refused = admitted.suspended.is_some() || admitted.has_expired(began.as_second());
    let suspension = refused.then(|| suspension(tenant, began));
    let credential = credential(observed, admitted);
    let subject = Subject { tenant, target, policy, credential, refused, suspension };
    if target.valid.probe.mode == ProbeMode::Off {
        pass.probed = Probed { condition: None, off: true, suspension: Some(subject.suspension) };
        return pass;
    }
    let (memo, suspension) = subject.memo(context, pass.changed).await;
    let told = told(tenant);
    let was_ready = held_for_generation(told, kind::READY, tenant.metadata.generation);
    let valid = &target.valid;
    let terms = Terms { mode: valid.probe.mode, endpoint: valid.endpoint_type, was_ready };
    let now = context.clock.now().as_second();
    let (condition, unproven) = conclude(terms, &memo, now);
    pass.probed = Probed { condition: Some(condition), off: false, suspension: Some(suspension) };
    if let Some((unproven, serving)) = unproven {
        pass.outcome = TenantOutcome::Unproven { unproven, serving };
    }
    if let Outcome::Done { requeue } | Outcome::Waiting { after: requeue } = &pass.next
        && memo.failures > 0
        && memo.wait(now) < *requeue
    {
        pass.next = Outcome::Waiting { after: memo.wait(now) };
    }
    pass
}

impl Subject<'_> {
    /// What is known of the tenant's calls, after asking where that is due.
    async fn memo(self, context: &Context, changed: bool) -> (Memo, Option<SuspensionStatus>) {
        let now = context.clock.now().as_second();
        if let Some(finding) = of_gateway(&self.target.gateway, self.target.valid.probe.mode) {
            return (inherited(finding, now), self.suspension);
        }
        let Some(credential) = &self.credential else {
            let message = "the tenant has no API key to probe with; the gateway's own probe shows what all tenants share, and that its tokens are accepted is not shown";
            let finding = Finding::Unknown { reason: reason::NO_CREDENTIAL, message: message.into() };
            return (inherited(finding, now), self.suspension);
        };
        let uid = self.tenant.uid().unwrap_or_default();
        let told = told(self.tenant);
        let before = known(context, &uid, told, TENANT_INTERVAL);
        let unmeasured = self.suspension.as_ref().is_some_and(|since| since.effective_after_seconds.is_none());
        let other = holds(told, kind::SUSPENDED) != self.refused;
        match before {
            Some(memo)
                if !changed
                    && !other
                    && !unmeasured
                    && told_of(told, self.tenant.metadata.generation)
                    && !memo.due(now) =>
            {
                (memo, self.suspension)
            }
            before => {
                let checks =
                    checks(&self.target.endpoint, credential, self.policy, self.refused, self.target.valid.place());
                let finding = run(context, &self.target.gateway, "tenant", &checks).await;
                let ended = context.clock.now();
                let passed = matches!(finding, Finding::Passed(_));
                let suspension = self.suspension.map(|since| if passed { effective(since, ended) } else { since });
                let before = before.filter(|_| !other);
                let jitter = context.random.jitter();
                let memo = Memo::record(before.as_ref(), finding, TENANT_INTERVAL, ended.as_second(), jitter);
                context.memory.probes.set(&uid, memo.clone());
                (memo, suspension)
            }
        }
    }
}

/// The tenant's credential, where it has one that its policy accepts.
fn credential(observed: &ObservedTenant, admitted: &AdmittedTenant) -> Option<Credential> {
    let ObservedSecret::Ours(data) = &observed.secret else { return None };
    let policy = &observed.policy.as_ref()?.content;
    secret::credential(data, &admitted.tenant_id).filter(|held| policy.keys.iter().any(|key| key.id == held.key()))
}

/// What the gateway's own probe says about all of its tenants; none where each is to be asked.
fn of_gateway(gateway: &AIGateway, mode: ProbeMode) -> Option<Finding> {
    let told = gateway.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let Some(probed) = find(told, kind::PROBED) else {
        return Some(Finding::Unclear("the gateway has not been probed yet".into()));
    };
    if probed.status == Status::True.as_str() {
        return None;
    }
    if probed.status == Status::False.as_str() {
        let message = format!("the gateway's own probe fails ({}); see the conditions of the AIGateway", probed.reason);
        return Some(Finding::failed(reason::GATEWAY_PROBE_FAILED, message));
    }
    Some(match probed.reason.as_str() {
        reason::SOURCE_NOT_ALLOWED => unknown(reason::SOURCE_NOT_ALLOWED),
        reason::UNREACHABLE => unknown(reason::UNREACHABLE),
        _ if mode == ProbeMode::Report => unknown(reason::PROBING),
        _ => Finding::Unclear("the gateway is being probed".into()),
    })
}

fn unknown(reason: &'static str) -> Finding {
    let message = "the gateway's own probe cannot tell; see the conditions of the AIGateway";
    Finding::Unknown { reason, message: message.into() }
}

/// What is taken over from the gateway: it has waited for what passes by itself already, and wakes its tenants.
fn inherited(finding: Finding, now: i64) -> Memo {
    let failed = matches!(finding, Finding::Failed { .. });
    let since = if failed { now - i64::try_from(GRACE.as_secs()).unwrap_or_default() } else { now };
    let next = now + i64::try_from(TENANT_INTERVAL.as_secs()).unwrap_or_default();
    Memo { asked: now, next, failures: u32::from(failed), since, finding }
}

fn told(tenant: &Tenant) -> &[Condition] {
    tenant.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
}

/// Since when calls are refused: as told before, else since `began`.
fn suspension(tenant: &Tenant, began: Timestamp) -> SuspensionStatus {
    let told = tenant.status.as_ref().and_then(|status| status.suspension.clone());
    told.unwrap_or_else(|| SuspensionStatus { since: rfc3339(began.as_second()), effective_after_seconds: None })
}

/// With the time it took until `seen`, unless an earlier probe told.
fn effective(suspension: SuspensionStatus, seen: Timestamp) -> SuspensionStatus {
    let took = || {
        let since: Timestamp = suspension.since.parse().ok()?;
        // Rounded up: `since` has been rounded down, so this is never too little.
        let milliseconds = seen.as_millisecond() - since.as_millisecond();
        i32::try_from((milliseconds.max(0) + 999) / 1_000).ok()
    };
    let effective_after_seconds = suspension.effective_after_seconds.or_else(took);
    SuspensionStatus { effective_after_seconds, ..suspension }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_effect_is_rounded_up_and_told_once() {
        let since = SuspensionStatus { since: "2026-03-02T09:00:00Z".into(), effective_after_seconds: None };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let first = effective(since, at("2026-03-02T09:00:01.2Z"));
        assert_eq!(first.effective_after_seconds, Some(2));
        assert_eq!(effective(first.clone(), at("2026-03-02T10:00:00Z")), first);
    }
}
