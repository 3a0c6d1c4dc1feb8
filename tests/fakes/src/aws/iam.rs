//! IAM: roles and their inline policies. They belong to no Region, and Lambda knows a new one only after a while.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_cloud::{CloudError, Roles};
use aigw_contract::Partition;
use aigw_plan::gateway::observed::{ObservedRole, Tags};
use async_trait::async_trait;
use serde_json::Value;

use super::client::{Absence, Port};
use super::refusal::{Answer, Refusal};
use super::server::Context;
use super::state::AccountState;

/// Name of the inline policy the operator writes.
const POLICY_NAME: &str = "aigw";

/// A role.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// ARN, with the path.
    pub arn: String,
    /// Trust policy.
    pub trust: Value,
    /// Permissions boundary.
    pub boundary: Option<String>,
    /// Inline policies by name; the operator's is `aigw`.
    pub policies: BTreeMap<String, Value>,
    /// Tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Duration,
}

fn role<'a>(state: &'a mut AccountState, name: &str) -> Answer<&'a mut Role> {
    let absent = || Refusal::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found."));
    state.roles.get_mut(name).ok_or_else(absent)
}

fn no_such_policy(name: &str) -> Refusal {
    let message = format!("The role policy with name {POLICY_NAME} cannot be found for role {name}.");
    Refusal::new(404, "NoSuchEntity", message)
}

fn check_policy(policy: &Value) -> Answer {
    let well_formed = policy["Version"].is_string() && policy["Statement"].is_array();
    if well_formed { Ok(()) } else { Err(Refusal::new(400, "MalformedPolicyDocument", "Syntax errors in policy.")) }
}

fn create(
    state: &mut AccountState,
    context: &Context<'_>,
    (name, path): (&str, &str),
    (trust, boundary, tags): (Value, Option<String>, Tags),
) -> Answer {
    check_policy(&trust)?;
    if state.roles.contains_key(name) {
        return Err(Refusal::new(409, "EntityAlreadyExists", format!("Role with name {name} already exists.")));
    }
    if state.roles.len() >= context.behaviour.limits.roles {
        let message = format!("Cannot exceed quota for RolesPerAccount: {}", context.behaviour.limits.roles);
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    let partition = Partition::of(context.region).id;
    let arn = format!("arn:{partition}:iam::{}:role{path}{name}", context.account_id);
    let role = Role { arn, trust, boundary, policies: BTreeMap::new(), tags, created: context.now };
    state.roles.insert(name.to_owned(), role);
    Ok(())
}

fn delete(state: &mut AccountState, name: &str) -> Answer {
    if !role(state, name)?.policies.is_empty() {
        return Err(Refusal::new(409, "DeleteConflict", "Cannot delete entity, must delete policies first."));
    }
    state.roles.remove(name);
    Ok(())
}

/// Roles.
pub(crate) struct RolesPort(pub Port);

#[async_trait]
impl Roles for RolesPort {
    async fn get(&self, name: &str) -> Result<Option<ObservedRole>, CloudError> {
        let answer = self.0.call("iam:GetRole", name, |state, _| role(state, name).cloned()).await;
        let Some(Role { arn, trust, boundary: _, policies: _, tags, created: _ }) = answer.absent_as_none()? else {
            return Ok(None);
        };
        let policy = self
            .0
            .call("iam:GetRolePolicy", name, |state, _| {
                role(state, name)?.policies.get(POLICY_NAME).cloned().ok_or_else(|| no_such_policy(name))
            })
            .await
            .absent_as_none()?;
        Ok(Some(ObservedRole { arn, trust, policy, tags }))
    }

    async fn create(
        &self,
        name: &str,
        path: &str,
        trust: &Value,
        boundary: Option<&str>,
        tags: &Tags,
    ) -> Result<(), CloudError> {
        let request = (trust.clone(), boundary.map(str::to_owned), tags.clone());
        self.0.call("iam:CreateRole", name, |state, context| create(state, context, (name, path), request)).await
    }

    async fn update_trust(&self, name: &str, trust: &Value) -> Result<(), CloudError> {
        let trust = trust.clone();
        self.0
            .call("iam:UpdateAssumeRolePolicy", name, |state, _| {
                check_policy(&trust)?;
                role(state, name)?.trust = trust;
                Ok(())
            })
            .await
    }

    async fn put_policy(&self, name: &str, policy: &Value) -> Result<(), CloudError> {
        let policy = policy.clone();
        self.0
            .call("iam:PutRolePolicy", name, |state, _| {
                check_policy(&policy)?;
                role(state, name)?.policies.insert(POLICY_NAME.to_owned(), policy);
                Ok(())
            })
            .await
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.0
            .call("iam:DeleteRolePolicy", name, |state, _| {
                role(state, name)?.policies.remove(POLICY_NAME).map(drop).ok_or_else(|| no_such_policy(name))
            })
            .await
            .absent_is_done()?;
        self.0.call("iam:DeleteRole", name, |state, _| delete(state, name)).await.absent_is_done()
    }

    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone();
        self.0
            .call("iam:TagRole", name, |state, _| {
                role(state, name)?.tags.extend(tags);
                Ok(())
            })
            .await
    }
}
