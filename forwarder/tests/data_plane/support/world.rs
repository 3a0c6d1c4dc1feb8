//! All fakes wired up, one tenant in the table, and the functions to run among them.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aigw_contract::{Credential, environment};
use aigw_forwarder::access_log::AccessLog;
use aigw_forwarder::http_client::{Client, Destination, client_config};
use aigw_forwarder::runtime_api::{Function, RuntimeApi, serve};
use aigw_forwarder::settings::Settings;
use aigw_forwarder::start::{build_authorizer, build_forwarder};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use super::bedrock::FakeBedrock;
use super::runtime_api::{FakeRuntimeApi, Streamed};
use super::sigv4;
use super::table::FakeTable;

const LASTS: Duration = Duration::from_mins(1);

pub struct World {
    pub api: FakeRuntimeApi,
    pub table: FakeTable,
    pub bedrock: FakeBedrock,
    pub log: Captured,
    pub credential: Credential,
    /// What the functions' processes get to see.
    pub environment: HashMap<String, String>,
    runtime_api: RuntimeApi,
    pub settings: Settings,
}

/// A log that can be read.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines so far; waits for at least `count`, because a line is written after its response.
    pub async fn lines(&self, count: usize) -> Vec<Value> {
        loop {
            let lines: Vec<Value> = self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(None, &[]).await
    }

    /// A world whose Bedrock may be behind TLS, with further environment variables.
    pub async fn with(tls: Option<TlsAcceptor>, more: &[(&str, &str)]) -> Self {
        let (api, table, bedrock) = (FakeRuntimeApi::new(), FakeTable::default(), FakeBedrock::new());
        let scheme = if tls.is_some() { "https://localhost" } else { "http://127.0.0.1" };
        let addresses = (api.spawn().await, table.spawn().await, bedrock.spawn(tls).await);
        let mut environment: HashMap<String, String> = [
            ("AWS_LAMBDA_RUNTIME_API", addresses.0.to_string().as_str()),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", sigv4::ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", sigv4::SECRET_KEY),
            ("AWS_SESSION_TOKEN", sigv4::SESSION_TOKEN),
            ("AWS_ENDPOINT_URL_DYNAMODB", &format!("http://{}", addresses.1)),
            (environment::TABLE_NAME, "gateway-table"),
            (environment::GATEWAY_ID, "i/AIGateway/n/g"),
            (environment::BEDROCK_ENDPOINT_OVERRIDE, &format!("{scheme}:{}", addresses.2.port())),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::read(|name| environment.get(name).cloned()).unwrap();
        let client = Client::new(client_config(None).unwrap());
        let runtime_api = RuntimeApi::new(client, Destination::plain(&addresses.0.to_string()).unwrap());
        let credential = Credential::new("t1", "k1", &[9; 32]).unwrap();
        let log = Captured::default();
        let world = Self { api, table, bedrock, log, credential, environment, runtime_api, settings };
        world.configure(&["bedrock-runtime", "bedrock-agent", "bedrock-agentcore"]);
        world.set_policy(1, &json!({}));
        world.set_meter(1, false);
        world
    }

    pub fn configure(&self, families: &[&str]) {
        self.set_config(&json!({ "restApiId": "api1", "stages": ["v1"], "families": families }));
    }

    pub fn set_config(&self, config: &Value) {
        self.table.put_document("gateway", "config", 1, config);
    }

    /// Prices of Anthropic's models: a token of input costs a micro-USD and one of output two.
    pub fn set_prices(&self) {
        let model = json!({ "match": "anthropic.*", "input": 1_000_000, "output": 2_000_000 });
        self.table.put_document("gateway", "prices", 1, &json!({ "revision": "r1", "models": [model] }));
        self.set_config(&json!({
            "restApiId": "api1", "stages": ["v1"], "families": ["bedrock-runtime"], "prices": "r1",
        }));
    }

    /// The tenant's policy with some fields replaced.
    pub fn set_policy(&self, version: i64, replaced: &Value) {
        let mut policy = json!({
            "namespace": "team-a", "name": "chat", "tier": "bronze", "usageKey": "the-usage-key",
            "keys": [{ "id": "k1", "sha256": self.credential.sha256() }],
        });
        for (name, value) in replaced.as_object().unwrap() {
            policy[name] = value.clone();
        }
        self.table.put_document("tenant#t1", "policy", version, &policy);
    }

    pub fn set_meter(&self, version: i64, suspended: bool) {
        let head = json!({ "policyVersion": { "N": version.to_string() }, "suspended": { "BOOL": suspended } });
        self.table.merge("meter#t1", "now", &head);
    }

    /// Runs `test` beside the forwarder.
    pub async fn forwarder(&self, test: impl Future<Output = ()>) {
        let log = AccessLog::to("i/AIGateway/n/g", self.log.clone());
        let function = build_forwarder(&self.settings, log).await.unwrap();
        self.beside(function, test).await;
    }

    /// Runs `test` beside the authorizer.
    pub async fn authorizer(&self, test: impl Future<Output = ()>) {
        let log = AccessLog::to("i/AIGateway/n/g", self.log.clone());
        let function = build_authorizer(&self.settings, log).await.unwrap();
        self.beside(function, test).await;
    }

    async fn beside(&self, function: impl Function + 'static, test: impl Future<Output = ()>) {
        let local = tokio::task::LocalSet::new();
        let serving = local.run_until(serve(self.runtime_api.clone(), function, self.settings.concurrency));
        tokio::select! {
            ended = serving => panic!("the function ended: {ended:?}"),
            () = test => {}
        }
    }

    /// Authorizes an event: the last segment of the path the function posted to, and the document it posted.
    pub async fn decide(&self, event: &Value) -> (String, Value) {
        self.begin(event);
        let (path, _, frames, _) = self.api.posted().await;
        let document = serde_json::from_slice(&frames.concat()).unwrap();
        (path.rsplit('/').next().unwrap().to_owned(), document)
    }

    /// Forwards an event and returns the streamed response.
    pub async fn call(&self, event: &Value) -> Streamed {
        self.api.push(event, LASTS);
        self.api.streamed().await
    }

    /// Starts forwarding what may be no event.
    pub fn begin_bytes(&self, event: impl Into<bytes::Bytes>) {
        self.api.push_bytes(event, LASTS);
    }

    /// Starts forwarding an event.
    pub fn begin(&self, event: &Value) {
        self.api.push(event, LASTS);
    }
}

/// A proxy event of the tenant's first key.
/// Path of a call to a model that [`World::set_prices`] knows the price of.
pub const PRICED: &str = "/bedrock-runtime/model/anthropic.claude-v2%3A1/converse";
/// Its body, which asks for a hundred tokens of output at most.
pub const PRICED_BODY: &str = r#"{"messages":[],"inferenceConfig":{"maxTokens":100}}"#;

/// A policy with a budget for the month, and the right to call those models.
pub fn month(micro_usd: i64) -> Value {
    let models = json!({ "rule": "default", "granted": ["anthropic.*"] });
    json!({ "budgets": [{ "window": "Month", "microUsd": micro_usd }], "models": models })
}

pub fn event(method: &str, path: &str) -> Value {
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method,
        "headers": null,
        "multiValueHeaders": { "content-type": ["application/json"], "Host": ["gw.example"] },
        "multiValueQueryStringParameters": null,
        "requestContext": {
            "apiId": "api1", "stage": "v1", "requestId": "gateway-1", "path": format!("/v1{path}"),
            "authorizer": { "tenant": "t1", "credential": "k1", "subject": "k1", "principalId": "t1" },
        },
        "body": null, "isBase64Encoded": false,
    })
}

/// The authorizer's event of a Converse call with these headers.
pub fn authorization(headers: &Value) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:api1/v1/POST/bedrock-runtime/model/m/converse",
        "headers": null, "multiValueHeaders": headers, "requestContext": { "apiId": "api1" },
    })
}

/// The event of a Converse call.
pub fn converse() -> Value {
    let mut event = event("POST", "/bedrock-runtime/model/m/converse");
    event["body"] = r#"{"messages":[]}"#.into();
    event
}

/// The AWS error a response carries: status, type, message.
pub fn error(response: &Streamed) -> (u64, String, String) {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    (
        response.prelude["statusCode"].as_u64().unwrap(),
        response.prelude["multiValueHeaders"]["x-amzn-errortype"][0]
            .as_str()
            .unwrap_or_else(|| panic!("no error in {response:?}"))
            .to_owned(),
        body["message"].as_str().unwrap().to_owned(),
    )
}
