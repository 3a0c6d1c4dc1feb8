//! AI Gateway Operator for Amazon Bedrock, as a library: everything but the choice of cloud.
//!
//! `main` names the AWS adapters and hands them to [`run`]; tests hand fakes to [`operate()`] and run the same operator. Two
//! controllers ([`gateway`], [`tenant`]) stand on one [`harness`], which knows Kubernetes and nothing of AWS.

pub mod allocator;
pub mod args;
mod cluster;
pub mod context;
pub mod crdgen;
pub mod documents;
pub mod gateway;
pub mod harness;
pub mod health_command;
pub mod http;
pub mod https;
pub mod memory;
pub mod metrics;
pub mod operate;
pub mod pace;
pub mod plan_command;
pub mod plugin;
mod probe;
pub mod prober;
mod report;
pub mod run;
mod sweep;
pub mod telemetry;
pub mod tenant;
pub mod traces;

pub use args::{Args, Command, Settings, SweepMode};
pub use context::{Clock, Context, Random, Stores, SystemClock, SystemRandom};
pub use metrics::Metrics;
pub use operate::{Parts, operate};
