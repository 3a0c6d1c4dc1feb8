//! The harness around kube-runtime: what every controller needs and none should write twice.
//!
//! Watches feed shared stores and triggers ([`watch`], [`predicates`]); a driver calls a [`Reconciler`] with a
//! deadline, counts, logs and decides when to look again ([`controller`], [`outcome`], [`backoff`]); helpers write to
//! objects in the one safe way ([`status`], [`conditions`], [`events`], [`finalizer`]); a [`lease`] lets one replica
//! act. Nothing here knows AWS.

pub mod backoff;
pub mod conditions;
pub mod controller;
pub mod error;
pub mod events;
pub mod finalizer;
pub mod lease;
pub mod outcome;
pub mod predicates;
pub mod shutdown;
pub mod spacing;
pub mod status;
pub mod timing;
pub mod triggers;
pub mod watch;

pub use backoff::Backoff;
pub use controller::Reconciler;
pub use error::Error;
pub use events::EventRecorder;
pub use lease::Lease;
pub use outcome::Outcome;
pub use shutdown::Shutdown;
pub use status::StatusWriter;
