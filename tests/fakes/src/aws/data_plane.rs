//! The way of a call: stage → authorizer → usage plan → forwarder → table and Bedrock, as the account's state has it.
//!
//! A [`Prober`] that judges by what exists: a part that is missing, not attached or not allowed refuses as AWS's does. What
//! is in no state (functions that fail, a table or Bedrock out of reach) is a knob of [`DataPlane`].

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aigw_cloud::Prober;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::probe::{BedrockAnswer, PROBE_PATH, ProbeReport, TableAnswer};
use aigw_contract::table::{CONFIG_SK, DOCUMENT, GATEWAY_PK, GatewayConfig, POLICY_SK, tenant_pk};
use aigw_contract::{Credential, environment};
use aigw_plan::probe::{Answer, Presented, Request, Unreachable};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api_gateway::{Definition, RestApi};
use super::behaviour::Behaviour;
use super::dynamodb::{Attribute, Table, TableStatus};
use super::lambda::{Configuration, Invocations};
use super::server::{Inner, Server};
use super::state::{AccountState, RegionState};

/// What of the way of a call stands in no state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataPlane {
    /// Nobody answers at any gateway's URL.
    pub unreachable: bool,
    /// Custom domains without a DNS record.
    pub no_dns: BTreeSet<String>,
    /// Private gateways are reached as well.
    pub in_vpc: bool,
    /// The resource policy lets nobody in.
    pub source_refused: bool,
    /// Authorizer functions fail.
    pub authorizer_fails: bool,
    /// API Gateway asks no authorizer.
    pub authorizer_detached: bool,
    /// API Gateway may not call functions, whatever their policies say: an organization's does not allow it.
    pub invocation_denied: bool,
    /// The forwarder cannot reach the table.
    pub table_unreachable: bool,
    /// Bedrock denies the account these models.
    pub denied_models: BTreeSet<String>,
    /// Bedrock does not answer.
    pub bedrock_down: bool,
    /// The forwarder allows every model.
    pub lax: bool,
    /// Age below which API Gateway does not know that a key is in a plan.
    pub key_lag: Duration,
    /// Percent of calls that a version of a function fails, by function (`forwarder`) and version.
    pub failing: BTreeMap<(String, u64), u8>,
    /// Versions whose every call is slow.
    pub slow: BTreeSet<(String, u64)>,
    /// Requests so far.
    pub requests: usize,
}

/// Asks gateways of a fake account.
pub(super) struct FakeProber(pub(super) Arc<Server>);

#[async_trait]
impl Prober for FakeProber {
    async fn ask(&self, request: &Request) -> Result<Answer, Unreachable> {
        let latency = self.0.inner().behaviour.latency;
        tokio::time::sleep(latency).await;
        let now = self.0.clock.now();
        let mut inner = self.0.inner();
        inner.behaviour.data_plane.requests += 1;
        let Inner { state, behaviour, invocations, .. } = &mut *inner;
        Call { state, behaviour, invocations: RefCell::new(invocations), now }.answer(request)
    }
}

struct Call<'a, 'i> {
    state: &'a AccountState,
    behaviour: &'a Behaviour,
    invocations: RefCell<&'i mut Invocations>,
    now: Duration,
}

/// What a call is taken by.
struct Invoked<'a> {
    configuration: &'a Configuration,
    /// The function fails.
    fails: bool,
}

/// Where a request goes.
struct Place<'a> {
    region: &'a RegionState,
    id: &'a str,
    stage: &'a str,
    path: String,
    /// Whether it comes by the API's own name.
    own_name: bool,
    definition: &'a Definition,
}

impl<'a> Call<'a, '_> {
    fn answer(&self, request: &Request) -> Result<Answer, Unreachable> {
        let knobs = &self.behaviour.data_plane;
        let host = request.url.split('/').nth(2).unwrap_or_default();
        let gone = || Unreachable { host: host.to_owned(), problem: "no connection that can be trusted" };
        let (api, place) = self.place(&request.url).ok_or_else(gone)?;
        if knobs.unreachable || (api.endpoint_type == "PRIVATE" && !knobs.in_vpc) {
            return Err(gone());
        }
        Ok(self.served(&place, request).unwrap_or_else(|refused| refused))
    }

    fn place(&self, url: &'a str) -> Option<(&'a RestApi, Place<'a>)> {
        let mut parts = url.strip_prefix("https://")?.splitn(3, '/');
        let (host, stage, path) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
        if let Some(found) = self.domain_place(host, url) {
            return Some(found);
        }
        let mut labels = host.split('.');
        let (name, service, region) = (labels.next()?, labels.next()?, labels.next()?);
        let id = name.split('-').next().filter(|_| service == "execute-api")?;
        let region = self.state.regions.get(region)?;
        let api = region.rest_apis.get(id)?;
        let definition = &api.deployments.get(&api.stages.get(stage)?.deployment_id)?.definition;
        let path = format!("/{path}");
        Some((api, Place { region, id, stage, path, own_name: true, definition }))
    }

    /// By a custom domain: the longest base path that fits, which stays in the path.
    fn domain_place(&self, host: &str, url: &'a str) -> Option<(&'a RestApi, Place<'a>)> {
        let dns = !self.behaviour.data_plane.no_dns.contains(host);
        let named = |region: &'a RegionState| Some((region, region.domains.get(host).filter(|_| dns)?));
        let (region, domain) = self.state.regions.values().find_map(named)?;
        let path = url.strip_prefix("https://")?.strip_prefix(host)?;
        let fits = |base_path: &str| {
            let rest = path.strip_prefix('/').and_then(|rest| rest.strip_prefix(base_path));
            base_path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let fitting = domain.mappings.iter().filter(|(base_path, _)| domain.serves() && fits(base_path));
        let (_, (id, stage)) = fitting.max_by_key(|(base_path, _)| base_path.len())?;
        let api = region.rest_apis.get(id)?;
        let definition = &api.deployments.get(&api.stages.get(stage)?.deployment_id)?.definition;
        Some((api, Place { region, id, stage, path: path.to_owned(), own_name: false, definition }))
    }

    fn served(&self, place: &Place<'_>, request: &Request) -> Result<Answer, Answer> {
        let knobs = &self.behaviour.data_plane;
        if knobs.source_refused {
            return Err(refused(403, "ACCESS_DENIED"));
        }
        if place.own_name && place.definition.default_endpoint_disabled {
            // API Gateway's own answer to a closed name, before any gateway response of the API.
            return Err(Answer { status: 403, refused_by: None, body: r#"{"message":"Forbidden"}"#.to_owned() });
        }
        let method = place.definition.methods.first().ok_or_else(|| refused(403, "MISSING_AUTHENTICATION_TOKEN"))?;
        let uri = method.authorizer_uri.as_deref().filter(|_| !knobs.authorizer_detached);
        let uri = uri.ok_or_else(|| refused(403, "INVALID_API_KEY"))?;
        let authorizer = self.function(place, uri, "/authorizers/");
        let authorizer = authorizer.ok_or_else(|| refused(503, "AUTHORIZER_CONFIGURATION_ERROR"))?;
        if knobs.authorizer_fails || authorizer.fails {
            return Err(refused(503, "AUTHORIZER_FAILURE"));
        }
        let Presented::Credential(credential) = &request.presented else { return Err(refused(401, "UNAUTHORIZED")) };
        let authorizer = authorizer.configuration;
        let readable = table(place.region, authorizer).filter(|_| self.may(authorizer, "dynamodb:GetItem"));
        let table = readable.ok_or_else(|| refused(503, "AUTHORIZER_FAILURE"))?;
        let policy = authorized(table, credential).ok_or_else(|| refused(401, "UNAUTHORIZED"))?;
        if policy.suspended.is_some() {
            return Err(refused(403, "ACCESS_DENIED"));
        }
        if !self.in_a_plan(place, &policy.usage_key) {
            return Err(refused(403, "INVALID_API_KEY"));
        }
        let forwarder = self.function(place, &method.integration_uri, "/*/");
        let forwarder = forwarder.ok_or_else(|| refused(503, "API_CONFIGURATION_ERROR"))?;
        if forwarder.fails {
            return Err(refused(502, "INTEGRATION_FAILURE"));
        }
        let forwarder = forwarder.configuration;
        Ok(self.forwarded(place, request, credential, &policy, table, forwarder))
    }

    /// Invokes the version that the alias takes for this call, if API Gateway may call it.
    fn function(&self, place: &Place<'_>, uri: &str, source: &str) -> Option<Invoked<'a>> {
        let name = uri.split(":function:").nth(1)?.split(':').next()?;
        let region = self.state.regions.values().find(|region| region.functions.contains_key(name))?;
        let function = region.functions.get(name)?;
        let live = function.live.as_ref()?;
        let of_api = format!(":{}{source}", place.id);
        let permitted = live.permissions.values().any(|arn| arn.contains(&of_api));
        if !permitted || self.behaviour.data_plane.invocation_denied {
            return None;
        }
        let mut invocations = self.invocations.borrow_mut();
        let version = invocations.choose(name, live);
        let fails = self.counted(&mut invocations, name, version);
        Some(Invoked { configuration: &function.versions.get(&version)?.configuration, fails })
    }

    /// Counts a call that a version takes; gives whether it fails.
    fn counted(&self, invocations: &mut Invocations, name: &str, version: u64) -> bool {
        let knobs = &self.behaviour.data_plane;
        let key = (name.rsplit('-').next().unwrap_or_default().to_owned(), version);
        let percent = knobs.failing.get(&key).copied().unwrap_or_default();
        invocations.count((name, version), percent, knobs.slow.contains(&key), self.unix_time())
    }

    /// Whether the function's role has a statement that allows an action.
    fn may(&self, function: &Configuration, action: &str) -> bool {
        let role = self.state.roles.values().find(|role| role.arn == function.role_arn);
        let statements = role
            .into_iter()
            .flat_map(|role| role.policies.values())
            .flat_map(|policy| policy["Statement"].as_array().cloned().unwrap_or_default());
        statements.into_iter().any(|statement| {
            let actions = statement["Action"].as_array().cloned().unwrap_or_default();
            statement["Effect"] == "Allow" && actions.iter().any(|allowed| allowed == action)
        })
    }

    fn in_a_plan(&self, place: &Place<'_>, value: &str) -> bool {
        let lag = self.behaviour.data_plane.key_lag;
        let known = |created: Duration| self.now.saturating_sub(created) >= lag;
        let key = place.region.api_keys.iter().find(|(_, key)| key.value == value && key.enabled && known(key.created));
        let stage = (place.id.to_owned(), place.stage.to_owned());
        key.is_some_and(|(id, _)| {
            place.region.usage_plans.values().any(|plan| plan.keys.contains(id) && plan.api_stages.contains(&stage))
        })
    }

    fn forwarded(
        &self,
        place: &Place<'_>,
        request: &Request,
        credential: &Credential,
        policy: &TenantPolicy,
        table: &Table,
        forwarder: &Configuration,
    ) -> Answer {
        let knobs = &self.behaviour.data_plane;
        let config: Option<GatewayConfig> = document(table, GATEWAY_PK, CONFIG_SK);
        let Some(config) = config.filter(|_| !knobs.table_unreachable) else {
            return own(503, &json!({"message": "the gateway cannot read its configuration; try again"}));
        };
        let path = without_base(&place.path, &config.base_paths);
        match path {
            PROBE_PATH => match config.probe.as_ref().filter(|probe| probe.tenant == credential.tenant()) {
                Some(probe) => own(200, &json!(self.report(forwarder, probe.model.as_deref(), &config))),
                None => own(404, &json!({"message": "nothing else"})),
            },
            "/.aigw/usage" => own(200, &json!({})),
            path => self.model_call(path, policy, &config, &request.url),
        }
    }

    fn report(&self, forwarder: &Configuration, model: Option<&str>, config: &GatewayConfig) -> ProbeReport {
        let knobs = &self.behaviour.data_plane;
        let counts = ["dynamodb:GetItem", "dynamodb:UpdateItem"].iter().all(|action| self.may(forwarder, action));
        let place = config.place();
        let guardrail = config.guardrails.apply.as_ref();
        let carried = guardrail.zip(place).map(|(guardrail, place)| guardrail.condition_value(place));
        let answer = |carried: Option<&str>| match model {
            None => BedrockAnswer::NotAsked,
            Some(_) if knobs.bedrock_down => BedrockAnswer::Unreachable,
            Some(_) if !self.may(forwarder, "bedrock:InvokeModel") => BedrockAnswer::RoleDenied,
            Some(_) if carried.is_some() && !self.may(forwarder, "bedrock:ApplyGuardrail") => BedrockAnswer::RoleDenied,
            Some(_) if self.fenced(forwarder, carried) => BedrockAnswer::RoleDenied,
            Some(model) if knobs.denied_models.contains(model) => BedrockAnswer::ModelDenied,
            Some(_) => BedrockAnswer::Callable,
        };
        ProbeReport {
            table: if counts { TableAnswer::Counted } else { TableAnswer::Denied },
            bedrock: answer(carried.as_deref()),
            unguarded: guardrail.and(model).map(|_| answer(None)),
        }
    }

    /// Whether the function's role is denied to call a model with this guardrail. A negated operator also fits where the key
    /// is not there (IAM guide, "condition operators").
    fn fenced(&self, function: &Configuration, carried: Option<&str>) -> bool {
        let role = self.state.roles.values().find(|role| role.arn == function.role_arn);
        let mut statements = role.into_iter().flat_map(|role| role.policies.values()).filter_map(|policy| {
            let statements = policy["Statement"].as_array()?;
            statements.iter().find(|statement| statement["Effect"] == "Deny")
        });
        statements.any(|statement| {
            let passing = statement["Condition"]["StringNotEquals"]["bedrock:GuardrailIdentifier"].as_array();
            !passing.is_some_and(|passing| passing.iter().any(|passed| passed.as_str() == carried && carried.is_some()))
        })
    }

    fn model_call(&self, path: &str, policy: &TenantPolicy, config: &GatewayConfig, url: &str) -> Answer {
        if let Some(end) = policy.expires_at
            && self.unix_time() >= end
        {
            return own(403, &json!({"message": "the access ended (spec.expiresAt of the Tenant)"}));
        }
        let model = path.split("/model/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let allowed = policy.models.as_ref().is_none_or(|models| models.check(model, config.place()).is_ok());
        if allowed || self.behaviour.data_plane.lax {
            return own(400, &json!({"message": format!("Malformed input request at {url}")}));
        }
        own(403, &json!({"message": format!("model {model} is not allowed")}))
    }

    fn unix_time(&self) -> i64 {
        self.behaviour.epoch.saturating_add(i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX))
    }
}

/// The table a function uses.
fn table<'a>(region: &'a RegionState, function: &Configuration) -> Option<&'a Table> {
    let name = function.environment.get(environment::TABLE_NAME)?;
    region.tables.get(name).filter(|table| table.status == TableStatus::Active)
}

/// The policy that accepts a credential.
fn authorized(table: &Table, credential: &Credential) -> Option<TenantPolicy> {
    let policy: TenantPolicy = document(table, &tenant_pk(credential.tenant()), POLICY_SK)?;
    let accepted = policy.keys.iter().any(|key| key.id == credential.key() && credential.matches(&key.sha256));
    (accepted && !policy.deleted).then_some(policy)
}

fn document<T: DeserializeOwned>(table: &Table, pk: &str, sk: &str) -> Option<T> {
    let item = table.items.get(&(pk.to_owned(), sk.to_owned()))?;
    serde_json::from_str(item.get(DOCUMENT).and_then(Attribute::text)?).ok()
}

/// As the forwarder does it.
fn without_base<'a>(path: &'a str, base_paths: &[String]) -> &'a str {
    let rest = |base_path: &String| path.strip_prefix('/')?.strip_prefix(base_path.as_str());
    base_paths.iter().filter_map(rest).find(|rest| rest.starts_with('/')).unwrap_or(path)
}

fn refused(status: u16, kind: &str) -> Answer {
    Answer { status, refused_by: Some(kind.to_owned()), body: String::new() }
}

fn own(status: u16, body: &Value) -> Answer {
    Answer { status, refused_by: None, body: body.to_string() }
}
