//! API Gateway between an SDK and the forwarder: an HTTP request becomes the event of a REST API's proxy integration,
//! and the streamed answer an HTTP response.
//!
//! As AWS describes it: the path stays as it was sent, without the stage; parameters are decoded, with a plus sign for
//! a space; a body that is text comes as text.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::http::{Body, full, json as respond, spawn};
use super::runtime_api::{FakeRuntimeApi, Streamed};
use super::world::{World, event};

const LASTS: Duration = Duration::from_mins(1);
const STAGE: &str = "/v1";

#[derive(Clone)]
pub struct FakeApiGateway {
    runtime_api: FakeRuntimeApi,
    authorization: Arc<str>,
    /// The fake Runtime API tells what it sees in one sequence.
    one_at_a_time: Arc<Mutex<()>>,
}

impl FakeApiGateway {
    /// A gateway in front of the world's forwarder that admits the world's credential.
    pub fn of(world: &World) -> Self {
        let authorization = format!("Bearer {}", world.credential.expose()).into();
        Self { runtime_api: world.api.clone(), authorization, one_at_a_time: Arc::default() }
    }

    pub async fn spawn(&self) -> SocketAddr {
        let gateway = self.clone();
        spawn(move |request| gateway.clone().answer(request)).await
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if parts.headers.get("authorization").is_none_or(|value| value != &*self.authorization) {
            return respond(401, &json!({ "message": "not the tenant's credential" }));
        }
        let _turn = self.one_at_a_time.lock().await;
        self.runtime_api.push(&proxy_event(&parts, &body), LASTS);
        response(self.runtime_api.streamed().await)
    }
}

fn proxy_event(parts: &Parts, body: &Bytes) -> Value {
    let path = parts.uri.path().strip_prefix(STAGE).expect("no stage");
    let mut event = event(parts.method.as_str(), path);
    let mut headers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in &parts.headers {
        headers.entry(name.as_str()).or_default().push(value.to_str().unwrap());
    }
    event["multiValueHeaders"] = json!(headers);
    if let Some(query) = parts.uri.query() {
        let mut parameters = serde_json::Map::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let values = parameters.entry(decoded(name)).or_insert_with(|| json!([]));
            values.as_array_mut().unwrap().push(decoded(value).into());
        }
        event["multiValueQueryStringParameters"] = parameters.into();
    }
    event["isBase64Encoded"] = std::str::from_utf8(body).is_err().into();
    event["body"] = match std::str::from_utf8(body) {
        Ok("") => Value::Null,
        Ok(text) => text.into(),
        Err(_) => STANDARD.encode(body).into(),
    };
    event
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(decoded).unwrap()
}

fn response(streamed: Streamed) -> Response<Body> {
    let Streamed { prelude, body, trailers, .. } = streamed;
    assert_eq!(trailers, None, "the response broke");
    let mut response = Response::builder().status(u16::try_from(prelude["statusCode"].as_u64().unwrap()).unwrap());
    for (name, values) in prelude["multiValueHeaders"].as_object().unwrap() {
        for value in values.as_array().unwrap() {
            response = response.header(name, value.as_str().unwrap());
        }
    }
    response.body(full(body)).unwrap()
}
