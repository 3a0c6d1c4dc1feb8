//! Keeps the mirrors of issuers' keys: reads what is due, merges, writes. What an issuer's documents mean is decided in
//! `aigw_plan::gateway::issuers`; when it is read again, here.
//!
//! An issuer that does not answer costs its gateway nothing but a condition: the mirror stays as it is, and the AWS
//! side is driven on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aigw_api::AIGateway;
use aigw_cloud::{Cloud, CloudError};
use aigw_contract::issuer::KeyMirror;
use aigw_contract::table::{GATEWAY_PK, jwks_sk};
use aigw_plan::GatewayIdentity;
use aigw_plan::gateway::issuers::{KeySource, ObservedIssuer, REFRESH_SECONDS, ValidIssuer, discovery, keys, mirrored};
use aigw_plan::gateway::observed::{Document, ObservedGateway, ObservedTable};
use aigw_plan::gateway::validate::ValidGateway;
use futures::future::try_join_all;
use hyper::Request;
use kube::ResourceExt;
use serde_json::{Map, Value};

use super::{execute, parse};
use crate::context::Context;

/// When to ask again after a first failure, in seconds; doubled with each, up to [`REFRESH_SECONDS`].
const RETRY_SECONDS: i64 = 30;
/// Part of a pause by which it is longer or shorter, so that gateways do not ask together.
const SPREAD: f64 = 0.1;
/// Where an apiserver says who issues its tokens (Kubernetes docs, "ServiceAccount issuer discovery").
const APISERVER_DISCOVERY: &str = "/.well-known/openid-configuration";
/// Where an apiserver has its keys, whatever URL its discovery document names.
const APISERVER_KEYS: &str = "/openid/v1/jwks";

/// What is remembered of reading issuers. Losing it costs a read each.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<(String, String), Attempt>>);

/// The last read of an issuer.
#[derive(Clone, Default)]
struct Attempt {
    /// When the next is due, in seconds since the Unix epoch.
    next: i64,
    failures: u32,
    problem: Option<String>,
    /// When it last worked.
    fetched_at: Option<i64>,
}

impl Attempts {
    fn get(&self, place: &(String, String)) -> Option<Attempt> {
        self.lock().get(place).cloned()
    }

    fn set(&self, place: (String, String), attempt: Attempt) {
        self.lock().insert(place, attempt);
    }

    /// Forgets issuers of a gateway that are not among `kept`.
    fn retain(&self, uid: &str, kept: &[(String, String)]) {
        self.lock().retain(|place, _| place.0 != uid || kept.contains(place));
    }

    /// Forgets a gateway.
    pub(crate) fn forget(&self, uid: &str) {
        self.retain(uid, &[]);
    }

    /// When the issuer that was read longest ago was read.
    fn oldest(&self) -> Option<i64> {
        self.lock().values().filter_map(|attempt| attempt.fetched_at).min()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Issuers as they are now, and when to look at them again.
#[derive(Default)]
pub(super) struct Looked {
    pub(super) issuers: Vec<ObservedIssuer>,
    pub(super) again: Option<Duration>,
}

/// Reads issuers that are due, and writes what they have. Nothing while the gateway is not ours or has no table.
pub(super) async fn refresh(
    context: &Context,
    cloud: &Cloud,
    gateway: &AIGateway,
    identity: &GatewayIdentity,
    valid: &ValidGateway,
    observed: Option<&ObservedGateway>,
) -> Result<Option<Looked>, CloudError> {
    let ours = observed.is_some_and(|observed| {
        observed.table.as_ref().is_some_and(ObservedTable::usable)
            && observed.owner.as_ref().is_some_and(|owner| gateway.uid().as_deref() == Some(&owner.content.object_uid))
    });
    if !ours {
        return Ok(None);
    }
    let uid = gateway.uid().unwrap_or_default();
    let table = identity.physical_name();
    drop_left(cloud, gateway, &table, valid).await?;
    let places: Vec<_> = valid.issuers.iter().map(|issuer| (uid.clone(), place(issuer))).collect();
    context.memory.issuers.retain(&uid, &places);
    let looks = valid.issuers.iter().zip(&places).map(|(issuer, place)| one(context, cloud, &table, issuer, place));
    let issuers = try_join_all(looks).await?;
    let now = context.clock.now().as_second();
    let due = places.iter().filter_map(|place| context.memory.issuers.get(place)).map(|attempt| attempt.next - now);
    let again = due.min().map(|seconds| Duration::from_secs(u64::try_from(seconds.max(1)).unwrap_or(1)));
    context.metrics.set_oldest_issuer(context.memory.issuers.oldest().unwrap_or_default());
    Ok(Some(Looked { issuers, again }))
}

/// What an issuer's attempts are known by: one that the spec has changed is another.
fn place(issuer: &ValidIssuer) -> String {
    let url = match &issuer.keys {
        KeySource::Discovery(url) | KeySource::KeySet(url) => url.as_str(),
        KeySource::Apiserver => "",
    };
    format!("{} {} {url}", issuer.contract.key(), issuer.contract.issuer.as_deref().unwrap_or_default())
}

async fn one(
    context: &Context,
    cloud: &Cloud,
    table: &str,
    issuer: &ValidIssuer,
    place: &(String, String),
) -> Result<ObservedIssuer, CloudError> {
    let (key, attempts) = (issuer.contract.key(), &context.memory.issuers);
    let held: Option<Document<KeyMirror>> = parse(cloud.tables.document(table, GATEWAY_PK, &jwks_sk(&key)).await?)?;
    let expected = held.as_ref().map(|document| document.version);
    let of_issuer = |mirror: &KeyMirror| issuer.contract.issuer.as_ref().is_none_or(|name| *name == mirror.issuer);
    let mut mirror = held.map(|document| document.content).filter(of_issuer);
    let before = attempts.get(place);
    let now = context.clock.now().as_second();
    let by_age = mirror.as_ref().map_or(now, |mirror| mirror.fetched_at + REFRESH_SECONDS);
    let lost = mirror.is_none() && before.as_ref().is_none_or(|before| before.problem.is_none());
    let due = before.as_ref().map_or(by_age, |before| before.next);
    let attempt = if now < due && !lost {
        before.unwrap_or(Attempt { next: due, ..Attempt::default() })
    } else {
        let spread = 1.0 - SPREAD + 2.0 * SPREAD * context.random.jitter();
        match read(context, issuer).await {
            Ok((name, keys)) => {
                let next = mirrored(mirror.as_ref(), &name, keys, now);
                execute::put(cloud, table, &jwks_sk(&key), expected, &next).await?;
                mirror = Some(next);
                Attempt { next: now + spaced(REFRESH_SECONDS, spread), ..Attempt::default() }
            }
            Err(problem) => {
                tracing::warn!(issuer = key, problem, "an issuer cannot be read");
                let failures = before.map_or(0, |before| before.failures);
                let pause = RETRY_SECONDS.saturating_mul(1 << failures.min(10)).min(REFRESH_SECONDS);
                let next = now + spaced(pause, spread);
                Attempt { next, failures: failures + 1, problem: Some(problem), ..Attempt::default() }
            }
        }
    };
    let problem = attempt.problem.clone();
    let fetched_at = mirror.as_ref().map(|mirror| mirror.fetched_at);
    attempts.set(place.clone(), Attempt { fetched_at, ..attempt });
    Ok(ObservedIssuer { key, mirror, problem })
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "some hundred seconds")]
fn spaced(seconds: i64, spread: f64) -> i64 {
    (seconds as f64 * spread) as i64
}

/// Mirrors of issuers that have left the spec: told by the status, which costs nothing but litter where it is lost.
async fn drop_left(cloud: &Cloud, gateway: &AIGateway, table: &str, valid: &ValidGateway) -> Result<(), CloudError> {
    for told in gateway.status.iter().flat_map(|status| &status.issuers) {
        if valid.issuers.iter().any(|issuer| issuer.contract.key() == told.name) {
            continue;
        }
        let sk = jwks_sk(&told.name);
        if let Some(document) = cloud.tables.document(table, GATEWAY_PK, &sk).await? {
            cloud.tables.delete_document(table, (GATEWAY_PK, &sk), document.version).await?;
        }
    }
    Ok(())
}

/// The issuer's name and keys; else what is wrong, in words that are constant for a constant cause.
async fn read(context: &Context, issuer: &ValidIssuer) -> Result<(String, Vec<Map<String, Value>>), String> {
    let get = async |url: &str| context.documents.get(url).await.map_err(|error| error.to_string());
    let told = |problem: aigw_plan::gateway::issuers::IssuerProblem| problem.to_string();
    let name = issuer.contract.issuer.as_deref();
    match &issuer.keys {
        KeySource::Discovery(url) => {
            let (name, url) = discovery(&get(url).await?, name).map_err(told)?;
            Ok((name, keys(&get(&url).await?).map_err(told)?))
        }
        KeySource::KeySet(url) => Ok((name.unwrap_or_default().to_owned(), keys(&get(url).await?).map_err(told)?)),
        KeySource::Apiserver => {
            let (name, _) = discovery(&apiserver(context, APISERVER_DISCOVERY).await?, None).map_err(told)?;
            Ok((name, keys(&apiserver(context, APISERVER_KEYS).await?).map_err(told)?))
        }
    }
}

async fn apiserver(context: &Context, path: &str) -> Result<String, String> {
    let request = Request::get(path).body(Vec::new()).map_err(|_| "the apiserver cannot be asked".to_owned())?;
    context.client.request_text(request).await.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 403 => {
            format!(
                "the operator may not read {path} of the apiserver; the chart's ClusterRole grants it, or the ClusterRoleBinding system:service-account-issuer-discovery"
            )
        }
        kube::Error::Api(status) => format!("the apiserver answers {path} with status {}", status.code),
        _ => format!("the apiserver cannot be asked for {path}"),
    })
}
