//! The part of a spec that says how clients reach the gateway: checked, with defaults filled in.

use std::net::IpAddr;

use aigw_api::conditions::reason;
use aigw_api::{Domain, Endpoint, EndpointType};
use aigw_contract::{Family, Partition};

use super::document::Access;
use crate::violation::Violation;

/// Policy of a domain unless the spec says otherwise: the newest of those every client of today knows.
pub const DEFAULT_SECURITY_POLICY: &str = "TLS_1_2";

/// First parts of paths that the forwarder gives a meaning of its own, beside the families' names: a base path of that
/// name would be taken off calls that come by another name.
const RESERVED: [&str; 18] = [
    "agenticRetrieveStream",
    "agents",
    "anthropic",
    "async-invoke",
    "foundation-models",
    "generateQuery",
    "guardrail",
    "guardrail-checks",
    "guardrails",
    "inference-profiles",
    "knowledgebases",
    "model",
    "openai",
    "optimize-prompt",
    "rerank",
    "retrieveAndGenerate",
    "retrieveAndGenerateStream",
    "runtimes",
];
/// API Gateway answers these itself on a custom domain (API Gateway guide, "known issues").
const HEALTH_CHECKS: [&str; 2] = ["ping", "sping"];

/// A custom domain name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidDomain {
    /// Name.
    pub name: String,
    /// Certificate.
    pub certificate_arn: String,
    /// Base path without slashes; empty for the root.
    pub base_path: String,
    /// API Gateway's name of the TLS policy.
    pub security_policy: String,
}

/// The domain as asked for, with defaults.
pub fn domain(asked: &Domain) -> ValidDomain {
    let Domain { name, certificate_arn, base_path, security_policy } = asked;
    ValidDomain {
        name: name.clone(),
        certificate_arn: certificate_arn.clone(),
        base_path: base_path.clone().unwrap_or_default(),
        security_policy: security_policy.clone().unwrap_or_else(|| DEFAULT_SECURITY_POLICY.to_owned()),
    }
}

/// Who may reach the endpoint. VPC endpoints come sorted.
pub(super) fn access(endpoint: &Endpoint, vpc_endpoint_ids: &[String]) -> Access {
    let mut ranges = endpoint.source_cidrs.clone();
    ranges.sort();
    match endpoint.type_ {
        EndpointType::Private => Access::VpcEndpoints(vpc_endpoint_ids.to_vec()),
        EndpointType::Regional if ranges.is_empty() => Access::Anyone,
        EndpointType::Regional => Access::SourceCidrs(ranges),
    }
}

/// What is wrong with it beyond what the schema refuses.
pub(super) fn violations(endpoint: &Endpoint, region: &str, account_id: &str) -> Vec<Violation> {
    let ranges = endpoint.source_cidrs.iter().enumerate().filter(|(_, range)| !is_cidr(range));
    let mut violations: Vec<_> = ranges
        .map(|(index, range)| {
            let message = format!("{range:?} is not an address range; write it as 203.0.113.0/24 or 2001:db8::/32");
            Violation::new(format!("spec.endpoint.sourceCidrs[{index}]"), reason::INVALID, message)
        })
        .collect();
    if let Some(domain) = &endpoint.domain {
        violations.extend(certificate_violation(&domain.certificate_arn, region, account_id));
        violations.extend(domain.base_path.as_deref().and_then(base_path_violation));
    }
    violations
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u8>()) else { return false };
    length <= if address.is_ipv4() { 32 } else { 128 }
}

/// API Gateway takes a Regional domain's certificate from its own Region and account only.
fn certificate_violation(arn: &str, region: &str, account_id: &str) -> Option<Violation> {
    let fields: Vec<&str> = arn.split(':').collect();
    let [_, partition, _, of_region, of_account, ..] = fields[..] else { return None };
    let expected = Partition::of(region).id;
    if (partition, of_region, of_account) == (expected, region, account_id) {
        return None;
    }
    let message = format!(
        "is of account {of_account} and Region {of_region} in partition {partition}; API Gateway needs a certificate of account {account_id} and Region {region} in {expected}: request or import it there"
    );
    Some(Violation::new("spec.endpoint.domain.certificateArn", reason::INVALID, message))
}

fn base_path_violation(base_path: &str) -> Option<Violation> {
    let family = Family::ALL.iter().any(|family| family.endpoint_prefix() == base_path);
    if !family && !RESERVED.contains(&base_path) && !HEALTH_CHECKS.contains(&base_path) {
        return None;
    }
    let message = format!("{base_path:?} begins paths of Bedrock or of API Gateway itself; choose another name");
    Some(Violation::new("spec.endpoint.domain.basePath", reason::INVALID, message))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(domain: &Value) -> Vec<String> {
        let endpoint = serde_json::from_value(json!({"type": "Regional", "domain": domain})).unwrap();
        violations(&endpoint, "eu-central-1", "111122223333").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_certificate_of_elsewhere_and_a_base_path_with_a_meaning_are_refused() {
        let arn = "arn:aws:acm:eu-central-1:111122223333:certificate/c1";
        assert!(found(&json!({"name": "ai.example.com", "certificateArn": arn, "basePath": "prod"})).is_empty());
        for other in ["eu-west-1:111122223333", "eu-central-1:999999999999"] {
            let arn = format!("arn:aws:acm:{other}:certificate/c1");
            let found = found(&json!({"name": "ai.example.com", "certificateArn": arn}));
            assert!(found[0].starts_with("spec.endpoint.domain.certificateArn: is of account"), "{found:?}");
        }
        for taken in ["bedrock-runtime", "model", "openai", "ping"] {
            let found = found(&json!({"name": "ai.example.com", "certificateArn": arn, "basePath": taken}));
            assert!(found[0].starts_with("spec.endpoint.domain.basePath: "), "{taken}: {found:?}");
        }
    }
}
