//! For tests: the ports over scripted answers, and the requests they made.

use std::sync::{Arc, Mutex};

use aigw_cloud::{Caller, Callers, Cloud, Clouds};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::Value;

use crate::{AwsClouds, Settings};
use aigw_cloud::{Call, Observer};

pub const REGION: &str = "eu-central-1";

/// An answer: status, headers, body.
pub type Answer<'a> = (u16, &'a [(&'a str, &'a str)], &'a str);

/// AWS that gives these answers, one after the other.
pub struct Aws {
    pub cloud: Cloud,
    pub caller: Arc<dyn Caller>,
    pub calls: Arc<Calls>,
    http: StaticReplayClient,
}

/// Remembers operations and outcomes.
#[derive(Default)]
pub struct Calls(Mutex<Vec<(&'static str, String)>>);

impl Calls {
    pub fn made(&self) -> Vec<(&'static str, String)> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Calls {
    fn called(&self, call: &Call<'_>) {
        self.0.lock().unwrap().push((call.operation, call.outcome.to_owned()));
    }
}

/// A request that was made.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub body: Value,
}

impl Aws {
    pub async fn answering(answers: &[Answer<'_>]) -> Self {
        let events = answers.iter().map(|(status, headers, body)| {
            let mut answer = http::Response::builder().status(*status);
            for (name, value) in *headers {
                answer = answer.header(*name, *value);
            }
            let request = http::Request::builder().uri("http://unused").body("".into());
            ReplayEvent::new(request.unwrap(), answer.body((*body).into()).unwrap())
        });
        let http = StaticReplayClient::new(events.collect());
        let calls = Arc::new(Calls::default());
        let settings = Settings { observer: calls.clone(), ..Settings::default() };
        let clouds = AwsClouds::with_config(config(http.clone()), settings);
        Self { cloud: clouds.region(REGION).await, caller: clouds.caller(REGION), calls, http }
    }

    /// Bodies of the requests, as they were sent.
    pub fn sent(&self) -> Vec<String> {
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        self.http.actual_requests().filter_map(|request| request.body().bytes().map(text)).collect()
    }

    pub fn requests(&self) -> Vec<Request> {
        let parts = |request: &aws_smithy_runtime_api::http::Request| {
            let uri: http::Uri = request.uri().parse().unwrap();
            Request {
                method: request.method().to_owned(),
                target: uri.path_and_query().unwrap().to_string(),
                body: serde_json::from_slice(request.body().bytes().unwrap()).unwrap_or_default(),
            }
        };
        self.http.actual_requests().map(parts).collect()
    }

    /// Headers of the first request.
    pub fn headers(&self) -> std::collections::BTreeMap<String, String> {
        let mut requests = self.http.actual_requests();
        let headers = requests.next().unwrap().headers();
        headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

fn config(http: impl aws_smithy_runtime_api::client::http::HttpClient + 'static) -> SdkConfig {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(SharedHttpClient::new(http))
        .build()
}

/// Header of an API Gateway or Lambda error.
pub const fn error(code: &str) -> (&str, &str) {
    ("x-amzn-errortype", code)
}
