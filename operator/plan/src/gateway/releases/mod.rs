//! Releases of the functions: how a new version comes to serve by growing shares of the calls, goes back by itself, and is
//! collected once nobody uses it.
//!
//! The alias is the whole state: which version serves, which one takes a share, and in its description since when, and
//! which was sent back ([`note`]). One call writes all of it, so no crash leaves a part. What follows from it is decided
//! in [`decide`], turned into steps here, and told in [`tell`].

mod decide;
mod facts;
mod note;
mod policy;
pub mod tell;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use facts::{Contender, ReleaseFacts};
pub use note::Note;
pub(super) use policy::effective;
pub use policy::{Canary, Releases};

use self::decide::{Case, Decision, decide, send_back};
use super::desired::{DesiredGateway, version_description};
use super::observed::{ObservedFunction, ObservedGateway, ObservedVersion};
use super::step::{FunctionSpec, GatewayStep};
use crate::plan::Plan;

/// Function versions kept beside those in use, so that a person can look at or return to the last few.
const KEPT_VERSIONS: usize = 3;
/// When to look again at calls under way: CloudWatch has a point a minute.
const LOOK: Duration = Duration::from_mins(1);
/// The same where a step lasts for want of calls: each look is a pass, and a hundred idle gateways would use up the rate of
/// API Gateway that all share.
const IDLE_LOOK: Duration = Duration::from_mins(5);

/// The published version that a function should run, if it was published.
fn wanted<'a>(spec: &FunctionSpec, actual: &'a ObservedFunction) -> Option<&'a ObservedVersion> {
    let description = version_description(spec);
    let fits =
        |version: &&ObservedVersion| version.description == description && version.code_sha256 == spec.code_sha256;
    actual.versions.iter().rev().find(fits)
}

/// Everything that decides about one function.
fn case<'a>(
    desired: &'a DesiredGateway,
    observed: &'a ObservedGateway,
    (spec, actual, wanted): (&'a FunctionSpec, &'a ObservedFunction, &'a ObservedVersion),
) -> Case<'a> {
    Case {
        policy: &desired.releases,
        facts: &desired.release_facts,
        function: spec.function,
        actual,
        wanted,
        calls: observed.canary_calls.get(&spec.function),
        now: observed.observed_at,
    }
}

/// Plans the end of shares that are to end at once. It is a plan of its own and comes first: a version that fails calls is
/// not to go on doing so because something else of the gateway cannot be done.
pub(super) fn diff_failing(desired: &DesiredGateway, observed: &ObservedGateway, plan: &mut Plan<GatewayStep>) {
    for spec in desired.functions.values() {
        let Some(actual) = observed.functions.get(&spec.function) else { continue };
        let Some(canary) = &actual.canary else { continue };
        let Some(version) = actual.versions.iter().find(|version| version.version == canary.version) else { continue };
        if let Some(target) = send_back(&case(desired, observed, (spec, actual, version))) {
            plan.step(GatewayStep::PointAlias { name: spec.name.clone(), target, create: false });
        }
    }
}

/// Plans the version, the alias, and the end of versions nobody uses.
pub(super) fn diff(
    desired: &DesiredGateway,
    observed: &ObservedGateway,
    (spec, actual): (&FunctionSpec, &ObservedFunction),
    plan: &mut Plan<GatewayStep>,
) {
    let Some(wanted) = wanted(spec, actual) else {
        plan.step(GatewayStep::PublishVersion {
            name: spec.name.clone(),
            code_sha256: spec.code_sha256.clone(),
            description: version_description(spec),
        });
        return;
    };
    match decide(&case(desired, observed, (spec, actual, wanted))) {
        Decision::Done => {}
        Decision::Hold(hold) => {
            if let Some(again) = hold.again() {
                plan.recheck(again);
            }
        }
        Decision::Lead(target) => {
            let create = actual.live_version.is_none();
            plan.step(GatewayStep::PointAlias { name: spec.name.clone(), target, create });
            return;
        }
    }
    let spare: Vec<_> = actual
        .versions
        .iter()
        .filter(|version| version.version != wanted.version && !actual.uses(&version.version))
        .collect();
    for old in spare.iter().take(spare.len().saturating_sub(KEPT_VERSIONS)) {
        plan.step(GatewayStep::DeleteVersion { name: spec.name.clone(), version: old.version.clone() });
    }
}
