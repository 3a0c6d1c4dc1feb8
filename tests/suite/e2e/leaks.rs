//! After everything else: no credential is where none may be.

use std::fs;

use aigw_tests::clients::{TOKEN, read_secret};
use aigw_tests::harness::environment_test as test;
use aigw_tests::inventory::boto3;
use aigw_tests::shared::{Shared, prod};
use aigw_tests::{Outcome, ensure, secrets};
use libtest_mimic::Trial;

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "no_issued_credential_is_in_a_log_event_status_metric_or_function", no_leak)]
}

/// What the functions printed, and with which variables they run.
const FUNCTIONS: &str = "\
api, logs = boto3.client('lambda'), boto3.client('logs')
found = {}
for function in api.get_paginator('list_functions').paginate().build_full_result()['Functions']:
    found['variables of ' + function['FunctionName']] = json.dumps(function.get('Environment', {}))
for group in logs.get_paginator('describe_log_groups').paginate().build_full_result()['logGroups']:
    name = group['logGroupName']
    events = logs.get_paginator('filter_log_events').paginate(logGroupName=name).build_full_result()['events']
    found['log ' + name] = '\\n'.join(event['message'] for event in events)
print(json.dumps(found))
";

/// Everything in which a credential could be, with where it is.
fn places(shared: &Shared) -> Outcome<Vec<(String, String)>> {
    let mut places = Vec::new();
    for entry in fs::read_dir(shared.world.cluster.instance().logs())? {
        let path = entry?.path();
        places.push((path.display().to_string(), String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
    }
    for kind in ["AIGateway", "Tenant", "Event"] {
        for object in shared.world.cluster.list(kind)? {
            places.push((format!("{kind} {}", object["metadata"]["name"]), object.to_string()));
        }
    }
    places.push(("/metrics".to_owned(), super::metrics::get(shared, "/metrics")?.1));
    for (place, text) in boto3(&shared.world, FUNCTIONS)?.as_object().into_iter().flatten() {
        places.push((place.clone(), text.as_str().unwrap_or_default().to_owned()));
    }
    Ok(places)
}

fn no_leak() -> Outcome {
    let shared = prod()?;
    for client in [shared.search_client()?, shared.ads_client()?] {
        client.until_answered()?;
    }
    let issued = secrets::secret_parts();
    ensure!(issued.len() >= 2, "no credential was seen issued");
    let places = places(&shared)?;
    for wanted in ["operator", "log /aws/lambda/", "variables of aigw-", "aws-calls", "Event"] {
        let looked = places.iter().any(|(place, text)| place.contains(wanted) && !text.is_empty());
        ensure!(looked, "nothing called {wanted} was looked at");
    }
    for (place, text) in &places {
        for secret in &issued {
            ensure!(!text.contains(secret.as_str()), "{place} contains a credential");
        }
        // Of a whole credential not even the beginning with the tenant's id.
        ensure!(
            !place.contains("operator") || !text.contains("aigw_t"),
            "{place} contains the beginning of a credential"
        );
    }
    // The Secret has it, so the search would have found it.
    let data = read_secret(&shared.world.cluster, "team-search", "ai-gateway-search")?;
    ensure!(issued.iter().any(|secret| data[TOKEN].ends_with(secret.as_str())), "the search looks for the wrong text");
    Ok(())
}
