//! The targets.

pub mod bodies;
pub mod event;
pub mod frames;
pub mod path;
pub mod token;
