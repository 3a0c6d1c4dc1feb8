//! The graph of crates, and the rules about who may know whom.
//!
//! The plan is where mistakes cost money, so it has to build and test in seconds: no runtime, no client, no SDK may
//! creep into it. A rule is a sentence of the design in a form that can be checked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;

use serde_json::Value;

use crate::{Outcome, repository};

/// Crates by name, each with the crates it depends on (without development dependencies).
#[derive(Debug, Default)]
pub struct Graph {
    /// Edges.
    pub edges: BTreeMap<String, BTreeSet<String>>,
    /// Crates of the workspace.
    pub ours: BTreeSet<String>,
}

/// What a rule forbids. A name that ends in `*` stands for all that begin so.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// Of our crates, this one may name no other than these.
    Names(&'static str, &'static [&'static str]),
    /// Only these crates of ours may name that one directly.
    NamedOnlyBy(&'static str, &'static [&'static str]),
    /// This crate must not reach any of these, however far away.
    NeverReaches(&'static str, &'static [&'static str]),
    /// Nothing in the lock file may have this name.
    Absent(&'static str),
}

/// A runtime, a Kubernetes client, HTTP and AWS: what pure crates must not contain. (`kube` alone is types.)
const ASYNC_SHELL: &[&str] = &["tokio", "kube-client", "kube-runtime", "hyper", "hyper-util", "reqwest", "aws-*"];

/// The rules. Direction: {contract, api} ← plan ← cloud ← {aws, operator}; contract ← forwarder.
pub const RULES: &[Rule] = &[
    Rule::Names("aigw-contract", &[]),
    Rule::Names("aigw-api", &[]),
    Rule::Names("aigw-plan", &["aigw-contract", "aigw-api"]),
    Rule::Names("aigw-cloud", &["aigw-contract", "aigw-api", "aigw-plan"]),
    Rule::Names("aigw-aws", &["aigw-contract", "aigw-api", "aigw-plan", "aigw-cloud"]),
    Rule::Names("aigw-operator", &["aigw-contract", "aigw-api", "aigw-plan", "aigw-cloud", "aigw-aws"]),
    Rule::Names("aigw-forwarder", &["aigw-contract"]),
    // The environment plays AWS and Kubernetes; knowing our code it would share our mistakes.
    Rule::Names("aigw-env", &[]),
    // The fakes stand behind the ports; knowing the operator or the adapters they would share their mistakes.
    Rule::Names("aigw-fakes", &["aigw-contract", "aigw-plan", "aigw-cloud"]),
    // The suites run port cases against the adapters; without the feature they compile no SDK.
    Rule::NamedOnlyBy("aigw-aws", &["aigw-operator", "aigw-tests"]),
    Rule::NamedOnlyBy("aws-sdk-*", &["aigw-aws"]),
    Rule::NeverReaches("aigw-contract", ASYNC_SHELL),
    Rule::NeverReaches("aigw-plan", ASYNC_SHELL),
    Rule::NeverReaches("aigw-api", ASYNC_SHELL),
    Rule::NeverReaches("aigw-cloud", &["kube-client", "hyper", "aws-sdk-*", "aws-config"]),
    Rule::NeverReaches(
        "aigw-forwarder",
        &["kube", "kube-core", "kube-client", "k8s-openapi", "aws-sdk-*", "aws-config"],
    ),
    // Exactly one provider of cryptography: two in one process make rustls panic at first use.
    Rule::Absent("aws-lc-rs"),
    Rule::Absent("aws-lc-sys"),
    Rule::Absent("openssl"),
    Rule::Absent("openssl-sys"),
    Rule::Absent("native-tls"),
    Rule::Absent("rustls-openssl"),
];

impl Graph {
    /// The workspace as cargo resolves it, with all features.
    pub fn of_workspace() -> Outcome<Self> {
        Self::parse(&serde_json::from_str(&cargo(&["metadata", "--format-version=1"])?)?)
    }

    /// What one crate alone reaches. Not a part of the whole workspace's graph: there a dependency has the features of
    /// all who name it.
    pub fn of_package(package: &str) -> Outcome<Self> {
        let arguments = ["tree", "--edges=normal,build", "--prefix=depth", "--format= {p}", "-p", package];
        let text = cargo(&arguments)?;
        let mut graph = Self::default();
        let mut way: Vec<String> = Vec::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(depth), Some(name)) = (words.next().and_then(|word| word.parse().ok()), words.next()) else {
                continue;
            };
            way.truncate(depth);
            if let Some(from) = way.last() {
                graph.edges.entry(from.clone()).or_default().insert(name.to_owned());
            }
            way.push(name.to_owned());
        }
        crate::ensure!(graph.edges.contains_key(package), "cargo tree says nothing of {package}");
        Ok(graph)
    }

    fn parse(metadata: &Value) -> Outcome<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let names: BTreeMap<String, String> =
            list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let mut graph = Self::default();
        for node in list(&metadata["resolve"]["nodes"]) {
            let from = graph.edges.entry(names[&text(&node["id"])].clone()).or_default();
            for dependency in list(&node["deps"]) {
                let kinds = list(&dependency["dep_kinds"]);
                if kinds.iter().any(|kind| kind["kind"] != "dev") {
                    from.insert(names[&text(&dependency["pkg"])].clone());
                }
            }
        }
        let members = list(&metadata["workspace_members"]);
        graph.ours = members.iter().map(|member| names[&text(member)].clone()).collect();
        crate::ensure!(!graph.ours.is_empty(), "cargo metadata lists no workspace members");
        Ok(graph)
    }

    /// A graph of our crates and others, for checks of the rules themselves.
    pub fn made_up(ours: &[&str], edges: &[(&str, &str)]) -> Self {
        let mut graph = Self { ours: ours.iter().map(|&name| name.to_owned()).collect(), ..Self::default() };
        for (from, to) in edges {
            graph.edges.entry((*to).to_owned()).or_default();
            graph.edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    }

    /// Every breach of a rule, as a sentence.
    pub fn breaches(&self, rule: Rule) -> Vec<String> {
        match rule {
            Rule::Names(from, allowed) => self
                .named_by(from)
                .filter(|to| self.ours.contains(*to) && !allowed.contains(&to.as_str()))
                .map(|to| format!("{from} names {to}, which it must not know"))
                .collect(),
            Rule::NamedOnlyBy(what, allowed) => self
                .ours
                .iter()
                .filter(|from| !allowed.contains(&from.as_str()))
                .flat_map(|from| self.named_by(from).filter(|to| fits(what, to)).map(move |to| (from, to)))
                .map(|(from, to)| format!("{from} names {to}, which only {} may", allowed.join(", ")))
                .collect(),
            Rule::NeverReaches(from, forbidden) => self.reached(from, forbidden),
            Rule::Absent(name) => self
                .edges
                .keys()
                .filter(|key| fits(name, key))
                .map(|key| format!("{key} is in the lock file"))
                .collect(),
        }
    }

    fn named_by<'a>(&'a self, from: &str) -> impl Iterator<Item = &'a String> + use<'a> {
        self.edges.get(from).into_iter().flatten()
    }

    /// Breadth first, so that the way shown is a shortest one.
    fn reached(&self, from: &str, forbidden: &[&str]) -> Vec<String> {
        let mut ways: BTreeMap<&str, Vec<&str>> = BTreeMap::from([(from, vec![from])]);
        let mut next = VecDeque::from([from]);
        while let Some(at) = next.pop_front() {
            for to in self.edges.get(at).into_iter().flatten() {
                if !ways.contains_key(to.as_str()) {
                    let way = [ways[at].as_slice(), &[to.as_str()]].concat();
                    ways.insert(to, way);
                    next.push_back(to);
                }
            }
        }
        let bad = ways.iter().filter(|(to, _)| forbidden.iter().any(|pattern| fits(pattern, to)));
        bad.map(|(to, way)| format!("{from} must not reach {to}: {}", way.join(" → "))).collect()
    }
}

fn cargo(arguments: &[&str]) -> Outcome<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).arg("--locked").current_dir(repository::root()).output()?;
    let what = arguments.first().copied().unwrap_or_default();
    crate::ensure!(output.status.success(), "cargo {what}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}
