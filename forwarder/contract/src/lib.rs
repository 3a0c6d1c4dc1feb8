//! What the operator and the functions exchange, and nothing else.
//!
//! Two contracts join the control plane to the data plane: the items of a gateway's DynamoDB table ([`table`],
//! [`policy`] with its [`limits`], [`meter`], [`price`], [`identity`], [`issuer`], [`guardrail`]) and the functions' environment ([`environment`]); the operator's [`probe`] looks at both from outside. This crate is their only
//! definition; beside them it holds what both sides must read alike: Bedrock's operations ([`operations`]), model ids
//! ([`model`]) and the rules about them ([`access`]), windows of time ([`calendar`]). Operator and
//! functions are never upgraded at one instant, so readers ignore unknown fields, writers only add fields, and one
//! version of skew works both ways. Pure: no I/O, no clock, no randomness.

pub mod access;
pub mod calendar;
pub mod context;
pub mod credential;
pub mod environment;
pub mod family;
pub mod glob;
pub mod guardrail;
pub mod identity;
pub mod issuer;
pub mod limits;
pub mod meter;
pub mod model;
pub mod operations;
pub mod partition;
pub mod policy;
pub mod price;
pub mod probe;
mod redact;
pub mod table;

pub use credential::Credential;
pub use family::{FIPS_REGIONS, Family};
pub use partition::Partition;
pub use redact::redacted;
