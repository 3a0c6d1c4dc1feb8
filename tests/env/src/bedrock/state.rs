//! The stub as an object: configuration, scripted faults, recorded requests, and the steps from a request to its
//! answer. Independent of sockets, except for the switch a reset needs.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::error::AwsError;
use super::fault::{FAULT_HEADER, Fault, Match};
use super::record::{self, End, Record, Records, Trace};
use super::reply::Reply;
use super::route::{Operation, Route};
use super::sigv4::{Check, Secret};
use super::text::{Answer, Prompt, Usage};
use super::{Config, agent, control, converse, invoke, messages, openai, play};
use crate::net::ResetSwitch;
use crate::net::rules::Rules;
use crate::net::wire::Body;

/// Cached prompts remembered; more are forgotten all at once.
const MAX_PREFIXES: usize = 10_000;

/// The state of a stub, shared by its connections and the tests that look at it.
#[derive(Debug)]
pub struct Stub {
    region: String,
    chunk_interval: Duration,
    max_skew: Duration,
    secrets: Mutex<HashMap<String, Secret>>,
    faults: Rules<Match, Fault>,
    records: Arc<Records>,
    /// Model and cacheable text of prompts seen before.
    prefixes: Mutex<HashSet<(String, Vec<String>)>>,
}

impl Stub {
    /// A stub with nothing recorded and no faults.
    pub fn new(config: Config) -> Self {
        Self {
            region: config.region,
            chunk_interval: config.chunk_interval,
            max_skew: config.max_skew,
            secrets: Mutex::new(config.credentials),
            faults: Rules::default(),
            records: Arc::default(),
            prefixes: Mutex::default(),
        }
    }

    /// The recorded requests, oldest first.
    pub fn requests(&self) -> Vec<Record> {
        self.records.list()
    }

    /// Forgets the recorded requests.
    pub fn clear_requests(&self) {
        self.records.clear();
    }

    /// The scripted faults.
    pub fn faults(&self) -> &Rules<Match, Fault> {
        &self.faults
    }

    /// Makes an access key known, or changes its secret.
    pub fn add_credential(&self, access_key: impl Into<String>, secret: Secret) {
        lock(&self.secrets).insert(access_key.into(), secret);
    }

    /// Answers one request whose body has been read.
    pub async fn answer(&self, parts: Parts, body: Bytes, received_us: u64, reset: ResetSwitch) -> Response<Body> {
        let path = parts.uri.path();
        if path.starts_with(control::PREFIX) {
            return control::answer(self, &parts.method, path, &body);
        }
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let route = Route::of(&parts.method, path, host);
        let verdict = self.verify(&parts, &route, &body);
        let id = request_id();
        let mut entry = record::arrived(&parts, received_us, host, &route, &body);
        entry.request_id = String::from_utf8_lossy(id.as_bytes()).into_owned();
        record::judge(&mut entry, &verdict);
        let trace = self.records.begin(entry);
        let mut response = match verdict {
            Err(error) => refuse(&error, &trace),
            Ok(_) => match self.fault(&parts, &route) {
                Err(error) => refuse(&error, &trace),
                Ok(fault) => self.faulty(&route, &body, &fault, reset, trace).await,
            },
        };
        response.headers_mut().insert("x-amzn-requestid", id);
        response
    }

    async fn faulty(
        &self,
        route: &Route,
        body: &[u8],
        fault: &Fault,
        reset: ResetSwitch,
        trace: Trace,
    ) -> Response<Body> {
        if let Some(latency) = fault.latency_ms {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        let reply = match (fault.error(), play::scripted(fault)) {
            (Some(error), _) => Err(error),
            (None, Some(reply)) => Ok(reply),
            (None, None) => self.reply(route, body),
        };
        match reply {
            Ok(reply) => play::response(reply, fault, self.chunk_interval, reset, trace),
            Err(error) => {
                let mut response = refuse(&error, &trace);
                if let Some(seconds) = fault.retry_after {
                    response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
                }
                response
            }
        }
    }

    fn verify(&self, parts: &Parts, route: &Route, body: &[u8]) -> Result<String, AwsError> {
        let secrets = lock(&self.secrets);
        let check = Check {
            secrets: &secrets,
            region: &self.region,
            service: route.signing_name(),
            now: Timestamp::now(),
            max_skew: self.max_skew,
        };
        check.verify(parts, body)
    }

    /// The fault for a request: from its header, else from the rules.
    fn fault(&self, parts: &Parts, route: &Route) -> Result<Fault, AwsError> {
        if let Some(value) = parts.headers.get(FAULT_HEADER) {
            return Fault::from_header(&String::from_utf8_lossy(value.as_bytes()));
        }
        let model = route.model.as_deref();
        let fault = self.faults.take(|matcher| matcher.matches(parts.uri.path(), model, &parts.headers));
        Ok(fault.unwrap_or_default())
    }

    fn reply(&self, route: &Route, body: &[u8]) -> Result<Reply, AwsError> {
        let operation = route.operation.ok_or_else(|| {
            AwsError::new(StatusCode::NOT_FOUND, "UnknownOperationException", "The stub does not know this operation.")
        })?;
        if operation == Operation::ListFoundationModels {
            return Ok(converse::list_models(&self.region));
        }
        let body: Value = serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(|error| {
            AwsError::new(StatusCode::BAD_REQUEST, "SerializationException", format!("the body is not JSON: {error}"))
        })?;
        let model = route.model.as_deref().unwrap_or_default();
        Ok(match operation {
            Operation::Converse => converse::whole(&self.complete(model, &converse::prompt(&body)?)),
            Operation::ConverseStream => converse::stream(&self.complete(model, &converse::prompt(&body)?)),
            Operation::InvokeModel | Operation::InvokeModelWithResponseStream => {
                let shape = invoke::Shape::of(model, &body);
                let answer = self.complete(model, &shape.prompt(&body)?);
                if operation == Operation::InvokeModel {
                    shape.whole(model, &answer)
                } else {
                    shape.stream(model, &answer)
                }
            }
            Operation::ChatCompletions => {
                let model = body["model"].as_str().unwrap_or_default();
                openai::chat(&body, model, &self.complete(model, &openai::chat_prompt(&body)?))
            }
            Operation::Responses => {
                let model = body["model"].as_str().unwrap_or_default();
                openai::responses(&body, model, &self.complete(model, &openai::responses_prompt(&body)?))
            }
            Operation::Messages => {
                let model = body["model"].as_str().unwrap_or_default();
                messages::reply(&body, model, &self.complete(model, &messages::prompt(&body)?))
            }
            Operation::CountTokens => converse::count_tokens(model, &body)?,
            Operation::ApplyGuardrail => agent::apply_guardrail(),
            Operation::Retrieve => converse::retrieve(&body)?,
            Operation::RetrieveAndGenerate => agent::generate(&self.complete(model, &agent::question(&body)?)),
            Operation::InvokeAgent => agent::invoke(&body, &self.complete(model, &agent::prompt(&body)?)),
            Operation::ListFoundationModels => converse::list_models(&self.region),
        })
    }

    fn complete(&self, model: &str, prompt: &Prompt) -> Answer {
        let (words, cut) = prompt.answer();
        let cached = prompt.cached_tokens();
        let first_time = cached > 0 && {
            let mut prefixes = lock(&self.prefixes);
            if prefixes.len() >= MAX_PREFIXES {
                prefixes.clear();
            }
            prefixes.insert((model.to_owned(), prompt.cached.clone()))
        };
        let usage = Usage {
            input: prompt.fresh_tokens(),
            output: words.len() as u64,
            cache_read: if first_time { 0 } else { cached },
            cache_write: if first_time { cached } else { 0 },
            cache_write_1h: if first_time && prompt.hour { cached } else { 0 },
        };
        Answer { words, cut, usage }
    }
}

fn refuse(error: &AwsError, trace: &Trace) -> Response<Body> {
    trace.update(|record| record.status = error.status.as_u16());
    trace.end(End::Complete);
    error.response()
}

fn request_id() -> HeaderValue {
    let hex = hex::encode(rand::random::<[u8; 16]>());
    let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("stub"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
