//! Ready is what a probe showed, on the real path: Bedrock or a function's permission refuses, Ready says so, and comes back
//! by itself.
//!
//! The emulator enforces functions' permissions and usage plans, and no IAM: what a role may not do is played by the stub
//! of Bedrock, in the words of AWS. What it cannot play is a scenario (`scenario::probes`).

use std::time::{Duration, Instant};

use aigw_env::aws_proxy;
use aigw_env::bedrock::{Fault, Match, Rule};
use aigw_tests::clients::Client;
use aigw_tests::cluster::{Object, find_condition};
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory::by_hand;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq, figures};
use libtest_mimic::Trial;
use serde_json::json;

/// Part of the model the probe asks for, which no test's client calls.
const PROBED_MODEL: &str = "nova-micro";
const NO_ACCESS: &str = "You don't have access to the model with the specified model ID.";
const NOT_AUTHORIZED: &str = "User: arn:aws:sts::111122223333:assumed-role/r/f is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:eu-central-1::foundation-model/m because no identity-based policy allows the bedrock:InvokeModel action";

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_probe_went_the_way_of_a_call", went),
        test(module_path!(), "bedrock_denying_the_model_or_the_role_holds_ready_back", bedrock_denies),
        test(module_path!(), "a_missing_permission_holds_ready_back", permission_missing),
    ]
}

fn went() -> Outcome {
    let shared = prod()?;
    for object in [shared.gateway(), shared.search(), shared.ads()] {
        let found = shared.world.cluster.get(&object)?;
        let probed = find_condition(&found, "Probed");
        ensure_eq!(
            (probed["status"].as_str(), probed["reason"].as_str()),
            (Some("True"), Some("ProbePassed")),
            "{object:?}: {probed}"
        );
    }
    let asked = shared.world.bedrock()?.requests();
    let probes: Vec<_> = asked.iter().filter(|it| it.model.as_deref().is_some_and(|it| it.contains(PROBED_MODEL))).collect();
    ensure!(!probes.is_empty(), "Bedrock was never asked by a probe");
    for probe in probes {
        ensure!(probe.usage.is_none() && probe.body.len() <= 2, "a probe was paid for: {probe:?}");
    }
    Ok(())
}

/// Makes the operator look at the gateway now, with a new generation, so that it has to be probed anew.
fn probe_now(shared: &Shared, gateway: &Object) -> Outcome {
    let moment = format!("{:?}", Instant::now()).replace(|character: char| !character.is_ascii_alphanumeric(), "");
    shared.world.cluster.patch(gateway, &json!({"spec": {"tags": {"probed-for": &moment[..moment.len().min(40)]}}}))
}

/// Waits until the gateway is not Ready for this reason, mends, and waits until it is Ready; gives the time that took.
fn held_back(shared: &Shared, gateway: &Object, reason: &str, mend: impl FnOnce() -> Outcome) -> Outcome<Duration> {
    let told = shared.world.cluster.wait_reason(gateway, "Ready", "False", reason);
    mend()?;
    told?;
    let began = Instant::now();
    shared.world.cluster.wait_ready(gateway)?;
    Ok(began.elapsed())
}

fn bedrock_denies() -> Outcome {
    let shared = prod()?;
    let own = shared.own("probe-bedrock", &json!({}), &[("one", "silver")])?;
    let stub = shared.world.bedrock()?;
    for (message, reason) in [(NO_ACCESS, "ModelDenied"), (NOT_AUTHORIZED, "RoleDenied")] {
        let matcher = Match { model_contains: Some(PROBED_MODEL.into()), ..Match::default() };
        let fault = Fault {
            status: Some(403),
            error_type: Some("AccessDeniedException".into()),
            message: Some(message.into()),
            ..Fault::default()
        };
        stub.faults().add(Rule::new(matcher, 1, 0, fault));
        probe_now(&shared, &own.gateway)?;
        let mend = || {
            stub.faults().clear();
            Ok(())
        };
        let took = held_back(&shared, &own.gateway, reason, mend)?;
        figures::note(format!("Ready again after {reason} was mended"), format!("{:.0} s", took.as_secs_f64()));
    }
    Client::of(&shared.world, &own.tenants[0])?.until_answered()?;
    own.remove(&shared)
}

fn permission_missing() -> Outcome {
    let shared = prod()?;
    let own = shared.own("probe-permission", &json!({}), &[("one", "silver")])?;
    let proxy = shared.world.proxy()?;
    let matcher = aws_proxy::Match { operation: Some("AddPermission".into()), ..aws_proxy::Match::default() };
    let refusal = aws_proxy::Fault {
        status: Some(403),
        code: Some("AccessDeniedException".into()),
        message: Some("not authorized to perform: lambda:AddPermission".into()),
        ..aws_proxy::Fault::default()
    };
    proxy.faults().add(aws_proxy::Rule::new(matcher, 1, 0, refusal));
    by_hand(&shared.world, &own.gateway, &["remove-permission"])?;
    // The operator sees that it is gone, and may not put it back.
    let client = Client::of(&shared.world, &own.tenants[0])?;
    let mend = || {
        let refused = client.converse()?;
        proxy.faults().clear();
        ensure!(!refused.success, "a call was answered without the permission: {}", refused.output);
        Ok(())
    };
    held_back(&shared, &own.gateway, "AccessDenied", mend)?;
    client.until_answered()?;
    own.remove(&shared)
}
