//! The tenant's pipeline: admit → diff → lint → report, each in its own file.

pub mod access;
pub mod admit;
pub mod bind;
mod credentials;
pub mod diff;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod identities;
pub mod internal_key;
pub mod issued;
pub mod limits;
pub mod lint;
pub mod namespace;
#[cfg(test)]
mod properties;
pub mod report;
pub mod rotation;
#[cfg(test)]
mod scenarios;
pub mod secret;
pub mod simulated;
pub mod step;
pub mod usage;
mod zone;
