//! Names of the environment variables the operator sets on both functions.
//!
//! Everything that may change without a new function version lives in the table instead (see [`crate::table`]).

/// Name of the gateway's DynamoDB table.
pub const TABLE_NAME: &str = "AIGW_TABLE_NAME";

/// Identity of the gateway, `installation/AIGateway/namespace/name`; for log lines only.
pub const GATEWAY_ID: &str = "AIGW_GATEWAY_ID";

/// URL that every Bedrock family is sent to instead of its public host: a private endpoint, or a stub in tests.
/// Requests stay signed for the public host. Unset on AWS unless a private endpoint is used.
pub const BEDROCK_ENDPOINT_OVERRIDE: &str = "AIGW_BEDROCK_ENDPOINT_OVERRIDE";

/// Path of a PEM file with further certificate authorities trusted for upstream TLS. Unset on AWS.
pub const CA_FILE: &str = "AIGW_CA_FILE";
