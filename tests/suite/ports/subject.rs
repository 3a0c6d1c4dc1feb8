//! What a case is run on: the ports of one Region, names of the case's own, and a list of what it made.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aigw_cloud::{Cloud, CloudError, FunctionCode};
use aigw_plan::gateway::document::{Access, Document, DocumentInput, render};
use aigw_plan::gateway::observed::{FunctionState, ObservedFunction, Tags};
use aigw_plan::gateway::step::{FunctionSpec, UsagePlanSpec};
use aigw_plan::identity::{Function, TAG_ID, TAG_TIER, short_hash};
use aigw_plan::{Class, gateway::roles};
use aigw_tests::{Outcome, ensure, ensure_eq, repository};
use tokio::time::{Instant, sleep};

/// The Region of all cases.
pub const REGION: &str = "eu-central-1";
/// The account of all cases.
pub const ACCOUNT: &str = "111122223333";
/// Longest wait for something AWS does by itself.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(200);

/// One case.
pub struct Case {
    /// Name, a sentence.
    pub name: &'static str,
    /// The case.
    pub run: for<'a> fn(&'a Subject) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>,
}

/// The ports, and what a case made through them.
pub struct Subject {
    /// The ports.
    pub cloud: Cloud,
    /// Two different programs.
    pub codes: [FunctionCode; 2],
    case: &'static str,
    made: Mutex<Vec<Thing>>,
}

/// Something to be deleted at the end.
enum Thing {
    Domain(String),
    RestApi(String),
    UsagePlan(String),
    ApiKey(String),
    Function(String),
    Role(String),
    LogGroup(String),
    Table(String),
}

impl Subject {
    /// A case's view of the ports.
    pub fn new(cloud: Cloud, codes: [FunctionCode; 2], case: &'static str) -> Self {
        Self { cloud, codes, case, made: Mutex::default() }
    }

    /// Runs a case, and cleans up however it ends.
    pub async fn run(self, case: &Case) -> Outcome {
        let outcome = (case.run)(&self).await;
        self.clean_up().await;
        outcome
    }

    /// A name no other case uses.
    pub fn name(&self, what: &str) -> String {
        format!("ports-{}-{what}", short_hash(self.case, 8))
    }

    /// The identity of this case's objects.
    pub fn id(&self) -> String {
        format!("ports/{}", self.case)
    }

    /// The tag with that identity.
    pub fn tags(&self) -> Tags {
        Tags::from([(TAG_ID.to_owned(), self.id())])
    }

    fn made(&self, thing: Thing) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }

    /// A table that can be used.
    pub async fn table(&self) -> Outcome<String> {
        let name = self.name("table");
        self.made(Thing::Table(name.clone()));
        self.cloud.tables.create(&name, &self.tags()).await?;
        let active = async || Ok(self.cloud.tables.get(&name).await?.filter(|table| table.active));
        until("an active table", active).await?;
        Ok(name)
    }

    /// A role Lambda may assume; gives its ARN.
    pub async fn role(&self) -> Outcome<String> {
        self.role_of("role").await
    }

    /// Another one.
    pub async fn second_role(&self) -> Outcome<String> {
        self.role_of("other-role").await
    }

    async fn role_of(&self, what: &str) -> Outcome<String> {
        let name = self.name(what);
        self.made(Thing::Role(name.clone()));
        self.cloud.roles.create(&name, "/aigw/", &roles::trust(), None, &self.tags()).await?;
        let role = self.cloud.roles.get(&name).await?.ok_or("a new role is not there")?;
        Ok(role.arn)
    }

    /// A log group.
    pub async fn log_group(&self) -> Outcome<String> {
        let name = format!("/aws/lambda/{}", self.name("group"));
        self.made(Thing::LogGroup(name.clone()));
        self.cloud.log_groups.create(&name, &self.tags()).await?;
        Ok(name)
    }

    /// A function as it should be.
    pub fn function_spec(&self, role_arn: &str) -> FunctionSpec {
        FunctionSpec {
            function: Function::Forwarder,
            name: self.name("function"),
            role_arn: role_arn.to_owned(),
            architecture: repository::architecture().to_owned(),
            memory_mib: 256,
            timeout_seconds: 30,
            environment: [("TABLE".to_owned(), "one".to_owned())].into(),
            code_sha256: self.codes[0].sha256.clone(),
            log_group: format!("/aws/lambda/{}", self.name("function")),
            tags: self.tags(),
        }
    }

    /// Creates a function; a new role takes its time.
    pub async fn create_function(&self, spec: &FunctionSpec) -> Outcome {
        self.made(Thing::Function(spec.name.clone()));
        let create = async || match self.cloud.functions.create(spec, &self.codes[0]).await {
            Err(error) if error.class == Class::Eventual => Ok(None),
            other => Ok(Some(other?)),
        };
        until("a role Lambda can assume", create).await
    }

    /// The function once it can be changed.
    pub async fn ready(&self, name: &str) -> Outcome<ObservedFunction> {
        let ready = async || {
            let function = self.cloud.functions.get(name).await?;
            Ok(function.filter(|function| function.state == FunctionState::Ready))
        };
        until("a function that is ready", ready).await
    }

    /// A function that is ready.
    pub async fn function(&self) -> Outcome<FunctionSpec> {
        let spec = self.function_spec(&self.role().await?);
        self.create_function(&spec).await?;
        self.ready(&spec.name).await?;
        Ok(spec)
    }

    /// Such a function with a first version; gives the version too.
    pub async fn published(&self) -> Outcome<(FunctionSpec, String)> {
        let spec = self.function().await?;
        let version = self.cloud.functions.publish(&spec.name, &spec.code_sha256, "first").await?;
        Ok((spec, version))
    }

    /// An empty REST API.
    pub async fn api(&self) -> Outcome<String> {
        let id = self.cloud.rest_apis.create(&self.name("api"), "REGIONAL", &[], &self.tags()).await?;
        self.made(Thing::RestApi(id.clone()));
        Ok(id)
    }

    /// A domain of this name is about to be made.
    pub fn domain(&self, name: &str) {
        self.made(Thing::Domain(name.to_owned()));
    }

    /// The operator's document for an API.
    pub fn document(&self, api: &str, access: Access) -> Document {
        let arn = |function| format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}:live", self.name(function));
        render(&DocumentInput {
            name: self.name("api"),
            region: REGION.into(),
            account_id: ACCOUNT.into(),
            rest_api_id: api.to_owned(),
            forwarder_arn: arn("forwarder"),
            authorizer_arn: arn("authorizer"),
            families: vec![aigw_contract::Family::BedrockRuntime],
            cache_seconds: 60,
            access,
            default_endpoint_disabled: false,
        })
    }

    /// An API with a document imported and deployed; gives the deployment too.
    pub async fn deployed(&self) -> Outcome<(String, String)> {
        let api = self.api().await?;
        let document = self.document(&api, Access::Anyone);
        self.cloud.rest_apis.put_document(&api, &document.body).await?;
        let deployment = self.cloud.rest_apis.create_deployment(&api, &document.hash).await?;
        Ok((api, deployment))
    }

    /// An API with the stage `v1`; gives the deployment it serves, too.
    pub async fn staged(&self) -> Outcome<(String, String)> {
        let (api, deployment) = self.deployed().await?;
        self.cloud.rest_apis.create_stage(&api, "v1", &deployment, &self.tags()).await?;
        Ok((api, deployment))
    }

    /// A usage plan for stages (API id, stage name).
    pub async fn plan(&self, tier: &str, api_stages: &[(String, String)]) -> Outcome<String> {
        let id = self.cloud.usage_plans.create(&self.plan_spec(tier, api_stages)).await?;
        self.made(Thing::UsagePlan(id.clone()));
        Ok(id)
    }

    /// A usage plan as it should be.
    pub fn plan_spec(&self, tier: &str, api_stages: &[(String, String)]) -> UsagePlanSpec {
        let mut tags = self.tags();
        tags.insert(TAG_TIER.to_owned(), tier.to_owned());
        UsagePlanSpec {
            tier: tier.to_owned(),
            name: self.name("plan"),
            rate_limit: 5,
            burst_limit: 10,
            api_stages: api_stages.to_vec(),
            tags,
        }
    }

    /// A key's value no other case uses.
    pub fn key_value(&self, what: &str) -> String {
        short_hash(&format!("{}/{what}", self.case), 32)
    }

    /// An API key.
    pub async fn key(&self, what: &str) -> Outcome<String> {
        let id = self.cloud.api_keys.create(&self.name(what), &self.key_value(what), &self.tags()).await?;
        self.made(Thing::ApiKey(id.clone()));
        Ok(id)
    }

    /// Deletes what the case made, as far as that goes: what is left belongs to this case alone.
    async fn clean_up(self) {
        let tag = self.id();
        let Self { cloud, made, .. } = self;
        let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
        made.sort_by_key(Thing::order);
        let stages = cloud.usage_plans.list(&tag).await.map(|list| list.ours).unwrap_or_default();
        for thing in made {
            let _ = match thing {
                Thing::Domain(name) => cloud.domains.delete(&name).await,
                Thing::RestApi(id) => cloud.rest_apis.delete(&id).await,
                Thing::UsagePlan(id) => {
                    let of_plan = stages.iter().find(|plan| plan.id == id).map(|plan| plan.api_stages.clone());
                    cloud.usage_plans.delete(&id, &of_plan.unwrap_or_default()).await
                }
                Thing::ApiKey(id) => cloud.api_keys.delete(&id).await,
                Thing::Function(name) => cloud.functions.delete(&name).await,
                Thing::Role(name) => cloud.roles.delete(&name).await,
                Thing::LogGroup(name) => cloud.log_groups.delete(&name).await,
                Thing::Table(name) => {
                    let _ = cloud.tables.set_deletion_protection(&name, false).await;
                    cloud.tables.delete(&name).await
                }
            };
        }
    }
}

impl Thing {
    /// Domains go before the APIs they lead to, plans before APIs while their stages are still known, functions before roles.
    fn order(&self) -> u8 {
        match self {
            Self::Domain(_) | Self::UsagePlan(_) => 0,
            Self::RestApi(_) | Self::ApiKey(_) | Self::Function(_) => 1,
            Self::Role(_) | Self::LogGroup(_) | Self::Table(_) => 2,
        }
    }
}

/// One more tag, as a change of tags carries them.
pub fn more_tags() -> Tags {
    Tags::from([("team".to_owned(), "blue".to_owned())])
}

/// Probes until there is a value.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await? {
            return Ok(found);
        }
        ensure!(started.elapsed() < PATIENCE, "{what}: not within {} s", PATIENCE.as_secs());
        sleep(PAUSE).await;
    }
}

/// Fails unless the call was refused with that class and code.
pub fn refused<T: Debug>(what: &str, result: Result<T, CloudError>, class: Class, code: &str) -> Outcome {
    match result {
        Ok(value) => Err(format!("{what}: accepted ({value:?}), expected {class:?} {code}").into()),
        Err(error) => {
            ensure_eq!((error.class, error.code.as_str()), (class, code), "{what}: {error}");
            Ok(())
        }
    }
}
