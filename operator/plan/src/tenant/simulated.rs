//! What AWS and the cluster would look like after the steps of a tenant's plan, as pure data.
//!
//! For the same two users as the gateway's simulation, and as strict: a step that would be refused, or that would break
//! what the table's conditions protect, is an [`Impossible`].

use std::collections::BTreeMap;

use super::step::{ObservedApiKey, ObservedIdentity, ObservedSecret, ObservedTenant, TenantStep};
use crate::gateway::observed::Document;
use crate::gateway::simulated::{Impossible, NewId};

/// One tenant's objects, changed by steps.
#[derive(Debug, Clone)]
pub struct SimulatedTenant {
    /// What a look would show now.
    pub observed: ObservedTenant,
    new_id: NewId,
    given: i64,
    /// Values of keys made here, by id: AWS refuses a value that exists.
    values: BTreeMap<String, String>,
}

impl SimulatedTenant {
    /// Begins with what was observed.
    pub fn new(observed: ObservedTenant, new_id: NewId) -> Self {
        Self { observed, new_id, given: 0, values: BTreeMap::new() }
    }

    /// Carries out one step.
    ///
    /// # Errors
    /// [`Impossible`] where it would be refused; nothing is changed then.
    pub fn apply(&mut self, step: &TenantStep) -> Result<(), Impossible> {
        self.change(step.clone()).map_err(|reason| Impossible { step: step.to_string(), reason })
    }

    fn change(&mut self, step: TenantStep) -> Result<(), &'static str> {
        match step {
            TenantStep::CreateApiKey { name, value, tags } => {
                let same = |key: &ObservedApiKey| key.name == name || self.values.get(&key.id) == Some(&value);
                if self.observed.api_keys.iter().any(same) {
                    return Err("there is a key of this name or value");
                }
                self.given += 1;
                let id = (self.new_id)("key", self.given);
                self.values.insert(id.clone(), value);
                self.observed.api_keys.push(ObservedApiKey { id, name, enabled: true, tags, usage_plans: Vec::new() });
            }
            TenantStep::EnableApiKey { id } => self.key(&id)?.enabled = true,
            TenantStep::DisableApiKey { id } => self.key(&id)?.enabled = false,
            TenantStep::ConfirmApiKey { key_id, usage_plan_id } => {
                if !self.key(&key_id)?.usage_plans.contains(&usage_plan_id) {
                    return Err("the key is not in the plan");
                }
            }
            TenantStep::AttachApiKey { key_id, usage_plan_id } => {
                let key = self.key(&key_id)?;
                // One plan of a stage is all a key may be in, and only plans of this stage are listed.
                if !key.usage_plans.is_empty() {
                    return Err("the key is in a plan of this stage");
                }
                key.usage_plans.push(usage_plan_id);
            }
            TenantStep::DeleteApiKey { id, .. } => self.observed.api_keys.retain(|key| key.id != id),
            TenantStep::WriteSecret { create, data, .. } => {
                let fits = match &self.observed.secret {
                    ObservedSecret::Absent => create,
                    ObservedSecret::Ours(_) => !create,
                    ObservedSecret::Foreign | ObservedSecret::Leaving => false,
                };
                if !fits {
                    return Err("the Secret is there, or is not, or is not ours");
                }
                self.observed.secret = ObservedSecret::Ours(data);
            }
            TenantStep::ClaimIdentity { hash, expected, claim, .. } => {
                let found = self.observed.identities.get(&hash).map(|found| found.version);
                if found != expected {
                    return Err("the identity is another's by now");
                }
                let version = expected.unwrap_or(0) + 1;
                let claimed = ObservedIdentity { version, claim, held: false, holder: String::new() };
                self.observed.identities.insert(hash, claimed);
            }
            TenantStep::ReleaseIdentity { hash, expected, .. } => {
                if self.observed.identities.get(&hash).is_some_and(|found| found.version != expected) {
                    return Err("the identity is another's by now");
                }
                self.observed.identities.remove(&hash);
            }
            TenantStep::WritePolicy { expected, version, policy, .. } => {
                if expected != self.observed.policy.as_ref().map(|policy| policy.version) {
                    return Err("the policy has changed");
                }
                self.observed.policy = Some(Document { version, content: *policy });
            }
            TenantStep::WriteMeter { head, .. } => {
                if self.observed.meter.is_some_and(|meter| meter.policy_version > head.policy_version) {
                    return Err("the meter knows a newer policy");
                }
                self.observed.meter = Some(head);
            }
        }
        Ok(())
    }

    fn key(&mut self, id: &str) -> Result<&mut ObservedApiKey, &'static str> {
        self.observed.api_keys.iter_mut().find(|key| key.id == id).ok_or("there is no such key")
    }
}
