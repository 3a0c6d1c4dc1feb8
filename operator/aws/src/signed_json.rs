//! A client for services that speak AWS's JSON protocol, without a crate of the SDK for each.
//!
//! One request: signed with the process's credentials, sent by the SDK's HTTP client with its time-outs, its errors as
//! those of the SDK. One attempt, because whoever calls comes back by itself; credentials are asked for at each call, so
//! it is meant for calls that come once a minute, not once a second.

use std::time::SystemTime;

use aigw_cloud::{CloudError, Gate};
use aigw_contract::Partition;
use aigw_plan::Class;
use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use serde_json::Value;

use crate::service::translate;

/// What is particular about a service.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// Name in signatures and in the host name.
    pub name: &'static str,
    /// Prefix of the operation in the header `x-amz-target`.
    pub target: &'static str,
    /// Media type: the protocol's version.
    pub content_type: &'static str,
}

/// One service in one Region.
pub struct SignedJson {
    config: SdkConfig,
    region: String,
    protocol: Protocol,
    gate: Gate,
}

impl SignedJson {
    pub fn new(config: SdkConfig, region: &str, protocol: Protocol, gate: Gate) -> Self {
        Self { config, region: region.to_owned(), protocol, gate }
    }

    /// Makes one call. `operation` names it with its service as IAM does, for example `cloudwatch:GetMetricData`.
    pub async fn call(&self, operation: &'static str, input: &Value) -> Result<Value, CloudError> {
        self.gate.call(operation, || self.send(operation, input)).await
    }

    async fn send(&self, operation: &'static str, input: &Value) -> Result<Value, CloudError> {
        let failed = |code: &str, message: String| CloudError::new(operation, Class::Transient, code, message);
        let provider = self.config.credentials_provider();
        let provider =
            provider.ok_or_else(|| CloudError::new(operation, Class::Denied, "NoCredentials", "there are none"))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials
            .map_err(|error| CloudError::new(operation, Class::Denied, "NoCredentials", error.to_string()))?;
        let http = self.config.http_client().ok_or_else(|| failed("RequestNotBuilt", "no HTTP client".into()))?;
        let name = operation.split_once(':').map_or(operation, |(_, name)| name);
        let signed = self.signed(name, &input.to_string(), &credentials.into());
        let signed = signed.map_err(|error| failed("RequestNotBuilt", error.to_string()))?;
        let operation_call = Operation::builder()
            .service_name(self.protocol.name)
            .operation_name(name)
            .http_client(http)
            .endpoint_url(&self.endpoint())
            .no_auth()
            .no_retry()
            .timeout_config(self.config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
            .serializer(move |(): ()| signed.try_clone().ok_or_else(|| "a body that cannot be sent".into()))
            .deserializer(answer)
            .build();
        operation_call.invoke(()).await.map_err(|error| translate(operation, &error))
    }

    fn endpoint(&self) -> String {
        if let Some(endpoint) = self.config.endpoint_url() {
            return endpoint.to_owned();
        }
        let Partition { id, dns_suffix, .. } = Partition::of(&self.region);
        // In GovCloud the plain endpoints are the FIPS ones (AWS General Reference).
        let fips = if self.config.use_fips() == Some(true) && id != "aws-us-gov" { "-fips" } else { "" };
        format!("https://{}{fips}.{}.{dns_suffix}", self.protocol.name, self.region)
    }

    fn signed(
        &self,
        operation: &str,
        body: &str,
        identity: &Identity,
    ) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let Protocol { name, target, content_type } = self.protocol;
        let target = format!("{target}.{operation}");
        let headers = [("content-type", content_type), ("x-amz-target", target.as_str())];
        let params = v4::SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name(name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let url = format!("{}/", self.endpoint().trim_end_matches('/'));
        let signable = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri("/")?;
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }
}

/// The answer's body, or its error: the code is in a header or in the body, with a namespace before and a URL behind.
fn answer(response: &HttpResponse) -> Result<Value, OrchestratorError<ErrorMetadata>> {
    let body: Value = serde_json::from_slice(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    if response.status().is_success() {
        return Ok(body);
    }
    let code = response.headers().get("x-amzn-errortype").or(body["__type"].as_str()).unwrap_or("UnknownError");
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
    Err(OrchestratorError::operation(ErrorMetadata::builder().code(code).message(message).build()))
}
