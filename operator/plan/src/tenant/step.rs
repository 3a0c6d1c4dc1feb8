//! The changes a tenant's plan can consist of, and what was observed of a tenant.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use aigw_contract::access::{ModelRules, ResourceGrant};
use aigw_contract::calendar::rfc3339;
use aigw_contract::identity::IdentityClaim;
use aigw_contract::limits::{Budget, Enforcement, Limits, OutputTokens};
use aigw_contract::meter::MeterReading;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::MeterHead;

use crate::gateway::observed::{Document, Tags};
use crate::money::MicroUsd;

/// An internal API key as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedApiKey {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Whether API Gateway accepts it.
    pub enabled: bool,
    /// Tags, or of them [`TAG_ID`](crate::identity::TAG_ID) alone.
    pub tags: Tags,
    /// Ids of this gateway's usage plans it is attached to.
    pub usage_plans: Vec<String>,
}

/// Everything observed of one tenant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObservedTenant {
    /// Internal keys of this tenant.
    pub api_keys: Vec<ObservedApiKey>,
    /// The policy item.
    pub policy: Option<Document<TenantPolicy>>,
    /// The meter item's head.
    pub meter: Option<MeterHead>,
    /// What the meter has counted.
    pub reading: MeterReading,
    /// When that was read, in seconds since the Unix epoch: several passes may share one look.
    pub read_at: i64,
    /// The Secret of the wanted name.
    pub secret: ObservedSecret,
    /// Claims of the identities that are wanted or that the policy lists, by hash.
    pub identities: BTreeMap<String, ObservedIdentity>,
}

/// Who has claimed an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedIdentity {
    /// Counter to condition the next write on.
    pub version: i64,
    /// The claim.
    pub claim: IdentityClaim,
    /// Whether the policy of the tenant that claimed it lists it.
    pub held: bool,
    /// That tenant's namespace and name, as far as its policy tells.
    pub holder: String,
}

/// A Secret as read.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum ObservedSecret {
    /// Not there.
    #[default]
    Absent,
    /// There, without our mark: never touched.
    Foreign,
    /// Ours, but an earlier Tenant's of this name, and about to go with it.
    Leaving,
    /// Ours, with its data.
    Ours(BTreeMap<String, String>),
}

impl fmt::Debug for ObservedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("Absent"),
            Self::Foreign => formatter.write_str("Foreign"),
            Self::Leaving => formatter.write_str("Leaving"),
            Self::Ours(data) => write!(formatter, "Ours({:?})", data.keys().collect::<Vec<_>>()),
        }
    }
}

/// One change for a tenant.
#[derive(Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the arguments of the call the variant names")]
pub enum TenantStep {
    /// Create the internal key with a value of our choice, so that a repeat collides.
    CreateApiKey { name: String, value: String, tags: Tags },
    /// Accept the key again.
    EnableApiKey { id: String },
    /// Accept the key no more.
    DisableApiKey { id: String },
    /// Attach a key to a usage plan.
    AttachApiKey { key_id: String, usage_plan_id: String },
    /// Make sure that AWS says of itself that the key is in the plan; fails, to be tried again, until it does.
    ConfirmApiKey { key_id: String, usage_plan_id: String },
    /// Delete an internal key nobody uses any more.
    DeleteApiKey { id: String, name: String },
    /// Write the Secret: its whole data.
    WriteSecret {
        namespace: String,
        name: String,
        create: bool,
        data: BTreeMap<String, String>,
        labels: BTreeMap<String, String>,
    },
    /// Claim an identity, under the condition that its claim's counter still is `expected`, or that there is none.
    ClaimIdentity { table: String, hash: String, expected: Option<i64>, claim: IdentityClaim },
    /// Let go of an identity, under the same kind of condition.
    ReleaseIdentity { table: String, tenant_id: String, hash: String, expected: i64 },
    /// Write the policy item under the condition that its counter still is `expected`.
    WritePolicy {
        table: String,
        tenant_id: String,
        expected: Option<i64>,
        version: i64,
        policy: Box<TenantPolicy>,
        expires: Option<i64>,
    },
    /// Write the meter item's head: the commit point of a policy change.
    WriteMeter { table: String, tenant_id: String, head: MeterHead, expires: Option<i64> },
}

impl fmt::Display for TenantStep {
    /// One line, stable, never a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateApiKey { name, .. } => write!(formatter, "create api key {name}"),
            Self::EnableApiKey { id } => write!(formatter, "enable api key {id}"),
            Self::DisableApiKey { id } => write!(formatter, "disable api key {id}"),
            Self::ConfirmApiKey { key_id, usage_plan_id } => {
                write!(formatter, "confirm api key {key_id} in usage plan {usage_plan_id}")
            }
            Self::AttachApiKey { key_id, usage_plan_id } => {
                write!(formatter, "attach api key {key_id} to usage plan {usage_plan_id}")
            }
            Self::DeleteApiKey { name, .. } => write!(formatter, "delete api key {name}"),
            Self::WriteSecret { namespace, name, create, data, .. } => write!(
                formatter,
                "{} secret {namespace}/{name}: {}",
                if *create { "create" } else { "update" },
                data.keys().cloned().collect::<Vec<_>>().join(",")
            ),
            Self::ClaimIdentity { hash, claim, .. } => {
                write!(formatter, "claim identity {} for tenant {}", short(hash), claim.tenant)
            }
            Self::ReleaseIdentity { tenant_id, hash, .. } => {
                write!(formatter, "release identity {} of tenant {tenant_id}", short(hash))
            }
            Self::WritePolicy { tenant_id, version, policy, .. } => write!(
                formatter,
                "write policy {version} of tenant {tenant_id}: tier {}, {} keys{}{}{}{}{}",
                policy.tier,
                policy.keys.len(),
                match policy.identities.len() {
                    0 => String::new(),
                    count => format!(", {count} identities"),
                },
                access(policy),
                limits(policy),
                if policy.suspended.is_some() { ", suspended" } else { "" },
                if policy.deleted { ", deleted" } else { "" }
            ),
            Self::WriteMeter { tenant_id, head, .. } => {
                write!(
                    formatter,
                    "write meter of tenant {tenant_id}: policy {}, suspended {}",
                    head.policy_version, head.suspended
                )
            }
        }
    }
}

/// What a policy says about models and resources, where it says more than the default.
fn access(policy: &TenantPolicy) -> String {
    let mut text = String::new();
    if let Some(ModelRules { rule: _, granted, allow, deny, residency }) = &policy.models {
        for (what, patterns) in [("granted", granted), ("allowed", allow), ("denied", deny)] {
            if !patterns.is_empty() {
                let _ = write!(text, ", {what} {}", patterns.join(" "));
            }
        }
        if let Some(residency) = residency {
            let _ = write!(text, ", within {residency}");
        }
    }
    for ResourceGrant { arn, access } in &policy.resources {
        let _ = write!(text, ", {access:?} {arn}");
    }
    text
}

/// What a policy says about limits and budgets, where it says anything.
fn limits(policy: &TenantPolicy) -> String {
    let mut text = String::new();
    let Limits { requests_per_minute, tokens_per_minute, concurrency, max_output_tokens } = policy.limits;
    let OutputTokens { default, max } = max_output_tokens;
    for (value, what) in [
        (requests_per_minute, "requests/min"),
        (tokens_per_minute, "tokens/min"),
        (concurrency, "at once"),
        (default, "output tokens by default"),
        (max, "output tokens at most"),
    ] {
        if let Some(value) = value {
            let _ = write!(text, ", {value} {what}");
        }
    }
    for Budget { window, micro_usd } in &policy.budgets {
        let _ = write!(text, ", USD {} a {}", MicroUsd(*micro_usd), format!("{window:?}").to_lowercase());
    }
    for premium in &policy.premiums {
        let _ = write!(text, ", {premium:?}");
    }
    if let Some(last) = policy.utc_offsets.last() {
        let _ = write!(text, ", {} changes of local time until {}", policy.utc_offsets.len(), rfc3339(last.from));
    }
    if policy.enforcement == Enforcement::Shadow {
        text.push_str(", shadow");
    }
    if let Some(end) = policy.expires_at {
        let _ = write!(text, ", until {}", rfc3339(end));
    }
    text
}

impl fmt::Debug for TenantStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Enough of a hash to tell it from others in a log.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
