//! The guardrail that every call carries: how the gateway gets from one to another without a call failing, and what its
//! condition says. Pure.
//!
//! The configuration has the forwarder send the guardrail, and the forwarder's role denies calls that carry another or
//! none. Neither takes effect everywhere at once, so a change has stages, each of which lasts [`SETTLE`]: first the role lets
//! the old and the new one pass, then the forwarder sends the new one, then the role denies the old one. The stage stands in
//! the configuration ([`Guardrails::transition`]), so an operator that dies goes on where it was. Where the old or the new
//! one is none, the role denies nothing meanwhile, but may apply the other: a call that carries it needs that.

use std::time::Duration;

use aigw_api::conditions::{kind, reason};
use aigw_api::{Bedrock, Family, GatewayModels, MandatoryGuardrail};
use aigw_contract::guardrail::{Guardrail, Guardrails, Transition};

use super::desired::DesiredGateway;
use super::observed::ObservedGateway;
use super::step::GatewayStep;
use super::validate::wire;
use crate::conditions::ConditionSpec;
use crate::plan::Plan;
use crate::probe::Finding;
use crate::violation::Violation;

/// How long a stage lasts: processes of the forwarder read their configuration every 30 seconds, and IAM applies a policy
/// within seconds, usually (user guide, "changes that I make are not always immediately visible").
pub const SETTLE: Duration = Duration::from_mins(1);

/// Which guardrails the forwarder's role lets calls carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fence {
    /// Those it may apply.
    pub passing: Vec<Guardrail>,
    /// Whether calls that carry none of them are denied.
    pub denies: bool,
}

/// The guardrail that the spec names.
pub(super) fn mandatory(models: Option<&GatewayModels>) -> Option<Guardrail> {
    let MandatoryGuardrail { id, version } = models?.guardrails.first()?;
    Some(Guardrail { id: id.clone(), version: version.clone() })
}

/// Families that would only ever be refused beside a guardrail: they call models in ways of their own, and the forwarder's
/// role would be denied some of those calls.
pub(super) fn unguarded_families(bedrock: Option<&Bedrock>) -> Vec<Violation> {
    let named = bedrock.iter().flat_map(|bedrock| &bedrock.families).enumerate();
    let guarded = |family: Family| matches!(family, Family::BedrockRuntime | Family::Bedrock);
    let message = |family: Family| {
        format!(
            "{} does not carry a guardrail through all its calls of models, so no call of it would pass beside spec.models.guardrails; take it out, or give it a gateway of its own",
            wire(family)
        )
    };
    let violation = |(index, family): (usize, &Family)| {
        Violation::new(format!("spec.bedrock.families[{index}]"), reason::INVALID, message(*family))
    };
    named.filter(|(_, family)| !guarded(**family)).map(violation).collect()
}

/// What the configuration is to say, from what it says at `now`, in seconds since the Unix epoch; `None` where nothing
/// serves yet, and so no call is made.
pub fn next(wanted: Option<&Guardrail>, written: Option<&Guardrails>, now: i64) -> Guardrails {
    let settled = || Guardrails { apply: wanted.cloned(), transition: None };
    let Some(Guardrails { apply, transition }) = written else { return settled() };
    let during = |apply: Option<&Guardrail>, with: Option<&Guardrail>| Guardrails {
        apply: apply.cloned(),
        transition: Some(Transition { with: with.cloned(), since: now }),
    };
    match transition {
        // The clock may have been set back: then the stage begins anew.
        Some(Transition { with, since }) if now < *since => during(apply.as_ref(), with.as_ref()),
        Some(Transition { since, .. }) if now - since < seconds(SETTLE) => {
            Guardrails { apply: apply.clone(), transition: transition.clone() }
        }
        _ if apply.as_ref() == wanted => settled(),
        Some(Transition { with, .. }) if with.as_ref() == wanted => during(wanted, apply.as_ref()),
        // From one to another, or to a third one in the middle of that: both may come first.
        _ => during(apply.as_ref(), wanted),
    }
}

/// What the role lets pass while the configuration says this.
pub fn fence(record: &Guardrails) -> Fence {
    let Guardrails { apply, transition } = record;
    let other = transition.as_ref().map(|transition| transition.with.as_ref());
    let mut passing: Vec<Guardrail> = apply.iter().chain(other.flatten()).cloned().collect();
    passing.sort();
    passing.dedup();
    Fence { denies: apply.is_some() && other.is_none_or(|with| with.is_some()), passing }
}

/// Notes that a stage has to last.
pub(super) fn diff(desired: &DesiredGateway, observed: &ObservedGateway, plan: &mut Plan<GatewayStep>) {
    let record = desired.config.as_ref().map(|config| &config.guardrails);
    let Some(Transition { since, .. }) = record.and_then(|record| record.transition.as_ref()) else { return };
    let passed = Duration::from_secs(u64::try_from(observed.observed_at - since).unwrap_or(0));
    let left = SETTLE.saturating_sub(passed);
    plan.wait("the guardrail of calls is being changed: forwarder and role have to agree at every moment", left);
}

/// What is to be known of a gateway's guardrail beside its spec.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What was read.
    pub observed: &'a ObservedGateway,
    /// Whether all of it matches the spec.
    pub in_sync: bool,
    /// Whether the forwarder's role is the operator's own.
    pub own_role: bool,
    /// What the last probe found, if it asked Bedrock for a model.
    pub probe: Option<&'a Finding>,
}

/// The condition; none where the gateway neither has a guardrail nor is about to lose one.
pub fn condition(wanted: Option<&Guardrail>, seen: Seen<'_>) -> Option<ConditionSpec> {
    let written = seen.observed.config.as_ref().map(|config| &config.content.guardrails);
    let Some(guardrail) = wanted else {
        written.and_then(|record| record.apply.as_ref())?;
        let message = "calls still carry the guardrail that the spec has no more";
        return Some(ConditionSpec::new(kind::GUARDRAILS_ENFORCED, false, reason::PROGRESSING, message));
    };
    let spec = |status: Option<bool>, reason, message| {
        Some(ConditionSpec::new(kind::GUARDRAILS_ENFORCED, status, reason, message))
    };
    let settled = Guardrails { apply: Some(guardrail.clone()), transition: None };
    if written != Some(&settled) || !seen.in_sync {
        let message = format!("calls are being made to carry guardrail {guardrail}");
        return spec(Some(false), reason::PROGRESSING, message);
    }
    let carried = format!("every call carries guardrail {guardrail}");
    match seen.probe {
        Some(Finding::Failed { reason: reason::GUARDRAIL_NOT_ENFORCED, message }) => {
            spec(Some(false), reason::GUARDRAIL_NOT_ENFORCED, message.clone())
        }
        Some(Finding::Passed(_)) => spec(
            Some(true),
            reason::ENFORCED,
            format!("{carried}; Bedrock denied the forwarder's role a call without it"),
        ),
        _ if seen.own_role => spec(
            Some(true),
            reason::ENFORCED,
            format!("{carried}; the policy of the forwarder's role denies calls without it, which no probe has tried"),
        ),
        _ => spec(
            None,
            reason::NOT_SHOWN,
            format!(
                "{carried}; whether the role in spec.functions.forwarder.roleArn denies calls without it is not known, because no probe has tried"
            ),
        ),
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "guardrails_tests.rs"]
mod tests;
