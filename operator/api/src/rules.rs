//! `tenants` of an `AIGateway`: who may attach, what they may ask for, and what binds them whatever they ask for.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use kube::core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{ModelMatch, ResourceGrant};
use crate::auth::IdentityGrants;
use crate::common::NamedObject;
use crate::limits::{Budget, LimitCeilings, NamespaceLimits, Premium};
use crate::schema;

/// Who may attach as a tenant, and what they get.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenants {
    /// The first rule that matches a tenant's namespace decides. A tenant that no rule matches is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub rules: Vec<TenantRule>,
    /// Tenants whose calls are refused, whatever their own spec says: the platform's kill switch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["namespace".into(), "name".into()]))]
    pub suspended: Vec<NamedObject>,
}

/// One rule about who may attach.
#[derive(KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantRule {
    /// Name shown in the status of tenants the rule decided about.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')").message("a rule's name has lower-case letters, digits and '-' only, and begins and ends with a letter or digit"))]
    pub name: String,
    /// Which tenants the rule is about.
    #[serde(rename = "match")]
    pub match_: RuleMatch,
    /// What those tenants may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<RuleAllow>,
    /// The most each of those tenants can have, whatever its tier gives and its spec asks for. Where this names no
    /// ceiling for a limit or budget, its tier's value is the ceiling, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceilings: Option<RuleCeilings>,
    /// What those tenants get where they ask for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<RuleDefaults>,
}

/// Which tenants a rule is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuleMatch {
    /// By the tenant's namespace.
    pub namespaces: NamespaceMatch,
}

/// Namespaces by origin or by label.
#[derive(KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.from) != has(self.selector)").message("set exactly one of 'from' and 'selector'"))]
pub struct NamespaceMatch {
    /// `Same`: the gateway's own namespace. `All`: every namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::namespace_origin")]
    pub from: Option<NamespaceOrigin>,
    /// Namespaces whose labels match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Namespaces by origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespaceOrigin {
    /// The gateway's own namespace.
    Same,
    /// Every namespace.
    All,
}

/// What tenants under a rule may ask for.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleAllow {
    /// Tiers they may choose. Default: only `defaults.tier`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 40)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub tiers: Vec<String>,
    /// Most tenants one namespace may attach. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_tenants_per_namespace: Option<i32>,
    /// Identities of tokens they may ask for. Default: ServiceAccounts of their own namespace only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<IdentityGrants>,
    /// Models they may call. Default: every foundation model, also through AWS's cross-Region profiles; nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["match".into()]))]
    pub models: Vec<ModelMatch>,
    /// Shared Bedrock resources they may ask for, such as knowledge bases and agents. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["arn".into()]))]
    pub resources: Vec<ResourceGrant>,
    /// Whether they may ask for `enforcement: Shadow`, under which no limit and no budget denies anything. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<bool>,
    /// Requests at more than the usual price that those of them with a budget may make. `PriorityTier`: service tier
    /// `priority`. `OptimizedLatency`: latency-optimized inference. `HourCache`: cache entries that live for an hour.
    /// `LongContext`: prompts above the length from which on a model charges more. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub premiums: Vec<Premium>,
}

/// The most each tenant under a rule can have, and the most all tenants of one namespace can have together.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = namespace_holds_one("requestsPerMinute"))]
#[x_kube(validation = namespace_holds_one("tokensPerMinute"))]
#[x_kube(validation = namespace_holds_one("concurrency"))]
pub struct RuleCeilings {
    /// Highest limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitCeilings>,
    /// Highest budgets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["window".into()]))]
    pub budgets: Vec<Budget>,
    /// The most that the tenants of one namespace can have together at this gateway: the sum of what is granted to them.
    /// A tenant that asks for more than is left is refused; those that were granted something keep it, and where the
    /// ceiling is lowered the oldest come first. Every tenant then needs a value of its own, from its tier or its spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_namespace: Option<NamespaceCeilings>,
}

/// The most all tenants of one namespace can have together.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.limits) || has(self.budgets)").message("set 'limits', 'budgets' or both"))]
pub struct NamespaceCeilings {
    /// Highest sums of limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<NamespaceLimits>,
    /// Highest sums of budgets, each tenant's in its own time zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["window".into()]))]
    pub budgets: Vec<Budget>,
}

/// A rule that refuses a ceiling for each tenant above the one for its whole namespace.
fn namespace_holds_one(limit: &str) -> Rule {
    let (each, all) = (format!("self.limits.{limit}"), format!("self.perNamespace.limits.{limit}"));
    let have = "has(self.limits) && has(self.perNamespace) && has(self.perNamespace.limits)";
    let message = format!("limits.{limit} of each tenant must not exceed perNamespace.limits.{limit} of all of them");
    Rule::new(format!("!({have} && has({each}) && has({all})) || {each} <= {all}")).message(message.as_str())
}

/// What tenants under a rule get where they ask for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleDefaults {
    /// Tier of tenants that name none. Default: the gateway's first tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub tier: Option<String>,
}
