//! The local environment: Kubernetes, the AWS emulator, a Bedrock stub and a TLS front as supervised processes on
//! loopback.
//!
//! The servers in here are libraries with async entry points, so that tests can also run them in their own process and
//! look at their state. Nothing listens on anything but loopback.

pub mod aws_proxy;
pub mod bedrock;
pub mod front;
pub mod net;
