//! The gateway's pipeline: validate → desire → diff → lint → report, each in its own file; cleanup beside it.

pub mod cleanup;
pub mod desired;
pub mod diff;
pub mod document;
pub mod lint;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod observed;
pub mod ownership;
pub mod report;
pub mod roles;
pub mod simulated;
pub mod step;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
mod usage_plans;
pub mod validate;
