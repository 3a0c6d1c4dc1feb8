//! The data plane: what runs in Lambda between API Gateway and Bedrock.
//!
//! [`proxy`] is the core, `(request, caller) → streamed response`, and knows nothing of Lambda; [`lambda`] turns
//! API Gateway's events into its terms; [`runtime_api`] is the transport below, [`serve`] another one, an HTTP server.
//! [`authorize`] decides who calls, by key or by [`jwt`], [`admission`] whether they still may, [`rules`] what they may
//! ask for, all from the gateway's [`table`]; [`guardrail`] has calls carry the platform's; [`amount`] says what a call can cost at most, [`meter`] reads from the
//! response what it used. There is no AWS SDK in here: start-up time and memory are what a Lambda function is paid in.

pub mod access_log;
pub mod admission;
pub mod amount;
pub mod authorize;
pub mod denial;
pub mod event_stream;
pub mod gateway;
pub mod guardrail;
pub mod http_client;
pub mod jwt;
pub mod lambda;
pub mod ledger;
pub mod memory;
pub mod meter;
pub mod policies;
pub mod proxy;
pub mod rules;
pub mod runtime_api;
#[cfg(feature = "serve")]
pub mod serve;
pub mod settings;
pub mod sign;
pub mod start;
pub mod table;

mod clock;
mod query;

/// An error with its sources, outermost first, on one line.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
