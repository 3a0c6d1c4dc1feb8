//! One gateway: what would be done to its AWS objects, round by round, until it is in sync.

use std::collections::{BTreeMap, BTreeSet};

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, annotations};
use aigw_cloud::{Cloud, CloudError};
use aigw_plan::gateway::desired::{Build, desire, endpoint_url};
use aigw_plan::gateway::diff::diff;
use aigw_plan::gateway::domains::DomainFacts;
use aigw_plan::gateway::lint::lint;
use aigw_plan::gateway::observed::{ObservedGateway, ObservedTable};
use aigw_plan::gateway::ownership::{Claimant, Ownership, decide};
use aigw_plan::gateway::releases::ReleaseFacts;
use aigw_plan::gateway::simulated::{Place, SimulatedGateway};
use aigw_plan::gateway::step::GatewayStep;
use aigw_plan::gateway::validate::{ValidGateway, validate};
use aigw_plan::identity::{TAG_ID, TAG_OWNER_UID};
use aigw_plan::tenant::step::ObservedApiKey;
use aigw_plan::{Function, GatewayIdentity, Plan};
use futures::future::try_join_all;
use kube::ResourceExt;

use super::calls::of_gateway;
use super::cluster::ClusterView;
use super::names::{NEW, Names, new_id};
use super::report::{Block, ObjectReport, Round, Step};
use super::{PlanError, Planner};
use crate::gateway::{
    HEARTBEAT, Refusal, access_log, account, claim, look_for_domains, observe, read_capacity, release_facts,
};
use crate::harness::triggers::gateway_of;

/// Rounds after which something is wrong with the plan itself. From nothing to serving takes about eight.
const MOST_ROUNDS: usize = 30;

/// A gateway as it would be after its plan: what its tenants are planned against.
pub(super) struct Planned {
    pub(super) identity: GatewayIdentity,
    pub(super) valid: ValidGateway,
    pub(super) cloud: Cloud,
    /// After the plan.
    pub(super) after: ObservedGateway,
    /// Internal keys of all tenants, with the plans they are attached to.
    pub(super) api_keys: Vec<ObservedApiKey>,
    /// Whether the table can be asked about tenants now.
    pub(super) has_table: bool,
    /// URL, where there is or would be a REST API.
    pub(super) endpoint: Option<String>,
}

/// Plans `gateway`. With `changes` false it is taken as it is, because only its tenants are asked about.
pub(super) async fn plan(
    planner: &Planner<'_>,
    gateway: &AIGateway,
    changes: bool,
) -> Result<(ObjectReport, Option<Planned>), PlanError> {
    let (namespace, name) = (gateway.namespace().unwrap_or_default(), gateway.name_any());
    let mut report = ObjectReport::new("AIGateway", &namespace, &name);
    let valid = match validate(&gateway.spec) {
        Ok(valid) => valid,
        Err(violations) => {
            report.violations = violations.into_iter().map(Into::into).collect();
            return Ok((report, None));
        }
    };
    let identity = GatewayIdentity { installation: planner.settings.installation.clone(), namespace, name };
    let cloud = planner.clouds.region(&valid.region).await;
    match account(&cloud, &valid.account_id).await {
        Ok(()) => {}
        Err(Refusal::Unknown(error)) => return Err(error.into()),
        Err(refusal) => {
            let (reason, message) = refusal.describe();
            report.block(reason, message);
            return Ok((report, None));
        }
    }
    let known = planner.cluster.gateway(&identity.namespace, &identity.name);
    let looked = look(&cloud, &identity, &valid, known).await?;
    let mut observed = ObservedGateway { observed_at: planner.now.as_second(), ..looked };
    let facts = domain_facts(planner, &identity, &valid, known);
    // As it would be: the spec that is planned, and what the cluster tells of the one there is.
    let planned = AIGateway { status: known.and_then(|known| known.status.clone()), ..gateway.clone() };
    observed.domains = look_for_domains(&cloud, &identity.installation, &planned, &facts.wanted_elsewhere).await?;
    let api_keys = keys(&cloud, &identity, &observed).await?;
    let has_table = observed.table.as_ref().is_some_and(ObservedTable::usable);
    let place = Place { region: valid.region.clone(), account_id: valid.account_id.clone() };
    let mut simulated = SimulatedGateway::new(observed, api_keys, place, new_id);
    if changes {
        let intent = Intent {
            planner,
            identity: &identity,
            valid: &valid,
            build: build(planner, &valid, &simulated.aws, &mut report),
            claims: Claims::of(planner.cluster, gateway, known, &simulated.aws),
            tiers_in_use: tiers_in_use(planner.cluster, &identity, &simulated),
            domain_facts: facts,
            release_facts: release_facts(gateway, &planner.cluster.gateways),
        };
        rounds(&intent, &mut simulated, &mut report)?;
    }
    if report.blocked.is_some() {
        return Ok((report, None));
    }
    let told = known.and_then(|gateway| gateway.status.as_ref()?.endpoint.clone());
    let made = match simulated.aws.rest_apis.as_slice() {
        [api] if simulated.aws.stages.contains_key(&valid.stage) => {
            Some(endpoint_url(&valid, &api.id, &planner.settings.build))
        }
        _ => None,
    };
    let SimulatedGateway { aws: after, api_keys, .. } = simulated;
    Ok((report, Some(Planned { identity, endpoint: told.or(made), valid, cloud, after, api_keys, has_table })))
}

async fn look(
    cloud: &Cloud,
    identity: &GatewayIdentity,
    valid: &ValidGateway,
    known: Option<&AIGateway>,
) -> Result<ObservedGateway, CloudError> {
    let given = [(Function::Forwarder, &valid.forwarder_role_arn), (Function::Authorizer, &valid.authorizer_role_arn)];
    let own_roles = given.into_iter().filter_map(|(function, given)| given.is_none().then_some(function));
    let hint = known.and_then(|gateway| gateway.status.as_ref()?.rest_api_id.clone());
    let stages = std::slice::from_ref(&valid.stage);
    let mut observed = observe(cloud, identity, hint.as_deref(), own_roles, stages).await?;
    observed.capacity = read_capacity(cloud).await;
    access_log(cloud, identity, valid, &mut observed).await?;
    Ok(observed)
}

/// What beside spec and AWS decides about domains, as the cluster tells.
fn domain_facts(
    planner: &Planner<'_>,
    identity: &GatewayIdentity,
    valid: &ValidGateway,
    known: Option<&AIGateway>,
) -> DomainFacts {
    let others = planner.cluster.gateways.iter().filter(|other| other.metadata.deletion_timestamp.is_none());
    let claims: Vec<_> = others
        .filter_map(|other| {
            let (namespace, name) = (other.namespace().unwrap_or_default(), other.name_any());
            let other_identity = GatewayIdentity { namespace, name, ..identity.clone() };
            claim(other, other_identity.id())
        })
        .collect();
    let previous = known.and_then(|gateway| gateway.status.clone()).unwrap_or_default();
    let at = (&previous, planner.now.as_second());
    DomainFacts::of(valid, &identity.id(), &claims, at, &planner.settings.build)
}

/// Internal keys of the gateway's tenants.
async fn keys(
    cloud: &Cloud,
    identity: &GatewayIdentity,
    observed: &ObservedGateway,
) -> Result<Vec<ObservedApiKey>, CloudError> {
    let mut keys = cloud.api_keys.list(&identity.api_key_prefix()).await?;
    keys.retain(|key| key.tags.get(TAG_ID) == Some(&identity.id()));
    if keys.is_empty() {
        return Ok(keys);
    }
    let attached = try_join_all(observed.usage_plans.iter().map(|plan| cloud.usage_plans.key_ids(&plan.id))).await?;
    for key in &mut keys {
        let plans = observed.usage_plans.iter().zip(&attached).filter(|(_, ids)| ids.contains(&key.id));
        key.usage_plans = plans.map(|(plan, _)| plan.id.clone()).collect();
    }
    Ok(keys)
}

/// What this build brings. Where the functions' code is not at hand it is taken to be what AWS has.
fn build(planner: &Planner<'_>, valid: &ValidGateway, observed: &ObservedGateway, report: &mut ObjectReport) -> Build {
    let mut build = planner.settings.build.clone();
    if build.code.is_empty() {
        let architecture = aigw_plan::gateway::desired::architecture_name(valid.architecture).to_owned();
        for function in Function::ALL {
            let code =
                observed.functions.get(&function).map_or_else(|| NEW.to_owned(), |actual| actual.code_sha256.clone());
            build.code.insert((function, architecture.clone()), code);
        }
        report.note("the functions' code is not at hand (--functions-dir); taken to be what AWS has");
    }
    build
}

/// Who acts, and what the ownership record says to that.
struct Claims {
    /// UID that would be in the tags.
    owner_uid: String,
    /// Asking object and cluster; `None` where no cluster could be asked: then the record is taken to be ours.
    claimant: Option<(String, String)>,
    take_over: Option<String>,
}

impl Claims {
    fn of(cluster: &ClusterView, gateway: &AIGateway, known: Option<&AIGateway>, observed: &ObservedGateway) -> Self {
        let uid = known.and_then(ResourceExt::uid);
        let recorded = observed.owner.as_ref().map(|owner| owner.content.object_uid.clone());
        let tagged = || observed.rest_apis.first().and_then(|api| api.tags.get(TAG_OWNER_UID).cloned());
        // Without a cluster the object has no UID: the recorded one, so that no tag seems to change.
        let assumed = || recorded.or_else(tagged).unwrap_or_else(|| NEW.to_owned());
        let annotated = |gateway: &AIGateway| gateway.annotations().get(annotations::TAKE_OVER).cloned();
        let owner_uid = match (&uid, cluster.reachable) {
            (Some(uid), _) => uid.clone(),
            (None, true) => NEW.to_owned(),
            (None, false) => assumed(),
        };
        let claimant = cluster.reachable.then(|| (owner_uid.clone(), cluster.uid.clone().unwrap_or_default()));
        Self { owner_uid, claimant, take_over: annotated(gateway).or_else(|| known.and_then(annotated)) }
    }

    /// The claim the operator would write first, or who keeps it from acting.
    fn decide(
        &self,
        planner: &Planner<'_>,
        identity: &GatewayIdentity,
        observed: &ObservedGateway,
    ) -> Result<Option<GatewayStep>, Block> {
        if !observed.table.as_ref().is_some_and(ObservedTable::usable) {
            return Ok(None);
        }
        let (object_uid, cluster_uid) = match (&self.claimant, &observed.owner) {
            (None, Some(_)) => return Ok(None),
            (None, None) => (NEW, NEW),
            (Some((object, cluster)), _) => (object.as_str(), cluster.as_str()),
        };
        // A heartbeat is due every few minutes and is no change.
        if observed.owner.as_ref().is_some_and(|owner| owner.content.object_uid == object_uid) {
            return Ok(None);
        }
        let (take_over, now) = (self.take_over.as_deref(), planner.now.as_second());
        let claimant = Claimant { cluster_uid, object_uid, take_over, now, heartbeat: HEARTBEAT };
        match decide(observed.owner.as_ref(), &claimant) {
            Ownership::Ours => Ok(None),
            Ownership::Claim { expected, record, adopts: _ } => {
                Ok(Some(GatewayStep::ClaimOwnership { table: identity.physical_name(), expected, record }))
            }
            Ownership::Elsewhere { object_uid, cluster_uid } => Err(Block {
                reason: reason::OWNED_ELSEWHERE,
                message: format!(
                    "object {object_uid} of cluster {cluster_uid} keeps this gateway alive; nothing would be changed"
                ),
            }),
        }
    }
}

/// Tiers some tenant is in: as their statuses say, else as their keys' plans do.
fn tiers_in_use(cluster: &ClusterView, identity: &GatewayIdentity, world: &SimulatedGateway) -> BTreeSet<String> {
    if cluster.reachable {
        let of_gateway = cluster.tenants.iter().filter(|tenant| {
            let key = gateway_of(tenant);
            key.namespace.as_deref() == Some(identity.namespace.as_str()) && key.name == identity.name
        });
        return of_gateway
            .filter_map(|tenant| Some(tenant.status.as_ref()?.effective.as_ref()?.tier.clone()))
            .collect();
    }
    let used: BTreeSet<&String> = world.api_keys.iter().flat_map(|key| &key.usage_plans).collect();
    world.aws.usage_plans.iter().filter(|plan| used.contains(&plan.id)).map(|plan| plan.tier.clone()).collect()
}

/// Everything a gateway's plan is made from but the state of AWS.
struct Intent<'a> {
    planner: &'a Planner<'a>,
    identity: &'a GatewayIdentity,
    valid: &'a ValidGateway,
    build: Build,
    claims: Claims,
    tiers_in_use: BTreeSet<String>,
    domain_facts: DomainFacts,
    release_facts: ReleaseFacts,
}

impl Intent<'_> {
    /// The next plan, the claim of ownership before it; or what a person has to decide.
    fn next(&self, aws: &ObservedGateway) -> Result<Plan<GatewayStep>, Block> {
        let block = |reason, message: String| Block { reason, message };
        let claim = self.claims.decide(self.planner, self.identity, aws)?;
        let facts = (aws, &self.domain_facts, &self.release_facts);
        let desired = desire(self.valid, self.identity, &self.claims.owner_uid, &self.build, facts)
            .map_err(|error| block(reason::INVALID, error.to_string()))?;
        let mut plan =
            diff(&desired, aws, &self.tiers_in_use).map_err(|blocked| block(blocked.reason(), blocked.to_string()))?;
        plan.steps.splice(0..0, claim);
        let findings = lint(&plan.steps, aws);
        if findings.is_empty() {
            return Ok(plan);
        }
        let message = format!("a plan of our own breaks an invariant: {}", findings.join("; "));
        Err(block(reason::INTERNAL_ERROR, message))
    }
}

/// Plans and simulates until there is nothing to do.
fn rounds(intent: &Intent<'_>, simulated: &mut SimulatedGateway, report: &mut ObjectReport) -> Result<(), PlanError> {
    if let (None, Some(owner)) = (&intent.claims.claimant, &simulated.aws.owner) {
        let (object, cluster) = (&owner.content.object_uid, &owner.content.cluster_uid);
        report
            .note(format!("the ownership record names object {object} of cluster {cluster}; taken to be this object"));
    }
    let mut names = Names::default();
    for _ in 0..MOST_ROUNDS {
        let plan = match intent.next(&simulated.aws) {
            Ok(plan) => plan,
            Err(block) => {
                report.blocked = Some(block);
                return Ok(());
            }
        };
        if plan.in_sync() {
            return Ok(());
        }
        for step in &plan.steps {
            names.learn(step);
            simulated.apply(step)?;
        }
        let told = plan.steps.iter().map(|step| Step { text: names.text(step), calls: of_gateway(step) }).collect();
        report.rounds.push(Round { steps: told, wait: plan.wait.map(|wait| wait.message) });
        if !simulated.settle() && plan.steps.is_empty() {
            report.note("what is waited for is not ours to foresee; the rounds after it are left out");
            return Ok(());
        }
    }
    Err(PlanError::Endless(intent.identity.id()))
}

/// By namespace and name.
pub(super) type PlannedGateways = BTreeMap<(String, String), Option<Planned>>;
