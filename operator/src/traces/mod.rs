//! Traces of the operator's work, by OTLP: each reconcile is a trace of one span, and what it logs at debug level and above,
//! among it every call of AWS with its outcome and duration, are that span's events. Off unless an endpoint is given.
//!
//! [`settings`] reads the variables that OpenTelemetry's specification names, [`layer`] makes spans of what the program
//! says through `tracing`, [`encode`] writes them, [`send`] delivers them. Own code rather than OpenTelemetry's crates:
//! what is needed of them is one POST of JSON, and they bring a dozen crates and a second HTTP client along.

mod encode;
mod layer;
mod send;
mod settings;
#[cfg(test)]
mod tests;

pub use encode::{Event, Span, Value, batch};
pub use layer::{Layer, Spans};
pub use send::deliver;
pub use settings::{Settings, SettingsError};
