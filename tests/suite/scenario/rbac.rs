//! The chart's rules are what the operator uses, nothing less and nothing more: every scenario is run, every access is
//! noted, and both are compared, for an operator that watches the cluster and for one that watches some namespaces.

use std::collections::{BTreeMap, BTreeSet};

use aigw_fakes::kube::Access;
use aigw_operator::Settings;
use aigw_tests::charts::{self, Grant};
use aigw_tests::harness::{Suite, test};
use aigw_tests::simulation::Options;
use aigw_tests::{Outcome, ensure, figures, repository};
use tracing::level_filters::LevelFilter;

use super::cases;
use aigw_tests::cluster::tenant;
use aigw_tests::simulation::scenario::{Scenario, Start};
use serde_json::json;

/// Namespace of the operator, in worlds and for the chart.
const SYSTEM: &str = "aigw-system";
/// The release's name, which the chart gives to the lease as well; worlds have the same.
const RELEASE: &str = "aigw-operator";
/// Namespaces with gateways and tenants in worlds.
const WATCHED: [&str; 4] = ["ai-platform", "team-search", "team-ads", "team-outside"];
/// Rights that no scenario here shows the use of: namespace, resource, verb, why the chart gives it all the same.
const UNSEEN: [(&str, &str, &str, &str); 2] = [
    (
        SYSTEM,
        "events",
        "create",
        "what the sweeper finds without a gateway is told on the lease, where Events are its own",
    ),
    (SYSTEM, "events", "patch", "the same, found again by a sweep within minutes of the last"),
];

/// An Event that is told again is counted up instead, which no scenario with an end of its own needs.
const SAME_NEWS_TWICE: Scenario = Scenario {
    name: "same_news_twice",
    start: Start::Converged,
    acts: |world| {
        Box::pin(async move {
            let search = tenant("team-search", "search");
            for (suspend, status) in [(true, "True"), (false, "False"), (true, "True"), (false, "False")] {
                world.patch(&search, &json!({"spec": {"suspend": suspend}})).await?;
                world.condition(&search, "Suspended", status, None).await?;
            }
            Ok(())
        })
    },
};

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "the_rules_for_a_cluster_are_what_the_operator_uses", || compared(&Mode::CLUSTER)),
        test(module_path!(), "the_rules_for_some_namespaces_are_what_the_operator_uses", || {
            compared(&Mode::NAMESPACES)
        }),
    ];
    Suite::new("scenario::rbac", tests).needs(charts::prepare)
}

/// A way to install the chart, and the operator that goes with it.
struct Mode {
    name: &'static str,
    values: &'static [&'static str],
    adjust: fn(&mut Settings),
}

impl Mode {
    const CLUSTER: Self = Self { name: "a cluster", values: &[], adjust: |_| {} };
    const NAMESPACES: Self = Self {
        name: "some namespaces",
        values: &["--set", "watch.namespaces={ai-platform,team-search,team-ads,team-outside}"],
        adjust: |settings| settings.watch_namespaces = WATCHED.map(str::to_owned).to_vec(),
    };
}

fn compared(mode: &Mode) -> Outcome {
    let rendered = charts::render(RELEASE, SYSTEM, "charts/aigw-operator", mode.values)?;
    let grants = charts::grants(&repository::documents(&rendered)?)?;
    let mut used: BTreeMap<Access, &'static str> = BTreeMap::new();
    let scenarios = [cases::all(), vec![SAME_NEWS_TWICE]].concat();
    for scenario in &scenarios {
        let options = Options { adjust: mode.adjust, ..Options::default() };
        let accesses =
            scenario.observe(LevelFilter::OFF, &options, |_| (), |(), world, _| Ok(world.kube.accesses()))?;
        for access in accesses.into_iter().filter(|access| access.user == options.pod) {
            used.entry(access).or_insert(scenario.name);
        }
    }
    let rights: BTreeSet<_> = used.keys().map(|access| (&access.verb, &access.group, access.path())).collect();
    figures::note(
        format!("rights for {}", mode.name),
        format!(
            "{} accesses in {} scenarios, {} kinds of them, compared with {} grants",
            used.len(),
            scenarios.len(),
            rights.len(),
            grants.len()
        ),
    );
    if mode.name == Mode::NAMESPACES.name {
        let everywhere: Vec<_> = grants.iter().filter(|grant| grant.namespace.is_none()).collect();
        ensure!(everywhere.is_empty(), "not by Roles only: {everywhere:?}");
        // Every ServiceAccount may read who issues its tokens, by a binding of Kubernetes itself.
        used.retain(|access, _| !access.resource.starts_with('/'));
    }
    let problems = [missing(&grants, &used), unused(&grants, &used)].concat();
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

fn allows(grant: &Grant, access: &Access) -> bool {
    let Grant { namespace, group, resource, verb, names } = grant;
    namespace.as_ref().is_none_or(|namespace| *namespace == access.namespace)
        && *group == access.group
        && *resource == access.path()
        && *verb == access.verb
        && (names.is_empty() || names.contains(&access.name))
}

/// Accesses that no rule allows.
fn missing(grants: &[Grant], used: &BTreeMap<Access, &'static str>) -> Vec<String> {
    let refused = used.iter().filter(|(access, _)| !grants.iter().any(|grant| allows(grant, access)));
    refused.map(|(access, scenario)| format!("{scenario} needs {access:?}, which no rule allows")).collect()
}

/// Rights that nothing used. One role is bound in each watched namespace; what is used in one of them is used.
fn unused(grants: &[Grant], used: &BTreeMap<Access, &'static str>) -> Vec<String> {
    let mut problems = BTreeSet::new();
    for grant in grants {
        let alike = |other: &&Grant| Grant { namespace: grant.namespace.clone(), ..(*other).clone() } == *grant;
        let watched = grant.namespace.as_deref().is_some_and(|namespace| WATCHED.contains(&namespace));
        let group: Vec<&Grant> = if watched { grants.iter().filter(alike).collect() } else { vec![grant] };
        let seen = used.keys().any(|access| group.iter().any(|grant| allows(grant, access)));
        let excused = UNSEEN.iter().any(|(namespace, resource, verb, _)| {
            grant.namespace.as_deref() == Some(*namespace) && *resource == grant.resource && *verb == grant.verb
        });
        if seen == excused {
            let what = if seen { "is excused although it is used" } else { "is never used" };
            problems.insert(format!("{} {} {what}", grant.verb, grant.resource));
        }
    }
    problems.into_iter().collect()
}
