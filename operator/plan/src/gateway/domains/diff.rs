//! The steps to a gateway's domain and mapping, and from those it no longer asks for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::desired::DesiredGateway;
use super::super::diff::retag;
use super::super::observed::{DomainState, ObservedDomain, ObservedGateway, ObservedRestApi};
use super::super::step::{GatewayStep, TaggedResource};
use super::{DesiredDomain, mappings_to, url_of};
use crate::plan::Plan;

/// When to look again at a domain API Gateway is working on: certificates take it seconds to minutes.
const SOON: Duration = Duration::from_secs(10);

/// Plans domain and mapping of the spec, then takes away what is retired. Comes after everything that serves.
pub(in super::super) fn diff(
    desired: &DesiredGateway,
    api: &ObservedRestApi,
    observed: &ObservedGateway,
    plan: &mut Plan<GatewayStep>,
) {
    if let Some(domain) = &desired.domain {
        wanted(desired, domain, api, observed, plan);
    }
    let retired = |domain: &ObservedDomain, base_path: &String| {
        let asked = desired
            .domain
            .as_ref()
            .is_some_and(|wanted| (&wanted.spec.name, &wanted.base_path) == (&domain.name, base_path));
        !asked && desired.domain_facts.retired.contains(&url_of(&domain.name, base_path, desired.domain_port))
    };
    let unmapped: Vec<_> =
        mappings_to(observed, &api.id).filter(|(domain, base_path)| retired(domain, base_path)).collect();
    unmap(&unmapped, plan);
    let asked = desired.domain.as_ref().map(|domain| &domain.spec.name);
    let wanted = |name: &String| Some(name) == asked || desired.domain_facts.wanted_elsewhere.contains(name);
    delete_unused(observed, &unmapped, wanted, plan);
}

fn wanted(
    desired: &DesiredGateway,
    domain: &DesiredDomain,
    api: &ObservedRestApi,
    observed: &ObservedGateway,
    plan: &mut Plan<GatewayStep>,
) {
    let DesiredDomain { spec, base_path } = domain;
    let Some(actual) = observed.domains.iter().find(|known| known.name == spec.name) else {
        // Before there is a stage a domain would lead nowhere.
        if observed.stages.contains_key(&desired.stage) {
            plan.step(GatewayStep::CreateDomain(spec.clone()));
        }
        return;
    };
    if !actual.ours {
        return;
    }
    retag(plan, TaggedResource::Domain(spec.name.clone()), &spec.tags, &actual.tags);
    if actual.state == DomainState::Pending {
        return plan.wait("API Gateway is working on the domain", SOON);
    }
    // The mapping first: a change of the domain may be held back for half a minute, and is no reason to serve nobody.
    map(desired, (&spec.name, base_path), actual, api, observed, plan);
    let certificate_arn = (actual.certificate_arn != spec.certificate_arn).then(|| spec.certificate_arn.clone());
    let security_policy = (actual.security_policy != spec.security_policy).then(|| spec.security_policy.clone());
    if desired.domain_facts.decided_by.is_none() && (certificate_arn.is_some() || security_policy.is_some()) {
        plan.step(GatewayStep::UpdateDomain { name: spec.name.clone(), certificate_arn, security_policy });
    }
}

/// The mapping, once the stage is there and the forwarder's configuration names the base path.
fn map(
    desired: &DesiredGateway,
    (domain, base_path): (&String, &String),
    actual: &ObservedDomain,
    api: &ObservedRestApi,
    observed: &ObservedGateway,
    plan: &mut Plan<GatewayStep>,
) {
    let config = observed.config.as_ref().map(|config| &config.content);
    let known = base_path.is_empty() || config.is_some_and(|config| config.base_paths.contains(base_path));
    if !known || !observed.stages.contains_key(&desired.stage) {
        return;
    }
    let (domain, base_path, stage) = (domain.clone(), base_path.clone(), desired.stage.clone());
    match actual.mappings.iter().find(|mapping| mapping.base_path == base_path) {
        None => {
            plan.step(GatewayStep::CreateMapping { domain, base_path, rest_api_id: api.id.clone(), stage });
        }
        Some(mapping) if mapping.rest_api_id == api.id && mapping.stage != stage => {
            plan.step(GatewayStep::UpdateMapping { domain, base_path, stage });
        }
        // Somebody else's, or as it should be.
        Some(_) => {}
    }
}

/// Takes mappings away.
pub(in super::super) fn unmap(mappings: &[(&ObservedDomain, &String)], plan: &mut Plan<GatewayStep>) {
    for (domain, base_path) in mappings {
        plan.step(GatewayStep::DeleteMapping { domain: domain.name.clone(), base_path: (*base_path).clone() });
    }
}

/// Takes away domains of ours that nobody wants and, after `unmapped` is gone, nothing is mapped on.
pub(in super::super) fn delete_unused(
    observed: &ObservedGateway,
    unmapped: &[(&ObservedDomain, &String)],
    wanted: impl Fn(&String) -> bool,
    plan: &mut Plan<GatewayStep>,
) {
    let gone: BTreeSet<(&String, &String)> =
        unmapped.iter().map(|(domain, base_path)| (&domain.name, *base_path)).collect();
    for domain in observed.domains.iter().filter(|domain| domain.ours && !wanted(&domain.name)) {
        if domain.mappings.iter().all(|mapping| gone.contains(&(&domain.name, &mapping.base_path))) {
            plan.step(GatewayStep::DeleteDomain { name: domain.name.clone() });
        }
    }
}
