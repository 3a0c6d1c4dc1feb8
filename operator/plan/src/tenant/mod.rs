//! The tenant's pipeline: admit → diff → report, each in its own file.

pub mod admit;
pub mod diff;
pub mod report;
pub mod secret;
pub mod step;
