//! What `kubectl aigw` offers, run as kubectl runs it: by its name on `PATH`, against the real apiserver.

use std::collections::BTreeMap;

use aigw_tests::harness::environment_test as test;
use aigw_tests::program::{Ended, run};
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, repository, wait};
use libtest_mimic::Trial;

const DENIED: &str = "AccessDeniedException";

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "a_tenant_is_suspended_resumed_rotated_and_looked_at", commands)]
}

fn aigw(shared: &Shared, arguments: &[&str]) -> Outcome<Ended> {
    let instance = shared.world.cluster.instance();
    let bin = instance.dir().join("plugin");
    std::fs::create_dir_all(&bin)?;
    let link = bin.join("kubectl-aigw");
    if !link.exists() {
        std::os::unix::fs::symlink(repository::program("aigw-operator"), &link)?;
    }
    let mut env: BTreeMap<_, _> = instance.env().clone().into_iter().collect();
    let path = env.get("PATH").cloned().unwrap_or_default();
    env.insert("PATH".into(), format!("{}:{path}", bin.display()));
    let kubectl = instance.kube()?.tools().list().into_iter().find(|(name, _)| *name == "kubectl");
    let (_, kubectl) = kubectl.ok_or("no kubectl")?;
    run(kubectl, &[&["aigw"], arguments].concat(), &env)
}

/// What the doctor says of AWS, names and probes, and of what it could not ask.
fn examined(shared: &Shared) -> Outcome {
    let role = ["--installation", "e2e", "--role-arn", "arn:aws:iam::111122223333:role/aigw-operator"];
    let told = aigw(shared, &[&["doctor"], &role[..]].concat())?.ok()?.stdout;
    for part in [
        "nothing is wrong",
        "fine: AIGateway ai-platform/prod: you are arn:aws:",
        "fine: AIGateway ai-platform/prod: probes have passed since ",
        "names of gateways and AWS resolve here",
        // The emulator does not simulate policies.
        "not known: rights of the operator in eu-central-1: iam:SimulatePrincipalPolicy",
    ] {
        ensure!(told.contains(part), "the doctor does not say {part:?}:\n{told}");
    }
    let offline = aigw(shared, &["doctor", "--offline"])?.ok()?.stdout;
    ensure!(offline.contains("--offline") && !offline.contains("you are"), "{offline}");
    Ok(())
}

fn commands() -> Outcome {
    let shared = prod()?;
    let client = shared.ads_client()?;
    client.until_answered()?;
    let tenant = ["ads", "-n", "team-ads"];

    ensure!(aigw(&shared, &[&["suspend"], &tenant[..]].concat())?.ok()?.stdout.contains("refused"), "what it says");
    wait::until("calls are refused", || client.must_fail(DENIED).map(drop))?;
    wait::until("the doctor tells", || {
        let told = aigw(&shared, &["doctor"])?;
        ensure!(!told.success && told.output.contains("team-ads/ads: SuspendedByTeam"), "{}", told.output);
        Ok(())
    })?;
    aigw(&shared, &[&["resume"], &tenant[..]].concat())?.ok()?;
    client.until_answered()?;
    wait::until("the doctor finds nothing", || aigw(&shared, &["doctor"])?.ok().map(drop))?;
    examined(&shared)?;

    let usage = aigw(&shared, &["usage", "-A"])?.ok()?.stdout;
    for each in ["ads", "search"] {
        ensure!(usage.lines().any(|line| line.split_whitespace().nth(1) == Some(each)), "{each} is not in {usage}");
    }
    aigw(&shared, &["top"])?.ok()?;

    let told = aigw(&shared, &[&["rotate"], &tenant[..]].concat())?.ok()?.stdout;
    ensure!(told.contains("Secret ai-gateway-ads"), "what it says: {told}");
    wait::until("the Secret has another credential", || {
        let renewed = shared.ads_client()?;
        ensure!(renewed.token() != client.token(), "the same credential");
        Ok(())
    })?;
    // Credentials of a Secret are noted as they are read; none of them may be in the bundle.
    let bundle = aigw(&shared, &["support-bundle"])?.ok()?.stdout;
    let parsed: serde_json::Value = serde_json::from_str(&bundle)?;
    let names: Vec<_> =
        parsed["tenants"].as_array().into_iter().flatten().map(|each| &each["metadata"]["name"]).collect();
    ensure!(names.iter().any(|name| *name == "ads"), "not in the bundle: {names:?}");
    for secret in aigw_tests::secrets::secret_parts() {
        ensure!(!bundle.contains(secret.as_str()), "the bundle has a credential in it");
    }
    Ok(())
}
