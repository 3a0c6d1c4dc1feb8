//! The pure core of the operator: what should be in AWS, what has to change, and what the user is told.
//!
//! Synchronous; no I/O, no clock, no randomness, no SDK: time and random bytes come in as arguments. Mistakes made
//! here cost money, so everything is a value that can be printed, compared and tested in microseconds. The operator
//! gathers observations, calls these functions, executes the steps they return, and writes the status they return.

pub mod canonical;
pub mod class;
pub mod conditions;
pub mod gateway;
#[cfg(test)]
mod golden;
pub mod identity;
pub mod money;
pub mod plan;
pub mod prices;
pub mod probe;
#[cfg(test)]
mod strategies;
pub mod sweep;
pub mod tenant;
mod time_span;
pub mod violation;

pub use class::Class;
pub use conditions::{ConditionSpec, Progress};
pub use identity::{Function, GatewayIdentity};
pub use money::MicroUsd;
pub use plan::{Plan, Wait};
pub use violation::Violation;
