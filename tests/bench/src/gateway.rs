//! The gateway that ours is measured with: its configuration and one tenant with model rules and residency, as items of
//! a fake DynamoDB for the Lambda form and as a policy file for the HTTP form.

use std::io;
use std::net::SocketAddr;

use aigw_contract::Credential;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::Outcome;
use crate::net::{Answer, serve};

/// REST API the events come from.
pub const REST_API: &str = "api1";
/// Region of everything.
pub const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "111122223333";

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
        "region": REGION, "accountId": ACCOUNT,
    })
}

fn models() -> Value {
    json!({
        "rule": "default", "granted": ["anthropic.*", "amazon.nova-*", "meta.*"], "allow": ["anthropic.claude-*"],
        "deny": ["*opus*"], "residency": "EU",
    })
}

/// Content of the policy file of the HTTP form.
///
/// # Errors
/// See [`credential`].
pub fn policy_file() -> Outcome<String> {
    let credential = credential()?;
    let tenant = json!({ "credentials": [credential.expose()], "policy": { "models": models() } });
    Ok(json!({ "gateway": config(), "tenants": [tenant] }).to_string())
}

/// A fake DynamoDB with the items of the gateway. Ours reads the tenant's meter from it on every call.
///
/// # Errors
/// Where no port can be had.
pub async fn table() -> Outcome<SocketAddr> {
    let credential = credential()?;
    let policy = json!({
        "namespace": "team-a", "name": "chat", "tier": "bronze", "usageKey": "the-usage-key", "models": models(),
        "keys": [{ "id": credential.key(), "sha256": credential.sha256() }],
    });
    let items = [
        ("gateway", "config", document(&config())),
        ("tenant#t1", "policy", document(&policy)),
        ("meter#t1", "now", json!({ "policyVersion": { "N": "1" }, "suspended": { "BOOL": false } })),
    ];
    let items = items.map(|(pk, sk, mut item)| {
        item["pk"] = json!({ "S": pk });
        item["sk"] = json!({ "S": sk });
        item
    });
    let address: io::Result<SocketAddr> = serve(None, move |request| answer(items.clone(), request)).await;
    Ok(address?)
}

fn document(content: &Value) -> Value {
    json!({ "version": { "N": "1" }, "document": { "S": content.to_string() } })
}

async fn answer(items: [Value; 3], request: Request<Incoming>) -> Response<Answer> {
    let batch =
        request.headers().get("x-amz-target").is_some_and(|target| target.as_bytes().ends_with(b"BatchGetItem"));
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let input: Value = serde_json::from_slice(&body).unwrap_or_default();
    let find = |key: &Value| items.iter().find(|item| item["pk"] == key["pk"] && item["sk"] == key["sk"]);
    let output = if batch {
        let tables = input["RequestItems"].as_object().into_iter().flatten();
        let found = tables.map(|(name, table)| {
            let keys = table["Keys"].as_array().into_iter().flatten();
            (name.clone(), keys.filter_map(find).cloned().collect::<Value>())
        });
        json!({ "Responses": found.collect::<serde_json::Map<_, _>>(), "UnprocessedKeys": {} })
    } else {
        find(&input["Key"]).map_or_else(|| json!({}), |item| json!({ "Item": item }))
    };
    Response::new(Answer::whole(output.to_string()))
}
