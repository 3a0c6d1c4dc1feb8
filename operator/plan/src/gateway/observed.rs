//! What was read from AWS about one gateway, in the form the diff compares.

use std::collections::BTreeMap;

use aigw_contract::price::PriceList;
use aigw_contract::table::{GatewayConfig, OwnerRecord};
use serde_json::Value;

use super::capacity::Capacity;
use super::logs::AccessLog;
use crate::identity::Function;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Everything observed of one gateway. `None` and empty mean: looked, and not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObservedGateway {
    /// When it was looked at, in seconds since the Unix epoch.
    pub observed_at: i64,
    /// The table.
    pub table: Option<ObservedTable>,
    /// The ownership record; not looked for while the table is not active.
    pub owner: Option<Document<OwnerRecord>>,
    /// The forwarder's configuration item.
    pub config: Option<Document<GatewayConfig>>,
    /// The price list.
    pub prices: Option<Document<PriceList>>,
    /// Roles the operator makes; empty for a role given by ARN.
    pub roles: BTreeMap<Function, ObservedRole>,
    /// Log groups.
    pub log_groups: BTreeMap<Function, ObservedLogGroup>,
    /// Log group of the access log; not looked for where there is to be none.
    pub access_log_group: Option<ObservedLogGroup>,
    /// ARN of the role API Gateway writes logs with, a setting of the account; looked for likewise.
    pub account_log_role: Option<String>,
    /// Functions.
    pub functions: BTreeMap<Function, ObservedFunction>,
    /// REST APIs that carry the gateway's id tag: none, one, or (an accident) several.
    pub rest_apis: Vec<ObservedRestApi>,
    /// Deployments of the REST API, if there is exactly one.
    pub deployments: Vec<ObservedDeployment>,
    /// Stages of that REST API, by name.
    pub stages: BTreeMap<String, ObservedStage>,
    /// Usage plans that carry the gateway's id tag.
    pub usage_plans: Vec<ObservedUsagePlan>,
    /// Usage plans of the whole account in this Region.
    pub usage_plans_in_account: usize,
    /// Calls of versions that take a share, in the step under way; only looked for where there is one.
    pub canary_calls: BTreeMap<Function, CanaryCalls>,
    /// What else is known of the account's room in this Region; read rarely.
    pub capacity: Capacity,
    /// Custom domains that concern the gateway; only looked for where it has or had one.
    pub domains: Vec<ObservedDomain>,
}

/// A document item and its counter.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<T> {
    /// Counter to condition the next write on.
    pub version: i64,
    /// Content.
    pub content: T,
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedTable {
    /// Whether it can be read and written now.
    pub active: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether time to live is on for the attribute of the contract.
    pub time_to_live: bool,
    /// Whether point-in-time recovery is on.
    pub point_in_time_recovery: bool,
    /// Whether deletion protection is on.
    pub deletion_protection: bool,
    /// Tags.
    pub tags: Tags,
}

impl ObservedTable {
    /// Whether it can be read and written, and is to stay.
    pub fn usable(&self) -> bool {
        self.active && !self.deleting
    }
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedRole {
    /// ARN.
    pub arn: String,
    /// Trust policy.
    pub trust: Value,
    /// The inline policy of our name, if there.
    pub policy: Option<Value>,
    /// Tags.
    pub tags: Tags,
}

/// A CloudWatch Logs group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedLogGroup {
    /// Days events are kept; `None` is for ever.
    pub retention_days: Option<i32>,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedFunction {
    /// ARN without qualifier.
    pub arn: String,
    /// Whether `$LATEST` can be changed and published now.
    pub state: FunctionState,
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
    /// SHA-256 of the code of `$LATEST`, base64.
    pub code_sha256: String,
    /// Precondition for the next change of `$LATEST`.
    pub revision_id: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// Published versions, oldest first, without `$LATEST`.
    pub versions: Vec<ObservedVersion>,
    /// Version behind the alias `live`, if the alias exists.
    pub live_version: Option<String>,
    /// Version that takes a share of the alias's calls.
    pub canary: Option<ObservedCanary>,
    /// Description of the alias: what is remembered of releases.
    pub release_note: String,
    /// Statements of the alias's resource policy.
    pub permissions: Vec<ObservedPermission>,
}

impl ObservedFunction {
    /// Whether the alias leads any calls to a version.
    pub fn uses(&self, version: &str) -> bool {
        let shares = self.canary.as_ref().is_some_and(|canary| canary.version == version);
        shares || self.live_version.as_deref() == Some(version)
    }
}

/// A version that takes a share of the alias's calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedCanary {
    /// Number, as text.
    pub version: String,
    /// Percent of the calls.
    pub percent: u8,
}

/// What was found out about the calls of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanaryCalls {
    /// They were counted.
    Counted(Calls),
    /// They could not be, with what AWS said.
    Unreadable(String),
}

/// Calls of a version over some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// All of them.
    pub calls: u64,
    /// Those that Lambda counts as errors.
    pub errors: u64,
    /// Those that took longer than was asked about.
    pub slow: u64,
}

/// State of `$LATEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionState {
    /// Can be changed.
    Ready,
    /// Being created or updated.
    Pending,
    /// The last creation or update failed, with AWS's reason code.
    Failed(String),
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedVersion {
    /// Number, as text.
    pub version: String,
    /// Description; ours is the hash of code and configuration.
    pub description: String,
    /// SHA-256 of its code, base64.
    pub code_sha256: String,
    /// Execution role.
    pub role_arn: String,
    /// When it was published, in seconds since the Unix epoch; 0 where AWS does not say.
    pub published: i64,
}

/// A statement that lets API Gateway call a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPermission {
    /// Caller-chosen id.
    pub statement_id: String,
    /// ARN the call must come from.
    pub source_arn: String,
}

/// A REST API.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedRestApi {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `REGIONAL`, `PRIVATE` or `EDGE`.
    pub endpoint_type: String,
    /// VPC endpoints, sorted.
    pub vpc_endpoint_ids: Vec<String>,
    /// Whether its own name, `{id}.execute-api…`, is closed.
    pub default_endpoint_disabled: bool,
    /// Tags.
    pub tags: Tags,
}

/// A custom domain name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedDomain {
    /// Name.
    pub name: String,
    /// Whether it carries the tags of this installation; else it is somebody else's, and only known to exist.
    pub ours: bool,
    /// Certificate.
    pub certificate_arn: String,
    /// API Gateway's name of the TLS policy.
    pub security_policy: String,
    /// Whether it serves.
    pub state: DomainState,
    /// Name its DNS record has to lead to.
    pub target: Option<String>,
    /// Route 53 hosted zone of that name.
    pub target_hosted_zone_id: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// Where its base paths lead, sorted; not looked for where the domain is not ours.
    pub mappings: Vec<ObservedMapping>,
}

impl ObservedDomain {
    /// Whether it is ours and serves.
    pub fn serves(&self) -> bool {
        self.ours && self.state == DomainState::Available
    }
}

/// Whether a custom domain serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomainState {
    /// It does.
    Available,
    /// API Gateway is working on it.
    Pending,
    /// It does not, and will not by itself; with API Gateway's word for it.
    Failed(String),
}

/// Where a base path of a domain leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObservedMapping {
    /// Base path without slashes; empty for the root.
    pub base_path: String,
    /// REST API.
    pub rest_api_id: String,
    /// Stage.
    pub stage: String,
}

/// A deployment: a snapshot of the imported document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedDeployment {
    /// Id.
    pub id: String,
    /// Description; ours is the document's hash.
    pub description: String,
    /// Creation time in seconds since the Unix epoch.
    pub created: i64,
}

/// A stage.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedStage {
    /// Deployment it serves.
    pub deployment_id: String,
    /// Rate limit of the stage's `*/*` method setting, if set.
    pub rate_limit: Option<f64>,
    /// Burst limit of the stage's `*/*` method setting, if set.
    pub burst_limit: Option<i32>,
    /// Its access log, if it writes one.
    pub access_log: Option<AccessLog>,
    /// Tags.
    pub tags: Tags,
}

/// A usage plan.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedUsagePlan {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Value of the tier tag; empty where the tag is missing.
    pub tier: String,
    /// Rate limit, if set.
    pub rate_limit: Option<f64>,
    /// Burst limit, if set.
    pub burst_limit: Option<i32>,
    /// Stages it applies to, as (REST API id, stage name), sorted.
    pub api_stages: Vec<(String, String)>,
    /// Tags.
    pub tags: Tags,
}

/// What an import made of the document, read back before it is deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedApi {
    /// `AUTHORIZER` or `HEADER`.
    pub api_key_source: String,
    /// Resource policy.
    pub policy: Option<Value>,
    /// Every method of every resource.
    pub methods: Vec<ImportedMethod>,
}

/// One imported method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedMethod {
    /// Resource path.
    pub path: String,
    /// HTTP method, `ANY` for all.
    pub http_method: String,
    /// `NONE`, `CUSTOM`, …
    pub authorization_type: String,
    /// Invocation URI of the method's authorizer, if it has one.
    pub authorizer_uri: Option<String>,
    /// Whether a usage plan key is demanded.
    pub api_key_required: bool,
    /// Invocation URI of the integration.
    pub integration_uri: String,
    /// `STREAM` or `BUFFERED`.
    pub response_transfer_mode: String,
}
