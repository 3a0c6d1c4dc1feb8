//! What releases of functions go by beside spec and AWS's objects: other gateways, annotations, and calls as CloudWatch
//! counts them.

use aigw_api::AIGateway;
use aigw_cloud::{CallQuery, Cloud};
use aigw_plan::Class;
use aigw_plan::GatewayIdentity;
use aigw_plan::gateway::observed::{CanaryCalls, ObservedGateway};
use aigw_plan::gateway::releases::{Contender, Note, ReleaseFacts, Releases};
use aigw_plan::gateway::validate::ValidGateway;
use kube::ResourceExt;

use crate::context::Context;

/// Seconds between two points of a metric.
const POINT: i64 = 60;
/// Seconds of a step after which a failing look is told and no longer taken for one that passes by itself.
const SILENCE: i64 = 600;

/// What beside spec and AWS decides about the gateway's releases.
pub(super) fn facts(context: &Context, gateway: &AIGateway) -> ReleaseFacts {
    facts_among(gateway, context.stores.gateways.state().iter().map(AsRef::as_ref))
}

/// The same among `others`, of whom those count that are to stay.
pub(crate) fn facts_among<'a>(gateway: &AIGateway, others: impl IntoIterator<Item = &'a AIGateway>) -> ReleaseFacts {
    let name = |gateway: &AIGateway| (gateway.namespace().unwrap_or_default(), gateway.name_any());
    let stays = others.into_iter().filter(|other| other.metadata.deletion_timestamp.is_none());
    let contenders =
        stays.map(|other| Contender { name: name(other), spec: &other.spec, status: other.status.as_ref() });
    ReleaseFacts::of(&name(gateway), gateway.annotations(), contenders)
}

/// Adds the calls of versions that take a share. Where AWS refuses to tell, that is told and the pass goes on: all else
/// of a gateway does not hang on metrics. What passes by itself is looked at again with the next pass.
pub(super) async fn look(
    cloud: &Cloud,
    identity: &GatewayIdentity,
    valid: &ValidGateway,
    observed: &mut ObservedGateway,
) {
    let Releases::Canary(policy) = &valid.releases else { return };
    for (function, actual) in &observed.functions {
        let since = Note::read(&actual.release_note).since;
        let Some((canary, since)) = actual.canary.as_ref().zip(since) else { continue };
        let lasts = observed.observed_at.saturating_sub(since);
        // CloudWatch has a point a minute, and refuses a time without length.
        if lasts < POINT {
            continue;
        }
        let query = CallQuery {
            function: identity.function_name(*function),
            version: canary.version.clone(),
            since,
            until: observed.observed_at,
            slow_after_ms: policy.slow_after_ms,
        };
        let calls = match cloud.function_metrics.calls(&query).await {
            Ok(calls) => CanaryCalls::Counted(calls),
            Err(error) if matches!(error.class, Class::Throttled | Class::Transient) => {
                if lasts < SILENCE {
                    continue;
                }
                // The code alone: the rest may vary, and it stands in a status.
                CanaryCalls::Unreadable(format!("CloudWatch did not answer: {}", error.code))
            }
            Err(error) => CanaryCalls::Unreadable(error.to_string()),
        };
        observed.canary_calls.insert(*function, calls);
    }
}
