//! The gateway's pipeline: validate → desire → diff → lint → report, each in its own file; cleanup beside it.

pub mod cleanup;
pub mod desired;
pub mod diff;
pub mod document;
pub mod lint;
pub mod observed;
pub mod ownership;
pub mod report;
pub mod roles;
#[cfg(test)]
pub(crate) mod simulated;
pub mod step;
mod usage_plans;
pub mod validate;
