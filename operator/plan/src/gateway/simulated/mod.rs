//! What AWS would look like after the steps of a plan, as pure data.
//!
//! The command `plan` goes on with it where a real plan would have to be executed first, and tests run whole lives of
//! gateways with it in microseconds. It is as strict as AWS where a wrong plan could show: a step that AWS would refuse
//! is an [`Impossible`], not a shrug. What takes AWS time is pending until [`SimulatedGateway::settle`].

mod api;
mod compute;
mod domains;

use aigw_contract::Partition;

use super::guardrails::SETTLE;
use super::observed::{Document, ObservedGateway, ObservedLogGroup, ObservedRole, ObservedTable, Tags};
use super::step::{GatewayStep, TaggedResource};
use crate::identity::{ACCESS_LOG_PREFIX, Function};
use crate::tenant::step::ObservedApiKey;

/// Gives an id for the new object of a kind; the number is different each time.
pub type NewId = fn(kind: &str, number: i64) -> String;

/// Region and account that the ARNs of new objects name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Region.
    pub region: String,
    /// Account.
    pub account_id: String,
}

/// A step that AWS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct Impossible {
    /// Text of the step.
    pub step: String,
    /// Why AWS would refuse it.
    pub reason: &'static str,
}

/// One gateway's AWS objects, changed by steps.
#[derive(Debug, Clone)]
pub struct SimulatedGateway {
    /// What a look at AWS would show now.
    pub aws: ObservedGateway,
    /// Internal keys of the gateway's tenants, which only deletion of the gateway touches.
    pub api_keys: Vec<ObservedApiKey>,
    place: Place,
    new_id: NewId,
    /// Ids and versions given out so far.
    given: i64,
}

impl SimulatedGateway {
    /// Begins with what was observed.
    pub fn new(aws: ObservedGateway, api_keys: Vec<ObservedApiKey>, place: Place, new_id: NewId) -> Self {
        Self { aws, api_keys, place, new_id, given: 0 }
    }

    /// Carries out one step.
    ///
    /// # Errors
    /// [`Impossible`] where AWS would refuse it; nothing is changed then.
    pub fn apply(&mut self, step: &GatewayStep) -> Result<(), Impossible> {
        self.dispatch(step.clone()).map_err(|reason| Impossible { step: step.to_string(), reason })
    }

    /// Lets time pass until AWS has finished what it was asked for. Returns whether it was at work.
    pub fn settle(&mut self) -> bool {
        let before = self.aws.clone();
        match &mut self.aws.table {
            Some(table) if table.deleting => self.aws.table = None,
            Some(table) => table.active = true,
            None => {}
        }
        self.settle_functions();
        self.settle_guardrails();
        self.settle_domains();
        self.aws != before
    }

    /// A change of guardrails takes time of its own.
    fn settle_guardrails(&mut self) {
        let config = self.aws.config.as_ref().map(|config| &config.content.guardrails);
        let Some(transition) = config.and_then(|guardrails| guardrails.transition.as_ref()) else { return };
        let settled = transition.since + i64::try_from(SETTLE.as_secs()).unwrap_or(0);
        self.aws.observed_at = self.aws.observed_at.max(settled);
    }

    fn dispatch(&mut self, step: GatewayStep) -> Result<(), &'static str> {
        use GatewayStep as S;
        match step {
            S::CreateTable { .. }
            | S::EnableTimeToLive { .. }
            | S::EnablePointInTimeRecovery { .. }
            | S::SetDeletionProtection { .. }
            | S::DeleteTable { .. }
            | S::ClaimOwnership { .. }
            | S::ReleaseOwnership { .. }
            | S::WritePrices { .. }
            | S::WriteConfig { .. } => self.apply_table(step),
            S::CreateRole { .. }
            | S::UpdateRoleTrust { .. }
            | S::PutRolePolicy { .. }
            | S::DeleteRole { .. }
            | S::CreateLogGroup { .. }
            | S::SetRetention { .. }
            | S::DeleteLogGroup { .. } => self.apply_surroundings(step),
            S::CreateFunction(_)
            | S::UpdateFunctionConfiguration { .. }
            | S::UpdateFunctionCode { .. }
            | S::PublishVersion { .. }
            | S::PointAlias { .. }
            | S::DeleteVersion { .. }
            | S::AddPermission { .. }
            | S::RemovePermission { .. }
            | S::DeleteFunction { .. } => self.apply_function(step),
            S::CreateRestApi { .. }
            | S::PutDocument { .. }
            | S::VerifyDocument { .. }
            | S::CreateDeployment { .. }
            | S::DeleteDeployment { .. }
            | S::CreateStage { .. }
            | S::UpdateStage { .. }
            | S::SetAccessLog { .. }
            | S::DeleteStage { .. }
            | S::DeleteRestApi { .. }
            | S::CreateUsagePlan(_)
            | S::UpdateUsagePlan { .. }
            | S::DeleteUsagePlan { .. }
            | S::DeleteApiKey { .. } => self.apply_api(step),
            S::CreateDomain(_)
            | S::UpdateDomain { .. }
            | S::DeleteDomain { .. }
            | S::CreateMapping { .. }
            | S::UpdateMapping { .. }
            | S::DeleteMapping { .. } => self.apply_domain(step),
            S::Tag { resource, tags } => self.tag(&resource, tags),
        }
    }

    fn apply_table(&mut self, step: GatewayStep) -> Result<(), &'static str> {
        use GatewayStep as S;
        match step {
            S::CreateTable { tags, .. } => {
                absent(self.aws.table.as_ref(), "the table exists")?;
                self.aws.table = Some(ObservedTable {
                    active: false,
                    deleting: false,
                    time_to_live: false,
                    point_in_time_recovery: false,
                    deletion_protection: true,
                    tags,
                });
            }
            S::EnableTimeToLive { .. } => self.table()?.time_to_live = true,
            S::EnablePointInTimeRecovery { .. } => self.table()?.point_in_time_recovery = true,
            S::SetDeletionProtection { enabled, .. } => self.table()?.deletion_protection = enabled,
            S::DeleteTable { .. } => {
                let table = self.table()?;
                holds(!table.deletion_protection, "the table is protected from deletion")?;
                (table.active, table.deleting) = (false, true);
                (self.aws.owner, self.aws.config, self.aws.prices) = (None, None, None);
            }
            S::ClaimOwnership { expected, record, .. } => {
                self.table()?;
                let found = self.aws.owner.as_ref().map(|owner| owner.version);
                holds(found == expected, "the ownership record has changed")?;
                self.aws.owner = Some(Document { version: expected.unwrap_or(0) + 1, content: record });
            }
            S::ReleaseOwnership { expected, .. } => {
                self.table()?;
                let found = self.aws.owner.as_ref().map(|owner| owner.version);
                holds(found == Some(expected), "the ownership record has changed")?;
                self.aws.owner = None;
            }
            S::WritePrices { expected, prices, .. } => {
                self.table()?;
                let found = self.aws.prices.as_ref().map(|prices| prices.version);
                holds(found == expected, "the price list has changed")?;
                self.aws.prices = Some(Document { version: expected.unwrap_or(0) + 1, content: prices });
            }
            S::WriteConfig { expected, config, .. } => {
                self.table()?;
                let found = self.aws.config.as_ref().map(|config| config.version);
                holds(found == expected, "the configuration has changed")?;
                self.aws.config = Some(Document { version: expected.unwrap_or(0) + 1, content: *config });
            }
            _ => return Err(MISROUTED),
        }
        Ok(())
    }

    fn apply_surroundings(&mut self, step: GatewayStep) -> Result<(), &'static str> {
        use GatewayStep as S;
        match step {
            S::CreateRole { name, path, trust, tags, permissions_boundary: _ } => {
                let function = function_of(&name)?;
                absent(self.aws.roles.get(&function), "the role exists")?;
                let Place { region, account_id } = &self.place;
                let arn = format!("arn:{}:iam::{account_id}:role{path}{name}", Partition::of(region).id);
                self.aws.roles.insert(function, ObservedRole { arn, trust, policy: None, tags });
            }
            S::UpdateRoleTrust { name, trust } => self.role(&name)?.trust = trust,
            S::PutRolePolicy { name, policy } => self.role(&name)?.policy = Some(policy),
            S::DeleteRole { name } => drop(self.aws.roles.remove(&function_of(&name)?)),
            S::CreateLogGroup { name, .. } if name.starts_with(ACCESS_LOG_PREFIX) => {
                absent(self.aws.access_log_group.as_ref(), "the log group exists")?;
                self.aws.access_log_group = Some(ObservedLogGroup { retention_days: None });
            }
            S::CreateLogGroup { name, .. } => {
                let function = function_of(&name)?;
                absent(self.aws.log_groups.get(&function), "the log group exists")?;
                self.aws.log_groups.insert(function, ObservedLogGroup { retention_days: None });
            }
            S::SetRetention { name, days } => {
                let group = if name.starts_with(ACCESS_LOG_PREFIX) {
                    self.aws.access_log_group.as_mut()
                } else {
                    self.aws.log_groups.get_mut(&function_of(&name)?)
                };
                let group = group.ok_or("there is no such log group")?;
                group.retention_days = Some(days);
            }
            S::DeleteLogGroup { name } if name.starts_with(ACCESS_LOG_PREFIX) => self.aws.access_log_group = None,
            S::DeleteLogGroup { name } => drop(self.aws.log_groups.remove(&function_of(&name)?)),
            _ => return Err(MISROUTED),
        }
        Ok(())
    }

    fn tag(&mut self, resource: &TaggedResource, tags: Tags) -> Result<(), &'static str> {
        let target = match resource {
            TaggedResource::RestApi(id) => &mut self.rest_api(id)?.tags,
            TaggedResource::Stage(_, name) => &mut self.stage(name)?.tags,
            TaggedResource::UsagePlan(id) => &mut self.usage_plan(id)?.tags,
            TaggedResource::Function(arn) => {
                let mut functions = self.aws.functions.values_mut();
                &mut functions.find(|function| function.arn == *arn).ok_or("there is no such function")?.tags
            }
            TaggedResource::Role(name) => &mut self.role(name)?.tags,
            TaggedResource::Table(_) => &mut self.table()?.tags,
            TaggedResource::Domain(name) => &mut self.domain(name)?.tags,
        };
        target.extend(tags);
        Ok(())
    }

    /// The table, if it can be changed, read and written.
    fn table(&mut self) -> Result<&mut ObservedTable, &'static str> {
        let table = self.aws.table.as_mut().ok_or("there is no table")?;
        if table.usable() { Ok(table) } else { Err("the table is not active") }
    }

    fn role(&mut self, name: &str) -> Result<&mut ObservedRole, &'static str> {
        self.aws.roles.get_mut(&function_of(name)?).ok_or("there is no such role")
    }

    fn next(&mut self) -> i64 {
        self.given += 1;
        self.given
    }

    fn next_id(&mut self, kind: &str) -> String {
        let number = self.next();
        (self.new_id)(kind, number)
    }
}

/// A step reached the part of the simulation that is about other things.
const MISROUTED: &str = "the simulation does not know this step";

/// The function that a function's, role's or log group's name is about.
fn function_of(name: &str) -> Result<Function, &'static str> {
    let found = Function::ALL.into_iter().find(|function| name.ends_with(&format!("-{}", function.as_str())));
    found.ok_or("the name is not one of ours")
}

fn holds(condition: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if condition { Ok(()) } else { Err(otherwise) }
}

fn absent<T>(found: Option<&T>, otherwise: &'static str) -> Result<(), &'static str> {
    holds(found.is_none(), otherwise)
}
