//! Models and shared resources of a tenant: what the gateway's rule allows, and what of it the tenant asks for.

use aigw_api::conditions::reason;
use aigw_api::{self as api, TenantModels, TenantRule};
use aigw_contract::access::{ModelRules, Residency, ResourceGrant, within};
use aigw_contract::model::Place;
use aigw_contract::operations::Access;
use aigw_contract::policy::TenantPolicy;

use crate::violation::Violation;

/// What a rule allows, whatever a tenant asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// Name of the rule.
    pub rule: String,
    /// Patterns of models; empty: every model that has a name.
    pub models: Vec<String>,
    /// Shared resources.
    pub resources: Vec<ResourceGrant>,
}

impl Ceiling {
    /// What `rule` allows.
    pub fn of(rule: &TenantRule) -> Self {
        let allow = rule.allow.as_ref();
        Self {
            rule: rule.name.clone(),
            models: allow.map_or_else(Vec::new, |allow| patterns(&allow.models)),
            resources: allow.iter().flat_map(|allow| &allow.resources).map(grant).collect(),
        }
    }

    /// A policy within this ceiling: for a tenant whose spec asks for more than the rule allows by now, and which for
    /// the rest keeps what it had.
    pub fn bound(&self, policy: &TenantPolicy) -> TenantPolicy {
        let models = policy.models.clone().unwrap_or_default();
        TenantPolicy {
            models: Some(ModelRules { rule: self.rule.clone(), granted: self.models.clone(), ..models }),
            resources: policy.resources.iter().filter(|grant| self.covers(grant)).cloned().collect(),
            ..policy.clone()
        }
    }

    fn covers(&self, asked: &ResourceGrant) -> bool {
        self.resources.iter().any(|granted| granted.covers(&asked.arn, asked.access))
    }
}

/// The model rules of a tenant that asks for `asked`.
///
/// # Errors
/// The first pattern that goes beyond the rule.
pub(super) fn models(
    asked: Option<&TenantModels>,
    ceiling: &Ceiling,
    place: Place<'_>,
) -> Result<ModelRules, Violation> {
    // Exhaustive: a field nobody looks at does not compile.
    let nothing = TenantModels::default();
    let TenantModels { allow, deny, residency } = asked.unwrap_or(&nothing);
    for (index, pattern) in allow.iter().map(|allowed| allowed.match_.as_str()).enumerate() {
        if !within(&ceiling.models, pattern, Some(place)) {
            let allowed = match ceiling.models.as_slice() {
                [] => "every foundation model, and nothing that only has an ARN".to_owned(),
                patterns => patterns.join(", "),
            };
            let message = format!(
                "{pattern:?} goes beyond rule {:?} of the gateway, which allows {allowed}; ask for less, or ask the platform team to add it to allow.models of that rule",
                ceiling.rule
            );
            let path = format!("spec.models.allow[{index}].match");
            return Err(Violation::new(path, reason::MODEL_NOT_ALLOWED, message));
        }
    }
    Ok(ModelRules {
        rule: ceiling.rule.clone(),
        granted: ceiling.models.clone(),
        allow: patterns(allow),
        deny: patterns(deny),
        residency: residency.map(wire_residency),
    })
}

/// The grants of a tenant that asks for `asked`, sorted.
///
/// # Errors
/// The first resource that the rule does not allow.
pub(super) fn resources(asked: &[api::ResourceGrant], ceiling: &Ceiling) -> Result<Vec<ResourceGrant>, Violation> {
    let mut grants = Vec::with_capacity(asked.len());
    for (index, asked) in asked.iter().map(grant).enumerate() {
        if !ceiling.covers(&asked) {
            let ResourceGrant { arn, access } = &asked;
            let message = format!(
                "{arn} (access: {access:?}) is not in allow.resources of rule {:?} of the gateway; ask the platform team to add it there",
                ceiling.rule
            );
            let path = format!("spec.resources[{index}].arn");
            return Err(Violation::new(path, reason::RESOURCE_NOT_ALLOWED, message));
        }
        grants.push(asked);
    }
    grants.sort();
    Ok(grants)
}

/// A grant as the policy has it.
fn grant(asked: &api::ResourceGrant) -> ResourceGrant {
    let access = match asked.access.unwrap_or_default() {
        api::ResourceAccess::Use => Access::Use,
        api::ResourceAccess::Manage => Access::Manage,
    };
    ResourceGrant { arn: asked.arn.clone(), access }
}

/// A grant as the status has it.
pub(super) fn shown(grant: &ResourceGrant) -> api::EffectiveResource {
    api::EffectiveResource { arn: grant.arn.clone(), access: format!("{:?}", grant.access) }
}

/// Patterns, sorted: their order means nothing, and to change it is no change.
fn patterns(matches: &[api::ModelMatch]) -> Vec<String> {
    let mut patterns: Vec<String> = matches.iter().map(|pattern| pattern.match_.clone()).collect();
    patterns.sort();
    patterns
}

const fn wire_residency(residency: api::Residency) -> Residency {
    match residency {
        api::Residency::Region => Residency::Region,
        api::Residency::Eu => Residency::Eu,
        api::Residency::Us => Residency::Us,
        api::Residency::Apac => Residency::Apac,
        api::Residency::Jp => Residency::Jp,
        api::Residency::Au => Residency::Au,
        api::Residency::UsGov => Residency::UsGov,
    }
}
