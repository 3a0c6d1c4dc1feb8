//! The functions from end to end: a fake Runtime API, a fake table and a fake Bedrock around the real code, over
//! real sockets on the loopback interface. No test measures time.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod attacks;
mod authorizing;
mod authorizing_tokens;
mod connections;
mod forwarding;
mod guardrails;
mod limiting;
mod measure;
mod metering;
mod operations;
mod probing;
mod refusing;
mod rolling;
mod serving;
mod starting;
mod streaming;
mod support;
mod writing;
