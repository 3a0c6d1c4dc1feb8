//! A custom domain on the real path: an SDK's call through its base path arrives as that through the default URL does, and
//! clients are told when and only when they should be.
//!
//! No DNS knows the domain here. The operator therefore sees what it sees before a record is made; the client's own look-up
//! is replaced. Domains that are found and tried are scenarios (`scenario::domains`).

use aigw_tests::clients::{Client, ENDPOINT};
use aigw_tests::cluster::find_condition;
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory::boto3;
use aigw_tests::program::Ended;
use aigw_tests::shared::{Own, Shared, operator};
use aigw_tests::world::CUSTOM_DOMAINS;
use aigw_tests::{Outcome, ensure, ensure_eq, repository, wait};
use libtest_mimic::Trial;
use serde_json::{Value, json};

const NAME: &str = "domains";
/// A model whose name needs percent-encoding in a path.
const MODEL: &str = "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0";

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "a_call_through_a_base_path_arrives_as_any_other", arrives)]
}

fn arrives() -> Outcome {
    let shared = operator()?;
    let own = shared.own(NAME, &json!({}), &[("one", "silver")])?;
    let before = Client::of(&shared.world, &own.tenants[0])?;
    before.until_answered()?;

    let name = format!("ai.{CUSTOM_DOMAINS}");
    let certificate = "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b2c3d";
    let domain = json!({"name": name, "certificateArn": certificate, "basePath": "prod"});
    shared.world.cluster.patch(&own.gateway, &json!({"spec": {"endpoint": {"domain": domain}}}))?;
    let url = untold(&shared, &own)?;
    let told = Client::of(&shared.world, &own.tenants[0])?;
    ensure_eq!(told.endpoint(), before.endpoint(), "URL while the domain is untried");
    ensure!(url.starts_with(&format!("https://{name}:")) && url.ends_with("/prod"), "an odd URL: {url}");
    let through = before.clone().with(ENDPOINT, &format!("{url}/bedrock-runtime"));
    wait::until("the domain serves", || call(&through, "").map(drop))?;
    ensure_eq!(arrived(&shared, &through)?, arrived(&shared, &before)?, "what Bedrock gets");

    // Whoever does not want probes to count says that the domain works.
    shared.world.cluster.patch(&own.gateway, &json!({"spec": {"probe": {"mode": "Report"}}}))?;
    wait::until("clients are told", || {
        let told = Client::of(&shared.world, &own.tenants[0])?;
        ensure_eq!(told.endpoint(), through.endpoint(), "URL in the tenant's Secret");
        Ok(())
    })?;
    own.wait_ready(&shared)?;
    before.must_answer()?;

    shared.world.cluster.patch(&own.gateway, &json!({"spec": {"endpoint": {"disableDefaultEndpoint": true}}}))?;
    wait::until("the default URL is closed", || before.must_fail("403").map(drop))?;
    call(&through, "")?;
    own.remove(&shared)?;
    let left = boto3(&shared.world, "print(json.dumps(boto3.client('apigateway').get_domain_names()['items']))")?;
    ensure_eq!(left, json!([]), "domains");
    Ok(())
}

/// The domain's URL, once the operator has found that no call comes through it.
fn untold(shared: &Shared, own: &Own) -> Outcome<String> {
    let mut gateway = Value::Null;
    wait::until("the domain is in place and not reached", || {
        gateway = shared.world.cluster.get(&own.gateway)?;
        let told = find_condition(&gateway, "DomainReady");
        ensure_eq!((&told["status"], &told["reason"]), (&json!("False"), &json!("DomainNotReached")), "DomainReady");
        ensure_eq!(find_condition(&gateway, "Ready")["status"], json!("False"), "Ready");
        Ok(())
    })?;
    let url = gateway["status"]["domains"][0]["url"].as_str();
    Ok(url.ok_or("no URL of the domain in the status")?.to_owned())
}

/// One call of boto3's `converse` by a client for which the domain leads to the front.
fn call(client: &Client, model: &str) -> Outcome<Ended> {
    let scripts = repository::path("tests/clients/python");
    let model = if model.is_empty() { String::new() } else { format!(", '--model', '{model}'") };
    let code = format!(
        "import runpy, socket, sys\n\
         look_up = socket.getaddrinfo\n\
         local = lambda host: 'localhost' if host.endswith('.{CUSTOM_DOMAINS}') else host\n\
         socket.getaddrinfo = lambda host, *rest, **more: look_up(local(host), *rest, **more)\n\
         sys.path.insert(0, '{scripts}')\n\
         sys.argv = ['converse.py'{model}]\n\
         runpy.run_path('{scripts}/converse.py', run_name='__main__')",
        scripts = scripts.display(),
    );
    client.python(&code)?.ok()
}

/// Path and body of what came to Bedrock by a call.
fn arrived(shared: &Shared, client: &Client) -> Outcome<(String, String)> {
    call(client, MODEL)?;
    let requests = shared.world.bedrock()?.requests();
    let record = requests.into_iter().rev().find(|record| record.model.as_deref() == Some(MODEL));
    let record = record.ok_or("Bedrock got nothing")?;
    ensure!(record.target.contains('%'), "nothing of the path is encoded: {}", record.target);
    Ok((record.target, record.body))
}
