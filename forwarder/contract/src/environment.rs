//! Names of the environment variables the operator sets on both functions.
//!
//! Everything that may change without a new function version lives in the table instead (see [`crate::table`]).

use crate::Family;

/// Name of the gateway's DynamoDB table.
pub const TABLE_NAME: &str = "AIGW_TABLE_NAME";

/// Identity of the gateway, `installation/AIGateway/namespace/name`; for log lines only.
pub const GATEWAY_ID: &str = "AIGW_GATEWAY_ID";

/// URL that every Bedrock family without a URL of its own is sent to instead of its public host: a stub in tests.
/// Requests stay signed for the public host. Unset on AWS.
pub const BEDROCK_ENDPOINT_OVERRIDE: &str = "AIGW_BEDROCK_ENDPOINT_OVERRIDE";

/// Name of the variable with the URL that one family is sent to instead of its public host: an interface VPC endpoint,
/// which leads to one family only. Requests stay signed for the public host. The names are those of the AWS SDKs, for
/// example `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`.
pub fn family_endpoint(family: Family) -> String {
    format!("AWS_ENDPOINT_URL_{}", family.endpoint_prefix().replace('-', "_").to_ascii_uppercase())
}

/// Path of a PEM file with further certificate authorities trusted for upstream TLS. Unset on AWS.
pub const CA_FILE: &str = "AIGW_CA_FILE";
