//! The one HTTP/1.1 client of the functions: Runtime API, DynamoDB and Bedrock all go through it.
//!
//! Small on purpose: kept-alive connections per destination with a bounded idle age, `TCP_NODELAY` everywhere (a
//! streamed response goes out in small writes, and Nagle's algorithm would hold each back for 40 ms), and exactly
//! two reasons to try again: a connection that could not be made, and a *reused* one that died before a single
//! response byte.

mod body;
mod client;
mod connect;
mod tls;

pub use body::{OutgoingBody, ReplyBody};
pub use client::{Client, Connection, SendError};
pub use connect::{ConnectError, Destination, InvalidEndpoint};
pub use tls::{TlsError, client_config};
