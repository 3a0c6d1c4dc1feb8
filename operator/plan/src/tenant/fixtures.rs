//! Test support: one tenant's life, planned, linted and simulated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use aigw_api::TenantSpec;
use aigw_contract::Credential;
use aigw_contract::policy::TenantPolicy;

use super::admit::{AdmittedTenant, TenantFacts, admit};
use super::bind::{Bounds, bind};
use super::diff::{GatewayFacts, cleanup, diff};
use super::lint::lint;
use super::namespace::ALONE;
use super::simulated::SimulatedTenant;
use super::step::{ObservedSecret, ObservedTenant, TenantStep};
use crate::gateway::fixtures::{NAMED, identity};
use crate::gateway::validate::ValidGateway;
use crate::plan::Plan;

/// When the lives begin, in seconds since the Unix epoch.
pub(crate) const NOW: i64 = 1_800_000_000;
/// Most rounds a life may take to be in sync: what the operator gives one pass.
pub(crate) const ROUNDS: usize = 10;

pub(crate) fn admitted(spec: &TenantSpec, gateway: &ValidGateway) -> AdmittedTenant {
    let labels = BTreeMap::new();
    admit(spec, &facts(&labels), gateway, &identity()).unwrap()
}

/// The first tenant of its namespace, which asks for no rotation.
pub(crate) fn facts(labels: &BTreeMap<String, String>) -> TenantFacts<'_> {
    TenantFacts {
        namespace: "team-search",
        name: "search",
        namespace_labels: labels,
        earlier_in_namespace: 0,
        neighbours: &ALONE,
        rotation_request: None,
    }
}

/// A tenant's AWS and cluster, and what was done to them.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) sim: SimulatedTenant,
    pub(crate) gateway: ValidGateway,
    /// Seconds since [`NOW`].
    pub(crate) now: i64,
    /// Makes the random bytes differ from plan to plan.
    pub(crate) random: u8,
    /// Every plan executed, as text.
    pub(crate) log: String,
}

impl World {
    pub(crate) fn new(gateway: ValidGateway) -> Self {
        let sim = SimulatedTenant::new(ObservedTenant::default(), NAMED);
        Self { sim, gateway, now: 0, random: 0, log: String::new() }
    }

    /// The next plan; it must be clean.
    pub(crate) fn plan(&self, tenant: &AdmittedTenant) -> Plan<TenantStep> {
        let (identity, usage_plan_id) = (identity(), format!("plan-{}", tenant.tier.name));
        let facts = GatewayFacts {
            identity: &identity,
            endpoint: "https://gateway.example/v1",
            region: &self.gateway.region,
            usage_plan_id: Some(&usage_plan_id),
            api_keys: self.gateway.api_keys,
            cache_seconds: self.gateway.cache_seconds,
        };
        let observed = ObservedTenant { read_at: NOW + self.now, ..self.sim.observed.clone() };
        let plan = diff(tenant, &facts, &observed, NOW + self.now, &[self.random; 32]).unwrap();
        self.must_be_clean(&plan);
        plan
    }

    /// The next plan for the tenant while its spec is refused, or no rule admits it; it must be clean.
    pub(crate) fn bind(&self, bounds: Option<&Bounds>) -> Plan<TenantStep> {
        let (identity, time) = (identity(), (self.gateway.cache_seconds, NOW + self.now));
        let plan = bind(&identity.tenant_id("team-search", "search"), &identity, &self.sim.observed, bounds, time);
        self.must_be_clean(&plan);
        plan
    }

    pub(crate) fn cleanup(&self, tenant: &AdmittedTenant) -> Plan<TenantStep> {
        let plan = cleanup(&tenant.tenant_id, &identity(), &self.sim.observed, NOW + self.now);
        self.must_be_clean(&plan);
        plan
    }

    pub(crate) fn must_be_clean(&self, plan: &Plan<TenantStep>) {
        let findings = lint(&plan.steps, &self.sim.observed);
        assert_eq!(findings, Vec::<String>::new(), "{}\n{plan}", self.log);
    }

    pub(crate) fn apply(&mut self, step: &TenantStep) {
        self.sim.apply(step).unwrap_or_else(|impossible| panic!("{impossible}\n{}", self.log));
    }

    /// Plans and executes until there is nothing to do; gives the number of rounds.
    pub(crate) fn converge(&mut self, tenant: &AdmittedTenant) -> usize {
        self.run(|world| world.plan(tenant))
    }

    pub(crate) fn delete(&mut self, tenant: &AdmittedTenant) {
        self.run(|world| world.cleanup(tenant));
        // Its owner reference takes it away.
        if self.sim.observed.secret != ObservedSecret::Foreign {
            self.sim.observed.secret = ObservedSecret::Absent;
        }
    }

    pub(crate) fn run(&mut self, plan: impl Fn(&Self) -> Plan<TenantStep>) -> usize {
        for round in 0..ROUNDS {
            self.random = self.random.wrapping_add(1);
            let plan = plan(self);
            if plan.in_sync() {
                return round;
            }
            assert!(!plan.steps.is_empty(), "waits for ever: {plan}");
            let _ = write!(self.log, "# round {}\n{plan}", round + 1);
            if let Some(Duration { .. }) = plan.recheck {
                let _ = writeln!(self.log, "look again after {} s", plan.recheck.map_or(0, |due| due.as_secs()));
            }
            plan.steps.iter().for_each(|step| self.apply(step));
        }
        panic!("does not converge: {}", self.log);
    }

    pub(crate) fn credential(&self) -> Credential {
        let ObservedSecret::Ours(data) = &self.sim.observed.secret else { panic!("no Secret") };
        Credential::parse(&data["AWS_BEARER_TOKEN_BEDROCK"]).unwrap()
    }

    pub(crate) fn policy(&self) -> &TenantPolicy {
        &self.sim.observed.policy.as_ref().unwrap().content
    }
}
