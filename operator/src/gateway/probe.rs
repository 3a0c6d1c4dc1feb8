//! The last stage of a gateway's pass: does it serve? Made where AWS matches, after each change and now and then.
//!
//! The probe's identity is to AWS one more tenant, and made and kept by the steps tenants are made by: drift of it is found
//! as any other.

use std::time::Duration;

use aigw_api::conditions::{kind, reason};
use aigw_api::{AIGateway, ProbeMode};
use aigw_cloud::{Cloud, CloudError};
use aigw_plan::GatewayIdentity;
use aigw_plan::gateway::domains::tell;
use aigw_plan::gateway::observed::ObservedGateway;
use aigw_plan::gateway::report::{GatewayOutcome, status};
use aigw_plan::gateway::validate::ValidGateway;
use aigw_plan::probe::Finding;
use aigw_plan::probe::gateway::{Check, checks};
use aigw_plan::probe::identity;
use aigw_plan::probe::report::{Terms, conclude};
use aigw_plan::probe::schedule::Memo;
use aigw_plan::tenant::diff::cleanup;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

use super::{ELSEWHERE_RECHECK, Pass, domains, failed, tenants_of};
use crate::context::Context;
use crate::harness::conditions::find;
use crate::harness::{Error, Outcome};
use crate::probe::{known, run, told_of};
use crate::report::held_for_generation;
use crate::tenant::{Identity, Site, ensure, execute_in_aws, observe_in_aws};

/// Probes the gateway where that is due, and lets `pass` tell of it.
pub(super) async fn gateway(
    context: &Context,
    gateway: &AIGateway,
    gateway_identity: &GatewayIdentity,
    valid: &ValidGateway,
    cloud: &Cloud,
    pass: &mut Pass,
) -> Result<(), Error> {
    if pass.outcome != GatewayOutcome::InSync {
        return Ok(());
    }
    let Some(observed) = &pass.observed else { return Ok(()) };
    let site = Site { identity: gateway_identity.clone(), cloud: cloud.clone() };
    let (untried, believed) = domains::untried(context, gateway, valid, observed);
    pass.domain.proven = believed;
    if valid.probe.mode == ProbeMode::Off {
        if let Err(error) = end(context, gateway, &site).await {
            *pass = failed(&error, pass.observed.take());
        }
        return Ok(());
    }
    let told = gateway.status.clone().unwrap_or_default();
    let Some(endpoint) = tell::endpoint(valid, observed, &context.memory.build, &told, believed) else { return Ok(()) };
    let Some(probe) = identity::probe(&site.identity, valid) else { return Ok(()) };
    let (credential, changed, recheck) = match ensure(context, gateway, &site, valid, &endpoint, &probe).await? {
        Identity::Whole { credential, changed, recheck } => (credential, changed, recheck),
        held_up => {
            hold_up(held_up, pass);
            return Ok(());
        }
    };
    let memo = match due(context, gateway, valid, &site.identity, observed, changed || pass.changed) {
        Due::No(memo) => memo,
        Due::Yes(before) => {
            let checks = checks(&endpoint, &site.identity, valid, &credential);
            let finding = run(context, gateway, "gateway", &checks).await;
            let (now, jitter) = (context.clock.now().as_second(), context.random.jitter());
            let memo = Memo::record(before.as_ref(), finding, valid.probe.interval, now, jitter);
            context.memory.probes.set(&gateway.uid().unwrap_or_default(), memo.clone());
            memo
        }
    };
    if let Some(url) = &untried {
        try_domain(context, gateway, valid, &checks(url, &site.identity, valid, &credential), pass).await;
    }
    conclude_probe(context, gateway, valid, &memo, pass);
    look_within(recheck, pass);
    Ok(())
}

/// Whether calls come through a domain that clients are not told of yet.
async fn try_domain(context: &Context, gateway: &AIGateway, valid: &ValidGateway, checks: &[Check], pass: &mut Pass) {
    let finding = run(context, gateway, "domain", checks).await;
    let seen = match finding {
        Finding::Passed(_) => {
            pass.domain.proven = true;
            return;
        }
        Finding::Failed { message, .. } | Finding::Unknown { message, .. } | Finding::Unclear(message) => message,
    };
    pass.domain.not_reached = pass.observed.as_ref().and_then(|observed| tell::not_reached(valid, observed, &seen));
}

/// Whether a probe is to be made, and what is known of the one before.
enum Due {
    Yes(Option<Memo>),
    No(Memo),
}

fn due(
    context: &Context,
    gateway: &AIGateway,
    valid: &ValidGateway,
    identity: &GatewayIdentity,
    observed: &ObservedGateway,
    changed: bool,
) -> Due {
    let told = gateway.status.clone().unwrap_or_default();
    let before = known(context, &gateway.uid().unwrap_or_default(), &told.conditions, valid.probe.interval);
    // A process before this one may have changed what serves and not come to probe it.
    let tenants = tenants_of(context, gateway).len();
    let at = (false, context.clock.now().as_second());
    let now = status(valid, identity, &context.memory.build, observed, tenants, &told, at);
    let serves_other = (&now.stages, &now.functions) != (&told.stages, &told.functions);
    match before {
        Some(memo)
            if !changed
                && !serves_other
                && !untold_guardrail(valid, &told.conditions)
                && told_of(&told.conditions, gateway.metadata.generation)
                && !memo.due(context.clock.now().as_second()) =>
        {
            Due::No(memo)
        }
        before => Due::Yes(before),
    }
}

/// Whether the gateway has a guardrail of which nothing final was told: a process before this one may have put it in place
/// and not come to probe it.
fn untold_guardrail(valid: &ValidGateway, told: &[Condition]) -> bool {
    let final_word = |condition: &Condition| condition.reason != reason::PROGRESSING;
    valid.guardrail.is_some() && !find(told, kind::GUARDRAILS_ENFORCED).is_some_and(final_word)
}

/// The probe is not there yet, or cannot be.
fn hold_up(identity: Identity, pass: &mut Pass) {
    match identity {
        Identity::Whole { .. } => {}
        Identity::Waiting(message, after) => {
            pass.outcome = GatewayOutcome::Working { reason: reason::WAITING, message };
            pass.next = Outcome::Waiting { after };
        }
        Identity::NotOurs => {
            let message = "the Secret for the gateway's probe exists and is not the operator's; delete it, or set spec.probe.mode to Off".to_owned();
            pass.outcome = GatewayOutcome::Stalled { reason: reason::SECRET_NOT_OURS, message };
            pass.next = Outcome::Waiting { after: ELSEWHERE_RECHECK };
        }
        Identity::Failed(error) => *pass = failed(&error, pass.observed.take()),
    }
}

/// Takes away what the probe has in AWS, once; its Secret, which is void then, goes with the gateway.
async fn end(context: &Context, gateway: &AIGateway, site: &Site) -> Result<(), CloudError> {
    let told = gateway.status.iter().flat_map(|status| &status.conditions);
    if !told.into_iter().any(|condition| condition.type_ == kind::PROBED) {
        return Ok(());
    }
    let tenant_id = site.identity.probe_id();
    loop {
        let observed = observe_in_aws(context, site, gateway, &tenant_id).await?;
        let plan = cleanup(&tenant_id, &site.identity, &observed, context.clock.now().as_second());
        if plan.steps.is_empty() {
            context.memory.probes.forget(&gateway.uid().unwrap_or_default());
            return Ok(());
        }
        execute_in_aws(context, site, &plan.steps).await?;
    }
}

/// The condition, and what it means for the gateway.
fn conclude_probe(context: &Context, gateway: &AIGateway, valid: &ValidGateway, memo: &Memo, pass: &mut Pass) {
    let told = gateway.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let was_ready = held_for_generation(told, kind::READY, gateway.metadata.generation);
    let terms = Terms { mode: valid.probe.mode, endpoint: valid.endpoint_type, was_ready };
    let now = context.clock.now().as_second();
    let (condition, unproven) = conclude(terms, memo, now);
    pass.probed = Some(condition);
    pass.finding = Some(memo.finding.clone());
    if let Some((unproven, serving)) = unproven {
        pass.outcome = GatewayOutcome::Unproven { unproven, serving };
    }
    // A look at the gateway comes by often enough for what passed, unless the interval is shorter.
    let early = memo.failures > 0 || valid.probe.interval < context.settings.drift_interval;
    look_within(early.then(|| memo.wait(now)), pass);
}

/// Looks again no later than that.
fn look_within(due: Option<Duration>, pass: &mut Pass) {
    if let (Some(due), Outcome::Done { requeue } | Outcome::Waiting { after: requeue }) = (due, &pass.next)
        && due < *requeue
    {
        pass.next = Outcome::Waiting { after: due };
    }
}
