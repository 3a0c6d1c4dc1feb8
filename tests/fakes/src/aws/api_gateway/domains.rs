//! Custom domain names: unique in a Region over all accounts, and where their base paths lead.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aigw_plan::gateway::domains::is_ours;
use aigw_plan::gateway::observed::{DomainState, ObservedDomain, ObservedMapping, Tags};
use aigw_plan::gateway::step::DomainSpec;

use super::rest_apis::api;
use super::{Page, check_tags, page};
use crate::aws::refusal::{Answer, Refusal};
use crate::aws::server::Context;
use crate::aws::state::{AccountState, RegionState};

/// A custom domain name.
#[derive(Debug, Clone)]
pub struct Domain {
    /// Certificate.
    pub certificate_arn: String,
    /// TLS policy.
    pub security_policy: String,
    /// Reads for which it is still being made or changed.
    pub pending_reads: u32,
    /// API Gateway's word for why it will not serve.
    pub failed: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Duration,
    /// REST API and stage by base path; empty for the root.
    pub mappings: BTreeMap<String, (String, String)>,
}

impl Domain {
    /// Whether calls get through.
    pub fn serves(&self) -> bool {
        self.pending_reads == 0 && self.failed.is_none()
    }

    fn observed(&self, name: &str, region: &str, installation: &str) -> ObservedDomain {
        let state = match &self.failed {
            Some(word) => DomainState::Failed(word.clone()),
            None if self.pending_reads > 0 => DomainState::Pending,
            None => DomainState::Available,
        };
        ObservedDomain {
            name: name.to_owned(),
            ours: is_ours(installation, name, &self.tags),
            certificate_arn: self.certificate_arn.clone(),
            security_policy: self.security_policy.clone(),
            state,
            target: Some(format!("d-{}.execute-api.{region}.amazonaws.com", name.replace('.', "-"))),
            target_hosted_zone_id: Some("ZONE".to_owned()),
            tags: self.tags.clone(),
            mappings: Vec::new(),
        }
    }
}

/// Names in this Region that other accounts have.
pub(crate) type Foreign = BTreeSet<String>;

fn domain<'a>(region: &'a mut RegionState, name: &str) -> Answer<&'a mut Domain> {
    region.domains.get_mut(name).ok_or_else(|| Refusal::not_found("Invalid domain name identifier specified"))
}

pub(super) fn list(
    state: &mut AccountState,
    context: &Context<'_>,
    installation: &str,
    position: Option<&str>,
) -> Page<ObservedDomain> {
    let region = state.region(context.region);
    let answer = page(&region.domains, position, |name, domain| {
        context.listed(domain.created).then(|| domain.observed(name, context.region, installation))
    });
    for domain in region.domains.values_mut() {
        domain.pending_reads = domain.pending_reads.saturating_sub(1);
    }
    answer
}

pub(super) fn get(
    state: &mut AccountState,
    context: &Context<'_>,
    installation: &str,
    name: &str,
) -> Answer<ObservedDomain> {
    let domain = domain(state.region(context.region), name)?;
    let answer = domain.observed(name, context.region, installation);
    domain.pending_reads = domain.pending_reads.saturating_sub(1);
    Ok(answer)
}

pub(super) fn create(state: &mut AccountState, context: &Context<'_>, spec: DomainSpec) -> Answer {
    let DomainSpec { name, certificate_arn, security_policy, tags } = spec;
    check_tags(tags.keys())?;
    let region = state.region(context.region);
    if region.domains.contains_key(&name) || region.foreign_domains.contains(&name) {
        return Err(Refusal::conflict("The domain name you provided already exists."));
    }
    check_certificate(context, &certificate_arn)?;
    let pending_reads = context.behaviour.domain_pending_reads;
    let (created, mappings) = (context.now, BTreeMap::new());
    let made = Domain { certificate_arn, security_policy, pending_reads, failed: None, tags, created, mappings };
    region.domains.insert(name, made);
    Ok(())
}

fn check_certificate(context: &Context<'_>, arn: &str) -> Answer {
    if context.behaviour.bad_certificates.contains(arn) {
        return Err(Refusal::bad_request("The provided certificate is not valid or was not found"));
    }
    Ok(())
}

pub(super) fn update(
    state: &mut AccountState,
    context: &Context<'_>,
    name: &str,
    (certificate_arn, security_policy): (Option<String>, Option<String>),
) -> Answer {
    certificate_arn.as_deref().map_or(Ok(()), |arn| check_certificate(context, arn))?;
    let domain = domain(state.region(context.region), name)?;
    if domain.pending_reads > 0 {
        return Err(Refusal::bad_request("The domain name is being updated"));
    }
    domain.certificate_arn = certificate_arn.unwrap_or_else(|| domain.certificate_arn.clone());
    domain.security_policy = security_policy.unwrap_or_else(|| domain.security_policy.clone());
    domain.pending_reads = context.behaviour.domain_pending_reads;
    Ok(())
}

/// Takes its mappings with it, as AWS does: not to do that is the caller's care.
pub(super) fn delete(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer {
    domain(state.region(context.region), name)?;
    state.region(context.region).domains.remove(name);
    Ok(())
}

pub(super) fn mappings(state: &mut AccountState, context: &Context<'_>, name: &str) -> Answer<Vec<ObservedMapping>> {
    let domain = domain(state.region(context.region), name)?;
    let listed = domain.mappings.iter().map(|(base_path, (rest_api_id, stage))| ObservedMapping {
        base_path: base_path.clone(),
        rest_api_id: rest_api_id.clone(),
        stage: stage.clone(),
    });
    Ok(listed.collect())
}

pub(super) fn map(
    state: &mut AccountState,
    context: &Context<'_>,
    (name, base_path): (&str, &str),
    (rest_api_id, stage): (&str, &str),
) -> Answer {
    let region = state.region(context.region);
    if !api(region, rest_api_id)?.stages.contains_key(stage) {
        return Err(Refusal::bad_request("Invalid stage identifier specified"));
    }
    let mappings = &mut domain(region, name)?.mappings;
    if mappings.contains_key(base_path) {
        return Err(Refusal::conflict("Base path already exists for this domain name"));
    }
    mappings.insert(base_path.to_owned(), (rest_api_id.to_owned(), stage.to_owned()));
    Ok(())
}

pub(super) fn remap(
    state: &mut AccountState,
    context: &Context<'_>,
    (name, base_path): (&str, &str),
    stage: &str,
) -> Answer {
    let mappings = &mut domain(state.region(context.region), name)?.mappings;
    let invalid = || Refusal::not_found("Invalid base path mapping identifier specified");
    stage.clone_into(&mut mappings.get_mut(base_path).ok_or_else(invalid)?.1);
    Ok(())
}

pub(super) fn unmap(state: &mut AccountState, context: &Context<'_>, name: &str, base_path: &str) -> Answer {
    let mappings = &mut domain(state.region(context.region), name)?.mappings;
    let invalid = || Refusal::not_found("Invalid base path mapping identifier specified");
    mappings.remove(base_path).map(drop).ok_or_else(invalid)
}

pub(super) fn tag(state: &mut AccountState, context: &Context<'_>, name: &str, tags: Tags) -> Answer {
    check_tags(tags.keys())?;
    domain(state.region(context.region), name)?.tags.extend(tags);
    Ok(())
}
