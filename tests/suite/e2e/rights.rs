//! The shipped IAM policy against what the operator called in this run, request by request as it was on the wire: names,
//! paths and tags. The emulator itself asks for no rights.

use std::collections::{BTreeMap, BTreeSet};

use aigw_env::aws_proxy::Call;
use aigw_tests::harness::environment_test as test;
use aigw_tests::iam::documents::{self, For};
use aigw_tests::iam::policy::{self, Request, allows};
use aigw_tests::iam::{recorded, request};
use aigw_tests::inventory::INSTALLATION;
use aigw_tests::shared::{Shared, operator};
use aigw_tests::{Outcome, ensure, figures, repository, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

const NAME: &str = "rights";
const SHIPPED: &str = "docs/iam/operator.json";
/// Name in the user agent of the operator, which the commands for people do not have.
const OPERATOR: &str = "app/aigw-operator";
/// Rights that each run uses, one of each kind of scope: path, tag of what is, tag of what is to be, and name.
const SAMPLED: [&str; 5] =
    ["iam:CreateRole", "apigateway:PATCH", "apigateway:POST", "lambda:PublishVersion", "dynamodb:CreateTable"];

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "the_shipped_policy_allows_what_was_called_and_no_right_less_does", rights)]
}

/// A gateway's whole life, so that this also means something alone.
fn a_life(shared: &Shared) -> Outcome {
    let own = shared.own(NAME, &json!({"dataDeletionPolicy": "Delete"}), &[("one", "silver")])?;
    let change = json!({"spec": {"functions": {"forwarder": {"memoryMiB": 512}}, "tags": {"team": "platform"}}});
    shared.world.cluster.patch(&own.gateway, &change)?;
    wait::until("the change is made", || {
        let gateway = shared.world.cluster.get(&own.gateway)?;
        ensure!(gateway["status"]["observedGeneration"] == gateway["metadata"]["generation"], "not seen yet");
        Ok(())
    })?;
    own.wait_ready(shared)?;
    own.remove(shared)
}

/// The operator's calls of this run with the requests they are to IAM.
fn requests(shared: &Shared) -> Outcome<Vec<(String, Request)>> {
    let id = format!("{INSTALLATION}/AIGateway/ai-platform/prod");
    let by_operator = |call: &Call| call.agent.contains(OPERATOR);
    let calls: Vec<Call> = shared.since_installed.all().into_iter().filter(by_operator).collect();
    let name = |call: &Call| format!("{}:{} {}", call.service, call.operation, call.resource);
    let known = recorded()?;
    for call in &calls {
        let operation = format!("{}:{}", call.service, call.operation);
        ensure!(known.contains(&operation), "no scenario calls {operation}: {call:?}");
    }
    let requests = calls.iter().flat_map(|call| request::of(call, &id).into_iter().map(move |each| (name(call), each)));
    // A role that another test gives is for the document with that role in it.
    let given = |request: &Request| request.action == "iam:PassRole" && !request.resource.contains(":role/aigw/");
    Ok(requests.filter(|(_, request)| !given(request)).collect())
}

/// The first request that a document refuses.
fn refused<'a>(document: &Value, requests: &'a [(String, Request)]) -> Outcome<Option<&'a (String, Request)>> {
    for each in requests {
        if !allows(document, &each.1)? {
            return Ok(Some(each));
        }
    }
    Ok(None)
}

/// A document without one right.
fn without(document: &Value, right: &str) -> Value {
    let mut document = document.clone();
    for statement in document["Statement"].as_array_mut().into_iter().flatten() {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|action| action != right);
        }
    }
    document
}

fn rights() -> Outcome {
    let shared = operator()?;
    a_life(&shared)?;
    let requests = requests(&shared)?;
    let document: Value = serde_json::from_str(&repository::read(SHIPPED)?)?;
    let first = refused(&document, &requests)?;
    ensure!(first.is_none(), "{SHIPPED} refuses {first:?}");
    let own = For { installation: INSTALLATION, boundary: None, given_roles: &[] };
    let first = refused(&documents::operator(&recorded()?, &own)?, &requests)?;
    ensure!(first.is_none(), "the policy for this installation refuses {first:?}");
    others_are_out_of_reach(&requests)?;

    let actions: BTreeSet<_> =
        document["Statement"].as_array().into_iter().flatten().flat_map(|one| policy::texts(&one["Action"])).collect();
    let mut idle = Vec::new();
    for right in &actions {
        if refused(&without(&document, right), &requests)?.is_none() {
            idle.push(*right);
        }
    }
    for right in SAMPLED {
        ensure!(actions.contains(right) && !idle.contains(&right), "nothing is refused without {right}");
    }
    figures::note(
        "rights in AWS that this run used",
        format!("{} of {} in {} requests; not: {idle:?}", actions.len() - idle.len(), actions.len(), requests.len()),
    );
    Ok(())
}

/// What belongs to another installation can be neither made nor changed, and nothing of other names.
fn others_are_out_of_reach(requests: &[(String, Request)]) -> Outcome {
    let other = For { installation: "another", boundary: None, given_roles: &[] };
    let other = documents::operator(&recorded()?, &other)?;
    let changes = requests.iter().filter(|(_, request)| {
        let action = request.action.as_str();
        request.action.starts_with("apigateway:") && action != "apigateway:GET" && !request.resource.contains("/tags/")
    });
    let mut seen = 0;
    for (name, request) in changes {
        ensure!(!allows(&other, request)?, "another installation's policy allows {name}");
        seen += 1;
    }
    ensure!(seen > 10, "too few changes of API Gateway to mean anything: {seen}");
    let document: Value = serde_json::from_str(&repository::read(SHIPPED)?)?;
    for (action, resource) in [
        ("lambda:UpdateFunctionCode", "arn:aws:lambda:eu-central-1:111122223333:function:payroll"),
        ("iam:PutRolePolicy", "arn:aws:iam::111122223333:role/admin"),
        ("iam:PassRole", "arn:aws:iam::111122223333:role/admin"),
        ("dynamodb:DeleteTable", "arn:aws:dynamodb:eu-central-1:111122223333:table/payroll"),
        ("logs:DeleteLogGroup", "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/payroll"),
        ("apigateway:DELETE", "arn:aws:apigateway:eu-central-1::/restapis/untagged"),
    ] {
        let request = Request { action: action.into(), resource: resource.into(), context: BTreeMap::new() };
        ensure!(!allows(&document, &request)?, "{SHIPPED} allows {action} on {resource}");
    }
    Ok(())
}
