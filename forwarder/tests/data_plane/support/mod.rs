//! Fakes around the functions and the world they make up together.

pub mod api_gateway;
pub mod bedrock;
pub mod expressions;
pub mod frames;
pub mod http;
pub mod issuer;
pub mod process;
pub mod runtime_api;
pub mod sigv4;
pub mod table;
pub mod world;
