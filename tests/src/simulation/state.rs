//! What is left when everything has come to rest, in a form that two runs which should end alike can be compared by.
//!
//! Left out is only what differs for good reason: times, resource versions, UIDs, generated ids, and the secret part of
//! credentials, of which it is said instead whether the policy in AWS knows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aigw_contract::Credential;
use aigw_fakes::aws::InventoryOptions;
use aigw_plan::identity::{TAG_ID, TAG_TIER};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::World;

const KINDS: [&str; 4] = ["aigateways", "tenants", "secrets", "namespaces"];
/// Fields of metadata that say something about what is there.
const METADATA: [&str; 5] = ["name", "namespace", "labels", "finalizers", "deletionTimestamp"];
/// Fields of a status that differ from run to run, because AWS makes them up.
const GENERATED: [&str; 13] = [
    "lastTransitionTime",
    "at",
    "restApiId",
    "deploymentId",
    "endpoint",
    "retiresAt",
    "rotatesAt",
    "since",
    "lastUsed",
    "observedGeneration",
    "fetchedAt",
    "observedAt",
    "effectiveAfterSeconds",
];

/// Both sides as text.
pub fn state(world: &World) -> String {
    let mut options = InventoryOptions::default();
    // Differs from run to run; what it stands for is said of each Secret.
    options.hidden_fields.insert("sha256".into());
    let mut text = format!("{}\n{}", cluster(world), world.aws.inventory_with(&options));
    // URLs and ids stand in Secrets and statuses as well, UIDs of gateways in tags.
    for (id, name) in generated(world).into_iter().chain(uids(world)) {
        text = text.replace(&id, &name);
    }
    text
}

/// The cluster's side.
fn cluster(world: &World) -> String {
    let mut text = String::new();
    // Made once: credentials are looked for in it.
    let in_aws = world.aws.inventory();
    // Where the gateway is gone there is nobody to accept one.
    let known = |hash: &str| world.kube.objects("aigateways").is_empty() || in_aws.contains(hash);
    for plural in KINDS {
        for object in world.kube.objects(plural) {
            let name = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
            let place = format!("{plural} {}/{}", name("namespace"), name("name"));
            flatten(&place, &describe(plural, &object, &known), &mut text);
        }
    }
    text
}

/// Ids that AWS made up, by what they stand for.
fn generated(world: &World) -> Vec<(String, String)> {
    let account = world.aws.state();
    let mut names = Vec::new();
    for region in account.regions.values() {
        let of = |tags: &BTreeMap<String, String>, tag: &str| tags.get(tag).cloned().unwrap_or_default();
        let apis = region.rest_apis.iter().map(|(id, api)| (id.clone(), format!("(api of {})", of(&api.tags, TAG_ID))));
        let plans = region.usage_plans.iter().map(|(id, plan)| {
            (id.clone(), format!("(plan {} of {})", of(&plan.tags, TAG_TIER), of(&plan.tags, TAG_ID)))
        });
        names.extend(apis.chain(plans));
    }
    names
}

/// UIDs of gateways, by name.
fn uids(world: &World) -> Vec<(String, String)> {
    let of = |gateway: &Value| {
        let text = |field: &str| gateway["metadata"][field].as_str().unwrap_or_default().to_owned();
        (text("uid"), format!("(uid of {}/{})", text("namespace"), text("name")))
    };
    world.kube.objects("aigateways").iter().map(of).collect()
}

/// One line per value, so that a difference names its field. Items of a list go by their type or name.
fn flatten(place: &str, value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            for (name, value) in sorted {
                flatten(&format!("{place} {name}"), value, text);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let key = key_of(item).map_or_else(|| index.to_string(), str::to_owned);
                flatten(&format!("{place}[{key}]"), item, text);
            }
        }
        scalar => {
            let _ = writeln!(text, "{place}: {scalar}");
        }
    }
}

fn key_of(item: &Value) -> Option<&str> {
    ["type", "name", "tier", "id"].iter().find_map(|field| item[*field].as_str())
}

fn describe(plural: &str, object: &Value, known: &dyn Fn(&str) -> bool) -> Value {
    let mut kept: BTreeMap<&str, Value> =
        METADATA.iter().filter_map(|field| Some((*field, object["metadata"].get(*field)?.clone()))).collect();
    if kept.contains_key("deletionTimestamp") {
        kept.insert("deletionTimestamp", "set".into());
    }
    if plural == "secrets" {
        kept.insert("data", secret_data(object, known));
    } else {
        let mut status = object["status"].clone();
        strip(&mut status);
        kept.insert("spec", object["spec"].clone());
        kept.insert("status", status);
    }
    serde_json::to_value(kept).unwrap_or_default()
}

/// Values in clear, but a credential as whether AWS knows its hash.
fn secret_data(secret: &Value, known: &dyn Fn(&str) -> bool) -> Value {
    let data = secret["data"].as_object().cloned().unwrap_or_default();
    let shown = data.into_iter().map(|(name, value)| {
        let value = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
        let value = String::from_utf8_lossy(&value).into_owned();
        let value = match Credential::parse(&value) {
            Ok(credential) => {
                let known = known(&credential.sha256());
                format!("credential {} of {}, known to AWS: {known}", credential.key(), credential.tenant())
            }
            Err(_) => value,
        };
        (name, Value::from(value))
    });
    Value::Object(shown.collect())
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "CapacityOK") {
                // How many usage plans there were at the last look.
                fields.remove("message");
            }
            if let Some(Value::String(message)) = fields.get_mut("message") {
                *message = without_times(message);
            }
            fields.retain(|name, _| !GENERATED.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(strip);
            // The order of a list that is a map by its key says nothing.
            items.sort_by_key(|item| key_of(item).map(str::to_owned));
        }
        _ => {}
    }
}

/// A message without the times in it: of keys that end, which depend on when they were replaced.
fn without_times(message: &str) -> String {
    let is_time = |word: &str| word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    let words = message.split(' ').map(|word| match word.get(..20) {
        Some(time) if is_time(time) => format!("…{}", &word[20..]),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The first lines in which two states differ, for a failure's message.
pub fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let missing = expected.iter().filter(|line| !actual.contains(line)).map(|line| format!("- {line}"));
    let extra = actual.iter().filter(|line| !expected.contains(line)).map(|line| format!("+ {line}"));
    let lines: Vec<String> = missing.take(6).chain(extra.take(6)).collect();
    if !lines.is_empty() {
        return lines.join("\n");
    }
    // The same lines, in another order or number.
    let first = expected.iter().zip(&actual).position(|(one, other)| one != other);
    first.map_or_else(
        || format!("{} lines, expected {}", actual.len(), expected.len()),
        |at| format!("at line {at}:\n- {}\n+ {}", expected[at], actual[at]),
    )
}
