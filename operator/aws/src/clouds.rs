//! The AWS configuration, and the ports per Region made from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aigw_cloud::quotas::DEFAULT_SHARE;
use aigw_cloud::{Cloud, Clouds, Gate, Limiter, NoObserver, Observer};
use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::account::StsAccount;
use crate::api_keys::GatewayApiKeys;
use crate::capacity::AccountCapacity;
use crate::domains::GatewayDomains;
use crate::estate::AwsEstate;
use crate::function_metrics::{self, CloudWatchMetrics};
use crate::functions::LambdaFunctions;
use crate::log_groups::CloudWatchLogGroups;
use crate::rest_apis::GatewayRestApis;
use crate::roles::IamRoles;
use crate::service::Service;
use crate::signed_json::SignedJson;
use crate::tables::DynamoTables;
use crate::usage_plans::GatewayUsagePlans;

/// Name in the user agent, so that the operator can be told apart in CloudTrail.
const APP_NAME: &str = "aigw-operator";
/// Connecting takes milliseconds or does not work.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One attempt: PutRestApi with a large document takes a few seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// A call with all of its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_mins(1);
/// One attempt against Lambda: a zip of some megabytes has to get through a slow line.
const UPLOAD_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(55);

/// What a caller may choose.
#[derive(Clone)]
pub struct Settings {
    /// Part of API Gateway's control-plane rates the operator takes for itself: above 0, at most 1 against AWS. Tests
    /// against an emulator, which has no rates, take more.
    pub quota_share: f64,
    /// Is told of every call.
    pub observer: Arc<dyn Observer>,
    /// Name in the user agent, by which CloudTrail tells the operator's calls from those of a person's command.
    pub app_name: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self { quota_share: DEFAULT_SHARE, observer: Arc::new(NoObserver), app_name: APP_NAME }
    }
}

/// AWS, with the credentials of this process.
pub struct AwsClouds {
    config: SdkConfig,
    settings: Settings,
    regions: Mutex<HashMap<String, Cloud>>,
}

impl AwsClouds {
    /// Reads the environment the way every AWS tool does: credentials from variables, profile, web identity, container
    /// (EKS Pod Identity) or instance; `AWS_ENDPOINT_URL` for another endpoint. `AWS_REGION` should be set: web identity
    /// needs it, and without it the instance's metadata are asked, which takes seconds where there are none.
    pub async fn new(settings: Settings) -> Self {
        Self::with_config(loader(settings.app_name).load().await, settings)
    }

    /// Over another endpoint than AWS's, with fixed credentials: for an emulator that takes the account from the access
    /// key id. Nothing of the environment is read.
    pub async fn at_endpoint(endpoint: &str, region: &str, access_key_id: &str, settings: Settings) -> Self {
        let credentials = Credentials::new(access_key_id, "local", None, None, "fixed");
        let loader = loader(settings.app_name)
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        Self::with_config(loader.load().await, settings)
    }

    /// Over a configuration made elsewhere. Its Region does not matter; its credentials and endpoint do.
    pub fn with_config(config: SdkConfig, settings: Settings) -> Self {
        Self { config, settings, regions: Mutex::default() }
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.settings.observer)
    }

    fn connect(&self, region: &str) -> Cloud {
        let place = Region::new(region.to_owned());
        let observer = || Arc::clone(&self.settings.observer);
        let unlimited = || Gate::new(None, observer());

        // The SDK's own retries would go around the limiter: one attempt, and the operator comes back by itself.
        let api_gateway = aws_sdk_apigateway::config::Builder::from(&self.config)
            .region(place.clone())
            .retry_config(RetryConfig::disabled())
            .build();
        let limiter = Arc::new(Limiter::new(self.settings.quota_share));
        let api_gateway = Arc::new(Service::new(
            aws_sdk_apigateway::Client::from_conf(api_gateway),
            Gate::new(Some(limiter), observer()),
        ));

        let uploads = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(UPLOAD_ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let lambda =
            aws_sdk_lambda::config::Builder::from(&self.config).region(place.clone()).timeout_config(uploads).build();
        let sts = aws_sdk_sts::config::Builder::from(&self.config).region(place.clone()).build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&self.config).region(place.clone()).build();
        let iam = aws_sdk_iam::config::Builder::from(&self.config).region(place.clone()).build();
        let logs = aws_sdk_cloudwatchlogs::config::Builder::from(&self.config).region(place.clone()).build();
        let quotas = aws_sdk_servicequotas::config::Builder::from(&self.config).region(place).build();
        let capacity = AccountCapacity {
            gateway: Arc::clone(&api_gateway),
            quotas: Service::new(aws_sdk_servicequotas::Client::from_conf(quotas), unlimited()),
        };

        let estate = AwsEstate {
            gateway: Arc::clone(&api_gateway),
            lambda: Service::new(aws_sdk_lambda::Client::from_conf(lambda.clone()), unlimited()),
            iam: Service::new(aws_sdk_iam::Client::from_conf(iam.clone()), unlimited()),
            logs: Service::new(aws_sdk_cloudwatchlogs::Client::from_conf(logs.clone()), unlimited()),
            dynamodb: Service::new(aws_sdk_dynamodb::Client::from_conf(dynamodb.clone()), unlimited()),
        };
        Cloud {
            account: Arc::new(StsAccount::new(Service::new(aws_sdk_sts::Client::from_conf(sts), unlimited()))),
            tables: Arc::new(DynamoTables::new(Service::new(
                aws_sdk_dynamodb::Client::from_conf(dynamodb),
                unlimited(),
            ))),
            roles: Arc::new(IamRoles::new(Service::new(aws_sdk_iam::Client::from_conf(iam), unlimited()))),
            log_groups: Arc::new(CloudWatchLogGroups::new(Service::new(
                aws_sdk_cloudwatchlogs::Client::from_conf(logs),
                unlimited(),
            ))),
            functions: Arc::new(LambdaFunctions::new(Service::new(
                aws_sdk_lambda::Client::from_conf(lambda),
                unlimited(),
            ))),
            function_metrics: Arc::new(CloudWatchMetrics::new(SignedJson::new(
                self.config.clone(),
                region,
                function_metrics::PROTOCOL,
                unlimited(),
            ))),
            rest_apis: Arc::new(GatewayRestApis::new(Arc::clone(&api_gateway), region)),
            domains: Arc::new(GatewayDomains::new(Arc::clone(&api_gateway), region)),
            usage_plans: Arc::new(GatewayUsagePlans::new(Arc::clone(&api_gateway), region)),
            api_keys: Arc::new(GatewayApiKeys::new(api_gateway)),
            capacity: Arc::new(capacity),
            estate: Arc::new(estate),
        }
    }
}

/// What all clients have in common.
fn loader(app_name: &'static str) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let http_client =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard());
    match AppName::new(app_name) {
        Ok(name) => loader.app_name(name),
        Err(_) => loader,
    }
}

#[async_trait]
impl Clouds for AwsClouds {
    async fn region(&self, region: &str) -> Cloud {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.entry(region.to_owned()).or_insert_with(|| self.connect(region)).clone()
    }
}
