//! The gateway that ours is measured with: its configuration and one tenant with model rules, residency and limits, as items
//! of a fake DynamoDB for the Lambda form, there with a budget and prices, and as a policy file for the others.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aigw_contract::Credential;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::Outcome;
use crate::expressions;
use crate::net::{Answer, serve};

/// REST API the events come from.
pub const REST_API: &str = "api1";
/// Region of everything.
pub const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "111122223333";
/// Revision of the price list.
const PRICES: &str = "measured";

/// The tenant's credential.
///
/// # Errors
/// Never for these fixed parts.
pub fn credential() -> Outcome<Credential> {
    Ok(Credential::new("t1", "k1", &[9; 32])?)
}

fn config() -> Value {
    json!({
        "restApiId": REST_API, "stages": ["v1"], "families": ["bedrock-runtime"],
        "region": REGION, "accountId": ACCOUNT, "prices": PRICES,
    })
}

/// Limits that are reckoned with on every call and never reached.
pub fn limits() -> Value {
    json!({ "requestsPerMinute": 100_000_000, "concurrency": 1_000, "maxOutputTokens": { "default": 4096 } })
}

/// A tenant without limits.
pub fn no_limits() -> Value {
    json!({})
}

fn models() -> Value {
    json!({
        "rule": "default", "granted": ["anthropic.*", "amazon.nova-*", "meta.*"], "allow": ["anthropic.claude-*"],
        "deny": ["*opus*"], "residency": "EU",
    })
}

/// Content of a policy file whose tenant has these limits and no budget.
///
/// # Errors
/// See [`credential`].
pub fn policy_file(limits: &Value) -> Outcome<String> {
    let credential = credential()?;
    let tenant = json!({ "credentials": [credential.expose()], "policy": { "models": models(), "limits": limits } });
    let mut gateway = config();
    gateway["prices"] = json!("");
    Ok(json!({ "gateway": gateway, "tenants": [tenant] }).to_string())
}

/// A fake DynamoDB with the items of the gateway. Ours reserves in the tenant's meter before every call and settles after it.
///
/// # Errors
/// Where no port can be had.
pub async fn table() -> Outcome<SocketAddr> {
    let credential = credential()?;
    let policy = json!({
        "namespace": "team-a", "name": "chat", "tier": "bronze", "usageKey": "the-usage-key", "models": models(),
        "limits": limits(), "budgets": [{ "window": "Month", "microUsd": 1_000_000_000_000_i64 }],
        "keys": [{ "id": credential.key(), "sha256": credential.sha256() }],
    });
    let price = json!({ "match": "anthropic.*", "input": 3_000_000, "output": 15_000_000, "contextTokens": 200_000 });
    let items = [
        ("gateway", "config", document(&config())),
        ("gateway", "prices", document(&json!({ "revision": PRICES, "models": [price] }))),
        ("tenant#t1", "policy", document(&policy)),
        ("meter#t1", "now", json!({ "policyVersion": { "N": "1" }, "suspended": { "BOOL": false } })),
    ];
    let items = items.map(|(pk, sk, mut item)| {
        item["pk"] = json!({ "S": pk });
        item["sk"] = json!({ "S": sk });
        item
    });
    let items = Items::new(Mutex::new(items.to_vec()));
    let address: io::Result<SocketAddr> = serve(None, move |request| answer(Arc::clone(&items), request)).await;
    Ok(address?)
}

fn document(content: &Value) -> Value {
    json!({ "version": { "N": "1" }, "document": { "S": content.to_string() } })
}

type Items = Arc<Mutex<Vec<Value>>>;

async fn answer(items: Items, request: Request<Incoming>) -> Response<Answer> {
    let target = request.headers().get("x-amz-target").map(|target| target.as_bytes().to_vec()).unwrap_or_default();
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let input: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
    let is = |item: &Value, key: &Value| item["pk"] == key["pk"] && item["sk"] == key["sk"];
    let output = if target.ends_with(b"UpdateItem") {
        let Some(item) = items.iter_mut().find(|item| is(item, &input["Key"])) else {
            return refused(&json!({ "__type": "ResourceNotFoundException" }));
        };
        let Some(after) = expressions::update(Some(item), &input) else {
            let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            return refused(&json!({ "__type": code, "Item": item }));
        };
        *item = after.clone();
        json!({ "Attributes": after })
    } else if target.ends_with(b"BatchGetItem") {
        let tables = input["RequestItems"].as_object().into_iter().flatten();
        let found = tables.map(|(name, table)| {
            let keys = table["Keys"].as_array().into_iter().flatten();
            let find = |key: &Value| items.iter().find(|item| is(item, key));
            (name.clone(), keys.filter_map(find).cloned().collect::<Value>())
        });
        json!({ "Responses": found.collect::<serde_json::Map<_, _>>(), "UnprocessedKeys": {} })
    } else {
        let found = items.iter().find(|item| is(item, &input["Key"]));
        found.map_or_else(|| json!({}), |item| json!({ "Item": item }))
    };
    Response::new(Answer::whole(output.to_string()))
}

fn refused(error: &Value) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(error.to_string()));
    *response.status_mut() = http::StatusCode::BAD_REQUEST;
    response
}
