//! Invariants every gateway plan must keep, of building up and of taking away. A finding is a defect of ours: the plan
//! is not executed.
//!
//! The first of them: a plan touches only what was observed, and observed is only what carries the gateway's identity.
//! So whatever else goes wrong, nothing of anybody else is changed.

use std::collections::BTreeSet;

use super::observed::{ObservedDomain, ObservedGateway, ObservedMapping, ObservedTable, Tags};
use super::step::{AliasTarget, GatewayStep, TaggedResource};
use crate::identity::{ACCESS_LOG_PREFIX, Function, TAG_ID, TAG_INSTALLATION};

/// Everything wrong with `steps`; empty means they may be executed.
pub fn lint(steps: &[GatewayStep], observed: &ObservedGateway) -> Vec<String> {
    let mut seen = Seen::default();
    let mut findings = Vec::new();
    for step in steps {
        let problems = [untouchable(step, observed), seen.out_of_order(step, observed), wrong_value(step, observed)];
        findings.extend(problems.into_iter().flatten().map(|problem| format!("{step}: {problem}")));
    }
    findings
}

/// What a step names must have been observed; what it creates must not have been.
fn untouchable(step: &GatewayStep, observed: &ObservedGateway) -> Option<&'static str> {
    use GatewayStep as S;
    let api = |id: &String| observed.rest_apis.iter().any(|api| api.id == *id);
    let deployment = |id: &String| observed.deployments.iter().any(|deployment| deployment.id == *id);
    let plan = |id: &String| observed.usage_plans.iter().any(|plan| plan.id == *id);
    let domain = |name: &String| observed.domains.iter().any(|domain| domain.ours && domain.name == *name);
    let fits = match step {
        S::CreateTable { .. } => observed.table.is_none(),
        S::EnableTimeToLive { .. } | S::EnablePointInTimeRecovery { .. } | S::SetDeletionProtection { .. } => {
            observed.table.as_ref().is_some_and(|table| table.active)
        }
        S::DeleteTable { .. } | S::ClaimOwnership { .. } | S::WritePrices { .. } | S::WriteConfig { .. } => {
            observed.table.as_ref().is_some_and(ObservedTable::usable)
        }
        S::ReleaseOwnership { .. } => observed.owner.is_some(),
        S::CreateRole { name, .. } => !has(&observed.roles, name),
        S::UpdateRoleTrust { name, .. } | S::DeleteRole { name } => has(&observed.roles, name),
        S::CreateLogGroup { name, .. } if name.starts_with(ACCESS_LOG_PREFIX) => observed.access_log_group.is_none(),
        S::DeleteLogGroup { name } if name.starts_with(ACCESS_LOG_PREFIX) => observed.access_log_group.is_some(),
        S::CreateLogGroup { name, .. } => !has(&observed.log_groups, name),
        S::DeleteLogGroup { name } => has(&observed.log_groups, name),
        S::UpdateFunctionConfiguration { function, .. } | S::UpdateFunctionCode { function, .. } => {
            observed.functions.contains_key(&function.function)
        }
        S::PublishVersion { name, .. }
        | S::AddPermission { name, .. }
        | S::RemovePermission { name, .. }
        | S::DeleteFunction { name } => has(&observed.functions, name),
        S::PointAlias { name, target: AliasTarget { version, canary, note: _ }, .. } => {
            published(observed, name, version)
                && canary.as_ref().is_none_or(|canary| published(observed, name, &canary.version))
        }
        S::DeleteVersion { name, version } => published(observed, name, version),
        S::CreateRestApi { .. } => observed.rest_apis.is_empty(),
        S::PutDocument { rest_api_id, .. }
        | S::VerifyDocument { rest_api_id, .. }
        | S::CreateDeployment { rest_api_id, .. }
        | S::DeleteRestApi { rest_api_id } => api(rest_api_id),
        S::DeleteDeployment { rest_api_id, deployment_id } => api(rest_api_id) && deployment(deployment_id),
        S::CreateStage { rest_api_id, stage, deployment_id, .. } => {
            api(rest_api_id) && deployment(deployment_id) && !observed.stages.contains_key(stage)
        }
        S::UpdateStage { rest_api_id, stage, deployment_id, .. } => {
            api(rest_api_id) && deployment_id.as_ref().is_none_or(deployment) && observed.stages.contains_key(stage)
        }
        S::DeleteStage { rest_api_id, stage } | S::SetAccessLog { rest_api_id, stage, .. } => {
            api(rest_api_id) && observed.stages.contains_key(stage)
        }
        S::CreateUsagePlan(spec) => {
            observed.usage_plans.iter().all(|plan| plan.tier != spec.tier)
                && spec.api_stages.iter().all(|(id, stage)| api(id) && observed.stages.contains_key(stage))
        }
        S::UpdateUsagePlan { id, .. } | S::DeleteUsagePlan { id, .. } => plan(id),
        // Policy and retention follow in the plan that makes role and log group; functions are looked at by order. Keys
        // are listed by whoever cleans up, by prefix and tag.
        S::PutRolePolicy { .. } | S::SetRetention { .. } | S::CreateFunction(_) | S::DeleteApiKey { .. } => true,
        S::CreateDomain(spec) => observed.domains.iter().all(|known| known.name != spec.name),
        S::UpdateDomain { name, .. } | S::DeleteDomain { name } => domain(name),
        S::CreateMapping { domain: name, base_path, rest_api_id, stage } => {
            domain(name)
                && api(rest_api_id)
                && observed.stages.contains_key(stage)
                && mapping(observed, name, base_path).is_none()
        }
        S::UpdateMapping { domain: name, base_path, .. } | S::DeleteMapping { domain: name, base_path } => {
            domain(name) && mapping(observed, name, base_path).is_some_and(|known| api(&known.rest_api_id))
        }
        S::Tag { resource, .. } => match resource {
            TaggedResource::RestApi(id) => api(id),
            TaggedResource::Stage(id, stage) => api(id) && observed.stages.contains_key(stage),
            TaggedResource::UsagePlan(id) => plan(id),
            TaggedResource::Function(arn) => observed.functions.values().any(|function| function.arn == *arn),
            TaggedResource::Role(name) => has(&observed.roles, name),
            TaggedResource::Table(_) => observed.table.is_some(),
            TaggedResource::Domain(name) => domain(name),
        },
    };
    (!fits).then_some("what it names was not observed, or what it creates was")
}

/// Whether the function of that name has that version.
fn published(observed: &ObservedGateway, name: &str, version: &str) -> bool {
    let mut functions = observed.functions.iter().filter(|(function, _)| is_of(name, **function));
    functions.any(|(_, function)| function.versions.iter().any(|known| known.version == version))
}

fn mapping<'a>(observed: &'a ObservedGateway, name: &str, base_path: &str) -> Option<&'a ObservedMapping> {
    let domain = observed.domains.iter().find(|domain| domain.name == name)?;
    domain.mappings.iter().find(|mapping| mapping.base_path == base_path)
}

/// What happened earlier in the plan.
#[derive(Default)]
struct Seen<'a> {
    verified: Option<&'a str>,
    deployed: bool,
    unprotected: bool,
    functions: BTreeSet<&'a str>,
    roles: BTreeSet<&'a str>,
    usage_plans: BTreeSet<&'a str>,
    stages: BTreeSet<&'a str>,
    unmapped: BTreeSet<(&'a str, &'a str)>,
    prices: Option<&'a str>,
}

impl<'a> Seen<'a> {
    fn out_of_order(&mut self, step: &'a GatewayStep, observed: &ObservedGateway) -> Option<&'static str> {
        use GatewayStep as S;
        let problem = self.domain_out_of_order(step, observed);
        if problem.is_some() {
            return problem;
        }
        match step {
            S::PutDocument { .. } => self.verified = None,
            S::VerifyDocument { rest_api_id, .. } => self.verified = Some(rest_api_id),
            S::CreateDeployment { rest_api_id, .. } if self.verified != Some(rest_api_id) => {
                return Some("the document was not verified first");
            }
            S::CreateDeployment { .. } if std::mem::replace(&mut self.deployed, true) => {
                return Some("second deployment in one plan");
            }
            S::UpdateFunctionCode { function, .. } | S::UpdateFunctionConfiguration { function, .. }
                if !self.functions.insert(&function.name) =>
            {
                return Some("second change of one function in one plan");
            }
            S::CreateRole { name, .. } => drop(self.roles.insert(name)),
            S::PutRolePolicy { name, .. } if !has(&observed.roles, name) && !self.roles.contains(name.as_str()) => {
                return Some("the role is not there yet");
            }
            S::CreateFunction(spec) if self.roles.contains(spec.name.as_str()) => {
                return Some("its role is as young as this plan, and Lambda does not know it yet");
            }
            S::CreateUsagePlan(spec) if !self.usage_plans.insert(&spec.tier) => {
                return Some("second plan of one tier");
            }
            S::UpdateUsagePlan { id, .. } | S::DeleteUsagePlan { id, .. } if !self.usage_plans.insert(id) => {
                return Some("second change of one usage plan in one plan");
            }
            S::WritePrices { prices, .. } => self.prices = Some(&prices.revision),
            S::WriteConfig { config, .. } if self.prices_known(observed) != Some(config.prices.as_str()) => {
                return Some("it names a price list that is not there yet");
            }
            S::DeleteStage { stage, .. } => drop(self.stages.insert(stage)),
            S::DeleteRestApi { .. } if observed.stages.keys().any(|stage| !self.stages.contains(stage.as_str())) => {
                return Some("a stage still serves");
            }
            S::DeleteFunction { .. } if !observed.stages.is_empty() && self.stages.is_empty() => {
                return Some("a stage still calls it");
            }
            S::SetDeletionProtection { enabled, .. } => self.unprotected = !enabled,
            S::DeleteTable { .. }
                if !self.unprotected && observed.table.as_ref().is_some_and(|table| table.deletion_protection) =>
            {
                return Some("the table is protected");
            }
            _ => {}
        }
        None
    }

    /// The same for custom domains, and for what they lead to.
    fn domain_out_of_order(&mut self, step: &'a GatewayStep, observed: &ObservedGateway) -> Option<&'static str> {
        use GatewayStep as S;
        match step {
            S::DeleteMapping { domain, base_path } => drop(self.unmapped.insert((domain, base_path))),
            S::DeleteDomain { name } if self.is_mapped(observed, |domain, _| domain.name == *name) => {
                return Some("a base path of it still leads somewhere");
            }
            S::DeleteStage { rest_api_id, .. } | S::DeleteRestApi { rest_api_id }
                if self.is_mapped(observed, |_, mapping| mapping.rest_api_id == *rest_api_id) =>
            {
                return Some("a domain still leads to it");
            }
            S::CreateMapping { base_path, .. } if !base_path_known(observed, base_path) => {
                return Some("the forwarder does not know the base path yet");
            }
            _ => {}
        }
        None
    }

    /// Whether a mapping of a domain of ours that fits is left when the next step is made.
    fn is_mapped(&self, observed: &ObservedGateway, fits: impl Fn(&ObservedDomain, &ObservedMapping) -> bool) -> bool {
        observed.domains.iter().filter(|domain| domain.ours).any(|domain| {
            let mut left = domain
                .mappings
                .iter()
                .filter(|mapping| !self.unmapped.contains(&(domain.name.as_str(), mapping.base_path.as_str())));
            left.any(|mapping| fits(domain, mapping))
        })
    }

    /// Revision of the price list that is in the table when the next step is made.
    fn prices_known<'b>(&'b self, observed: &'b ObservedGateway) -> Option<&'b str> {
        self.prices.or_else(|| observed.prices.as_ref().map(|prices| prices.content.revision.as_str()))
    }
}

/// Whether the configuration in the table has the forwarder take a base path off.
fn base_path_known(observed: &ObservedGateway, base_path: &String) -> bool {
    let config = observed.config.as_ref();
    base_path.is_empty() || config.is_some_and(|config| config.content.base_paths.contains(base_path))
}

/// Values that no plan of ours may carry.
fn wrong_value(step: &GatewayStep, observed: &ObservedGateway) -> Option<&'static str> {
    use GatewayStep as S;
    let identified = |tags: &Tags| {
        if tags.contains_key(TAG_ID) && tags.contains_key(TAG_INSTALLATION) {
            None
        } else {
            Some("without the tags of our identity it would never be found again")
        }
    };
    match step {
        S::CreateTable { tags, .. }
        | S::CreateRole { tags, .. }
        | S::CreateLogGroup { tags, .. }
        | S::CreateRestApi { tags, .. }
        | S::CreateStage { tags, .. }
        | S::Tag { tags, .. } => identified(tags),
        S::CreateFunction(spec) => identified(&spec.tags),
        S::CreateDomain(spec) => identified(&spec.tags),
        S::CreateUsagePlan(spec) if spec.rate_limit <= 0 || spec.burst_limit <= 0 => Some("a limit of zero"),
        S::CreateUsagePlan(spec) => identified(&spec.tags),
        S::UpdateUsagePlan { rate_limit, burst_limit, .. } if *rate_limit <= 0 || *burst_limit <= 0 => {
            Some("a limit of zero")
        }
        S::DeleteDeployment { deployment_id, .. }
            if observed.stages.values().any(|stage| stage.deployment_id == *deployment_id) =>
        {
            Some("a stage serves it")
        }
        S::DeleteVersion { name, version } => {
            let mut functions = observed.functions.iter().filter(|(function, _)| is_of(name, **function));
            let live = functions.any(|(_, function)| function.uses(version));
            live.then_some("the alias points at it")
        }
        S::ClaimOwnership { expected, record, .. } => {
            let (version, epoch) = match &observed.owner {
                Some(owner) => (Some(owner.version), owner.content.epoch),
                None => (None, 0),
            };
            (*expected != version || record.epoch < epoch).then_some("the record observed is another, or newer")
        }
        S::WritePrices { expected, .. } => (*expected != observed.prices.as_ref().map(|prices| prices.version))
            .then_some("the price list observed is another"),
        S::WriteConfig { expected, .. } => (*expected != observed.config.as_ref().map(|config| config.version))
            .then_some("the configuration observed is another"),
        S::ReleaseOwnership { expected, .. } => {
            (Some(*expected) != observed.owner.as_ref().map(|owner| owner.version)).then_some("the record is another")
        }
        _ => None,
    }
}

fn is_of(name: &str, function: Function) -> bool {
    name.ends_with(&format!("-{}", function.as_str()))
}

fn has<T>(found: &std::collections::BTreeMap<Function, T>, name: &str) -> bool {
    found.keys().any(|function| is_of(name, *function))
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
