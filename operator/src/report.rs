//! From the plan's conditions to the object's: the one place where time and generation are added.

use aigw_plan::ConditionSpec;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::harness::conditions::{Desired, Status, find, set};

/// Sets every one of `specs` in `conditions`. Of the others those of a kind in `optional` go: they are about something
/// the object no longer has.
pub(crate) fn apply(
    conditions: &mut Vec<Condition>,
    specs: Vec<ConditionSpec>,
    optional: &[&str],
    generation: Option<i64>,
    now: Timestamp,
) {
    let goes = |kind: &str| optional.contains(&kind) && !specs.iter().any(|spec| spec.type_ == kind);
    conditions.retain(|condition| !goes(&condition.type_));
    for ConditionSpec { type_, status, reason, message } in specs {
        let status = status.map_or(Status::Unknown, Status::from);
        set(conditions, Desired { kind: type_, status, reason, message }, generation, now);
    }
}

/// Whether the condition was `True` for exactly this generation: what it said of an older spec is no longer true.
pub(crate) fn held_for_generation(conditions: &[Condition], kind: &str, generation: Option<i64>) -> bool {
    find(conditions, kind).is_some_and(|condition| {
        condition.status == Status::True.as_str() && condition.observed_generation == generation
    })
}
