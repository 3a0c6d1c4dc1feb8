//! Whether a gateway's rules admit a tenant, and what it then gets.

use std::collections::BTreeMap;

use aigw_api::conditions::reason;
use aigw_api::{NamedObject, NamespaceMatch, NamespaceOrigin, SecretGroup, TenantRule, TenantSpec};
use aigw_contract::access::{ModelRules, ResourceGrant};
use aigw_contract::policy::Suspension;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::access::{self, Ceiling};
use super::bind::Bounds;
use super::identities::{self, WantedIdentity};
use super::limits::{Asked, Ceilings, TenantLimits};
use super::namespace::{self, Amounts, Neighbours, Share};
use super::rotation::{self, Rotation};
use super::zone;
use crate::gateway::validate::{ValidGateway, ValidTier};
use crate::identity::GatewayIdentity;
use crate::violation::Violation;

/// What is known of the tenant beside its spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantFacts<'a> {
    /// Namespace of the Tenant.
    pub namespace: &'a str,
    /// Name of the Tenant.
    pub name: &'a str,
    /// Labels of that namespace.
    pub namespace_labels: &'a BTreeMap<String, String>,
    /// How many tenants of that namespace attached to this gateway earlier than this one.
    pub earlier_in_namespace: usize,
    /// What the others of that namespace have and ask for at this gateway. Looked at only where [`shares`] says so.
    pub neighbours: &'a Neighbours,
    /// Value of the annotation that asks for a rotation.
    pub rotation_request: Option<&'a str>,
}

/// An admitted tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmittedTenant {
    /// Id in AWS.
    pub tenant_id: String,
    /// Namespace of the Tenant.
    pub namespace: String,
    /// Name of the Tenant.
    pub name: String,
    /// Tier in force.
    pub tier: ValidTier,
    /// Rule that admitted it.
    pub rule: String,
    /// Secret to write.
    pub secret_name: String,
    /// Groups of variables in it, sorted, `aws` always among them.
    pub groups: Vec<SecretGroup>,
    /// When its credential is replaced.
    pub rotation: Rotation,
    /// Whether calls are refused, and by whom.
    pub suspended: Option<Suspension>,
    /// Identities whose tokens are to be accepted, in the order of their hashes.
    pub identities: Vec<WantedIdentity>,
    /// Models it may call.
    pub models: ModelRules,
    /// Shared resources it may reach, sorted.
    pub resources: Vec<ResourceGrant>,
    /// Limits, budgets and how they bind.
    pub limits: TenantLimits,
    /// Time zone of its budgets: the name in the IANA database.
    pub time_zone: String,
    /// End of its access, in seconds since the Unix epoch.
    pub expires_at: Option<i64>,
}

impl AdmittedTenant {
    /// Whether its access has ended at `now`, in seconds since the Unix epoch.
    pub fn has_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Applies the gateway's rules: the first whose match fits decides.
///
/// # Errors
/// The one violation that refuses the tenant.
pub fn admit(
    spec: &TenantSpec,
    facts: &TenantFacts<'_>,
    gateway: &ValidGateway,
    identity: &GatewayIdentity,
) -> Result<AdmittedTenant, Violation> {
    // Exhaustive: a field nobody looks at does not compile.
    let TenantSpec {
        gateway_ref: _,
        tier,
        identities,
        api_key,
        models,
        resources,
        limits,
        budgets,
        time_zone,
        enforcement,
        expires_at,
        suspend,
    } = spec;
    let rule = deciding_rule(facts, gateway, identity).ok_or_else(|| not_allowed(facts, identity))?;
    room_in_namespace(rule, facts)?;
    let tier = choose_tier(tier.as_deref(), rule, gateway)?;
    let identities = identities::wanted(identities.as_ref(), facts.namespace, rule, gateway)?;
    let ceiling = Ceiling::of(rule);
    let models = access::models(models.as_ref(), &ceiling, gateway.place())?;
    let resources = access::resources(resources, &ceiling)?;
    let asked = Asked { limits: limits.as_ref(), budgets, enforcement: *enforcement };
    let limits = Ceilings::of(rule).apply(tier, asked)?;
    let time_zone = zone::time_zone(time_zone.as_deref())?;
    let expires_at = zone::expiry(expires_at.as_deref())?;
    let api_key = api_key.clone().unwrap_or_default();
    let rotation = rotation::rotation(&api_key, facts.rotation_request)?;
    Share::of(rule, facts.neighbours).admit(&Amounts::asked(&limits), facts.namespace)?;
    let mut groups = api_key.env;
    groups.push(SecretGroup::Aws);
    groups.sort();
    groups.dedup();
    Ok(AdmittedTenant {
        tenant_id: identity.tenant_id(facts.namespace, facts.name),
        namespace: facts.namespace.into(),
        name: facts.name.into(),
        tier: tier.clone(),
        rule: rule.name.clone(),
        secret_name: api_key.secret_name.unwrap_or_else(|| format!("ai-gateway-{}", facts.name)),
        groups,
        rotation,
        identities,
        suspended: suspension(*suspend, facts, gateway),
        models,
        resources,
        limits,
        time_zone,
        expires_at,
    })
}

/// Who refuses the calls of a tenant whose own switch is `suspend`; the platform's word outranks it.
fn suspension(suspend: Option<bool>, facts: &TenantFacts<'_>, gateway: &ValidGateway) -> Option<Suspension> {
    let name = NamedObject { namespace: facts.namespace.into(), name: facts.name.into() };
    if gateway.suspended.contains(&name) {
        return Some(Suspension::Platform);
    }
    suspend.unwrap_or(false).then_some(Suspension::Team)
}

fn room_in_namespace(rule: &TenantRule, facts: &TenantFacts<'_>) -> Result<(), Violation> {
    let most = rule.allow.as_ref().and_then(|allow| allow.max_tenants_per_namespace);
    let Some(most) = most.and_then(|most| usize::try_from(most).ok()) else { return Ok(()) };
    if facts.earlier_in_namespace < most {
        return Ok(());
    }
    let message = format!(
        "namespace {} already has {most} tenants at this gateway, the most that rule {:?} allows; delete one or ask the platform team to raise allow.maxTenantsPerNamespace",
        facts.namespace, rule.name
    );
    Err(Violation::new("metadata.namespace", reason::TOO_MANY_TENANTS, message))
}

/// What the rule that decides about the tenant allows, also where its spec is refused for asking for more; `None` where no
/// rule does.
pub fn bounds(
    spec: &TenantSpec,
    facts: &TenantFacts<'_>,
    gateway: &ValidGateway,
    identity: &GatewayIdentity,
) -> Option<Bounds> {
    let rule = deciding_rule(facts, gateway, identity)?;
    let (permitted, _) = identities::sorted_out(spec.identities.as_ref(), facts.namespace, rule, gateway);
    Some(Bounds {
        ceiling: Ceiling::of(rule),
        limits: Ceilings::of(rule),
        share: Share::of(rule, facts.neighbours),
        tiers: gateway.tiers.clone(),
        identities: permitted.into_iter().map(|one| one.hash).collect(),
        suspended: suspension(spec.suspend, facts, gateway),
    })
}

/// Whether what a tenant may have depends on what others of its namespace have.
pub fn shares(facts: &TenantFacts<'_>, gateway: &ValidGateway, identity: &GatewayIdentity) -> bool {
    deciding_rule(facts, gateway, identity).is_some_and(namespace::has_ceilings)
}

/// What the tenant may have of what its namespace may; without bounds where no rule decides.
pub fn share(facts: &TenantFacts<'_>, gateway: &ValidGateway, identity: &GatewayIdentity) -> Share {
    deciding_rule(facts, gateway, identity).map(|rule| Share::of(rule, facts.neighbours)).unwrap_or_default()
}

fn deciding_rule<'a>(
    facts: &TenantFacts<'_>,
    gateway: &'a ValidGateway,
    identity: &GatewayIdentity,
) -> Option<&'a TenantRule> {
    gateway.rules.iter().find(|rule| matches(&rule.match_.namespaces, facts, identity))
}

fn not_allowed(facts: &TenantFacts<'_>, identity: &GatewayIdentity) -> Violation {
    let message = format!(
        "no rule of AIGateway {}/{} admits tenants of namespace {}; ask the platform team for a rule in its spec.tenants.rules, or for the label an existing rule selects",
        identity.namespace, identity.name, facts.namespace
    );
    Violation::new("spec.gatewayRef", reason::NOT_ALLOWED, message)
}

fn choose_tier<'a>(
    asked: Option<&str>,
    rule: &TenantRule,
    gateway: &'a ValidGateway,
) -> Result<&'a ValidTier, Violation> {
    let default = rule.defaults.as_ref().and_then(|defaults| defaults.tier.as_deref());
    let fallback = default.or_else(|| gateway.tiers.first().map(|tier| tier.name.as_str()));
    let listed: Vec<&str> = rule.allow.iter().flat_map(|allow| &allow.tiers).map(String::as_str).collect();
    let allowed: Vec<&str> = if listed.is_empty() { fallback.into_iter().collect() } else { listed };
    // Where a rule lists tiers but no default, the first it lists is what its tenants get.
    let name = asked.or(default).or_else(|| allowed.first().copied()).unwrap_or_default();
    let refuse = |message| Violation::new("spec.tier", reason::TIER_NOT_ALLOWED, message);
    if !allowed.contains(&name) {
        let message = format!("tier {name:?} is not allowed by rule {:?}; it allows {}", rule.name, allowed.join(", "));
        return Err(refuse(message));
    }
    gateway.tier(name).ok_or_else(|| {
        let tiers = gateway.tiers.iter().map(|tier| tier.name.as_str()).collect::<Vec<_>>().join(", ");
        refuse(format!("tier {name:?} does not exist at this gateway; it has {tiers}"))
    })
}

fn matches(namespaces: &NamespaceMatch, facts: &TenantFacts<'_>, identity: &GatewayIdentity) -> bool {
    match (namespaces.from, &namespaces.selector) {
        (Some(NamespaceOrigin::All), _) => true,
        (Some(NamespaceOrigin::Same), _) => facts.namespace == identity.namespace,
        (None, Some(selector)) => selects(selector, facts.namespace_labels),
        (None, None) => false,
    }
}

/// Kubernetes label selector semantics; an operator it does not know selects nothing.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let by_labels = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let by_expressions = selector.match_expressions.iter().flatten().all(|expression| {
        let value = labels.get(&expression.key);
        let listed = || value.is_some_and(|value| expression.values.iter().flatten().any(|listed| listed == value));
        match expression.operator.as_str() {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    by_labels && by_expressions
}

#[cfg(test)]
#[path = "admit_tests.rs"]
mod tests;
