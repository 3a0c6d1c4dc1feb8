//! The platform's guardrail on the real path: SDKs that ask for another get it, Bedrock sees no call without, and the
//! condition says so.
//!
//! The emulator enforces no IAM, so that Bedrock denies a call without the guardrail is played by its stub, in the words of
//! AWS. How role and forwarder agree while a guardrail changes is a scenario (`scenario::guardrails`).

use std::collections::BTreeMap;

use aigw_env::bedrock::{Fault, Match, Record, Rule};
use aigw_tests::clients::Client;
use aigw_tests::cluster::find_condition;
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory::boto3;
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

const NAME: &str = "guarded";
const ID: &str = "abc1";
const HEADER: &str = "x-amzn-bedrock-guardrailidentifier";
/// Model of this gateway's probe, which nothing else asks for.
const PROBED: &str = "amazon.probed-beside-guardrails-v1:0";
const DENIED: &str = "User: arn:aws:sts::111122223333:assumed-role/r/f is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:eu-central-1::foundation-model/m with an explicit deny in an identity-based policy";
/// What has to come of each API.
const OUTCOMES: [(&str, &str); 8] = [
    ("ChatCompletions", "ok"),
    ("Converse", "ok"),
    ("ConverseStream", "ok"),
    ("InvokeModel", "ok"),
    ("InvokeModelWithResponseStream", "ok"),
    ("Messages", "AccessDeniedException"),
    ("Responses", "AccessDeniedException"),
    ("Selected", "ValidationException"),
];

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "every_api_carries_the_platforms_guardrail_or_is_refused", carried)]
}

fn carried() -> Outcome {
    let shared = prod()?;
    let stub = shared.world.bedrock()?;
    let matcher = Match { model_contains: Some(PROBED.into()), lacks_header: Some(HEADER.into()), path_contains: None };
    let denial = Fault { status: Some(403), message: Some(DENIED.into()), ..Fault::default() };
    stub.faults().add(Rule::new(matcher, 1, 0, denial));
    let outcome = guarded(&shared);
    stub.faults().clear();
    outcome
}

fn guarded(shared: &Shared) -> Outcome {
    let spec = json!({
        "models": {"guardrails": [{"id": ID, "version": "7"}]},
        "probe": {"model": PROBED},
    });
    let own = shared.own(NAME, &spec, &[("one", "silver")])?;
    enforced(shared, &own)?;
    denied_by_its_role(shared, &own)?;
    let client = Client::of(&shared.world, &own.tenants[0])?;
    client.until_answered()?;
    let stub = shared.world.bedrock()?;
    stub.clear_requests();
    let outcomes: BTreeMap<String, String> =
        serde_json::from_value(client.run("guardrails.py", &[])?.ok()?.summary()?)?;
    let expected = OUTCOMES.map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    ensure_eq!(outcomes, BTreeMap::from(expected), "what came of each API");
    let requests = stub.requests();
    let calls: Vec<_> = requests.iter().filter(|record| record.model.as_deref() != Some(PROBED)).collect();
    let answered = OUTCOMES.iter().filter(|(_, outcome)| *outcome == "ok").count();
    ensure_eq!(calls.len(), answered, "calls that reached Bedrock");
    calls.into_iter().try_for_each(carries)?;
    own.remove(shared)
}

/// A call carries the platform's guardrail, and no other.
fn carries(record: &Record) -> Outcome {
    let operation = record.operation.as_deref().unwrap_or_default();
    ensure!(!record.body.contains("weak"), "{operation} carries the client's: {}", record.body);
    if operation.starts_with("Converse") {
        let body: Value = serde_json::from_str(&record.body)?;
        ensure_eq!(body["guardrailConfig"]["guardrailIdentifier"], ID, "{operation}");
        ensure_eq!(body["guardrailConfig"]["guardrailVersion"], "7", "{operation}");
        ensure!(body["guardrailConfig"]["streamProcessingMode"] != "async", "{operation} does not wait");
        ensure_eq!(record.header(HEADER).len(), 0, "{operation}");
    } else {
        ensure_eq!(record.header(HEADER), [ID], "{operation}");
        ensure_eq!(record.header("x-amzn-bedrock-guardrailversion"), ["7"], "{operation}");
        ensure_eq!(record.header("x-amzn-bedrock-trace").len(), 0, "{operation}");
    }
    Ok(())
}

/// The condition says what the probe was told.
fn enforced(shared: &Shared, own: &Own) -> Outcome {
    wait::until("the guardrail is enforced", || {
        let told = find_condition(&shared.world.cluster.get(&own.gateway)?, "GuardrailsEnforced");
        ensure!(told["status"] == "True" && told["reason"] == "Enforced", "{told}");
        ensure!(told["message"].to_string().contains("Bedrock denied"), "it was not tried: {told}");
        Ok(())
    })
}

/// The policy in AWS has the denial.
fn denied_by_its_role(shared: &Shared, own: &Own) -> Outcome {
    let identity = aigw_tests::inventory::identity(&own.gateway);
    let name = identity.function_name(aigw_plan::Function::Forwarder);
    let code = format!(
        "iam = boto3.client('iam')\n\
         names = iam.list_role_policies(RoleName='{name}')['PolicyNames']\n\
         print(json.dumps([iam.get_role_policy(RoleName='{name}', PolicyName=each)['PolicyDocument'] for each in names]))"
    );
    let policies = boto3(&shared.world, &code)?.to_string();
    let arn = format!("arn:aws:bedrock:eu-central-1:111122223333:guardrail/{ID}:7");
    ensure!(policies.contains("DenyUnguarded") && policies.contains(&arn), "no denial: {policies}");
    Ok(())
}
