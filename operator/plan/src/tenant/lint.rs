//! Invariants every tenant plan must keep: of being served, of being cut off, and of being deleted. A finding is a
//! defect of ours: the plan is not executed.
//!
//! They say what a client would notice: no credential becomes valid that nobody was given, none that is in use ends at
//! once, no internal key goes that the policy names, no counter turns back.

use aigw_contract::Credential;
use aigw_contract::limits::{Limits, OutputTokens};
use aigw_contract::policy::{AcceptedIdentity, KeyHash, TenantPolicy};
use aigw_contract::table::MeterHead;

use super::credentials::{MOST_KEYS, latest, number};
use super::step::{ObservedSecret, ObservedTenant, TenantStep};
use crate::identity::{TAG_ID, TAG_INSTALLATION, TAG_TENANT_ID};

/// Everything wrong with `steps`; empty means they may be executed.
pub fn lint(steps: &[TenantStep], observed: &ObservedTenant) -> Vec<String> {
    let mut seen = Seen { policy: None, meter: false, secret: false, created: false, confirmed: None };
    let mut findings = Vec::new();
    for step in steps {
        let problem = seen.problem(step, observed, steps);
        findings.extend(problem.map(|problem| format!("{step}: {problem}")));
    }
    if seen.policy.is_some() && !seen.meter {
        findings.push("the policy is written without the meter that makes it bind".into());
    }
    findings
}

/// What happened earlier in the plan.
struct Seen<'a> {
    policy: Option<(i64, &'a TenantPolicy)>,
    meter: bool,
    secret: bool,
    created: bool,
    /// Id of the key that was confirmed to be in its plan.
    confirmed: Option<&'a String>,
}

impl<'a> Seen<'a> {
    fn problem(
        &mut self,
        step: &'a TenantStep,
        observed: &ObservedTenant,
        steps: &[TenantStep],
    ) -> Option<&'static str> {
        let known = |id: &String| observed.api_keys.iter().find(|key| key.id == *id);
        match step {
            TenantStep::CreateApiKey { name, value, tags } => {
                if std::mem::replace(&mut self.created, true) {
                    return Some("second key in one plan");
                }
                if observed.api_keys.iter().any(|key| key.name == *name) {
                    return Some("there is a key of this name");
                }
                let tagged = [TAG_ID, TAG_INSTALLATION, TAG_TENANT_ID].iter().all(|tag| tags.contains_key(*tag));
                (!tagged || value.is_empty()).then_some("without value and tags it would never be found again")
            }
            TenantStep::EnableApiKey { id } => known(id).is_none().then_some("the key was not observed"),
            TenantStep::DisableApiKey { id } if known(id).is_none() => Some("the key was not observed"),
            TenantStep::DisableApiKey { .. } => {
                let policy = self.policy_in_force(observed).map(|(_, policy)| policy);
                let served = policy.is_some_and(|policy| !policy.denied() && policy.expires_at.is_none());
                served.then_some("calls of this tenant are not refused")
            }
            TenantStep::ConfirmApiKey { key_id, usage_plan_id } => {
                self.confirmed = Some(key_id);
                self.confirm_problem(key_id, usage_plan_id, observed, steps)
            }
            TenantStep::AttachApiKey { key_id, .. } => match known(key_id) {
                None => Some("the key was not observed"),
                Some(key) if !key.usage_plans.is_empty() => Some("the key is in a plan of this stage"),
                Some(_) if self.policy.is_some() => Some("the policy names the key before its plan holds it"),
                Some(_) => None,
            },
            TenantStep::DeleteApiKey { id, name } => {
                if known(id).is_none_or(|key| key.name != *name) {
                    return Some("the key was not observed");
                }
                let policies =
                    [observed.policy.as_ref().map(|policy| &policy.content), self.policy.map(|(_, policy)| policy)];
                let ended = policies.iter().flatten().next_back().is_none_or(|policy| policy.deleted);
                let named = policies.into_iter().flatten().any(|policy| is_of(name, policy.usage_key_generation));
                (!ended && named).then_some("the policy names this key")
            }
            TenantStep::WriteSecret { create, data, .. } => {
                if self.policy.is_some() {
                    return Some("the policy comes first, so a crash would lose the credential it accepts");
                }
                if std::mem::replace(&mut self.secret, true) {
                    return Some("second Secret in one plan");
                }
                match &observed.secret {
                    ObservedSecret::Foreign | ObservedSecret::Leaving => Some("the Secret is not ours"),
                    ObservedSecret::Absent if !create => Some("there is no Secret"),
                    ObservedSecret::Ours(_) if *create => Some("there is a Secret"),
                    ObservedSecret::Ours(before) if before == data => Some("nothing changes"),
                    ObservedSecret::Absent | ObservedSecret::Ours(_) => None,
                }
            }
            TenantStep::ClaimIdentity { hash, expected, claim, .. } => {
                let found = observed.identities.get(hash);
                if *expected != found.map(|found| found.version) {
                    return Some("the claim observed is another");
                }
                let taken = found.is_some_and(|found| found.belongs_to_another(&claim.tenant, claim.since));
                taken.then_some("the identity is another tenant's")
            }
            TenantStep::ReleaseIdentity { tenant_id, hash, expected, .. } => {
                let found = observed.identities.get(hash);
                let ours = found.is_some_and(|found| found.claim.tenant == *tenant_id && found.version == *expected);
                (!ours).then_some("the identity is not this tenant's")
            }
            TenantStep::WritePolicy { tenant_id, expected, version, policy, .. } => {
                if self.policy.replace((*version, policy)).is_some() {
                    return Some("second policy in one plan");
                }
                counters(*expected, *version, policy, observed)
                    .or_else(|| self.unconfirmed(policy, observed))
                    .or_else(|| keys(policy, observed, steps))
                    .or_else(|| identities(tenant_id, policy, observed))
                    .or_else(|| limits(policy))
            }
            TenantStep::WriteMeter { head, .. } => {
                if std::mem::replace(&mut self.meter, true) {
                    return Some("second write of the meter in one plan");
                }
                self.meter_problem(*head, observed)
            }
        }
    }

    /// The policy that is in force after the steps so far, with its version.
    fn policy_in_force<'b>(&'b self, observed: &'b ObservedTenant) -> Option<(i64, &'b TenantPolicy)> {
        self.policy.or(observed.policy.as_ref().map(|policy| (policy.version, &policy.content)))
    }

    fn confirm_problem(
        &self,
        key_id: &String,
        usage_plan_id: &String,
        observed: &ObservedTenant,
        steps: &[TenantStep],
    ) -> Option<&'static str> {
        let Some(key) = observed.api_keys.iter().find(|key| key.id == *key_id) else {
            return Some("the key was not observed");
        };
        let attach = TenantStep::AttachApiKey { key_id: key_id.clone(), usage_plan_id: usage_plan_id.clone() };
        if self.policy.is_some() {
            return Some("the policy names the key already");
        }
        let attached = key.usage_plans.contains(usage_plan_id) || steps.contains(&attach);
        (!attached).then_some("nothing puts the key in that plan")
    }

    /// A tenant that is being served gets another internal key only once that is confirmed to be in its plan.
    fn unconfirmed(&self, policy: &TenantPolicy, observed: &ObservedTenant) -> Option<&'static str> {
        let before = observed.policy.as_ref().map(|policy| &policy.content).filter(|before| !before.deleted)?;
        if policy.usage_key_generation == before.usage_key_generation {
            return None;
        }
        let confirmed = observed.api_keys.iter().find(|key| Some(&key.id) == self.confirmed);
        let named = confirmed.is_some_and(|key| is_of(&key.name, policy.usage_key_generation));
        (!named).then_some("the key was not confirmed to be in its plan")
    }

    fn meter_problem(&self, head: MeterHead, observed: &ObservedTenant) -> Option<&'static str> {
        let Some((version, policy)) = self.policy_in_force(observed) else {
            return Some("there is no policy the meter could be of");
        };
        if head.policy_version != version {
            return Some("the meter is of another policy");
        }
        if head.suspended != policy.denied() {
            return Some("meter and policy disagree on whether calls are refused");
        }
        let back = observed.meter.is_some_and(|meter| meter.policy_version > head.policy_version);
        back.then_some("the meter goes back")
    }
}

/// Counters only grow.
fn counters(
    expected: Option<i64>,
    version: i64,
    policy: &TenantPolicy,
    observed: &ObservedTenant,
) -> Option<&'static str> {
    let before = observed.policy.as_ref();
    if expected != before.map(|policy| policy.version) {
        return Some("the policy observed is another");
    }
    let least = before.map(|policy| policy.version).max(observed.meter.map(|meter| meter.policy_version)).unwrap_or(0);
    if version <= least {
        return Some("the policy's version does not grow");
    }
    let before = &before?.content;
    let (earlier, later) = (before.usage_key_generation, policy.usage_key_generation);
    if later < earlier || (later == earlier && !policy.deleted && before.usage_key != policy.usage_key) {
        return Some("a generation of the internal key is used again");
    }
    (before == policy).then_some("nothing changes")
}

/// A limit the functions could not hold, or that would hold everything up.
fn limits(policy: &TenantPolicy) -> Option<&'static str> {
    let Limits { requests_per_minute, tokens_per_minute, concurrency, max_output_tokens } = policy.limits;
    let OutputTokens { default, max } = max_output_tokens;
    let numbers = [requests_per_minute, tokens_per_minute, concurrency, default, max].into_iter().flatten();
    if numbers.chain(policy.budgets.iter().map(|budget| budget.micro_usd)).any(|number| number <= 0) {
        return Some("a limit or budget is not above zero");
    }
    if default.zip(max).is_some_and(|(default, max)| default > max) {
        return Some("output by default is above its maximum");
    }
    if !policy.budgets.is_sorted_by(|one, next| one.window < next.window) {
        return Some("a window has two budgets, or they are not in order");
    }
    let ordered = policy.utc_offsets.is_sorted_by(|one, next| one.from < next.from);
    (!ordered).then_some("the changes of local time are not in order")
}

/// No credential is accepted that was not given out, none ends without warning, and no id comes back.
fn keys(policy: &TenantPolicy, observed: &ObservedTenant, steps: &[TenantStep]) -> Option<&'static str> {
    let before: &[KeyHash] = observed.policy.as_ref().map_or(&[], |policy| &policy.content.keys);
    let known = |key: &&KeyHash| before.iter().find(|known| known.id == key.id);
    let (old, new): (Vec<&KeyHash>, Vec<&KeyHash>) = policy.keys.iter().partition(|key| known(key).is_some());
    for key in old {
        let known = known(&key)?;
        if known.sha256 != key.sha256
            || (known.not_after.is_some() && key.not_after != known.not_after && !policy.deleted)
        {
            return Some("a key the policy knew has another hash, or its end was moved");
        }
    }
    if policy.keys.iter().filter(|key| key.not_after.is_none()).count() > 1 {
        return Some("two credentials are active");
    }
    if policy.keys.len() > MOST_KEYS {
        return Some("more credentials are accepted than may be");
    }
    if let Some(before) = observed.policy.as_ref().map(|policy| &policy.content) {
        let last = latest(before);
        if policy.last_key < last {
            return Some("the number of the latest key goes back");
        }
        // Keys that were switched off at the gateway come back; nothing else does.
        let least = if before.keys.is_empty() { last } else { last + 1 };
        if new.iter().any(|key| number(&key.id).is_none_or(|number| number < least)) {
            return Some("the id of a key is used again");
        }
    }
    let written = steps.iter().find_map(|step| match step {
        TenantStep::WriteSecret { data, .. } => Some(data),
        _ => None,
    });
    let held = match &observed.secret {
        ObservedSecret::Ours(data) => Some(data),
        _ => None,
    };
    let given: Vec<Credential> = written
        .or(held)
        .into_iter()
        .flat_map(|data| data.values())
        .filter_map(|text| Credential::parse(text).ok())
        .collect();
    for key in new {
        if !given.iter().any(|credential| credential.key() == key.id && credential.matches(&key.sha256)) {
            return Some("a credential is accepted that no Secret holds");
        }
    }
    let is_kept = |known: &KeyHash| policy.keys.iter().any(|key| key.id == known.id);
    let lost = before.iter().any(|known| known.not_after.is_none() && !is_kept(known));
    (lost && !policy.keys.is_empty()).then_some("an active credential ends without a time to retire")
}

/// No identity comes into force that is not claimed, and none stays that another has.
fn identities(tenant_id: &str, policy: &TenantPolicy, observed: &ObservedTenant) -> Option<&'static str> {
    let before = observed.policy.as_ref().map_or(&[][..], |policy| &policy.content.identities);
    let fits = |one: &AcceptedIdentity| match observed.identities.get(&one.hash) {
        Some(found) => found.claim.tenant == tenant_id,
        // Lost: it is claimed again.
        None => before.contains(one),
    };
    (!policy.identities.iter().all(fits)).then_some("an identity is accepted that the tenant has not claimed")
}

/// Whether an internal key's name is of that generation.
fn is_of(name: &str, generation: i64) -> bool {
    name.rsplit('-').next() == Some(generation.to_string().as_str())
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
