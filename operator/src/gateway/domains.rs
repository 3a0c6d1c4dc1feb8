//! Custom domains of a gateway: which are looked at, whether calls come through, and what that means for the pass.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, AIGatewayStatus};
use aigw_cloud::{Cloud, CloudError};
use aigw_plan::gateway::domains::{Claim, DomainFacts, tell};
use aigw_plan::gateway::observed::{ObservedDomain, ObservedGateway};
use aigw_plan::gateway::report::GatewayOutcome;
use aigw_plan::gateway::step::GatewayStep;
use aigw_plan::gateway::validate::ValidGateway;
use aigw_plan::probe::report::Unproven;
use aigw_plan::{GatewayIdentity, Plan};
use tokio::time::Instant;

use super::{POLL, Pass};
use crate::context::Context;
use crate::harness::Outcome;

/// How long functions go on with a configuration they have read: half a minute, and a little for the read itself. A base
/// path that leads to a forwarder that does not know it would be refused.
const CONFIGURATION_KEPT: Duration = Duration::from_secs(35);
/// When to try again whether calls come through a domain: DNS records are made by people and take minutes to spread.
const RETRY: Duration = Duration::from_mins(1);

/// When configurations were written, by UID of the gateway. Losing it costs the wait.
pub(crate) struct Configurations {
    began: Instant,
    written: Mutex<HashMap<String, Instant>>,
}

impl Default for Configurations {
    fn default() -> Self {
        Self { began: Instant::now(), written: Mutex::default() }
    }
}

impl Configurations {
    /// A step was executed, or may have been.
    pub(super) fn note(&self, uid: &str, step: &GatewayStep) {
        if matches!(step, GatewayStep::WriteConfig { .. }) {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.insert(uid.to_owned(), Instant::now());
        }
    }

    /// Takes back mappings of base paths that some function may not know yet.
    pub(super) fn hold_back(&self, uid: &str, plan: &mut Plan<GatewayStep>) {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner).get(uid).copied();
        let since = written.unwrap_or(self.began);
        let Some(left) = CONFIGURATION_KEPT.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) else { return };
        let waits =
            |step: &GatewayStep| matches!(step, GatewayStep::CreateMapping { base_path, .. } if !base_path.is_empty());
        if plan.steps.iter().any(waits) {
            plan.steps.retain(|step| !waits(step));
            plan.wait("the forwarder is being told of the base path", left);
        }
    }

    /// Forgets a gateway that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// What beside spec and AWS decides about the gateway's domains.
pub(super) fn facts(
    context: &Context,
    gateway: &AIGateway,
    identity: &GatewayIdentity,
    valid: &ValidGateway,
) -> DomainFacts {
    let previous = gateway.status.clone().unwrap_or_default();
    let now = context.clock.now().as_second();
    DomainFacts::of(valid, &identity.id(), &claims(context), (&previous, now), &context.memory.build)
}

/// Every gateway of the cluster that asks for a domain and is to stay.
fn claims(context: &Context) -> Vec<Claim> {
    let stays = |gateway: &AIGateway| gateway.metadata.deletion_timestamp.is_none();
    let gateways = context.stores.gateways.state_filter(stays);
    gateways.iter().filter_map(|gateway| claim(gateway, super::identity(context, gateway).id())).collect()
}

/// What a gateway asks for.
pub(crate) fn claim(gateway: &AIGateway, gateway_id: String) -> Option<Claim> {
    Some(Claim {
        gateway_id,
        region: gateway.spec.region.clone(),
        account_id: gateway.spec.account_id.clone(),
        domain: gateway.spec.endpoint.domain.clone()?,
    })
}

/// Domains that gateways other than `gateway` ask for.
pub(super) fn wanted_elsewhere(context: &Context, gateway: &AIGateway) -> BTreeSet<String> {
    let own = super::identity(context, gateway).id();
    let beside = |claim: &Claim| {
        (&claim.region, &claim.account_id) == (&gateway.spec.region, &gateway.spec.account_id)
            && claim.gateway_id != own
    };
    claims(context).into_iter().filter(beside).map(|claim| claim.domain.name).collect()
}

/// Whether the gateway has, or may have had, a domain: others are spared the looks, and the right to look.
fn concerned(gateway: &AIGateway) -> bool {
    let told = gateway.status.as_ref().is_some_and(|status| !status.domains.is_empty());
    gateway.spec.endpoint.domain.is_some() || told
}

/// The domains that concern a gateway, with where they lead: those it asks for or asked for, and those nobody else does.
/// With `elsewhere` empty all of the installation.
pub(crate) async fn look(
    cloud: &Cloud,
    installation: &str,
    gateway: &AIGateway,
    elsewhere: &BTreeSet<String>,
) -> Result<Vec<ObservedDomain>, CloudError> {
    if !concerned(gateway) {
        return Ok(Vec::new());
    }
    let asked = gateway.spec.endpoint.domain.as_ref().map(|domain| domain.name.as_str());
    let told = gateway.status.iter().flat_map(|status| &status.domains);
    let told: BTreeSet<&str> = told.filter_map(|domain| host(&domain.url)).collect();
    let mut domains = cloud.domains.list(installation, asked).await?;
    domains.retain(|domain| {
        let name = domain.name.as_str();
        asked == Some(name) || told.contains(name) || !elsewhere.contains(name)
    });
    for domain in domains.iter_mut().filter(|domain| domain.ours) {
        domain.mappings = cloud.domains.mappings(&domain.name).await?;
    }
    domains.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(domains)
}

fn host(url: &str) -> Option<&str> {
    url.strip_prefix("https://")?.split(['/', ':']).next()
}

/// What a pass saw of the gateway's domain.
#[derive(Default)]
pub(super) struct Seen {
    /// Whether a call came through the domain, or need not be shown to.
    pub(super) proven: bool,
    /// Why none comes through, for people.
    pub(super) not_reached: Option<String>,
}

/// Lets the pass tell of the domain: what a person has to do, when something of it is due, and whether to look again at once
/// because clients are told another URL from now on.
pub(super) fn conclude(
    context: &Context,
    gateway: &AIGateway,
    valid: &ValidGateway,
    facts: &DomainFacts,
    pass: &mut Pass,
) {
    let Some(observed) = &pass.observed else { return };
    let settled = matches!(pass.outcome, GatewayOutcome::InSync | GatewayOutcome::Unproven { .. });
    if !settled {
        return;
    }
    let previous = gateway.status.clone().unwrap_or_default();
    if let Some((reason, message)) = tell::problem(valid, observed, facts) {
        pass.outcome = GatewayOutcome::Stalled { reason, message };
        return within(RETRY, pass);
    }
    if let (Some(message), GatewayOutcome::InSync) = (&pass.domain.not_reached, &pass.outcome) {
        let (reason, message) = (reason::DOMAIN_NOT_REACHED, message.clone());
        let unproven = Unproven { reason, message, stalled: true };
        pass.outcome = GatewayOutcome::Unproven { unproven, serving: false };
    }
    if pass.domain.not_reached.is_some() {
        within(RETRY, pass);
    }
    due(context, valid, &previous, pass);
}

/// What has to be done soon although nothing is wrong.
fn due(context: &Context, valid: &ValidGateway, previous: &AIGatewayStatus, pass: &mut Pass) {
    let Some(observed) = &pass.observed else { return };
    let (build, now) = (&context.memory.build, context.clock.now().as_second());
    let endpoint = tell::endpoint(valid, observed, build, previous, pass.domain.proven);
    let changes = valid.domain.is_some() && endpoint != previous.endpoint;
    let next = tell::next_retirement(&tell::status(valid, observed, build, previous, (endpoint.as_deref(), now)), now);
    if changes {
        within(POLL, pass);
    }
    if let Some(next) = next {
        within(next.max(POLL), pass);
    }
}

/// Looks again no later than that.
fn within(due: Duration, pass: &mut Pass) {
    if let Outcome::Done { requeue } | Outcome::Waiting { after: requeue } = &pass.next
        && due < *requeue
    {
        pass.next = Outcome::Waiting { after: due };
    }
}

/// The URL under the domain that has to be tried before clients are told of it; and what is proven without.
pub(super) fn untried(
    context: &Context,
    gateway: &AIGateway,
    valid: &ValidGateway,
    observed: &ObservedGateway,
) -> (Option<String>, bool) {
    let previous = gateway.status.clone().unwrap_or_default();
    let untold = tell::untold(valid, observed, &context.memory.build, &previous);
    let believed = untold.is_some() && tell::believed(valid.probe.mode);
    (untold.filter(|_| !believed), believed)
}
