//! Custom domains of a gateway: what should be ([`DesiredDomain`]), the steps there ([`diff`]), and what is told of them
//! ([`tell`]).
//!
//! A domain is shared by the gateways of an installation, one base path each, so it belongs to none of them: it carries
//! the installation's tag and an id of its own, and goes when nobody asks for it and nothing is mapped. What carries other
//! tags is somebody else's and never changed. A mapping belongs to the gateway whose REST API it leads to.

pub(super) mod diff;
pub mod tell;

use std::collections::BTreeSet;

use aigw_api::{AIGatewayStatus, Domain};
use jiff::Timestamp;

use super::desired::Build;
use super::endpoint::{self, ValidDomain};
use super::observed::{ObservedDomain, ObservedGateway, ObservedRestApi, Tags};
use super::step::DomainSpec;
use super::validate::ValidGateway;
use crate::identity::{TAG_ID, TAG_INSTALLATION};

/// The value of [`TAG_ID`] on a domain of an installation. No gateway has such an id.
pub fn domain_id(installation: &str, name: &str) -> String {
    format!("{installation}/Domain/{name}")
}

/// Whether a domain with these tags is one of the installation's.
pub fn is_ours(installation: &str, name: &str, tags: &Tags) -> bool {
    tags.get(TAG_INSTALLATION).is_some_and(|tag| tag == installation)
        && tags.get(TAG_ID).is_some_and(|tag| *tag == domain_id(installation, name))
}

/// A gateway of the cluster that asks for a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The gateway's id.
    pub gateway_id: String,
    /// Its Region.
    pub region: String,
    /// Its account.
    pub account_id: String,
    /// What it asks for.
    pub domain: Domain,
}

/// What beside spec and AWS decides about domains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainFacts {
    /// Names other gateways of the Region and account ask for.
    pub wanted_elsewhere: BTreeSet<String>,
    /// The gateway that decides about certificate and policy of the shared domain, where it asks for others than this one.
    pub decided_by: Option<String>,
    /// Whether clients are told the URL under the domain, so that the gateway may be closed to all else.
    pub told: bool,
    /// URLs no longer asked for whose time is over.
    pub retired: BTreeSet<String>,
}

impl DomainFacts {
    /// What the claims of all `others` and the last status say at `now`, in seconds since the Unix epoch.
    pub fn of(
        valid: &ValidGateway,
        gateway_id: &str,
        others: &[Claim],
        (previous, now): (&AIGatewayStatus, i64),
        build: &Build,
    ) -> Self {
        let beside = |claim: &&Claim| {
            (&claim.region, &claim.account_id) == (&valid.region, &valid.account_id) && claim.gateway_id != gateway_id
        };
        let others: Vec<&Claim> = others.iter().filter(beside).collect();
        let over = |at: &String| at.parse::<Timestamp>().is_ok_and(|at| at.as_second() <= now);
        let retired = previous.domains.iter().filter(|told| told.retires_at.as_ref().is_some_and(over));
        Self {
            wanted_elsewhere: others.iter().map(|claim| claim.domain.name.clone()).collect(),
            decided_by: valid.domain.as_ref().and_then(|domain| decider(domain, gateway_id, &others)),
            told: valid.domain.as_ref().is_some_and(|domain| previous.endpoint == Some(url(domain, build))),
            retired: retired.map(|told| told.url.clone()).collect(),
        }
    }
}

/// The first gateway by id decides. One order for all, so that they do not take turns.
fn decider(domain: &ValidDomain, gateway_id: &str, others: &[&Claim]) -> Option<String> {
    let sharing = others.iter().filter(|claim| claim.domain.name == domain.name);
    let first = sharing.min_by_key(|claim| &claim.gateway_id)?;
    let asked = endpoint::domain(&first.domain);
    let agrees = (&asked.certificate_arn, &asked.security_policy) == (&domain.certificate_arn, &domain.security_policy);
    (!agrees && first.gateway_id.as_str() < gateway_id).then(|| first.gateway_id.clone())
}

/// A domain as it should be, and where this gateway is under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredDomain {
    /// The domain.
    pub spec: DomainSpec,
    /// Base path; empty for the root.
    pub base_path: String,
}

/// What should be there.
pub(super) fn desire(valid: &ValidGateway, installation: &str) -> Option<DesiredDomain> {
    let ValidDomain { name, certificate_arn, base_path, security_policy } = valid.domain.clone()?;
    // The gateway's own tags are not the shared domain's.
    let tags = Tags::from([
        (TAG_ID.into(), domain_id(installation, &name)),
        (TAG_INSTALLATION.into(), installation.to_owned()),
    ]);
    Some(DesiredDomain { spec: DomainSpec { name, certificate_arn, security_policy, tags }, base_path })
}

/// Whether API Gateway's own name of the gateway is to be closed: not before clients are told another, and once closed
/// it stays so, though a status that tells may be lost.
pub(super) fn default_endpoint_disabled(valid: &ValidGateway, facts: &DomainFacts, observed: &ObservedGateway) -> bool {
    let closed = matches!(observed.rest_apis.as_slice(), [api] if api.default_endpoint_disabled);
    valid.disable_default_endpoint && (facts.told || closed)
}

/// Base paths the forwarder has to take off: that of the spec, and those that still lead here.
pub(super) fn base_paths(valid: &ValidGateway, observed: &ObservedGateway, rest_api_id: &str) -> Vec<String> {
    let asked = valid.domain.iter().map(|domain| &domain.base_path);
    let mapped = mappings_to(observed, rest_api_id).map(|(_, base_path)| base_path);
    let paths: BTreeSet<&String> = asked.chain(mapped).filter(|path| !path.is_empty()).collect();
    paths.into_iter().cloned().collect()
}

/// Domains of ours and base paths that lead to the REST API.
pub(super) fn mappings_to<'a>(
    observed: &'a ObservedGateway,
    rest_api_id: &'a str,
) -> impl Iterator<Item = (&'a ObservedDomain, &'a String)> {
    let ours = observed.domains.iter().filter(|domain| domain.ours);
    ours.flat_map(move |domain| {
        let here = domain.mappings.iter().filter(move |mapping| mapping.rest_api_id == rest_api_id);
        here.map(move |mapping| (domain, &mapping.base_path))
    })
}

/// Whether the domain of the spec serves, and its base path leads to the gateway's stage.
pub(super) fn mapped(domain: &ValidDomain, stage: &str, api: &ObservedRestApi, observed: &ObservedGateway) -> bool {
    let serving = observed.domains.iter().find(|known| known.name == domain.name && known.serves());
    let here = |known: &ObservedDomain| {
        let mut mappings = known.mappings.iter();
        mappings.any(|mapping| {
            (mapping.base_path.as_str(), mapping.rest_api_id.as_str(), mapping.stage.as_str())
                == (domain.base_path.as_str(), api.id.as_str(), stage)
        })
    };
    serving.is_some_and(here)
}

/// Base URL under a domain.
pub fn url(domain: &ValidDomain, build: &Build) -> String {
    url_of(&domain.name, &domain.base_path, build.domain_port)
}

fn url_of(name: &str, base_path: &str, port: Option<u16>) -> String {
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    if base_path.is_empty() { format!("https://{name}{port}") } else { format!("https://{name}{port}/{base_path}") }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
