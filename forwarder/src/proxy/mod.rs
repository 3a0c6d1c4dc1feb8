//! The proxy core: `(request, caller) → streamed response`, whatever transport they come and go by.
//!
//! Order matters: the path is judged before anything is read from it; the caller is admitted, and what the call takes at
//! most is reserved, while the connection to Bedrock is being made ready; nothing is signed for a caller who was not
//! admitted, or whose rules do not allow it. The host is looked up in a table and never built from what a client sent.

mod begin;
mod charge;
mod headers;
mod own;
mod path;
mod probe;
mod route;
mod stream;
mod upstream;

use std::sync::Arc;

use aigw_contract::Family;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::price::PriceList;
use aigw_contract::table::GatewayConfig;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use crate::admission::{Account, Admission, Admitted, Caller, Circumstances};
use crate::amount::{self, Amount, Bounded, Question};
use crate::denial::{Denial, Refusal};
use crate::gateway::Gateway;
use crate::guardrail;
use crate::meter::{self, Shape};
use crate::rules::{self, Call};

pub use begin::Begun;
use charge::Charge;
pub use headers::BEDROCK_REQUEST_ID;
pub use stream::{Broken, UpstreamStream};
pub use upstream::Upstream;
use upstream::{Failed, Forwarded, Prepared, Responded};

/// A client's request, free of any transport's form.
#[derive(Debug)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path exactly as the client sent it, mount segment included.
    pub path: String,
    /// Query, already encoded; empty where there is none.
    pub query: String,
    /// All headers the client sent.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// When the response must have ended.
    pub deadline: Instant,
}

/// The answer to a request, and what a log line says about it.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers, safe to pass on.
    pub headers: HeaderMap,
    /// Body.
    pub body: AnswerBody,
    /// What the request turned out to be.
    pub target: Target,
    /// Why the gateway answered itself, for the log; never holds content of the call.
    pub cause: Option<String>,
    /// What the ledger has to say of it.
    pub account: Account,
}

/// What a request is for, as far as it was found out before it was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Bedrock family.
    pub family: Option<Family>,
    /// API within the family.
    pub shape: Option<Shape>,
    /// Model the request names, decoded; as the client chose it.
    pub model: Option<String>,
}

/// Where the body comes from.
#[derive(Debug)]
pub enum AnswerBody {
    /// The gateway's own.
    Own(Bytes),
    /// Bedrock's, as it arrives.
    Upstream(Box<UpstreamStream>),
}

/// The proxy.
pub struct Proxy {
    gateway: Arc<Gateway>,
    admission: Admission,
    upstream: Upstream,
}

impl Proxy {
    /// A proxy of these parts.
    pub fn new(gateway: Arc<Gateway>, admission: Admission, upstream: Upstream) -> Self {
        Self { gateway, admission, upstream }
    }

    /// Answers one request.
    pub async fn call(&self, request: Request, caller: &Caller) -> Answer {
        if own::is_own(&request.path) {
            return self.own(&request, caller).await.unwrap_or_else(Answer::refused);
        }
        let (mut target, mut account) = (Target::default(), Account::default());
        let forwarded = self.forward(request, caller, &mut target, &mut account).await;
        let mut answer = match forwarded {
            Ok(Forwarded { status, headers, stream }) => {
                let body = AnswerBody::Upstream(Box::new(stream));
                Answer { status, headers, body, target, cause: None, account: Account::default() }
            }
            Err(refusal) => Answer { target, ..Answer::refused(refusal) },
        };
        answer.headers.extend(std::mem::take(&mut account.headers));
        Answer { account, ..answer }
    }

    async fn forward(
        &self,
        request: Request,
        caller: &Caller,
        found: &mut Target,
        account: &mut Account,
    ) -> Result<Forwarded, Refusal> {
        path::check(&request.path)?;
        let route = route::resolve(&request.method, &request.path, &request.headers)?;
        let family = *found.family.insert(route.family);
        let path_and_query = join(route.path, &request.query);
        let mut headers = headers::to_upstream(request.headers)?;
        let identified = rules::identify(family, &request.method, route.path, &headers);
        // A refused request is logged as what it looks like.
        let known = identified.as_ref().ok().copied().flatten();
        let shape = *found.shape.insert(Shape::of(family, known, &request.method, route.path));
        found.model = meter::model(shape, route.path, &request.body).map(Into::into);
        let operation = identified?;
        let config = self.open_config(family).await?;
        let endpoint = self.upstream.endpoint(family, config.fips)?;
        let (path, encoded) = (route.path, rules::is_encoded(&headers));
        let call = Call { family, operation, path, query: &request.query, body: &request.body, encoded };
        let apply = config.guardrails.apply.as_ref();
        let guarded = apply.map(|guardrail| guardrail::guard(guardrail, &call, &mut headers)).transpose()?;
        let ask = async |policy: &TenantPolicy| {
            let subject = rules::judge(&call, policy, &config)?;
            let body = match &guarded {
                Some(guarded) => guarded.body(&call, &headers, &request.body)?,
                None => request.body.clone(),
            };
            let prices = self.prices_for(policy, &config).await?;
            let (subject, headers, config, prices) = (&subject, &headers, &*config, prices.as_deref());
            let bounded = amount::bound(&Question { call, shape, subject, headers, policy, config, prices }, &body)?;
            Ok((bounded.amount, bounded))
        };
        let circumstances = Circumstances { caller, shape, fail_mode: config.fail_mode };
        let admission = self.admission.admit(circumstances, account, ask);
        let (admitted, connection) = tokio::join!(admission, self.upstream.connection(endpoint));
        let Admitted { asked: Bounded { body, pricing, shadowed, amount: _ }, hold } = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                if let Ok(connection) = connection {
                    self.upstream.give_back(connection);
                }
                return Err(refusal);
            }
        };
        account.shadowed = shadowed.map(|denial| denial.message.into_owned());
        let prepared = Prepared { family, shape, method: request.method, path_and_query, headers, body };
        let response = match connection {
            Ok(connection) => self.upstream.forward(endpoint, connection, prepared, request.deadline).await,
            Err(refusal) => Err(Failed { refusal, reached: false }),
        };
        charged(response, Charge::new(hold, pricing), request.deadline, account).await
    }

    /// The price list, where a limit of this tenant needs it. Without a budget it only makes the bound closer, so who has
    /// none calls on while it cannot be read.
    async fn prices_for(
        &self,
        policy: &TenantPolicy,
        config: &GatewayConfig,
    ) -> Result<Option<Arc<PriceList>>, Refusal> {
        if !amount::is_bounded(policy) {
            return Ok(None);
        }
        match self.gateway.prices(config).await {
            Err(_) if policy.budgets.is_empty() => Ok(None),
            prices => prices,
        }
    }

    /// The configuration, which has the family open.
    async fn open_config(&self, family: Family) -> Result<Arc<GatewayConfig>, Refusal> {
        let open = |config: &GatewayConfig| config.families.contains(&family);
        let config = self.gateway.config(open).await?;
        if open(&config) {
            return Ok(config);
        }
        Err(Denial::forbidden(format!(
            "{family} is not open on this gateway; the platform team can add it to spec.bedrock.families of the \
             AIGateway"
        ))
        .into())
    }
}

impl Answer {
    /// The gateway's own answer.
    pub fn refused(refusal: impl Into<Refusal>) -> Self {
        let Refusal { denial, cause } = refusal.into();
        Self {
            status: denial.status,
            headers: denial.headers(),
            body: AnswerBody::Own(denial.body()),
            target: Target::default(),
            cause: Some(cause.unwrap_or_else(|| denial.message.to_string())),
            account: Account::default(),
        }
    }
}

/// The answer with its charge. Where there is none the charge is settled: to nothing if Bedrock cannot have got the request.
async fn charged(
    response: Result<Responded, Failed>,
    mut charge: Charge,
    deadline: Instant,
    account: &mut Account,
) -> Result<Forwarded, Refusal> {
    match response {
        Ok(response) => Ok(response.stream(charge, deadline)),
        Err(Failed { refusal, reached }) => {
            charge.settle((!reached).then(Amount::default), account).await;
            Err(refusal)
        }
    }
}

fn join(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
