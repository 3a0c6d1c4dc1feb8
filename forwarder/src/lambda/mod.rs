//! The two functions as Lambda sees them: API Gateway's events in, its response forms out.

mod authorizer;
mod event;
mod forwarder;
mod prelude;

pub use authorizer::Authorizer;
pub use forwarder::Forwarder;
