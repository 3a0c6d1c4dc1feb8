//! Probes: calls of the operator's own that go the way of a tenant's, and what their answers mean.
//!
//! A probe has an identity of its own ([`identity`]), which is to the data plane a tenant that may call no model. What
//! comes back is judged here ([`gateway`], [`tenant`]): each answer that is not the right one names the part of the way it
//! comes from. When to ask, and what a failure means for Ready, is decided here as well ([`schedule`], [`report`]). Pure: who
//! asks is the operator's shell.

pub mod answer;
pub mod gateway;
pub mod identity;
pub mod report;
pub mod schedule;
mod settings;
pub mod tenant;

pub use answer::{Answer, Finding, Method, Presented, Request, Unreachable};
pub use settings::{ValidProbe, settings, shown_interval};
