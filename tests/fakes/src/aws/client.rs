//! The client side: ports per Region, made as the adapters make them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aigw_cloud::quotas::DEFAULT_SHARE;
use aigw_cloud::{Cloud, CloudError, Clouds, Gate, Limiter, NoObserver, Observer};
use async_trait::async_trait;

use super::api_gateway::{ApiKeysPort, DomainsPort, RestApisPort, UsagePlansPort};
use super::capacity::CapacityPort;
use super::dynamodb::TablesPort;
use super::estate::EstatePort;
use super::iam::RolesPort;
use super::lambda::{FunctionsPort, MetricsPort};
use super::logs::LogGroupsPort;
use super::refusal::Answer;
use super::server::{Context, Server};
use super::state::AccountState;
use super::sts::AccountPort;

/// How a caller calls.
#[derive(Clone)]
pub struct ClientOptions {
    /// Part of API Gateway's rates the limiter lets through.
    pub share: f64,
    /// Whether there is a limiter at all. Without one a caller is what the operator must not be.
    pub limiter: bool,
    /// Account the caller's credentials are for, if not the fake's own.
    pub account: Option<String>,
    /// Is told of every call.
    pub observer: Arc<dyn Observer>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { share: DEFAULT_SHARE, limiter: true, account: None, observer: Arc::new(NoObserver) }
    }
}

/// Who calls, and where.
#[derive(Debug)]
pub(crate) struct Caller {
    pub actor: String,
    pub region: String,
}

/// One process's clients. Clients and limiters are made once per Region.
pub(crate) struct FakeClouds {
    server: Arc<Server>,
    actor: String,
    options: ClientOptions,
    regions: Mutex<HashMap<String, Cloud>>,
}

impl FakeClouds {
    pub fn new(server: Arc<Server>, actor: &str, options: ClientOptions) -> Self {
        Self { server, actor: actor.to_owned(), options, regions: Mutex::default() }
    }

    fn connect(&self, region: &str) -> Cloud {
        let caller = Arc::new(Caller { actor: self.actor.clone(), region: region.to_owned() });
        let port = |limiter: Option<Arc<Limiter>>| Port {
            server: Arc::clone(&self.server),
            caller: Arc::clone(&caller),
            gate: Gate::new(limiter, Arc::clone(&self.options.observer)),
        };
        let limiter = self.options.limiter.then(|| Arc::new(Limiter::new(self.options.share)));
        let (api_gateway, unlimited) = (port(limiter), port(None));
        Cloud {
            account: Arc::new(AccountPort::new(unlimited.clone(), self.options.account.clone())),
            tables: Arc::new(TablesPort(unlimited.clone())),
            roles: Arc::new(RolesPort(unlimited.clone())),
            log_groups: Arc::new(LogGroupsPort(unlimited.clone())),
            capacity: Arc::new(CapacityPort { api_gateway: api_gateway.clone(), others: unlimited.clone() }),
            estate: Arc::new(EstatePort { api_gateway: api_gateway.clone(), others: unlimited.clone() }),
            function_metrics: Arc::new(MetricsPort(unlimited.clone())),
            functions: Arc::new(FunctionsPort(unlimited)),
            rest_apis: Arc::new(RestApisPort(api_gateway.clone())),
            domains: Arc::new(DomainsPort(api_gateway.clone())),
            usage_plans: Arc::new(UsagePlansPort(api_gateway.clone())),
            api_keys: Arc::new(ApiKeysPort(api_gateway)),
        }
    }
}

#[async_trait]
impl Clouds for FakeClouds {
    async fn region(&self, region: &str) -> Cloud {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.entry(region.to_owned()).or_insert_with(|| self.connect(region)).clone()
    }
}

/// A client of one service.
#[derive(Clone)]
pub(crate) struct Port {
    server: Arc<Server>,
    caller: Arc<Caller>,
    gate: Gate,
}

impl Port {
    /// Makes one call. `target` says what it is about, for the log and for intercepts.
    pub async fn call<T, F>(&self, operation: &'static str, target: &str, rule: F) -> Result<T, CloudError>
    where
        F: FnOnce(&mut AccountState, &Context<'_>) -> Answer<T> + Send,
        T: Send,
    {
        let target = target.to_owned();
        self.gate.call(operation, || self.server.serve(&self.caller, operation, target, rule)).await
    }
}

/// Turns "there is no such object" into a value, as the adapters do.
pub(crate) trait Absence<T> {
    /// `None` for an absent object.
    fn absent_as_none(self) -> Result<Option<T>, CloudError>;
    /// Success for an absent object.
    fn absent_is_done(self) -> Result<(), CloudError>;
}

impl<T> Absence<T> for Result<T, CloudError> {
    fn absent_as_none(self) -> Result<Option<T>, CloudError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if aigw_cloud::classify::is_absent(&error.code) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn absent_is_done(self) -> Result<(), CloudError> {
        self.absent_as_none().map(drop)
    }
}
