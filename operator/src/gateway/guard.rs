//! The two questions before any change: is this the account the spec names, and is this gateway ours to drive?

use std::time::Duration;

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, annotations};
use aigw_cloud::{Cloud, CloudError};
use aigw_plan::gateway::observed::{ObservedGateway, ObservedTable};
use aigw_plan::gateway::ownership::{Claimant, Ownership, decide};
use aigw_plan::gateway::report::GatewayOutcome;
use aigw_plan::gateway::step::GatewayStep;
use aigw_plan::{Class, GatewayIdentity};
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use super::{ELSEWHERE_RECHECK, Pass, Round, execute, failed};
use crate::context::Context;
use crate::harness::Outcome;

/// How often an owner says it is alive. An owner silent for three times as long is gone: 15 minutes is longer than any
/// upgrade or node failure, and short enough to wait out after the loss of a cluster.
pub(crate) const HEARTBEAT: Duration = Duration::from_mins(5);

/// Why the account is not to be acted in.
pub(crate) enum Refusal {
    /// Another account than the spec names.
    Wrong {
        /// Account of the credentials.
        actual: String,
        /// Account of the spec.
        expected: String,
    },
    /// It could not be found out.
    Unknown(CloudError),
}

/// Ok where the credentials in use belong to `expected`.
pub(crate) async fn account(cloud: &Cloud, expected: &str) -> Result<(), Refusal> {
    let actual = cloud.account.id().await.map_err(Refusal::Unknown)?;
    if actual == expected { Ok(()) } else { Err(Refusal::Wrong { actual, expected: expected.to_owned() }) }
}

impl Refusal {
    /// Condition reason and message.
    pub(crate) fn describe(&self) -> (&'static str, String) {
        match self {
            Self::Wrong { actual, expected } => (
                reason::WRONG_ACCOUNT,
                format!(
                    "the operator's credentials belong to account {actual}, but spec.accountId is {expected}; nothing was changed. Correct spec.accountId or give the operator a role in {expected}"
                ),
            ),
            Self::Unknown(error) => (error.class.reason(), error.to_string()),
        }
    }

    /// As the error of a pass that cannot go on.
    pub(crate) fn into_error(self) -> CloudError {
        match &self {
            Self::Wrong { .. } => {
                CloudError::new("sts:GetCallerIdentity", Class::Denied, reason::WRONG_ACCOUNT, self.describe().1)
            }
            Self::Unknown(error) => error.clone(),
        }
    }

    /// When to look again.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Wrong { .. } => {
                Outcome::Failed { class: Class::Denied, retry_after: None, message: self.describe().1 }
            }
            Self::Unknown(error) => Outcome::failed(error),
        }
    }

    pub(super) fn into_pass(self) -> Pass {
        match &self {
            Self::Wrong { .. } => {
                let (reason, message) = self.describe();
                let outcome = GatewayOutcome::Stalled { reason, message };
                Pass {
                    outcome,
                    observed: None,
                    changed: false,
                    probed: None,
                    finding: None,
                    released: None,
                    domain: super::domains::Seen::default(),
                    next: self.outcome(),
                }
            }
            Self::Unknown(error) => failed(error, None),
        }
    }
}

/// `None` where this object may go on. While the table is not there, nobody else can be recorded in it.
pub(super) async fn ownership(
    context: &Context,
    cloud: &Cloud,
    gateway: &AIGateway,
    identity: &GatewayIdentity,
    observed: &ObservedGateway,
) -> Result<Option<Round>, CloudError> {
    if !observed.table.as_ref().is_some_and(ObservedTable::usable) {
        return Ok(None);
    }
    match claim(context, gateway, observed) {
        Ownership::Ours => Ok(None),
        Ownership::Claim { expected, record, adopts } => {
            if adopts {
                tracing::info!(epoch = record.epoch, "adopting the gateway's AWS objects from an earlier owner");
            }
            let heartbeat = expected.is_some() && !adopts;
            let step = GatewayStep::ClaimOwnership { table: identity.physical_name(), expected, record };
            execute::steps(context, cloud, gateway, &[step]).await?;
            // A sign of life changes nothing that was observed: to look again would double what a quiet day costs.
            Ok((!heartbeat).then_some(Round::Again))
        }
        Ownership::Elsewhere { object_uid, cluster_uid } => {
            let message = format!(
                "object {object_uid} of cluster {cluster_uid} keeps this gateway alive; nothing is changed. If that cluster is gone this one takes over by itself within 15 minutes; to take over now, annotate this object with {}={object_uid}",
                annotations::TAKE_OVER
            );
            let outcome = GatewayOutcome::Stalled { reason: reason::OWNED_ELSEWHERE, message };
            Ok(Some(Round::End(outcome, Outcome::Waiting { after: ELSEWHERE_RECHECK })))
        }
    }
}

/// What the ownership record says to this object.
pub(super) fn claim(context: &Context, gateway: &AIGateway, observed: &ObservedGateway) -> Ownership {
    let (cluster_uid, object_uid) = (cluster_uid(context), gateway.uid().unwrap_or_default());
    let claimant = Claimant {
        cluster_uid: &cluster_uid,
        object_uid: &object_uid,
        take_over: gateway.annotations().get(annotations::TAKE_OVER).map(String::as_str),
        now: context.clock.now().as_second(),
        heartbeat: HEARTBEAT,
    };
    decide(observed.owner.as_ref(), &claimant)
}

/// What tells this cluster from another: the UID of a namespace, see [`crate::Settings::home`].
pub(crate) fn cluster_uid(context: &Context) -> String {
    let namespace = context.stores.namespaces.get(&ObjectRef::new(context.settings.home()));
    namespace.and_then(|namespace| namespace.uid()).unwrap_or_default()
}
