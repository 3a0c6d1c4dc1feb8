//! The access log goes on and off under calls, none of which fails, and its lines lead from what a client has to what the
//! forwarder wrote.

use aigw_tests::clients::Client;
use aigw_tests::cluster::find_condition;
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory::{boto3, logged};
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "an_access_log_comes_and_goes_under_calls_and_joins_them", joined)]
}

/// One call, by the id its answer has.
const CALL: &str = "\
import boto3, json
client = boto3.client('bedrock-runtime', region_name='eu-central-1')
messages = [{'role': 'user', 'content': [{'text': 'Say hello.'}]}]
answer = client.converse(modelId='eu.anthropic.claude-sonnet-4-5-20250929-v1:0', messages=messages)
print(json.dumps(answer['ResponseMetadata']['HTTPHeaders']['x-amzn-requestid']))
";

fn switch(shared: &Shared, own: &Own, access: bool) -> Outcome<Value> {
    shared.world.cluster.patch(&own.gateway, &json!({"spec": {"logs": {"access": access}}}))?;
    wait::until("the access log is as asked for", || {
        let gateway = shared.world.cluster.get(&own.gateway)?;
        let (ready, logging) = (find_condition(&gateway, "Ready"), find_condition(&gateway, "AccessLogsReady"));
        let settled = gateway["metadata"]["generation"] == gateway["status"]["observedGeneration"];
        ensure!(
            settled && ready["status"] == "True" && (logging["status"] == "True") == access,
            "{}",
            gateway["status"]
        );
        Ok(gateway["status"]["effective"]["accessLogGroup"].clone())
    })
}

/// The one line in which a field has this value.
fn line(lines: &[(String, Value)], fits: impl Fn(&str, &Value) -> bool) -> Outcome<Value> {
    let last = lines.iter().rfind(|(group, line)| fits(group, line));
    Ok(last.ok_or("not there yet")?.1.clone())
}

fn joined() -> Outcome {
    let shared = prod()?;
    let own = shared.own("logs", &json!({"dataDeletionPolicy": "Delete"}), &[("caller", "silver")])?;
    let client = Client::of(&shared.world, &own.tenants[0])?;
    client.until_answered()?;
    let steady = client.steady()?;
    let group = switch(&shared, &own, true)?;
    let group = group.as_str().ok_or("the status names no log group")?;
    let id = client.python(CALL)?.ok()?.summary()?;
    let nobody = Client::of(&shared.world, &own.tenants[0])?.with("AWS_BEARER_TOKEN_BEDROCK", "aigw_nobody");
    nobody.must_fail("UnrecognizedClientException")?;
    let (passed, refused, call) = wait::until("the lines of both calls", || {
        let lines = logged(&shared.world)?;
        let passed = line(&lines, |name, line| name == group && line["requestId"] == id)?;
        let refused = line(&lines, |name, line| name == group && line["status"] == "401")?;
        let call = line(&lines, |name, line| name.ends_with("-forwarder") && line["gatewayRequestId"] == id)?;
        Ok((passed, refused, call))
    })?;
    let tenant = shared.world.cluster.get(&own.tenants[0])?["status"]["tenantId"].clone();
    ensure_eq!((&passed["tenant"], &passed["status"]), (&tenant, &json!("200")), "{passed}");
    ensure_eq!((&call["tenant"], &call["status"]), (&tenant, &json!(200)), "{call}");
    ensure_eq!(refused["tenant"], "-", "{refused}");
    switch(&shared, &own, false)?;
    let total = steady.none_failed()?;
    figures::note("an access log switched on and off", format!("calls meanwhile {total}, failed 0"));
    own.remove(&shared)?;
    let left = boto3(
        &shared.world,
        "print(json.dumps([group['logGroupName'] for group in boto3.client('logs').describe_log_groups()['logGroups']]))",
    )?;
    ensure!(!left.to_string().contains(group), "the log group is left: {left}");
    Ok(())
}
