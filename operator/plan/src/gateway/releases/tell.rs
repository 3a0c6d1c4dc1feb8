//! What is told of releases: the condition `RolledOut`, and in the status who takes a share and who was sent back.

use aigw_api::conditions::{kind, reason};
use aigw_api::{CanaryStatus, FunctionStatus, RejectedStatus, annotations};
use jiff::Timestamp;

use super::decide::{Decision, Hold, decide};
use super::note::Note;
use super::policy::{Canary, Releases};
use super::{case, wanted};
use crate::conditions::ConditionSpec;
use crate::gateway::desired::DesiredGateway;
use crate::gateway::observed::{ObservedFunction, ObservedGateway};
use crate::identity::Function;
use crate::time_span;

/// Whether both functions run what they should; `None` where releases are made at once.
pub fn condition(desired: &DesiredGateway, observed: &ObservedGateway) -> Option<ConditionSpec> {
    let Releases::Canary(policy) = &desired.releases else { return None };
    let told = desired.functions.values().filter_map(|spec| {
        let on_its_way = || {
            let message = format!("a new version of the {} is being made ready", spec.function.as_str());
            Some((3, reason::ROLLING_OUT, message))
        };
        let Some(actual) = observed.functions.get(&spec.function) else { return on_its_way() };
        let Some(wanted) = wanted(spec, actual) else { return on_its_way() };
        match decide(&case(desired, observed, (spec, actual, wanted))) {
            Decision::Hold(hold) => Some(of(&hold, policy, (spec.function, &wanted.version))),
            Decision::Lead(_) => on_its_way(),
            Decision::Done => None,
        }
    });
    let mut told: Vec<(usize, &'static str, String)> = told.collect();
    told.sort();
    let unclear = desired.release_facts.unclear.map_or_else(String::new, |annotation| {
        format!("; the annotation {annotation} is not understood: name versions, such as forwarder/12")
    });
    let Some((_, reason, _)) = told.first() else {
        let message = format!("all calls go to the versions that should serve{unclear}");
        return Some(ConditionSpec::new(kind::ROLLED_OUT, true, reason::ROLLED_OUT, message));
    };
    let message = told.iter().map(|(_, _, message)| message.as_str()).collect::<Vec<_>>().join("; ");
    Some(ConditionSpec::new(kind::ROLLED_OUT, false, reason, message + &unclear))
}

/// Rank, the most pressing first; reason; message, which is the same for as long as the cause is.
fn of(hold: &Hold, policy: &Canary, (function, version): (Function, &str)) -> (usize, &'static str, String) {
    let function = function.as_str();
    let that = format!("version {version} of the {function}");
    let promote = format!("{}={function}/{version}", annotations::PROMOTE);
    match hold {
        Hold::Rejected(rejected) => {
            let told = rejected.told();
            let message = format!(
                "{that} was sent back {told}; it is not tried again until the build changes, or this object is annotated with {promote}"
            );
            (0, reason::ROLLED_BACK, message)
        }
        Hold::Unreadable { percent, message } => {
            (1, reason::METRICS_UNREADABLE, format!("{that} stays at {percent} % of the calls: {message}"))
        }
        Hold::HeldBack { gateway } => {
            let message = format!(
                "{that} is not begun with, because {gateway} sent its code back; annotate this object with {promote} to let it serve all the same"
            );
            (2, reason::HELD_BACK, message)
        }
        Hold::Step { percent, next, again: _ } => {
            let (interval, calls) = (time_span::written(policy.interval), policy.min_calls);
            let message = format!("{that} takes {percent} % of the calls; {next} % after {interval} and {calls} calls");
            (3, reason::ROLLING_OUT, message)
        }
        Hold::Turn { again: _ } => {
            (4, reason::AWAITING_TURN, format!("{that} waits for the gateways that come before this one"))
        }
    }
}

/// A function and who serves.
pub(in crate::gateway) fn function(function: Function, actual: &ObservedFunction) -> Option<FunctionStatus> {
    let live = actual.live_version.as_ref()?;
    let code = |number: &str| {
        let version = actual.versions.iter().find(|version| version.version == number)?;
        Some(version.code_sha256.clone())
    };
    let Note { since, rejected } = Note::read(&actual.release_note);
    Some(FunctionStatus {
        name: function.as_str().into(),
        version: live.clone(),
        code_sha256: code(live)?,
        canary: actual.canary.as_ref().and_then(|canary| {
            Some(CanaryStatus {
                version: canary.version.clone(),
                code_sha256: code(&canary.version)?,
                percent: i32::from(canary.percent),
                since: since.and_then(time),
            })
        }),
        rejected: rejected.and_then(|rejected| {
            Some(RejectedStatus {
                code_sha256: code(&rejected.version)?,
                message: rejected.told(),
                at: time(rejected.at)?,
                version: rejected.version,
            })
        }),
    })
}

fn time(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
