//! How this AWS behaves where AWS itself varies from day to day.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::data_plane::DataPlane;
use super::lambda::METRICS_LATE;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_767_225_600;

/// The knobs. The default is an ordinary day.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// Age below which REST APIs, usage plans and keys are missing from lists; a direct look-up finds them at once.
    pub list_lag: Duration,
    /// Reads after a creation or update for which a function is pending and refuses further changes.
    pub function_pending_reads: u32,
    /// Reads after a creation or change for which a custom domain is pending.
    pub domain_pending_reads: u32,
    /// ARNs of certificates that API Gateway does not take.
    pub bad_certificates: BTreeSet<String>,
    /// Age below which Lambda cannot assume a role.
    pub role_assumable_after: Duration,
    /// Reads for which a new table is being created.
    pub table_creating_reads: u32,
    /// Reads for which a table is being deleted before it is gone.
    pub table_deleting_reads: u32,
    /// Whether API Gateway answers 429.
    pub quotas_enforced: bool,
    /// What other callers of the account use all the time, in calls per second by operation. Nobody can use up all of a
    /// rate: a twentieth is always left, because the others are refused as well.
    pub other_load: BTreeMap<String, f64>,
    /// How many of each there may be.
    pub limits: AccountLimits,
    /// Time a call takes.
    pub latency: Duration,
    /// Whether a `PutRestApi` whose answer is lost leaves a half-imported API: some methods, and those open to anyone.
    pub half_import: bool,
    /// How late points of metrics come.
    pub metrics_late: Duration,
    /// How calls of gateways go.
    pub data_plane: DataPlane,
    /// Seconds since the Unix epoch at the fake's time zero.
    pub epoch: i64,
}

/// Quotas on how many objects an account has in a Region. AWS's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountLimits {
    /// Usage plans.
    pub usage_plans: usize,
    /// API keys.
    pub api_keys: usize,
    /// Regional and private REST APIs, each.
    pub rest_apis: usize,
    /// Stages of one API.
    pub stages: usize,
    /// Usage plans one key may be in.
    pub plans_of_a_key: usize,
    /// IAM roles.
    pub roles: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            list_lag: Duration::ZERO,
            function_pending_reads: 1,
            domain_pending_reads: 2,
            bad_certificates: BTreeSet::new(),
            role_assumable_after: Duration::from_secs(5),
            table_creating_reads: 1,
            table_deleting_reads: 1,
            quotas_enforced: true,
            other_load: BTreeMap::new(),
            limits: AccountLimits::default(),
            latency: Duration::from_millis(5),
            half_import: false,
            metrics_late: METRICS_LATE,
            data_plane: DataPlane::default(),
            epoch: NEW_YEAR,
        }
    }
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self { usage_plans: 300, api_keys: 10_000, rest_apis: 600, stages: 10, plans_of_a_key: 10, roles: 1000 }
    }
}
