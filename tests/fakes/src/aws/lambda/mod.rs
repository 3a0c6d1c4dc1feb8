//! Lambda: functions, versions, the alias `live` and its permissions.

mod metrics;
mod port;
mod rules;

pub(crate) use metrics::{Invocations, METRICS_LATE, MetricsPort};
pub(crate) use port::FunctionsPort;

use std::collections::BTreeMap;

use aigw_plan::gateway::observed::Tags;

/// A function. Its fields describe `$LATEST`.
#[derive(Debug, Clone)]
pub struct Function {
    /// ARN without qualifier.
    pub arn: String,
    /// What a version freezes.
    pub configuration: Configuration,
    /// Tags.
    pub tags: Tags,
    /// Counts changes; part of the revision id.
    pub revision: u64,
    /// Reads until the last change is done.
    pub pending_reads: u32,
    /// Reason code of a failed change, for tests that set one.
    pub failed: Option<String>,
    /// Published versions by number.
    pub versions: BTreeMap<u64, Version>,
    /// The number the last published version got.
    pub last_version: u64,
    /// The alias `live`.
    pub live: Option<Alias>,
}

/// Code and configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// SHA-256 of the code, base64.
    pub code_sha256: String,
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
    /// Log group.
    pub log_group: String,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Description.
    pub description: String,
    /// What it runs.
    pub configuration: Configuration,
    /// When it was published, in seconds since the Unix epoch.
    pub published: i64,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Version it points at.
    pub version: u64,
    /// Version that takes a share of the calls, with its percent.
    pub canary: Option<(u64, u8)>,
    /// Description.
    pub description: String,
    /// Statements of its resource policy: id to source ARN.
    pub permissions: BTreeMap<String, String>,
}
