//! Keys and attributes of the gateway's DynamoDB table.
//!
//! | `pk` / `sk` | written by | content |
//! |---|---|---|
//! | `gateway` / `config` | operator | [`GatewayConfig`] as a document |
//! | `gateway` / `jwks#NAME` | operator | [`crate::issuer::KeyMirror`] as a document |
//! | `gateway` / `prices` | operator | [`PriceList`] as a document |
//! | `gateway` / `owner` | operator | ownership record: which object of which cluster drives this gateway |
//! | `tenant#ID` / `policy` | operator | [`crate::policy::TenantPolicy`] as a document |
//! | `identity#HASH` / `tenant` | operator | [`crate::identity::IdentityClaim`] as a document |
//! | `meter#ID` / `now` | operator (version, suspension), forwarder (counts) | [`MeterHead`] and the counts of [`crate::meter`] as attributes |
//!
//! A *document* item carries its content as JSON text in [`DOCUMENT`] beside [`VERSION`], a counter that every write
//! raises by one under the condition that it still is what the writer read: an old writer cannot move the world back.
//! The functions' roles may write only partition keys that begin with `meter#` and `usage#`.

use serde::{Deserialize, Serialize};

use crate::guardrail::Guardrails;
use crate::issuer::Issuer;
use crate::model::Place;
#[cfg(doc)]
use crate::price::PriceList;
use crate::price::UnknownPrice;
use crate::probe::ProbeSetup;
use crate::{Family, Partition};

/// Partition key attribute.
pub const PK: &str = "pk";
/// Sort key attribute.
pub const SK: &str = "sk";
/// Attribute DynamoDB's time to live watches: seconds since the Unix epoch.
pub const TTL: &str = "ttl";
/// Counter of a document item.
pub const VERSION: &str = "version";
/// JSON text of a document item.
pub const DOCUMENT: &str = "document";
/// Meter attribute: version of the policy the counters were set up for.
pub const METER_POLICY_VERSION: &str = "policyVersion";
/// Meter attribute: whether calls are refused.
pub const METER_SUSPENDED: &str = "suspended";

/// Partition key of the items about the gateway itself.
pub const GATEWAY_PK: &str = "gateway";
/// Sort key of the gateway's configuration.
pub const CONFIG_SK: &str = "config";
/// Sort key of the price list.
pub const PRICES_SK: &str = "prices";
/// Sort key of the ownership record.
pub const OWNER_SK: &str = "owner";
/// Sort key of an identity's claim.
pub const IDENTITY_SK: &str = "tenant";
/// Sort key of a tenant's policy.
pub const POLICY_SK: &str = "policy";
/// Sort key of a tenant's running meter.
pub const METER_SK: &str = "now";
/// First characters of the partition keys that the functions may write.
pub const FUNCTION_WRITABLE_PREFIXES: [&str; 2] = ["meter#", "usage#"];

/// Partition key of a tenant's policy.
pub fn tenant_pk(tenant_id: &str) -> String {
    format!("tenant#{tenant_id}")
}

/// Partition key of a tenant's meter.
pub fn meter_pk(tenant_id: &str) -> String {
    format!("meter#{tenant_id}")
}

/// Partition key of an identity's claim, by the identity's hash.
pub fn identity_pk(hash: &str) -> String {
    format!("identity#{hash}")
}

/// Sort key of the mirrored keys of an issuer.
pub fn jwks_sk(issuer_key: &str) -> String {
    format!("jwks#{issuer_key}")
}

/// What the functions must know of their gateway: document of `gateway` / `config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayConfig {
    /// REST API whose events the forwarder serves; events of any other are refused.
    pub rest_api_id: String,
    /// Stages whose events the forwarder serves.
    pub stages: Vec<String>,
    /// Families a client may reach.
    pub families: Vec<Family>,
    /// Region of the gateway; empty where an older operator wrote this.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Account of the gateway; empty where an older operator wrote this.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account_id: String,
    /// What happens to operations that are in no table of this version.
    #[serde(default)]
    pub unmetered: Unmetered,
    /// What such a call costs a tenant with a budget under [`Unmetered::Charge`], in micro-USD.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unmetered_micro_usd: i64,
    /// Revision of the price list in force; empty where an older operator wrote this, and there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prices: String,
    /// What a tenant with a budget may do with a model of unknown price.
    #[serde(default)]
    pub unknown_price: UnknownPrice,
    /// What happens to calls while the table does not answer.
    #[serde(default)]
    pub fail_mode: FailMode,
    /// Reach them at their FIPS endpoints, and a family that has none not at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fips: bool,
    /// Base paths of custom domains, without slashes at their ends, for example `ai`. API Gateway leaves them in the path
    /// of an event, and the forwarder takes them off. None may begin as a path of Bedrock's or name a family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub base_paths: Vec<String>,
    /// Who signs tokens the gateway accepts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<Issuer>,
    /// The operator's probe; absent where an older operator wrote this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeSetup>,
    /// The guardrail that every call carries; none where an older operator wrote this.
    #[serde(default, skip_serializing_if = "Guardrails::is_empty")]
    pub guardrails: Guardrails,
}

impl GatewayConfig {
    /// Where the gateway is, as far as the operator said.
    pub fn place(&self) -> Option<Place<'_>> {
        let told = !self.region.is_empty() && !self.account_id.is_empty();
        let partition = Partition::of(&self.region).id;
        told.then_some(Place { partition, region: &self.region, account_id: &self.account_id })
    }
}

/// What happens to calls whose use can be neither metered nor checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unmetered {
    /// They are refused.
    #[default]
    Deny,
    /// They pass, and cost a tenant with a budget a fixed amount.
    Charge,
    /// They pass.
    Allow,
}

/// What happens to calls while the table does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailMode {
    /// They are refused: an answer the gateway cannot get is not a yes.
    #[default]
    Closed,
    /// Those of tenants whose policy is in hand pass, uncounted: limits and budgets do not hold meanwhile.
    Open,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The part of a meter item that gates every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterHead {
    /// The forwarder's policy must have this version, else it reads the policy again.
    pub policy_version: i64,
    /// Refuse all calls.
    pub suspended: bool,
}

/// The ownership record: document of `gateway` / `owner`. The identity of a gateway is its name in an installation;
/// this record is the guard that tells "ours" from "left behind" and "alive elsewhere".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerRecord {
    /// UID of the owning cluster's `kube-system` namespace.
    pub cluster_uid: String,
    /// UID of the AIGateway object.
    pub object_uid: String,
    /// Raised by one at every change of owner.
    pub epoch: i64,
    /// When the owner last said it is alive, in seconds since the Unix epoch.
    pub heartbeat: i64,
}
