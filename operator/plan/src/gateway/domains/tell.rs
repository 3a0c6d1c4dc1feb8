//! What clients and users are told of a gateway's domains: which URL is the gateway's, which others still work and until
//! when, and what keeps a domain from serving.

use std::time::Duration;

use aigw_api::conditions::{kind, reason};
use aigw_api::{AIGatewayStatus, DomainStatus, ProbeMode};
use jiff::Timestamp;

use super::super::desired::{Build, endpoint_url};
use super::super::observed::{DomainState, ObservedDomain, ObservedGateway, ObservedRestApi};
use super::super::validate::ValidGateway;
use super::{DomainFacts, mapped, mappings_to, url, url_of};
use crate::conditions::ConditionSpec;

/// For how long a URL that the spec no longer names goes on working once clients are told another. Pods that read the URL
/// from their environment need a restart, which a roll-out takes minutes for.
pub const RETIREMENT: Duration = Duration::from_hours(1);

/// The URL clients are told. `proven` says that a call came through the domain of the spec.
pub fn endpoint(
    valid: &ValidGateway,
    observed: &ObservedGateway,
    build: &Build,
    previous: &AIGatewayStatus,
    proven: bool,
) -> Option<String> {
    let [api] = observed.rest_apis.as_slice() else { return None };
    let told = previous.endpoint.clone().filter(|_| previous.rest_api_id.as_deref() == Some(&*api.id));
    // A URL is told once something serves there.
    if !observed.stages.contains_key(&valid.stage) {
        return told;
    }
    let default = || Some(endpoint_url(valid, &api.id, build));
    match valid.domain.as_ref().map(|domain| url(domain, build)) {
        Some(own) if proven || previous.endpoint.as_ref() == Some(&own) => Some(own),
        // The status was lost, and nothing but the domain is open.
        Some(own) if told.is_none() && api.default_endpoint_disabled => Some(own),
        Some(_) => told.or_else(default),
        None if api.default_endpoint_disabled => told,
        None => default(),
    }
}

/// The URL under the domain of the spec, where it is in place and clients are not told it yet: it has to be tried first.
pub fn untold(
    valid: &ValidGateway,
    observed: &ObservedGateway,
    build: &Build,
    previous: &AIGatewayStatus,
) -> Option<String> {
    let ([api], Some(domain)) = (observed.rest_apis.as_slice(), &valid.domain) else { return None };
    let own = url(domain, build);
    let waiting = endpoint(valid, observed, build, previous, false).as_ref() != Some(&own);
    (waiting && mapped(domain, &valid.stage, api, observed)).then_some(own)
}

/// Whether a domain that is in place is believed to work without being tried: whoever does not want probes to count says so.
pub const fn believed(mode: ProbeMode) -> bool {
    matches!(mode, ProbeMode::Report | ProbeMode::Off)
}

/// URLs under domains, for the status; `endpoint` is what clients are told from now on.
pub fn status(
    valid: &ValidGateway,
    observed: &ObservedGateway,
    build: &Build,
    previous: &AIGatewayStatus,
    (endpoint, now): (Option<&str>, i64),
) -> Vec<DomainStatus> {
    let [api] = observed.rest_apis.as_slice() else { return Vec::new() };
    let told = |domain: &ObservedDomain, url: String, retires_at| DomainStatus {
        url,
        target: domain.target.clone(),
        target_hosted_zone_id: domain.target_hosted_zone_id.clone(),
        retires_at,
    };
    // With its target also before anything is mapped, so that the DNS record can be made.
    let asked = valid.domain.as_ref().map(|domain| (domain, url(domain, build)));
    let found = asked.as_ref().and_then(|(domain, own)| {
        let found = observed.domains.iter().find(|known| known.ours && known.name == domain.name)?;
        Some(told(found, own.clone(), None))
    });
    // Told until it is gone: what a status does not tell is not looked for.
    let unused = observed.domains.iter().filter(|known| {
        let wanted = asked.as_ref().is_some_and(|(domain, _)| domain.name == known.name);
        known.ours && known.mappings.is_empty() && !wanted
    });
    let now_told = Timestamp::from_second(now).ok().map(|now| now.to_string());
    let unused = unused.map(|known| told(known, url_of(&known.name, "", build.domain_port), now_told.clone()));
    let retires_at = |url: &String| {
        let known = previous.domains.iter().find(|known| known.url == *url);
        let begins = endpoint.is_some_and(|endpoint| endpoint != url);
        known.and_then(|known| known.retires_at.clone()).or_else(|| begins.then(|| after_retirement(now)).flatten())
    };
    let mut all: Vec<_> = mappings_to(observed, &api.id)
        .map(|(domain, base_path)| (domain, url_of(&domain.name, base_path, build.domain_port)))
        .filter(|(_, url)| asked.as_ref().is_none_or(|(_, own)| own != url))
        .map(|(domain, url)| {
            let at = retires_at(&url);
            told(domain, url, at)
        })
        .chain(found)
        .chain(unused)
        .collect();
    all.sort_by(|one, other| one.url.cmp(&other.url));
    all
}

fn after_retirement(now: i64) -> Option<String> {
    let at = now.checked_add(i64::try_from(RETIREMENT.as_secs()).ok()?)?;
    Some(Timestamp::from_second(at).ok()?.to_string())
}

/// Time from `now` until the next of these URLs is to be taken away.
pub fn next_retirement(domains: &[DomainStatus], now: i64) -> Option<Duration> {
    let times = domains.iter().filter_map(|domain| domain.retires_at.as_ref()?.parse::<Timestamp>().ok());
    let next = times.map(|at| at.as_second().saturating_sub(now)).min()?;
    Some(Duration::from_secs(u64::try_from(next).unwrap_or(0)))
}

/// Why the domain of the spec is not as asked for, and a person has to act: reason and message.
pub fn problem(
    valid: &ValidGateway,
    observed: &ObservedGateway,
    facts: &DomainFacts,
) -> Option<(&'static str, String)> {
    let ([api], Some(domain)) = (observed.rest_apis.as_slice(), &valid.domain) else { return None };
    let (name, base_path) = (&domain.name, &domain.base_path);
    let actual = observed.domains.iter().find(|known| known.name == *name)?;
    if !actual.ours {
        let message = format!(
            "the domain {name} exists in API Gateway and is not this installation's, so it is left alone; delete it there, or choose another spec.endpoint.domain.name"
        );
        return Some((reason::DOMAIN_NOT_OURS, message));
    }
    if let DomainState::Failed(word) = &actual.state {
        let message = format!("API Gateway does not take the domain {name} into service: {word}");
        return Some((reason::DOMAIN_FAILED, message));
    }
    let taken = actual.mappings.iter().find(|mapping| mapping.base_path == *base_path && mapping.rest_api_id != api.id);
    if let Some(taken) = taken {
        let message = format!(
            "{name}/{base_path} leads to REST API {} already; choose another spec.endpoint.domain.basePath, or delete that mapping",
            taken.rest_api_id
        );
        return Some((reason::BASE_PATH_TAKEN, message));
    }
    let decider = facts.decided_by.as_ref()?;
    let message = format!(
        "gateway {decider} shares the domain {name} and asks for another certificate or security policy, which is in force; let both ask for the same"
    );
    Some((reason::DOMAIN_CONFLICT, message))
}

/// What a person has to do where a domain is in place and no call comes through; `seen` is what the operator saw.
pub fn not_reached(valid: &ValidGateway, observed: &ObservedGateway, seen: &str) -> Option<String> {
    let name = &valid.domain.as_ref()?.name;
    let target = observed.domains.iter().find(|known| known.name == *name)?.target.as_deref();
    let target = target.map_or_else(String::new, |target| format!(" to {target}"));
    Some(format!(
        "no call comes through the domain {name} yet, so clients are not told of it ({seen}); let its DNS record lead{target}, as an alias or a CNAME"
    ))
}

/// The condition, where a domain is asked for. `not_reached` says why no call comes through.
pub fn condition(
    valid: &ValidGateway,
    observed: &ObservedGateway,
    facts: &DomainFacts,
    (endpoint, not_reached): (Option<&str>, Option<&str>),
    build: &Build,
) -> Option<ConditionSpec> {
    let domain = valid.domain.as_ref()?;
    let told = |status: Option<bool>, reason, message: &str| {
        Some(ConditionSpec::new(kind::DOMAIN_READY, status, reason, message))
    };
    if let Some((reason, message)) = problem(valid, observed, facts) {
        return told(Some(false), reason, &message);
    }
    let in_place = |api: &ObservedRestApi| mapped(domain, &valid.stage, api, observed);
    if !matches!(observed.rest_apis.as_slice(), [api] if in_place(api)) {
        return told(Some(false), reason::DOMAIN_PENDING, "the domain and its mapping are being made in API Gateway");
    }
    let own = url(domain, build);
    match not_reached {
        Some(message) => told(Some(false), reason::DOMAIN_NOT_REACHED, message),
        None if endpoint == Some(&*own) => told(Some(true), reason::DOMAIN_SERVES, &format!("clients are told {own}")),
        None => told(None, reason::DOMAIN_PENDING, "the domain is in place and has not been tried yet"),
    }
}
