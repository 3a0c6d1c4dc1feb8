//! What is in the AWS account that is ours, as anybody with the AWS SDK would list it. Past the proxy, so that the log of
//! calls holds the operator's only.

use std::collections::BTreeMap;

use aigw_plan::GatewayIdentity;
use serde_json::Value;

use crate::cluster::Object;
use crate::program::run;
use crate::world::World;
use crate::{Outcome, ensure, repository};

/// The installation of these tests.
pub const INSTALLATION: &str = "e2e";
const KINDS: [&str; 7] = ["restApis", "usagePlans", "apiKeys", "functions", "roles", "tables", "logGroups"];

/// AWS objects by kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventory(pub BTreeMap<String, Vec<Value>>);

/// The identity of a gateway in AWS.
pub fn identity(gateway: &Object) -> GatewayIdentity {
    GatewayIdentity {
        installation: INSTALLATION.into(),
        namespace: gateway.namespace.clone(),
        name: gateway.name.clone(),
    }
}

/// Environment of programs that act in the AWS account as a person would.
pub fn person(world: &World) -> Outcome<BTreeMap<String, String>> {
    let mut env = world.cluster.instance().env();
    env.insert("AWS_ENDPOINT_URL".into(), world.cluster.instance().emulator_endpoint()?);
    env.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
    Ok(env)
}

fn python(world: &World, arguments: &[&str]) -> Outcome<String> {
    let ended = run(&world.clients()?.join("venv/bin/python"), arguments, &person(world)?)?.ok()?;
    Ok(ended.stdout)
}

/// Runs Python with boto3 as a person with the account's credentials; `code` prints JSON.
pub fn boto3(world: &World, code: &str) -> Outcome<Value> {
    let text = python(world, &["-c", &format!("import boto3, json, sys\n{code}")])?;
    Ok(serde_json::from_str(text.trim()).map_err(|error| format!("{error}: {text}"))?)
}

/// Every line of JSON in the account's log groups, behind the name of its group.
pub fn logged(world: &World) -> Outcome<Vec<(String, Value)>> {
    let code = "\
logs = boto3.client('logs')
found = []
for group in logs.get_paginator('describe_log_groups').paginate().build_full_result()['logGroups']:
    pages = logs.get_paginator('filter_log_events').paginate(logGroupName=group['logGroupName'])
    for event in pages.build_full_result()['events']:
        text = event['message'].strip()
        if text.startswith('{'):
            found.append([group['logGroupName'], json.loads(text)])
print(json.dumps(found))
";
    Ok(serde_json::from_value(boto3(world, code)?)?)
}

/// Changes something in AWS by hand (`tests/clients/python/drift.py`).
pub fn by_hand(world: &World, gateway: &Object, arguments: &[&str]) -> Outcome<Value> {
    let script = repository::path("tests/clients/python/drift.py").display().to_string();
    let id = identity(gateway).id();
    let text = python(world, &[&[script.as_str(), "--gateway", &id], arguments].concat())?;
    Ok(serde_json::from_str(text.trim())?)
}

/// Everything of ours.
pub fn everything(world: &World) -> Outcome<Inventory> {
    let script = repository::path("tests/clients/python/inventory.py").display().to_string();
    let all: Value = serde_json::from_str(&python(world, &[&script])?)?;
    let kind = |kind: &&str| ((*kind).to_owned(), all[*kind].as_array().cloned().unwrap_or_default());
    Ok(Inventory(KINDS.iter().map(kind).collect()))
}

/// Everything of one gateway.
pub fn of(world: &World, gateway: &Object) -> Outcome<Inventory> {
    let (id, name) = (identity(gateway).id(), identity(gateway).physical_name());
    let ours = |each: &Value| {
        let named = each["name"].as_str().unwrap_or_default().contains(&name);
        named || each["tags"]["aigateway.dev/id"] == id.as_str()
    };
    let mut inventory = everything(world)?;
    for objects in inventory.0.values_mut() {
        objects.retain(ours);
    }
    Ok(inventory)
}

impl Inventory {
    /// How many objects of each kind there are.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        self.0.iter().map(|(kind, objects)| (kind.as_str(), objects.len())).collect()
    }

    /// Fails unless there are exactly as many as a whole gateway with `tiers` and `tenants` has: nothing twice, nothing
    /// missing.
    pub fn must_be_whole(&self, tiers: usize, tenants: usize) -> Outcome {
        let wanted = BTreeMap::from([
            ("restApis", 1),
            ("usagePlans", tiers),
            // One is the gateway's probe.
            ("apiKeys", tenants + 1),
            ("functions", 2),
            ("roles", 2),
            ("tables", 1),
            ("logGroups", 2),
        ]);
        crate::ensure_eq!(self.counts(), wanted, "AWS objects");
        Ok(())
    }

    /// Fails unless there is nothing, or only what is named.
    pub fn must_be_empty_but(&self, allowed: &[&str]) -> Outcome {
        let left: Vec<_> =
            self.0.iter().filter(|(kind, objects)| !objects.is_empty() && !allowed.contains(&kind.as_str())).collect();
        ensure!(left.is_empty(), "left in AWS: {left:?}");
        Ok(())
    }

    /// Without what differs between two gateways that are alike: ids that AWS gave, and the UID of the owner. What refers
    /// to another object by id still does, by kind and place.
    pub fn anonymous(&self) -> Value {
        let mut text = serde_json::to_string(&self.0).unwrap_or_default();
        let mut objects = Value::Null;
        for (kind, found) in &self.0 {
            let mut found = found.clone();
            // Ids and lists of ids are in no order, names are.
            found.sort_by_key(|each| each["name"].as_str().unwrap_or_default().to_owned());
            let named = found.iter().flat_map(|each| {
                let inner = each["deployments"].as_array().cloned().unwrap_or_default();
                inner.into_iter().chain([each.clone()]).collect::<Vec<_>>()
            });
            for (place, id) in named.filter_map(|each| each["id"].as_str().map(str::to_owned)).enumerate() {
                text = text.replace(&id, &format!("{kind} {place}"));
            }
        }
        if let Ok(read) = serde_json::from_str(&text) {
            objects = read;
        }
        strip(&mut objects, "aigateway.dev/owner-uid");
        sort(&mut objects);
        objects
    }

    /// The only object of a kind.
    pub fn one(&self, kind: &str) -> Outcome<&Value> {
        let found = self.0.get(kind).map_or(&[][..], Vec::as_slice);
        crate::ensure_eq!(found.len(), 1, "number of {kind}");
        Ok(&found[0])
    }

    /// The only object of a kind whose name contains a text.
    pub fn named(&self, kind: &str, part: &str) -> Outcome<&Value> {
        let all = self.0.get(kind).map_or(&[][..], Vec::as_slice);
        let mut found = all.iter().filter(|each| each["name"].as_str().unwrap_or_default().contains(part));
        Ok(found.next().ok_or_else(|| format!("no {kind} named {part}"))?)
    }
}

/// Takes a field away wherever it is.
fn strip(value: &mut Value, field: &str) {
    match value {
        Value::Object(fields) => {
            fields.remove(field);
            fields.values_mut().for_each(|each| strip(each, field));
        }
        Value::Array(values) => values.iter_mut().for_each(|each| strip(each, field)),
        _ => {}
    }
}

/// Orders every list by what it holds.
fn sort(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(sort),
        Value::Array(values) => {
            values.iter_mut().for_each(sort);
            values.sort_by_cached_key(Value::to_string);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inventory(api: &str, plan: &str, rate: u32) -> Inventory {
        let kinds = [
            ("restApis", json!({"id": api, "name": "aigw-x", "tags": {"aigateway.dev/owner-uid": plan}})),
            ("usagePlans", json!({"id": plan, "name": "silver", "rate": rate, "stages": [format!("{api}:v1")]})),
        ];
        Inventory(kinds.into_iter().map(|(kind, object)| (kind.to_owned(), vec![object])).collect())
    }

    #[test]
    fn only_ids_and_owners_are_forgotten() {
        let one = inventory("a1b2", "p1p2", 50);
        assert_eq!(one.anonymous(), inventory("c3d4", "q3q4", 50).anonymous());
        assert_ne!(one.anonymous(), inventory("c3d4", "q3q4", 60).anonymous());
        assert_eq!(one.anonymous()["usagePlans"][0]["stages"][0], "restApis 0:v1");
        let mut elsewhere = inventory("c3d4", "q3q4", 50);
        elsewhere.0.get_mut("usagePlans").unwrap()[0]["stages"] = json!(["other:v1"]);
        assert_ne!(one.anonymous(), elsewhere.anonymous(), "references count");
    }
}
