//! What the charts promise: they refuse wrong values, render the same bytes each time, satisfy three Kubernetes versions
//! and the Pod Security Standard "restricted", and name only metrics, fields and pages that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aigw_operator::Metrics;
use aigw_operator::harness::watch::Activity;
use aigw_operator::metrics::Phase;
use aigw_tests::charts::{helm, template};
use aigw_tests::harness::{Suite, test};
use aigw_tests::{Outcome, ensure, ensure_eq, repository, tools};
use serde_json::{Value, json};

const CHART: &str = "charts/aigw-operator";
/// Everything that can be switched, at least once on and once off.
const VALUES: [&[&str]; 4] = [
    &[],
    &["--set", "watch.namespaces={team-a,team-b}", "--set", "admissionPolicy.enabled=false"],
    &[
        "--set",
        "serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true,networkPolicy.enabled=true",
        "--set",
        "commonLabels.team=platform,commonAnnotations.contact=platform,podLabels.a=b,extraEnv[0].name=A",
    ],
    &["--set", "leaderElection.enabled=false,replicaCount=1,service.enabled=false,serviceAccount.annotations.a=b"],
];
/// The oldest supported, one in between, and that of the local environment.
const KUBERNETES: [&str; 3] = ["v1.31.14", "v1.34.4", "v1.37.2"];
/// Kinds whose definitions are other projects'.
const FOREIGN: &str = "ServiceMonitor,PrometheusRule";

/// Generated from the registry.
const METRICS: &str = "docs/metrics.md";
const METRICS_HEAD: &str = "\
<!-- Written by `UPDATE_GOLDEN=1 cargo test -p aigw-tests -- charts::`. Do not edit. -->
# Metrics of the operator

At `/metrics` of its HTTP port, as OpenMetrics text. What calls through a gateway report is in CloudWatch: [`metering.md`](metering.md). What
alerts are made of these: [`runbooks.md`](runbooks.md).

| metric | type | |
|---|---|---|
";

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "ten_wrong_values_are_refused_by_name", wrong_values),
        test(module_path!(), "every_way_to_install_renders_the_same_twice", same_twice),
        test(module_path!(), "manifests_fit_three_versions_of_kubernetes", conformant),
        test(module_path!(), "templates_hold_nothing_that_gitops_tools_stumble_over", gitops_safe),
        test(module_path!(), "pods_are_restricted", restricted),
        test(module_path!(), "common_labels_and_annotations_are_on_everything", common),
        test(module_path!(), "the_table_of_metrics_is_what_the_operator_registers", documented_metrics),
        test(module_path!(), "alerts_name_metrics_and_runbooks_that_exist", alerts),
        test(module_path!(), "dashboards_name_metrics_that_exist", dashboards),
    ];
    Suite::new("charts", tests).needs(tools::prepare)
}

fn wrong_values() -> Outcome {
    for (set, named) in [
        ("replicaCount=two", "replicaCount"),
        ("replicas=3", "replicas"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.digest=sha256:1", "digest"),
        ("logFormat=xml", "logFormat"),
        ("concurrency.tenants=0", "tenants"),
        ("aws.permissionsBoundaryArn=boundary", "permissionsBoundaryArn"),
        ("watch.namespaces={Team_A}", "namespaces"),
        ("commonLabels.app\\.kubernetes\\.io/name=x", "app.kubernetes.io/name"),
        ("networkPolicy.egress.ports={70000}", "ports"),
        ("prometheusRule.enabled=perhaps", "enabled"),
        ("leaderElection.enabled=false", "replicaCount=1"),
        ("serviceMonitor.enabled=true,service.enabled=false", "service.enabled"),
    ] {
        let output = helm(&["template", "release", CHART, "--set", "installation=prod-eu", "--set", set])?;
        ensure!(!output.status.success(), "--set {set} is accepted");
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(message.contains(named), "--set {set}: {message}");
    }
    Ok(())
}

fn same_twice() -> Outcome {
    for values in VALUES {
        ensure!(template(CHART, values)? == template(CHART, values)?, "renders differently with {values:?}");
        let lint = helm(&[&["lint", CHART, "--strict", "--set", "installation=prod-eu"], values].concat())?;
        ensure!(lint.status.success(), "helm lint {values:?}: {}", String::from_utf8_lossy(&lint.stdout));
    }
    Ok(())
}

/// What kubeconform finds in manifests; nothing is good.
fn invalid(version: &str, manifests: &str) -> Outcome<String> {
    let schemas = format!("tests/lint/schemas/{version}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json");
    let mut child = Command::new(tools::folder()?.join("kubeconform"))
        .args(["-strict", "-skip", FOREIGN, "-schema-location", &schemas])
        .current_dir(repository::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    std::io::Write::write_all(&mut input, manifests.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure_eq!(output.status.success(), text.is_empty(), "kubeconform's answer and its words: {text}");
    Ok(text)
}

fn conformant() -> Outcome {
    for version in KUBERNETES {
        for values in VALUES {
            let rendered = template(CHART, values)?;
            ensure_eq!(invalid(version, &rendered)?, "", "manifests with {values:?} for {version}");
        }
        let wrong = template(CHART, &[])?.replacen("replicas: 2", "replicaz: 2", 1);
        ensure!(invalid(version, &wrong)?.contains("replicaz"), "a misspelled field passes for {version}");
    }
    Ok(())
}

fn gitops_safe() -> Outcome {
    for file in repository::files("charts", "")? {
        if file.contains("/templates/") && !file.contains("aigateway.dev_") {
            let text = repository::read(&file)?;
            for word in
                ["lookup ", "rand", "genCA", "genSigned", "genSelf", "genPrivate", "uuidv4", "now ", "Capabilities"]
            {
                ensure!(!text.contains(word), "{file} uses {word}: it would render differently without a cluster");
            }
        }
    }
    for values in VALUES {
        for document in repository::documents(&template(CHART, values)?)? {
            let kind = document["kind"].as_str().unwrap_or_default();
            let hook = &document["metadata"]["annotations"]["helm.sh/hook"];
            ensure!(hook.is_null() || hook == "test", "{kind} is a hook: {hook}");
            ensure!(kind != "Job" && !kind.ends_with("WebhookConfiguration"), "the chart has a {kind}");
        }
    }
    Ok(())
}

fn restricted() -> Outcome {
    for values in VALUES {
        let mut pods = 0;
        for document in repository::documents(&template(CHART, values)?)? {
            let spec = match document["kind"].as_str() {
                Some("Deployment") => &document["spec"]["template"]["spec"],
                Some("Pod") => &document["spec"],
                _ => continue,
            };
            pods += 1;
            ensure_eq!(spec["securityContext"]["runAsNonRoot"], true, "runAsNonRoot");
            ensure_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "seccompProfile");
            for part in ["hostNetwork", "hostPID", "hostIPC", "volumes"] {
                ensure!(spec[part].is_null(), "a pod has {part}");
            }
            for container in spec["containers"].as_array().into_iter().flatten() {
                let context = &container["securityContext"];
                ensure_eq!(context["allowPrivilegeEscalation"], false, "allowPrivilegeEscalation");
                ensure_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "capabilities");
                ensure_eq!(context["readOnlyRootFilesystem"], true, "readOnlyRootFilesystem");
            }
        }
        ensure!(pods > 0, "no pod with {values:?}");
    }
    Ok(())
}

fn common() -> Outcome {
    for document in repository::documents(&template(CHART, VALUES[2])?)? {
        let name = format!("{} {}", document["kind"], document["metadata"]["name"]);
        ensure_eq!(document["metadata"]["labels"]["team"], "platform", "label of {name}");
        ensure_eq!(document["metadata"]["annotations"]["contact"], "platform", "annotation of {name}");
        if document["kind"] == "Deployment" {
            let metadata = &document["spec"]["template"]["metadata"];
            ensure_eq!(metadata["labels"]["team"], "platform", "label of pods");
            ensure_eq!(metadata["labels"]["a"], "b", "own label of pods");
            ensure!(document["spec"]["selector"]["matchLabels"]["team"].is_null(), "a value is in the selector");
        }
    }
    Ok(())
}

/// Words of PromQL that begin as our metrics do.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("aigw_")).map(str::to_owned).collect()
}

/// A line of the operator's metrics page: name, type, help.
type Family = (String, String, String);

/// The operator's metrics, from its registry. A family appears in the text once it has a series, so each is given one.
fn families() -> Outcome<Vec<Family>> {
    let metrics = Metrics::default();
    metrics.reconciled("gateway", Phase::Apply, "done", Duration::ZERO);
    metrics.cloud_call("iam:GetRole", "OK", Duration::ZERO, Duration::ZERO);
    metrics.set_orphans("role", 0);
    metrics.probed("ai/prod", "gateway", "passed");
    let text = metrics.encode(&[Arc::new(Activity::new("Tenant"))]).map_err(|error| error.to_string())?;
    let lines = |prefix| text.lines().filter_map(move |line| line.strip_prefix(prefix)?.split_once(' '));
    let help: BTreeMap<_, _> = lines("# HELP ").collect();
    let family = |(name, kind): (&str, &str)| {
        let help = help.get(name).copied().unwrap_or_default().trim_end_matches('.');
        (name.to_owned(), kind.to_owned(), help.to_owned())
    };
    let families: Vec<_> = lines("# TYPE ").map(family).collect();
    let registered = repository::read("operator/src/metrics.rs")?.matches("registry.register(").count();
    ensure_eq!(families.len(), registered, "families with a series, and families registered");
    Ok(families)
}

/// Names of the operator's series.
fn known_metrics() -> Outcome<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    for (name, kind, _) in families()? {
        let endings: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    Ok(known)
}

fn documented_metrics() -> Outcome {
    let mut text = METRICS_HEAD.to_owned();
    for (name, kind, help) in families()? {
        let name = if kind == "counter" { name + "_total" } else { name };
        writeln!(text, "| `{name}` | {kind} | {help} |")?;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(repository::path(METRICS), &text)?;
    }
    ensure!(repository::read(METRICS)? == text, "{METRICS} is out of date, run with UPDATE_GOLDEN=1");
    Ok(())
}

fn alerts() -> Outcome {
    let file = repository::yaml("charts/aigw-operator/files/alerts.yaml")?.remove(0);
    let (known, tests) = (known_metrics()?, repository::read("charts/aigw-operator/files/alerts_test.yaml")?);
    let runbooks = repository::read("docs/runbooks.md")?;
    let mut names = BTreeSet::new();
    for rule in file["groups"].as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array()).flatten()
    {
        let name = rule["alert"].as_str().ok_or("an alert without a name")?;
        let used = metrics_in(rule["expr"].as_str().unwrap_or_default());
        ensure!(!used.is_empty() && used.is_subset(&known), "{name} uses {used:?}, known are {known:?}");
        ensure!(tests.contains(&format!("alertname: {name}")), "{name} has no test");
        ensure!(runbooks.contains(&format!("\n## {name}\n")), "docs/runbooks.md does not explain {name}");
        names.insert(name.to_owned());
    }
    let explained: BTreeSet<_> =
        runbooks.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    ensure_eq!(explained, names, "alerts that docs/runbooks.md explains");
    let rendered = repository::documents(&template(CHART, VALUES[2])?)?;
    let rule = rendered.iter().find(|document| document["kind"] == "PrometheusRule").ok_or("no PrometheusRule")?;
    let first = &rule["spec"]["groups"][0]["rules"][0];
    ensure_eq!(first["annotations"]["runbook_url"], "docs/runbooks.md#aigwnoleader", "link to the runbook");
    Ok(())
}

fn dashboards() -> Outcome {
    let (known, documented) = (known_metrics()?, repository::read("docs/metering.md")?);
    let fleet: Value = serde_json::from_str(&repository::read("charts/aigw-operator/files/dashboards/fleet.json")?)?;
    let mut used = BTreeSet::new();
    for target in targets(&fleet) {
        let metrics = metrics_in(target["expr"].as_str().unwrap_or_default());
        ensure!(!metrics.is_empty(), "a target without a metric: {target}");
        used.extend(metrics);
    }
    ensure!(used.is_subset(&known), "unknown: {:?}", used.difference(&known).collect::<Vec<_>>());
    // One series of a histogram stands for it.
    let family = |metric: &str| metric.rsplit_once('_').map(|(name, _)| name.to_owned());
    let shown = |metric: &str| used.iter().any(|other| family(other) == family(metric));
    let hidden: Vec<_> = known.iter().filter(|metric| !shown(metric.as_str()) && !used.contains(*metric)).collect();
    ensure!(hidden.is_empty(), "on no dashboard: {hidden:?}");
    let mut fields = BTreeSet::new();
    let tenants: Value =
        serde_json::from_str(&repository::read("charts/aigw-operator/files/dashboards/tenants.json")?)?;
    for target in targets(&tenants) {
        fields.extend(target["metricName"].as_str().map(str::to_owned));
        fields.extend(log_fields(target["expression"].as_str().unwrap_or_default()));
    }
    let gateway: Value = serde_json::from_str(&repository::read("examples/cloudwatch/dashboard.json")?)?;
    for widget in gateway["widgets"].as_array().into_iter().flatten() {
        let properties = &widget["properties"];
        fields.extend(log_fields(properties["query"].as_str().unwrap_or_default()));
        let search = properties["metrics"][0][0]["expression"].as_str().unwrap_or_default();
        fields.extend(search.split("MetricName=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned));
    }
    ensure!(fields.len() >= 8, "too few fields found: {fields:?}");
    for field in fields {
        // Two of one family are written `.output_tokens` behind the first.
        let short = field.strip_prefix("gen_ai.usage").unwrap_or(&field);
        let there = documented.contains(&format!("`{field}`")) || documented.contains(&format!("`{short}`"));
        ensure!(there, "docs/metering.md has no field {field}");
    }
    Ok(())
}

fn targets(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().into_iter().flatten();
    panels.filter_map(|panel| panel["targets"].as_array()).flatten().collect()
}

/// Fields of a line that a query of CloudWatch Logs names: those in back quotes, and those of camel case.
fn log_fields(query: &str) -> BTreeSet<String> {
    let quoted = query.split('`').skip(1).step_by(2).map(str::to_owned);
    let words = query.split(|letter: char| !letter.is_ascii_alphanumeric());
    let camel = words.filter(|word| {
        word.len() > 4
            && word.chars().any(char::is_uppercase)
            && word.starts_with(|letter: char| letter.is_ascii_lowercase())
    });
    quoted.chain(camel.map(str::to_owned)).collect()
}
