//! A stateful AWS behind the ports.
//!
//! Two halves. The *service* holds one account's state in any number of Regions, with the service's own rules, quotas and
//! a log of calls; every caller shares it. The *ports* are the client side: they make the same named calls as the
//! adapters over the SDK, page by page, each through a [`aigw_cloud::Gate`] with a real limiter.
//!
//! Beside them is the data plane, as what exists would serve it.
//!
//! One directory or file per AWS service: its rules, and beside them its port. Nothing here reads a clock but tokio's,
//! and ids are counted, so equal calls give an equal world.

mod api_gateway;
mod behaviour;
mod capacity;
mod client;
mod clock;
mod data_plane;
mod dynamodb;
mod estate;
mod failure;
mod fake;
mod iam;
mod inventory;
mod lambda;
mod log;
mod logs;
mod quotas;
mod refusal;
mod server;
mod state;
mod sts;

pub use api_gateway::{ApiKey, Definition, Deployment, Domain, RestApi, Stage, UsagePlan};
pub use behaviour::{AccountLimits, Behaviour};
pub use client::ClientOptions;
pub use data_plane::DataPlane;
pub use dynamodb::{Attribute, Item, Table, TableStatus};
pub use fake::{FakeAws, Snapshot};
pub use iam::Role;
pub use inventory::InventoryOptions;
pub use lambda::{Alias, Configuration, Function, Version};
pub use log::CallRecord;
pub use logs::LogGroup;
pub use quotas::OperationUse;
pub use state::{AccountState, RegionState};

#[cfg(test)]
mod slow_tests;
#[cfg(test)]
mod tests;
