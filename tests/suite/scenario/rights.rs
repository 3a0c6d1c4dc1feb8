//! Which rights the operator uses: every operation of AWS that any scenario calls is recorded, and the IAM documents are
//! made of that (`iam`). Whoever takes a right away sees a gateway that does not become ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aigw_fakes::aws::Role;
use aigw_fakes::intercept::{Call, Failure, Side, Verdict};
use aigw_tests::cluster::{find_condition, gateway};
use aigw_tests::harness::test;
use aigw_tests::iam::documents::{self, For};
use aigw_tests::iam::policy::{self, Request, allows};
use aigw_tests::iam::request::{further, own};
use aigw_tests::iam::{RECORDED, recorded};
use aigw_tests::simulation::scenario::{Scenario, Start, objects};
use aigw_tests::simulation::{Options, World, simulate};
use aigw_tests::{Outcome, ensure, figures, manifests, repository};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::level_filters::LevelFilter;

use super::cases;

/// Rights in AWS to take away, with an operation that takes each: one of each service.
const AWS: [(&str, &str); 5] = [
    ("iam:PutRolePolicy", "iam:PutRolePolicy"),
    ("lambda:CreateAlias", "lambda:CreateAlias"),
    ("dynamodb:UpdateTimeToLive", "dynamodb:UpdateTimeToLive"),
    ("logs:PutRetentionPolicy", "logs:PutRetentionPolicy"),
    ("apigateway:UpdateRestApiPolicy", "apigateway:PutRestApi"),
];
/// Rights in Kubernetes to take away, as the fake names calls.
const KUBERNETES: [&str; 5] =
    ["list namespaces", "watch aigateways", "patch tenants", "patch aigateways/status", "create secrets"];

/// Old deployments go once there are more than are kept, which no scenario with an end of its own needs.
const MANY_DEPLOYMENTS: Scenario = Scenario {
    name: "many_deployments",
    start: Start::Converged,
    acts: |world| {
        Box::pin(async move {
            let prod = gateway("ai-platform", "prod");
            for seconds in [10, 20, 30, 40, 50] {
                world.patch(&prod, &json!({"spec": {"auth": {"cacheSeconds": seconds}}})).await?;
                sleep(Duration::from_mins(3)).await;
            }
            world.ready(&prod).await
        })
    },
};

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "recorded_calls_are_those_of_all_scenarios", recorded_calls),
        test(module_path!(), "without_any_of_five_rights_in_aws_not_all_is_ready", aws_rights),
        test(module_path!(), "without_any_of_five_rights_in_kubernetes_not_all_is_ready", kubernetes_rights),
        test(module_path!(), "with_given_roles_no_right_in_iam_is_needed", given_roles),
        test(module_path!(), "roles_that_are_made_lie_within_the_boundary", boundary),
    ]
}

fn recorded_calls() -> Outcome {
    let mut used: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut calls = 0;
    for scenario in [cases::all(), vec![MANY_DEPLOYMENTS]].concat() {
        let options = Options::default();
        let made = scenario.observe(LevelFilter::OFF, &options, |_| (), |(), world, _| Ok(world.aws.calls()))?;
        for call in made.into_iter().filter(|call| call.actor == options.pod) {
            calls += 1;
            used.entry(call.operation.to_owned()).or_insert(scenario.name);
        }
    }
    let text = used.keys().map(|operation| operation.clone() + "\n").collect::<Vec<_>>().concat();
    if updating() {
        std::fs::write(repository::path(RECORDED), text)?;
    }
    figures::note("operations of AWS that scenarios call", format!("{} in {calls} calls", used.len()));
    let committed = recorded()?;
    let missing: Vec<_> = used.iter().filter(|(operation, _)| !committed.contains(*operation)).collect();
    let unused: Vec<_> = committed.iter().filter(|operation| !used.contains_key(*operation)).collect();
    ensure!(
        missing.is_empty(),
        "{RECORDED} lacks, with the scenario that needs it: {missing:?}; run with UPDATE_GOLDEN=1"
    );
    ensure!(unused.is_empty(), "{RECORDED} has what no scenario calls: {unused:?}; run with UPDATE_GOLDEN=1");
    Ok(())
}

/// For a gateway and its tenants to become ready, several times over.
const LONG_ENOUGH: Duration = Duration::from_mins(10);

/// Whether the gateway and its tenants become ready while what `denied` says is refused.
fn becomes_ready(denied: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Outcome<bool> {
    let intercept =
        Arc::new(move |call: &Call| if denied(call) { Verdict::Fail(Failure::Denied) } else { Verdict::Serve });
    simulate(None, |world| async move {
        world.kube.set_intercept(intercept.clone());
        world.aws.set_intercept(intercept);
        let operator = world.start(&Options::default());
        world.apply_all(&objects()).await?;
        sleep(LONG_ENOUGH).await;
        let all = [world.kube.objects("aigateways"), world.kube.objects("tenants")].concat();
        let ready = all.len() == 3 && all.iter().all(|object| find_condition(object, "Ready")["status"] == "True");
        operator.kill().await;
        Ok(ready)
    })
}

fn aws_rights() -> Outcome {
    ensure!(becomes_ready(|_| false)?, "not ready with every right");
    let any = For { installation: "*", boundary: None, given_roles: &[] };
    let document = documents::operator(&recorded()?, &any)?;
    for (right, operation) in AWS {
        let has = |document: &Value| {
            let statements = document["Statement"].as_array().into_iter().flatten();
            statements.flat_map(|statement| policy::texts(&statement["Action"])).any(|action| action == right)
        };
        ensure!(has(&document), "the operator's policy has no {right}");
        let takes = own(operation).is_some_and(|own| own == right) || further(operation).contains(&right);
        ensure!(takes, "{operation} does not take {right}");
        let ready = becomes_ready(move |call| call.side == Side::Aws && call.operation == operation)?;
        ensure!(!ready, "ready without {right}");
    }
    Ok(())
}

fn kubernetes_rights() -> Outcome {
    for right in KUBERNETES {
        let ready = becomes_ready(move |call| {
            call.side == Side::Kube && call.operation == right && call.actor == "operator-0"
        })?;
        ensure!(!ready, "ready without the right to {right}");
    }
    Ok(())
}

fn scenario(name: &str) -> Outcome<Scenario> {
    Ok(cases::all().into_iter().find(|scenario| scenario.name == name).ok_or("no such scenario")?)
}

/// With time for the sweeper to look.
const GIVEN_ROLES: Scenario = Scenario {
    name: "given_roles_and_a_sweep",
    start: Start::Empty,
    acts: |world| {
        Box::pin(async move {
            (scenario("private_gateway_with_given_roles")?.acts)(world).await?;
            sleep(Duration::from_mins(150)).await;
            Ok(())
        })
    },
};

fn given_roles() -> Outcome {
    let deny = |call: &Call| {
        let denied = call.side == Side::Aws && call.operation.starts_with("iam:");
        if denied { Verdict::Fail(Failure::Denied) } else { Verdict::Serve }
    };
    let options = Options { adjust: |settings| settings.lease = None, ..Options::default() };
    let begin = |world: &World| world.aws.set_intercept(Arc::new(deny));
    let refused = GIVEN_ROLES.observe(LevelFilter::WARN, &options, begin, |(), world, _| {
        let gateway = world.kube.objects("aigateways").into_iter().next().unwrap_or_default();
        let ready = find_condition(&gateway, "Ready");
        ensure!(ready["status"] == "True", "not ready without rights in IAM: {ready}");
        let iam = world.aws.calls().into_iter().filter(|call| call.operation.starts_with("iam:"));
        ensure!(!world.log.text().contains("sweep failed"), "no sweep without rights in IAM");
        Ok(iam.map(|call| call.operation).collect::<BTreeSet<_>>())
    })?;
    // The sweeper looks for roles wherever it may.
    ensure!(refused == BTreeSet::from(["iam:ListRoles"]), "asked of IAM: {refused:?}");
    Ok(())
}

/// As wide as a spec can be: every family, every model, a resource of its own.
fn widest() -> Value {
    let families: Vec<_> = aigw_contract::Family::ALL.iter().map(|family| family.endpoint_prefix()).collect();
    let spec = json!({"spec": {"bedrock": {"families": families}}});
    manifests::with(manifests::gateway("ai-platform", "prod"), &spec)
}

fn boundary() -> Outcome {
    let wide = Scenario {
        name: "every_family",
        start: Start::Empty,
        acts: |world| {
            Box::pin(async move {
                world.apply(&widest()).await?;
                world.ready(&gateway("ai-platform", "prod")).await
            })
        },
    };
    let (boundary, mut rights) = (documents::boundary(), BTreeSet::new());
    for scenario in [wide, scenario("create")?] {
        let options = Options::default();
        let roles = scenario.observe(
            LevelFilter::OFF,
            &options,
            |_| (),
            |(), world, _| {
                let roles = world.aws.state().roles.clone();
                let policy = |(name, role): (&String, &Role)| Some((name.clone(), role.policies.get("aigw")?.clone()));
                Ok(roles.iter().filter_map(policy).collect::<BTreeMap<_, _>>())
            },
        )?;
        ensure!(roles.len() == 2, "{}: {} roles", scenario.name, roles.len());
        if scenario.name == "create" {
            examples(&roles)?;
        }
        for statement in roles.values().flat_map(|role| role["Statement"].as_array().into_iter().flatten()) {
            for (action, resource) in product(statement) {
                let request = Request { action, resource, context: BTreeMap::new() };
                ensure!(allows(&boundary, &request)?, "{}: beyond the boundary: {request:?}", scenario.name);
                rights.insert((request.action, request.resource));
            }
        }
    }
    for (action, resource) in [
        ("iam:PassRole", "arn:aws:iam::111122223333:role/admin"),
        ("s3:GetObject", "arn:aws:s3:::x/y"),
        ("dynamodb:DeleteItem", "arn:aws:dynamodb:eu-central-1:111122223333:table/aigw-x"),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:111122223333:table/payroll"),
        ("bedrock:PutModelInvocationLoggingConfiguration", "*"),
    ] {
        let request = Request { action: action.to_owned(), resource: resource.to_owned(), context: BTreeMap::new() };
        ensure!(!allows(&boundary, &request)?, "the boundary allows {request:?}");
    }
    figures::note("rights of roles within the permissions boundary", rights.len().to_string());
    Ok(())
}

/// Whoever makes the roles by themselves starts from those the operator would make.
fn examples(roles: &BTreeMap<String, Value>) -> Outcome {
    for (name, policy) in roles {
        let (gateway, function) = name.rsplit_once('-').ok_or("a role without a function")?;
        let file = format!("docs/iam/example-{function}-role.json");
        let text = serde_json::to_string_pretty(policy)?.replace(gateway, "aigw-REPLACE") + "\n";
        if updating() {
            std::fs::write(repository::path(&file), &text)?;
        }
        ensure!(repository::read(&file)? == text, "{file} is out of date, run with UPDATE_GOLDEN=1");
    }
    Ok(())
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

fn product(statement: &Value) -> Vec<(String, String)> {
    let resources: Vec<_> = policy::texts(&statement["Resource"]).collect();
    policy::texts(&statement["Action"])
        .flat_map(|action| resources.iter().map(move |resource| (action.to_owned(), (*resource).to_owned())))
        .collect()
}
