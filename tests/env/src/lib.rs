//! The local environment: Kubernetes, the AWS emulator, a Bedrock stub and a TLS front as supervised processes on
//! loopback.
//!
//! The servers in here are libraries with async entry points, so that tests can also run them in their own process and
//! look at their state. Nothing listens on anything but loopback.

pub mod aws_proxy;
pub mod bedrock;
pub mod cache;
pub mod control_plane;
pub mod daemon;
pub mod emulator;
pub mod error;
pub mod front;
pub mod instance;
pub mod kubelet;
pub mod net;
pub mod ports;
pub mod process;
pub mod report;
pub mod run;
pub mod signals;
pub mod tools;
pub mod wait;

pub use error::{Error, Result};
pub use instance::{Instance, Options};
