//! One tenant: what would be done to its key, Secret, policy and meter, once its gateway is as planned.

use std::collections::BTreeMap;
use std::convert::Infallible;

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, Tenant};
use aigw_cloud::CloudError;
use aigw_contract::policy::TenantPolicy;
use aigw_plan::Plan;
use aigw_plan::gateway::observed::Document;
use aigw_plan::tenant::admit::{AdmittedTenant, TenantFacts, admit, bounds, shares};
use aigw_plan::tenant::bind::bind;
use aigw_plan::tenant::diff::{GatewayFacts, diff};
use aigw_plan::tenant::identities::asked;
use aigw_plan::tenant::internal_key::key_name;
use aigw_plan::tenant::lint::lint;
use aigw_plan::tenant::namespace::{ALONE, Amounts, Neighbour, Neighbours};
use aigw_plan::tenant::secret::observed;
use aigw_plan::tenant::simulated::SimulatedTenant;
use aigw_plan::tenant::step::{ObservedSecret, ObservedTenant, TenantStep};
use kube::{Client, ResourceExt};

use super::calls::of_tenant;
use super::gateways::Planned;
use super::manifests::Manifests;
use super::names::{Names, new_id};
use super::report::{ObjectReport, Round, Step};
use super::{PlanError, Planner, cluster};
use crate::gateway::parse;
use crate::harness::triggers::gateway_of;
use crate::tenant::{identities, rotation_request};

/// Rounds after which something is wrong with the plan itself. From nothing to served takes two.
const MOST_ROUNDS: usize = 20;

/// Plans `tenant` against its gateway as planned; `None` where there is no such gateway to plan against.
pub(super) async fn plan(
    planner: &Planner<'_>,
    manifests: &Manifests,
    tenant: &Tenant,
    gateway: Option<&Planned>,
) -> Result<ObjectReport, PlanError> {
    let (namespace, name) = (tenant.namespace().unwrap_or_default(), tenant.name_any());
    let mut report = ObjectReport::new("Tenant", &namespace, &name);
    let Some(gateway) = gateway else {
        let key = gateway_of(tenant);
        let (namespace, name) = (key.namespace.unwrap_or_default(), key.name);
        let message =
            format!("AIGateway {namespace}/{name} is neither planned here nor in the cluster, or has no plan itself");
        report.block(reason::GATEWAY_NOT_FOUND, message);
        return Ok(report);
    };
    let labels = namespace_labels(planner, manifests, &namespace, &mut report);
    let (older, younger) = of_namespace(planner, manifests, tenant);
    let facts = TenantFacts {
        namespace: &namespace,
        name: &name,
        namespace_labels: &labels,
        earlier_in_namespace: older.iter().filter(|other| other.metadata.deletion_timestamp.is_none()).count(),
        neighbours: &ALONE,
        rotation_request: rotation_request(tenant),
    };
    let neighbours = neighbours(gateway, &facts, &older, &younger).await?;
    let facts = TenantFacts { neighbours: &neighbours, ..facts };
    let tenant_id = gateway.identity.tenant_id(&namespace, &name);
    let in_aws = look(gateway, &tenant_id, &asked(&tenant.spec, &namespace)).await?;
    let in_aws = ObservedTenant { read_at: planner.now.as_second(), ..in_aws };
    match admit(&tenant.spec, &facts, &gateway.valid, &gateway.identity) {
        Err(violation) => {
            // What it had is bound to what its rule allows, if any.
            let bounds = bounds(&tenant.spec, &facts, &gateway.valid, &gateway.identity);
            let time = (gateway.valid.cache_seconds, planner.now.as_second());
            let bind = |observed: &_| bind(&tenant_id, &gateway.identity, observed, bounds.as_ref(), time);
            rounds(|observed: &ObservedTenant| Ok::<_, Infallible>(bind(observed)), in_aws, &mut report)?;
            report.violations.push(violation.into());
        }
        Ok(admitted) => {
            let Some(endpoint) = &gateway.endpoint else {
                report.block(reason::GATEWAY_NOT_READY, "its AIGateway does not serve yet; plan it together with it");
                return Ok(report);
            };
            let secret = secret(planner, tenant, &admitted, gateway.valid.api_keys, &mut report).await?;
            let usage_plan = gateway.after.usage_plans.iter().find(|plan| plan.tier == admitted.tier.name);
            let facts = GatewayFacts {
                identity: &gateway.identity,
                endpoint,
                region: &gateway.valid.region,
                usage_plan_id: usage_plan.map(|plan| plan.id.as_str()),
                api_keys: gateway.valid.api_keys,
                cache_seconds: gateway.valid.cache_seconds,
            };
            // A credential made of these bytes is never given out: nothing is written, and no text shows it.
            let random = [0; 32];
            let now = planner.now.as_second();
            let next = |observed: &ObservedTenant| diff(&admitted, &facts, observed, now, &random);
            rounds(next, ObservedTenant { secret, ..in_aws }, &mut report)?;
        }
    }
    Ok(report)
}

/// Policy, meter and keys as they are now.
async fn look(gateway: &Planned, tenant_id: &str, asked: &[String]) -> Result<ObservedTenant, CloudError> {
    let prefix = key_name(&gateway.identity, tenant_id, 0);
    let prefix = prefix.trim_end_matches('0');
    let api_keys = gateway.api_keys.iter().filter(|key| key.name.starts_with(prefix)).cloned().collect();
    let mut observed = ObservedTenant { api_keys, ..ObservedTenant::default() };
    if gateway.has_table {
        let table = gateway.identity.physical_name();
        let found = gateway.cloud.tables.tenants(&table, &[tenant_id.to_owned()]).await?;
        if let Some(items) = found.into_values().next() {
            let policy: Option<Document<String>> = items.policy;
            (observed.policy, observed.meter, observed.reading) = (parse(policy)?, items.meter, items.reading);
        }
        observed.identities =
            identities(&gateway.cloud, &gateway.identity, observed.policy.as_ref(), tenant_id, asked).await?;
    }
    Ok(observed)
}

fn namespace_labels(
    planner: &Planner<'_>,
    manifests: &Manifests,
    namespace: &str,
    report: &mut ObjectReport,
) -> BTreeMap<String, String> {
    let known = manifests.namespaces.get(namespace).or_else(|| planner.cluster.namespaces.get(namespace));
    known.cloned().unwrap_or_else(|| {
        report.note(format!(
            "namespace {namespace} is neither in the manifests nor in the cluster; taken to have no labels"
        ));
        BTreeMap::new()
    })
}

async fn secret(
    planner: &Planner<'_>,
    tenant: &Tenant,
    admitted: &AdmittedTenant,
    wanted: bool,
    report: &mut ObjectReport,
) -> Result<ObservedSecret, PlanError> {
    let client: Option<&Client> = planner.client.filter(|_| planner.cluster.reachable);
    let Some(client) = client else {
        if wanted {
            report.note("its Secret was not looked up; taken to be absent, so that a new credential shows even where there is one");
        }
        return Ok(ObservedSecret::Absent);
    };
    let found = cluster::secret(client, &admitted.namespace, &admitted.secret_name).await?;
    let known = planner.cluster.tenant(&admitted.namespace, &admitted.name).unwrap_or(tenant);
    Ok(observed(found, &admitted.tenant_id, known.uid().as_deref()))
}

/// The other tenants of the same namespace and gateway, as the manifests would have them: those that were there first and
/// those that were not. Those of the cluster come by age, then those that are only in manifests, by name.
fn of_namespace<'a>(
    planner: &Planner<'a>,
    manifests: &'a Manifests,
    tenant: &Tenant,
) -> (Vec<&'a Tenant>, Vec<&'a Tenant>) {
    let in_cluster =
        |tenant: &Tenant| planner.cluster.tenant(&tenant.namespace().unwrap_or_default(), &tenant.name_any());
    let order = |tenant: &Tenant| {
        let created = in_cluster(tenant).and_then(ResourceExt::creation_timestamp);
        (created.is_none(), created, tenant.name_any())
    };
    let same =
        |one: &Tenant, other: &Tenant| one.namespace() == other.namespace() && one.name_any() == other.name_any();
    let planned = |other: &Tenant| manifests.tenants.iter().any(|each| same(each, other));
    let unplanned = planner.cluster.tenants.iter().filter(|other| !planned(other));
    let mut others: Vec<&Tenant> = unplanned
        .chain(&manifests.tenants)
        .filter(|other| other.namespace() == tenant.namespace() && gateway_of(other) == gateway_of(tenant))
        .filter(|other| !same(other, tenant))
        .collect();
    others.sort_by_cached_key(|other| order(other));
    let own = order(tenant);
    others.into_iter().partition(|other| order(other) < own)
}

/// What the others of the namespace have and ask for, where the rule limits what they may have together.
async fn neighbours(
    gateway: &Planned,
    facts: &TenantFacts<'_>,
    older: &[&Tenant],
    younger: &[&Tenant],
) -> Result<Neighbours, CloudError> {
    if !shares(facts, &gateway.valid, &gateway.identity) {
        return Ok(Neighbours::default());
    }
    let id = |name: &str| gateway.identity.tenant_id(facts.namespace, name);
    let names = older.iter().chain(younger).map(|other| other.name_any()).chain([facts.name.to_owned()]);
    let ids: Vec<String> = names.map(|name| id(&name)).collect();
    let mut granted = BTreeMap::new();
    if gateway.has_table {
        for (id, items) in gateway.cloud.tables.tenants(&gateway.identity.physical_name(), &ids).await? {
            let policy: Option<Document<TenantPolicy>> = parse(items.policy)?;
            granted.extend(policy.map(|policy| (id, Amounts::granted(&policy.content))));
        }
    }
    let granted = |name: &str| granted.get(&id(name)).copied().unwrap_or_default();
    let seen = |(earlier, other): (usize, &&Tenant)| {
        let name = other.name_any();
        let of_other = TenantFacts {
            name: &name,
            earlier_in_namespace: earlier,
            rotation_request: rotation_request(other),
            ..facts.clone()
        };
        let admitted = admit(&other.spec, &of_other, &gateway.valid, &gateway.identity).ok();
        let asks = admitted.map(|admitted| Amounts::asked(&admitted.limits));
        let stays = other.metadata.deletion_timestamp.is_none();
        Neighbour { granted: granted(&name), asks: asks.filter(|_| stays) }
    };
    Ok(Neighbours {
        older: older.iter().enumerate().map(seen).collect(),
        younger: younger.iter().enumerate().map(|(place, other)| seen((older.len() + 1 + place, other))).collect(),
        granted: granted(facts.name),
    })
}

/// Plans and simulates until there is nothing to do.
fn rounds<E: std::fmt::Display>(
    next: impl Fn(&ObservedTenant) -> Result<Plan<TenantStep>, E>,
    observed: ObservedTenant,
    report: &mut ObjectReport,
) -> Result<(), PlanError> {
    let mut simulated = SimulatedTenant::new(observed, new_id);
    let names = Names::default();
    for _ in 0..MOST_ROUNDS {
        let plan = match next(&simulated.observed) {
            Ok(plan) => plan,
            Err(not_ours) => {
                report.block(reason::SECRET_NOT_OURS, not_ours.to_string());
                return Ok(());
            }
        };
        let findings = lint(&plan.steps, &simulated.observed);
        if !findings.is_empty() {
            report.block(
                reason::INTERNAL_ERROR,
                format!("a plan of our own breaks an invariant: {}", findings.join("; ")),
            );
            return Ok(());
        }
        if plan.in_sync() {
            if let Some(due) = plan.recheck {
                report.note(format!(
                    "something is due after {} s (a key or credential retires, or access ends); not foreseen here",
                    due.as_secs()
                ));
            }
            return Ok(());
        }
        for step in &plan.steps {
            simulated.apply(step)?;
        }
        let told = plan.steps.iter().map(|step| Step { text: names.text(step), calls: of_tenant(step) }).collect();
        report.rounds.push(Round { steps: told, wait: plan.wait.map(|wait| wait.message) });
        if plan.steps.is_empty() {
            report.note("what is waited for is not ours to foresee; the rounds after it are left out");
            return Ok(());
        }
    }
    Err(PlanError::Endless(format!("tenant {}/{}", report.namespace, report.name)))
}

/// The gateway a tenant refers to, in the cluster.
pub(super) fn gateway_in_cluster<'a>(planner: &Planner<'a>, tenant: &Tenant) -> Option<&'a AIGateway> {
    let key = gateway_of(tenant);
    planner.cluster.gateway(key.namespace.as_deref().unwrap_or_default(), &key.name)
}
