//! The gateway's pipeline: validate → desire → diff → lint → report, each in its own file; cleanup beside it.

mod blocked;
pub mod capacity;
pub mod cleanup;
pub mod desired;
pub mod diff;
pub mod document;
pub mod domains;
pub mod endpoint;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod guardrails;
#[cfg(test)]
mod harm;
pub mod issuers;
pub mod lint;
pub mod logs;
pub mod observed;
pub mod ownership;
#[cfg(test)]
mod properties;
pub mod releases;
pub mod report;
pub mod roles;
#[cfg(test)]
mod scenarios;
pub mod simulated;
pub mod step;
mod usage_plans;
pub mod validate;
