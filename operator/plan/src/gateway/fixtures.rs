//! Test support: one gateway's life, planned, linted and simulated.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aigw_api::DeletionPolicy;
use aigw_contract::table::OwnerRecord;

use super::cleanup::cleanup;
use super::desired::{Build, DesiredGateway, desire};
use super::diff::diff;
use super::domains::{DomainFacts, mapped, url};
use super::endpoint::ValidDomain;
use super::lint::lint;
use super::observed::{Document, ObservedGateway};
use super::releases::ReleaseFacts;
use super::simulated::{NewId, Place, SimulatedGateway};
use super::step::GatewayStep;
use super::validate::{ValidGateway, validate};
use crate::identity::{Function, GatewayIdentity};
use crate::plan::Plan;

/// Most rounds a life may take to be in sync: what the operator gives one pass.
pub(crate) const ROUNDS: usize = 15;

pub(crate) fn identity() -> GatewayIdentity {
    GatewayIdentity { installation: "test".into(), namespace: "ai-platform".into(), name: "prod".into() }
}

pub(crate) fn build() -> Build {
    let code = Function::ALL
        .into_iter()
        .flat_map(|function| {
            ["arm64", "x86_64"].map(|architecture| {
                ((function, architecture.to_owned()), format!("code-{}-{architecture}", function.as_str()))
            })
        })
        .collect();
    Build { code, ..Build::default() }
}

pub(crate) fn valid(spec: serde_json::Value) -> ValidGateway {
    validate(&serde_json::from_value(spec).unwrap()).unwrap()
}

pub(crate) fn place() -> Place {
    Place { region: "eu-central-1".into(), account_id: "111122223333".into() }
}

fn valid_domain(name: &str) -> ValidDomain {
    let (certificate_arn, base_path, security_policy) = Default::default();
    ValidDomain { name: name.to_owned(), certificate_arn, base_path, security_policy }
}

/// Ids that a reader can follow: `api1`, `d4`.
pub(crate) const NAMED: NewId =
    |kind, number| if kind == "version" { number.to_string() } else { format!("{kind}{number}") };

/// A gateway's AWS and what was done to it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) sim: SimulatedGateway,
    /// UID of the object that acts.
    pub(crate) owner: String,
    /// Tiers some tenant is in.
    pub(crate) tiers_in_use: BTreeSet<String>,
    /// Custom domains another gateway asks for.
    pub(crate) wanted_elsewhere: BTreeSet<String>,
    /// What people say about releases, and how other gateways are doing.
    pub(crate) release_facts: ReleaseFacts,
    /// Every step executed, as text.
    pub(crate) log: String,
}

impl Default for World {
    fn default() -> Self {
        Self::new(place())
    }
}

impl World {
    /// Nothing at a place.
    pub(crate) fn new(place: Place) -> Self {
        let account_log_role = Some("arn:aws:iam::111122223333:role/logs".to_owned());
        let aws = ObservedGateway { account_log_role, ..ObservedGateway::default() };
        Self {
            sim: SimulatedGateway::new(aws, Vec::new(), place, NAMED),
            owner: "uid-1".into(),
            tiers_in_use: BTreeSet::new(),
            wanted_elsewhere: BTreeSet::new(),
            release_facts: ReleaseFacts::default(),
            log: String::new(),
        }
    }

    /// A gateway that is in sync, with an owner and an empty log.
    pub(crate) fn settled(target: &ValidGateway) -> Self {
        let mut world = Self::new(Place { region: target.region.clone(), account_id: target.account_id.clone() });
        world.converge(target);
        let record =
            OwnerRecord { cluster_uid: "cluster-1".into(), object_uid: "uid-1".into(), epoch: 1, heartbeat: 0 };
        world.sim.aws.owner = Some(Document { version: 1, content: record });
        world.log.clear();
        world
    }

    pub(crate) fn desired(&self, valid: &ValidGateway) -> DesiredGateway {
        desire(
            valid,
            &identity(),
            &self.owner,
            &build(),
            (&self.sim.aws, &self.domain_facts(valid), &self.release_facts),
        )
        .unwrap()
    }

    /// As if a domain worked as soon as it is mapped, and what it replaces were retired at that moment.
    fn domain_facts(&self, valid: &ValidGateway) -> DomainFacts {
        let aws = &self.sim.aws;
        let [api] = aws.rest_apis.as_slice() else { return DomainFacts::default() };
        let told = valid.domain.as_ref().is_some_and(|domain| mapped(domain, &valid.stage, api, aws));
        let own = valid.domain.as_ref().map(|domain| url(domain, &build()));
        let others = aws.domains.iter().flat_map(|domain| {
            domain.mappings.iter().map(|mapping| {
                let of = ValidDomain { base_path: mapping.base_path.clone(), ..valid_domain(&domain.name) };
                url(&of, &build())
            })
        });
        let retired = others.filter(|url| Some(url) != own.as_ref() && (told || own.is_none())).collect();
        DomainFacts { told, retired, wanted_elsewhere: self.wanted_elsewhere.clone(), decided_by: None }
    }

    /// The next plan; it must be clean.
    pub(crate) fn plan(&self, valid: &ValidGateway) -> Plan<GatewayStep> {
        let plan = diff(&self.desired(valid), &self.sim.aws, &self.tiers_in_use).unwrap();
        self.must_be_clean(&plan);
        plan
    }

    pub(crate) fn cleanup(&self, compute: DeletionPolicy, data: DeletionPolicy) -> Plan<GatewayStep> {
        let plan = cleanup(&identity(), compute, data, &self.sim.aws, (&self.sim.api_keys, &self.wanted_elsewhere));
        self.must_be_clean(&plan);
        plan
    }

    fn must_be_clean(&self, plan: &Plan<GatewayStep>) {
        assert_eq!(lint(&plan.steps, &self.sim.aws), Vec::<String>::new(), "{plan}");
    }

    pub(crate) fn apply(&mut self, step: &GatewayStep) {
        self.sim.apply(step).unwrap_or_else(|impossible| panic!("{impossible}\n{}", self.log));
    }

    /// Plans and executes until in sync; gives the number of rounds.
    pub(crate) fn converge(&mut self, valid: &ValidGateway) -> usize {
        self.run(|world| world.plan(valid))
    }

    /// Takes everything away; gives the number of rounds.
    pub(crate) fn delete(&mut self, compute: DeletionPolicy, data: DeletionPolicy) -> usize {
        self.run(|world| world.cleanup(compute, data))
    }

    fn run(&mut self, plan: impl Fn(&Self) -> Plan<GatewayStep>) -> usize {
        for round in 0..ROUNDS {
            let plan = plan(self);
            if plan.in_sync() {
                return round;
            }
            let _ = write!(self.log, "# round {}\n{plan}", round + 1);
            for step in &plan.steps {
                self.apply(step);
            }
            self.sim.settle();
        }
        panic!("does not converge:\n{}\n{}", self.log, plan(self));
    }
}
