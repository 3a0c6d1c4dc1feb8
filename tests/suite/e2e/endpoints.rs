//! Who may reach a gateway is in the policy that was deployed.

use aigw_tests::clients::Client;
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory::{self, boto3};
use aigw_tests::shared::{Own, Shared, prod};
use aigw_tests::{Outcome, ensure, ensure_eq};
use libtest_mimic::Trial;
use serde_json::{Value, json};

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_private_gateway_opens_to_its_vpc_endpoints_only", private),
        test(module_path!(), "source_ranges_become_the_policy", source_ranges),
    ]
}

/// The REST API of a gateway as AWS has it: endpoint configuration and policy.
fn rest_api(shared: &Shared, own: &Own) -> Outcome<(String, Value, Value)> {
    let id = inventory::of(&shared.world, &own.gateway)?.one("restApis")?["id"].as_str().unwrap_or_default().to_owned();
    let code = format!(
        "api = boto3.client('apigateway').get_rest_api(restApiId='{id}')\n\
         policy = api.get('policy') or '{{}}'\n\
         try:\n    policy = json.loads(policy)\n\
         except ValueError:\n    policy = json.loads(policy.replace('\\\\', ''))\n\
         print(json.dumps([api['endpointConfiguration'], policy]))"
    );
    let found = boto3(&shared.world, &code)?;
    Ok((id, found[0].clone(), found[1].clone()))
}

fn private() -> Outcome {
    let shared = prod()?;
    let spec = json!({"endpoint": {"type": "Private", "vpcEndpointIds": ["vpce-0a1b2c3d4e5f60718"]}});
    let own = shared.own("private", &spec, &[("one", "silver")])?;
    let (id, configuration, policy) = rest_api(&shared, &own)?;
    ensure_eq!(configuration["types"], json!(["PRIVATE"]), "endpoint types");
    ensure_eq!(configuration["vpcEndpointIds"], json!(["vpce-0a1b2c3d4e5f60718"]), "VPC endpoints");
    let text = policy.to_string();
    ensure!(text.contains("\"Deny\"") && text.contains("aws:SourceVpce"), "policy: {text}");
    ensure!(text.contains("vpce-0a1b2c3d4e5f60718"), "policy: {text}");
    let url = shared.world.cluster.get(&own.gateway)?["status"]["endpoint"].clone();
    let expected = format!("{}/{id}/v1", shared.world.cluster.instance().gateway_url()?);
    ensure_eq!(url, expected, "URL by the installation's template");
    own.remove(&shared)?;
    inventory::of(&shared.world, &own.gateway)?.must_be_empty_but(&[])
}

fn source_ranges() -> Outcome {
    let shared = prod()?;
    let spec = json!({"endpoint": {"type": "Regional", "sourceCidrs": ["127.0.0.0/8", "203.0.113.0/24"]}});
    let own = shared.own("ranges", &spec, &[("one", "silver")])?;
    let policy = || rest_api(&shared, &own).map(|found| found.2.to_string());
    let first = policy()?;
    ensure!(first.contains("aws:SourceIp") && first.contains("203.0.113.0/24"), "policy: {first}");
    Client::of(&shared.world, &own.tenants[0])?.until_answered()?;
    // The emulator stores policies and does not enforce them, so what is imported is all there is to see here.
    shared.world.cluster.patch(&own.gateway, &json!({"spec": {"endpoint": {"sourceCidrs": ["203.0.113.0/24"]}}}))?;
    aigw_tests::wait::until("the policy follows the spec", || {
        let now = policy()?;
        ensure!(now.contains("203.0.113.0/24") && !now.contains("127.0.0.0/8"), "policy: {now}");
        Ok(())
    })?;
    own.remove(&shared)
}
