//! The changes a plan can consist of. A step carries everything it needs: whoever executes it makes no choices.

use std::collections::BTreeMap;
use std::fmt;

use aigw_contract::guardrail::{Guardrail, Guardrails};
use aigw_contract::price::PriceList;
use aigw_contract::table::{GatewayConfig, OwnerRecord};
use serde_json::Value;

use super::document::Expectation;
use super::logs::AccessLog;
use super::observed::{ObservedCanary, Tags};
use crate::identity::Function;

/// One change in AWS. Each is idempotent, or collides visibly when repeated.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the arguments of the call the variant names")]
pub enum GatewayStep {
    /// Create the on-demand table with deletion protection.
    CreateTable { name: String, tags: Tags },
    /// Turn on time to live for the contract's attribute.
    EnableTimeToLive { table: String },
    /// Turn on point-in-time recovery.
    EnablePointInTimeRecovery { table: String },
    /// Switch deletion protection.
    SetDeletionProtection { table: String, enabled: bool },
    /// Write the ownership record under the condition that its counter still is `expected`.
    ClaimOwnership { table: String, expected: Option<i64>, record: OwnerRecord },
    /// Write the price list under the same kind of condition.
    WritePrices { table: String, expected: Option<i64>, prices: PriceList },
    /// Write the forwarder's configuration item under the same kind of condition.
    WriteConfig { table: String, expected: Option<i64>, config: Box<GatewayConfig> },
    /// Create a role.
    CreateRole { name: String, path: String, trust: Value, permissions_boundary: Option<String>, tags: Tags },
    /// Replace a role's trust policy.
    UpdateRoleTrust { name: String, trust: Value },
    /// Write a role's inline policy.
    PutRolePolicy { name: String, policy: Value },
    /// Create a log group.
    CreateLogGroup { name: String, tags: Tags },
    /// Set how long a log group keeps events.
    SetRetention { name: String, days: i32 },
    /// Create a function from the code of that hash.
    CreateFunction(Box<FunctionSpec>),
    /// Change a function's configuration, if it still is at `revision_id`.
    UpdateFunctionConfiguration { function: Box<FunctionSpec>, revision_id: Option<String> },
    /// Change a function's code, if it still is at `revision_id`.
    UpdateFunctionCode { function: Box<FunctionSpec>, revision_id: Option<String> },
    /// Publish `$LATEST`, if its code still has that hash.
    PublishVersion { name: String, code_sha256: String, description: String },
    /// Let the alias `live` lead to a version, or to two, creating it where `create`.
    PointAlias { name: String, target: AliasTarget, create: bool },
    /// Delete a published version nobody points at.
    DeleteVersion { name: String, version: String },
    /// Let API Gateway call the alias `live`.
    AddPermission { name: String, statement_id: String, source_arn: String },
    /// Take such a permission away.
    RemovePermission { name: String, statement_id: String },
    /// Create the REST API, empty.
    CreateRestApi { name: String, endpoint_type: String, vpc_endpoint_ids: Vec<String>, tags: Tags },
    /// Import the whole document over what is there.
    PutDocument { rest_api_id: String, body: String, hash: String },
    /// Read back what the import made and refuse to go on unless it is what was asked for.
    VerifyDocument { rest_api_id: String, expectation: Box<Expectation> },
    /// Freeze what was imported, without touching a stage.
    CreateDeployment { rest_api_id: String, hash: String },
    /// Delete a deployment no stage serves.
    DeleteDeployment { rest_api_id: String, deployment_id: String },
    /// Create a stage.
    CreateStage { rest_api_id: String, stage: String, deployment_id: String, tags: Tags },
    /// Change a stage: the deployment it serves, its throttle, or both.
    UpdateStage { rest_api_id: String, stage: String, deployment_id: Option<String>, throttle: Option<StageThrottle> },
    /// Have a stage write an access log, or none.
    SetAccessLog { rest_api_id: String, stage: String, access_log: Option<AccessLog> },
    /// Create a usage plan for a tier.
    CreateUsagePlan(UsagePlanSpec),
    /// Change a usage plan in one call (1 per 20 s and account).
    UpdateUsagePlan {
        id: String,
        rate_limit: i32,
        burst_limit: i32,
        add_stages: Vec<(String, String)>,
        remove_stages: Vec<(String, String)>,
    },
    /// Delete a usage plan, detaching it from its stages first.
    DeleteUsagePlan { id: String, api_stages: Vec<(String, String)> },
    /// Make a custom domain (1 per 30 s and account).
    CreateDomain(DomainSpec),
    /// Change a domain's certificate, TLS policy, or both (1 per 30 s and account).
    UpdateDomain { name: String, certificate_arn: Option<String>, security_policy: Option<String> },
    /// Delete a domain that leads nowhere (1 per 30 s and account).
    DeleteDomain { name: String },
    /// Let a base path of a domain, or its root, lead to a stage.
    CreateMapping { domain: String, base_path: String, rest_api_id: String, stage: String },
    /// Let it lead to another stage of the same API.
    UpdateMapping { domain: String, base_path: String, stage: String },
    /// Take a base path of a domain away.
    DeleteMapping { domain: String, base_path: String },
    /// Write tags.
    Tag { resource: TaggedResource, tags: Tags },
    /// Delete a stage, which detaches its usage plans.
    DeleteStage { rest_api_id: String, stage: String },
    /// Delete a REST API and everything in it (1 per 30 s and account).
    DeleteRestApi { rest_api_id: String },
    /// Delete an internal key left behind by a tenant.
    DeleteApiKey { id: String, name: String },
    /// Delete a function with its versions and alias.
    DeleteFunction { name: String },
    /// Delete a role and its inline policy.
    DeleteRole { name: String },
    /// Delete a log group.
    DeleteLogGroup { name: String },
    /// Delete the table and the ledger in it.
    DeleteTable { name: String },
    /// Delete the ownership record, so that whoever comes next may adopt at once.
    ReleaseOwnership { table: String, expected: i64 },
}

impl GatewayStep {
    /// Whether a repetition would make a second object: these calls take no token, and their names need not be unique.
    pub const fn is_unrepeatable(&self) -> bool {
        matches!(self, Self::CreateRestApi { .. } | Self::CreateUsagePlan(_))
    }

    /// Whether it changes what tenants' plans are made from.
    pub const fn is_about_usage_plans_or_keys(&self) -> bool {
        matches!(
            self,
            Self::CreateUsagePlan(_)
                | Self::UpdateUsagePlan { .. }
                | Self::DeleteUsagePlan { .. }
                | Self::DeleteApiKey { .. }
        )
    }
}

/// What a [`GatewayStep::Tag`] is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaggedResource {
    /// REST API by id.
    RestApi(String),
    /// Stage by REST API id and name.
    Stage(String, String),
    /// Usage plan by id.
    UsagePlan(String),
    /// Function by ARN.
    Function(String),
    /// Role by name.
    Role(String),
    /// Table by name.
    Table(String),
    /// Custom domain by name.
    Domain(String),
}

/// A custom domain as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainSpec {
    /// Name.
    pub name: String,
    /// Certificate.
    pub certificate_arn: String,
    /// API Gateway's name of the TLS policy.
    pub security_policy: String,
    /// Tags.
    pub tags: Tags,
}

/// A function as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSpec {
    /// Which of the two.
    pub function: Function,
    /// Name.
    pub name: String,
    /// Execution role.
    pub role_arn: String,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// Memory in MiB.
    pub memory_mib: i32,
    /// Time-out in seconds.
    pub timeout_seconds: i32,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// SHA-256 of the code, base64 as Lambda reports it.
    pub code_sha256: String,
    /// Log group its output goes to.
    pub log_group: String,
    /// Tags.
    pub tags: Tags,
}

/// Where the alias of a function leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasTarget {
    /// Version that takes the calls.
    pub version: String,
    /// Version that takes a share of them.
    pub canary: Option<ObservedCanary>,
    /// What is remembered of releases; the alias's description.
    pub note: String,
}

/// Throttle of a whole stage; `None` takes the setting away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageThrottle(pub Option<(i32, i32)>);

/// A usage plan as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePlanSpec {
    /// Tier it implements.
    pub tier: String,
    /// Name.
    pub name: String,
    /// Requests per second and key.
    pub rate_limit: i32,
    /// Burst per key.
    pub burst_limit: i32,
    /// Stages it applies to.
    pub api_stages: Vec<(String, String)>,
    /// Tags.
    pub tags: Tags,
}

impl fmt::Display for GatewayStep {
    /// One line, stable, without bodies: for golden tests, the `plan` command and the debug log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use GatewayStep as S;
        match self {
            S::CreateTable { name, .. } => write!(formatter, "create table {name}"),
            S::EnableTimeToLive { table } => write!(formatter, "enable time to live on table {table}"),
            S::EnablePointInTimeRecovery { table } => {
                write!(formatter, "enable point-in-time recovery on table {table}")
            }
            S::SetDeletionProtection { table, enabled } => {
                write!(formatter, "set deletion protection of table {table} to {enabled}")
            }
            S::ClaimOwnership { table, expected, record } => {
                write!(
                    formatter,
                    "claim ownership in table {table}: epoch {} for {}",
                    record.epoch, record.object_uid
                )?;
                if expected.is_none() { formatter.write_str(" (first)") } else { Ok(()) }
            }
            S::WritePrices { table, prices, .. } => {
                write!(formatter, "write prices to table {table}: {}, {} models", prices.revision, prices.models.len())
            }
            S::WriteConfig { table, config, .. } => write!(
                formatter,
                "write config to table {table}: api {}, stages {}, families {}{}{}{}",
                config.rest_api_id,
                config.stages.join(","),
                config.families.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
                if config.fips { " (FIPS)" } else { "" },
                config.issuers.iter().fold(String::new(), |text, issuer| text + ", issuer " + &issuer.key()),
                guardrails_text(&config.guardrails)
            ),
            S::CreateRole { name, path, .. } => write!(formatter, "create role {path}{name}"),
            S::UpdateRoleTrust { name, .. } => write!(formatter, "update trust of role {name}"),
            S::PutRolePolicy { name, .. } => write!(formatter, "put policy of role {name}"),
            S::CreateLogGroup { name, .. } => write!(formatter, "create log group {name}"),
            S::SetRetention { name, days } => write!(formatter, "set retention of log group {name} to {days} days"),
            S::CreateFunction(function) => write!(formatter, "create function {}", function.name),
            S::UpdateFunctionConfiguration { function, .. } => {
                write!(formatter, "update configuration of function {}", function.name)
            }
            S::UpdateFunctionCode { function, .. } => write!(formatter, "update code of function {}", function.name),
            S::PublishVersion { name, description, .. } => {
                write!(formatter, "publish function {name} as {description}")
            }
            S::PointAlias { name, target: AliasTarget { version, canary, note: _ }, create } => {
                let verb = if *create { "create" } else { "point" };
                write!(formatter, "{verb} alias live of function {name} at version {version}")?;
                canary.iter().try_for_each(|canary| {
                    write!(formatter, ", {} % of the calls at version {}", canary.percent, canary.version)
                })
            }
            S::DeleteVersion { name, version } => write!(formatter, "delete version {version} of function {name}"),
            S::AddPermission { name, statement_id, source_arn } => {
                write!(formatter, "add permission {statement_id} to function {name} for {source_arn}")
            }
            S::RemovePermission { name, statement_id } => {
                write!(formatter, "remove permission {statement_id} from function {name}")
            }
            S::CreateRestApi { name, endpoint_type, .. } => write!(formatter, "create {endpoint_type} rest api {name}"),
            S::PutDocument { rest_api_id, hash, .. } => {
                write!(formatter, "put document {hash} into rest api {rest_api_id}")
            }
            S::VerifyDocument { rest_api_id, .. } => write!(formatter, "verify document of rest api {rest_api_id}"),
            S::CreateDeployment { rest_api_id, hash } => {
                write!(formatter, "create deployment {hash} of rest api {rest_api_id}")
            }
            S::DeleteDeployment { rest_api_id, deployment_id } => {
                write!(formatter, "delete deployment {deployment_id} of rest api {rest_api_id}")
            }
            S::CreateStage { rest_api_id, stage, deployment_id, .. } => {
                write!(formatter, "create stage {stage} of rest api {rest_api_id} at deployment {deployment_id}")
            }
            S::UpdateStage { rest_api_id, stage, deployment_id, throttle } => {
                write!(formatter, "update stage {stage} of rest api {rest_api_id}:")?;
                if let Some(deployment) = deployment_id {
                    write!(formatter, " deployment {deployment}")?;
                }
                match throttle {
                    Some(StageThrottle(Some((rate, burst)))) => write!(formatter, " throttle {rate}/{burst}"),
                    Some(StageThrottle(None)) => formatter.write_str(" no throttle"),
                    None => Ok(()),
                }
            }
            S::SetAccessLog { rest_api_id, stage, access_log } => {
                let destination = access_log.as_ref().map_or("nowhere", |log| log.destination_arn.as_str());
                write!(formatter, "write access log of stage {stage} of rest api {rest_api_id} to {destination}")
            }
            S::CreateUsagePlan(plan) => {
                write!(formatter, "create usage plan {} at {}/{}", plan.name, plan.rate_limit, plan.burst_limit)
            }
            S::UpdateUsagePlan { id, rate_limit, burst_limit, add_stages, remove_stages } => write!(
                formatter,
                "update usage plan {id} to {rate_limit}/{burst_limit}, stages +{} -{}",
                add_stages.len(),
                remove_stages.len()
            ),
            S::DeleteUsagePlan { id, .. } => write!(formatter, "delete usage plan {id}"),
            S::DeleteStage { rest_api_id, stage } => {
                write!(formatter, "delete stage {stage} of rest api {rest_api_id}")
            }
            S::DeleteRestApi { rest_api_id } => write!(formatter, "delete rest api {rest_api_id}"),
            S::DeleteApiKey { name, .. } => write!(formatter, "delete api key {name}"),
            S::DeleteFunction { name } => write!(formatter, "delete function {name}"),
            S::DeleteRole { name } => write!(formatter, "delete role {name}"),
            S::DeleteLogGroup { name } => write!(formatter, "delete log group {name}"),
            S::DeleteTable { name } => write!(formatter, "delete table {name}"),
            S::ReleaseOwnership { table, .. } => write!(formatter, "release ownership in table {table}"),
            S::CreateDomain(domain) => {
                let (policy, certificate) = (&domain.security_policy, &domain.certificate_arn);
                write!(formatter, "create domain {} with {policy} and certificate {certificate}", domain.name)
            }
            S::UpdateDomain { name, certificate_arn, security_policy } => {
                write!(formatter, "update domain {name}:")?;
                certificate_arn.iter().try_for_each(|arn| write!(formatter, " certificate {arn}"))?;
                security_policy.iter().try_for_each(|policy| write!(formatter, " policy {policy}"))
            }
            S::DeleteDomain { name } => write!(formatter, "delete domain {name}"),
            S::CreateMapping { domain, base_path, rest_api_id, stage } => {
                write!(formatter, "map {domain}/{base_path} to stage {stage} of rest api {rest_api_id}")
            }
            S::UpdateMapping { domain, base_path, stage } => {
                write!(formatter, "map {domain}/{base_path} to stage {stage}")
            }
            S::DeleteMapping { domain, base_path } => write!(formatter, "unmap {domain}/{base_path}"),
            S::Tag { resource, tags } => write!(formatter, "tag {resource:?} with {} tags", tags.len()),
        }
    }
}

/// What a line about the configuration says of guardrails.
fn guardrails_text(Guardrails { apply, transition }: &Guardrails) -> String {
    let named = |guardrail: Option<&Guardrail>| guardrail.map_or_else(|| "none".to_owned(), ToString::to_string);
    let other = transition.as_ref().map(|transition| format!(", {} passes too", named(transition.with.as_ref())));
    if apply.is_none() && other.is_none() {
        return String::new();
    }
    format!(", guardrail {}{}", named(apply.as_ref()), other.unwrap_or_default())
}
