//! A fake DynamoDB with the two operations the functions use.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::http::{Body, json as respond, spawn};
use super::sigv4;

#[derive(Clone, Default)]
pub struct FakeTable {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    items: HashMap<(String, String), Value>,
    reads: Vec<String>,
    failure: Option<(u16, &'static str)>,
    failures_left: usize,
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
        if state.failures_left > 0 {
            state.failures_left -= 1;
            let (status, code) = state.failure.unwrap();
            return respond(status, &json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}") }));
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

fn text(attribute: &Value) -> String {
    attribute["S"].as_str().unwrap().to_owned()
}
