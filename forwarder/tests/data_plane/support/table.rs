//! A fake DynamoDB with the three operations the functions use.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use super::expressions;
use super::http::{Body, json as respond, spawn};
use super::sigv4;

#[derive(Clone, Default)]
pub struct FakeTable {
    state: Arc<Mutex<State>>,
    /// While held, writes wait.
    pub held: Arc<RwLock<()>>,
}

#[derive(Default)]
struct State {
    items: HashMap<(String, String), Value>,
    reads: Vec<String>,
    writes: Vec<String>,
    failure: Option<(u16, &'static str)>,
    failures_left: usize,
    /// Only writes fail.
    failing_writes: bool,
    /// Writes that fail are applied all the same.
    applied: bool,
}

impl FakeTable {
    pub async fn spawn(&self) -> SocketAddr {
        let table = self.clone();
        spawn(move |request| table.clone().answer(request)).await
    }

    /// Puts an item whose attributes are in DynamoDB's JSON form.
    pub fn put(&self, pk: &str, sk: &str, item: Value) {
        self.state.lock().unwrap().items.insert((pk.into(), sk.into()), item);
    }

    pub fn put_document(&self, pk: &str, sk: &str, version: i64, document: &Value) {
        let item = json!({ "version": { "N": version.to_string() }, "document": { "S": document.to_string() } });
        self.put(pk, sk, item);
    }

    pub fn remove(&self, pk: &str, sk: &str) {
        self.state.lock().unwrap().items.remove(&(pk.into(), sk.into()));
    }

    /// Answers the next `count` reads with this error.
    pub fn fail(&self, status: u16, code: &'static str, count: usize) {
        let mut state = self.state.lock().unwrap();
        state.failure = Some((status, code));
        state.failures_left = count;
        (state.failing_writes, state.applied) = (false, false);
    }

    /// Answers the next `count` writes with this error; `applied` says whether they are applied all the same.
    pub fn fail_writes(&self, status: u16, code: &'static str, count: usize, applied: bool) {
        self.fail(status, code, count);
        let mut state = self.state.lock().unwrap();
        (state.failing_writes, state.applied) = (true, applied);
    }

    /// A number of an item; zero where there is none.
    pub fn number(&self, pk: &str, sk: &str, name: &str) -> i64 {
        let state = self.state.lock().unwrap();
        let item = state.items.get(&(pk.to_owned(), sk.to_owned()));
        item.and_then(|item| item[name]["N"].as_str()).map_or(0, |number| number.parse().unwrap())
    }

    /// Gives some attributes of an item these values and leaves the others alone.
    pub fn merge(&self, pk: &str, sk: &str, attributes: &Value) {
        let mut state = self.state.lock().unwrap();
        let item = state.items.entry((pk.to_owned(), sk.to_owned())).or_insert_with(|| json!({}));
        for (name, value) in attributes.as_object().unwrap() {
            item[name] = value.clone();
        }
    }

    /// Partition keys written since the last call of this; refused writes count.
    pub fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().writes)
    }

    /// Partition keys read since the last call of this.
    pub fn take_reads(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().reads)
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        sigv4::verify(&parts, &body, "dynamodb");
        assert_eq!(parts.headers["content-type"], "application/x-amz-json-1.0");
        let input: Value = serde_json::from_slice(&body).unwrap();
        let target = parts.headers["x-amz-target"].to_str().unwrap();
        if target.ends_with(".UpdateItem") {
            drop(self.held.read().await);
            return self.update(&input);
        }
        let (request, keys) = match target.strip_prefix("DynamoDB_20120810.").unwrap() {
            "GetItem" => {
                assert_eq!(input["TableName"], "gateway-table");
                (&input, vec![input["Key"].clone()])
            }
            "BatchGetItem" => {
                let request = &input["RequestItems"]["gateway-table"];
                let keys = request["Keys"].as_array().unwrap().clone();
                assert!((1..=100).contains(&keys.len()));
                (request, keys)
            }
            other => panic!("{other} is nothing the functions may do"),
        };
        assert_eq!(request["ConsistentRead"], true);
        let keys: Vec<_> = keys.iter().map(|key| (text(&key["pk"]), text(&key["sk"]))).collect();

        let mut state = self.state.lock().unwrap();
        state.reads.extend(keys.iter().map(|(pk, _)| pk.clone()));
        if let Some(failure) = state.fails(false) {
            return failure;
        }
        let found = keys.into_iter().filter_map(|(pk, sk)| {
            let mut item = state.items.get(&(pk.clone(), sk.clone()))?.clone();
            item["pk"] = json!({ "S": pk });
            item["sk"] = json!({ "S": sk });
            Some(item)
        });
        let found: Vec<Value> = found.collect();
        if target.ends_with(".BatchGetItem") {
            return respond(200, &json!({ "Responses": { "gateway-table": found }, "UnprocessedKeys": {} }));
        }
        match found.first() {
            Some(item) => respond(200, &json!({ "Item": item })),
            None => respond(200, &json!({})),
        }
    }
}

impl FakeTable {
    fn update(self, input: &Value) -> Response<Body> {
        assert_eq!(input["TableName"], "gateway-table");
        assert_eq!(input["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
        let key = (text(&input["Key"]["pk"]), text(&input["Key"]["sk"]));
        assert!(key.0.starts_with("meter#"), "{} is not the function's to write", key.0);
        let mut state = self.state.lock().unwrap();
        state.writes.push(key.0.clone());
        let applied = state.applied;
        let failure = match state.fails(true) {
            Some(failure) if !applied => return failure,
            failure => failure,
        };
        let before = state.items.get(&key).cloned();
        let updated = expressions::update(before.as_ref(), input);
        if let Some(item) = &updated {
            state.items.insert(key, item.clone());
        }
        failure.unwrap_or_else(|| match (updated, before) {
            (Some(item), _) => respond(200, &json!({ "Attributes": item })),
            (None, before) => {
                let mut body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException" });
                if let Some(item) = before {
                    body["Item"] = item;
                }
                respond(400, &body)
            }
        })
    }
}

impl State {
    fn fails(&mut self, write: bool) -> Option<Response<Body>> {
        if self.failures_left == 0 || (self.failing_writes && !write) {
            return None;
        }
        self.failures_left -= 1;
        let (status, code) = self.failure.unwrap();
        Some(respond(status, &json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}") })))
    }
}

fn text(attribute: &Value) -> String {
    attribute["S"].as_str().unwrap().to_owned()
}
