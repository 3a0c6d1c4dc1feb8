//! Bedrock's endpoint families: the host a request goes to and the service name it is signed for.
//!
//! Source: the endpoint prefixes and signing names of the eight Bedrock service models (botocore 1.44); `endpoints.csv`
//! has what botocore resolves for every Region, and a test compares. The host is always looked up here and never built from client input, else a client could have any AWS host signed for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Partition;

/// One Bedrock service endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Model inference: Converse, InvokeModel, their streams, OpenAI and Anthropic shapes.
    BedrockRuntime,
    /// Control plane: models, guardrails, inference profiles.
    Bedrock,
    /// Control plane of agents, flows, prompts and knowledge bases.
    BedrockAgent,
    /// Agents, flows, retrieval.
    BedrockAgentRuntime,
    /// Control plane of data automation.
    BedrockDataAutomation,
    /// Data automation jobs (AWS JSON: `POST /` with `X-Amz-Target`).
    BedrockDataAutomationRuntime,
    /// AgentCore data plane.
    BedrockAgentcore,
    /// AgentCore control plane.
    BedrockAgentcoreControl,
}

/// Families with FIPS endpoints, in [`FIPS_REGIONS`].
const FIPS_FAMILIES: [Family; 2] = [Family::BedrockRuntime, Family::Bedrock];

/// Regions where Bedrock has FIPS endpoints. Source: botocore's `endpoints.json`; the endpoint rules of the service
/// models name such a host for every Region, but elsewhere it does not exist.
pub const FIPS_REGIONS: [&str; 6] =
    ["ca-central-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-2"];

/// The value names no family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown Bedrock family {0:?}; known: {known}", known = Family::ALL.map(Family::endpoint_prefix).join(", "))]
pub struct UnknownFamily(pub String);

impl Family {
    /// Every family, most used first.
    pub const ALL: [Self; 8] = [
        Self::BedrockRuntime,
        Self::Bedrock,
        Self::BedrockAgent,
        Self::BedrockAgentRuntime,
        Self::BedrockDataAutomation,
        Self::BedrockDataAutomationRuntime,
        Self::BedrockAgentcore,
        Self::BedrockAgentcoreControl,
    ];

    /// First label of the host, and the gateway's mount path segment: `/bedrock-runtime/…`.
    pub const fn endpoint_prefix(self) -> &'static str {
        match self {
            Self::BedrockRuntime => "bedrock-runtime",
            Self::Bedrock => "bedrock",
            Self::BedrockAgent => "bedrock-agent",
            Self::BedrockAgentRuntime => "bedrock-agent-runtime",
            Self::BedrockDataAutomation => "bedrock-data-automation",
            Self::BedrockDataAutomationRuntime => "bedrock-data-automation-runtime",
            Self::BedrockAgentcore => "bedrock-agentcore",
            Self::BedrockAgentcoreControl => "bedrock-agentcore-control",
        }
    }

    /// Service name in the SigV4 credential scope, which is also the prefix of its IAM actions.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::BedrockAgentcore | Self::BedrockAgentcoreControl => "bedrock-agentcore",
            _ => "bedrock",
        }
    }

    /// Public host of this family in `region`.
    pub fn host(self, region: &str) -> String {
        format!("{}.{region}.{}", self.endpoint_prefix(), Partition::of(region).dns_suffix)
    }

    /// Host of this family in `region` whose TLS ends in a FIPS 140 validated module; `None` where AWS has none.
    pub fn fips_host(self, region: &str) -> Option<String> {
        let exists = FIPS_FAMILIES.contains(&self) && FIPS_REGIONS.contains(&region);
        exists.then(|| format!("{}-fips.{region}.{}", self.endpoint_prefix(), Partition::of(region).dns_suffix))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.endpoint_prefix())
    }
}

impl FromStr for Family {
    type Err = UnknownFamily;

    fn from_str(value: &str) -> Result<Self, UnknownFamily> {
        Self::ALL
            .into_iter()
            .find(|family| family.endpoint_prefix() == value)
            .ok_or_else(|| UnknownFamily(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_family_parses_and_serialises_as_its_endpoint_prefix() {
        for family in Family::ALL {
            assert_eq!(family.endpoint_prefix().parse(), Ok(family));
            assert_eq!(serde_json::to_value(family).unwrap(), family.endpoint_prefix());
        }
        assert!("s3".parse::<Family>().is_err());
    }

    /// What botocore resolves; `tests/clients/python/endpoints.py` prints it.
    const RESOLVED: &str = include_str!("../endpoints.csv");

    #[test]
    fn hosts_signing_names_and_partitions_are_those_of_botocore_in_every_region() {
        let mut regions = BTreeSet::new();
        for line in RESOLVED.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let &[region, partition, dns_suffix, family, signing_name, host, fips_host] = fields.as_slice() else {
                panic!("{line}");
            };
            let family: Family = family.parse().unwrap();
            assert_eq!(Partition::of(region), Partition { id: partition, dns_suffix }, "{line}");
            assert_eq!((family.signing_name(), family.host(region).as_str()), (signing_name, host), "{line}");
            assert_eq!(family.fips_host(region).unwrap_or_default(), fips_host, "{line}");
            assert!(regions.insert((region, family)), "{line}");
        }
        // Fewer would mean that the file was cut: botocore 1.44.5 has 48 Regions in 8 partitions.
        assert_eq!(regions.len(), 48 * Family::ALL.len());
    }
}
