//! Whether names resolve where the doctor runs: those of the gateways, of Bedrock, and of the AWS services that the
//! operator calls.

use std::collections::BTreeMap;

use aigw_api::{AIGateway, EndpointType};
use aigw_contract::Family;
use aigw_contract::partition::Partition;
use kube::ResourceExt as _;

use super::report::{Finding, Report};

/// Services that the operator calls, by the first label of their host in a Region.
const SERVICES: [&str; 7] = ["apigateway", "dynamodb", "lambda", "logs", "monitoring", "servicequotas", "sts"];
/// Any port: only the name is asked for.
const PORT: u16 = 443;
/// Any resolver answers sooner; a doctor need not wait for one that does not.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Whose name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// A gateway, by namespace and name, and whether it is reachable through VPC endpoints only.
    Gateway(String, bool),
    /// A service of AWS.
    Service,
}

/// Hosts to resolve. `endpoint` stands for all services of AWS where it is given.
pub(super) fn hosts(gateways: &[AIGateway], endpoint: Option<&str>) -> BTreeMap<String, Owner> {
    let mut hosts = BTreeMap::new();
    for gateway in gateways {
        let region = gateway.spec.region.as_str();
        if let Some(endpoint) = endpoint {
            hosts.extend(host(endpoint).map(|host| (host, Owner::Service)));
        } else {
            let suffix = Partition::of(region).dns_suffix;
            let services = SERVICES.iter().map(|service| format!("{service}.{region}.{suffix}"));
            hosts.extend(services.chain([Family::BedrockRuntime.host(region)]).map(|host| (host, Owner::Service)));
        }
        let name = format!("{}/{}", gateway.namespace().unwrap_or_default(), gateway.name_any());
        let private = gateway.spec.endpoint.type_ == EndpointType::Private;
        let told = gateway.status.as_ref().and_then(|status| status.endpoint.as_deref());
        hosts.extend(told.and_then(host).map(|host| (host, Owner::Gateway(name, private))));
    }
    hosts
}

fn host(url: &str) -> Option<String> {
    let url: hyper::Uri = url.parse().ok()?;
    url.host().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// A host, whose it is, and whether it has an address here.
pub(super) type Resolved = Vec<(String, Owner, bool)>;

/// Asks the resolver of this machine.
pub(super) async fn resolve(hosts: BTreeMap<String, Owner>) -> Resolved {
    let look = |(host, owner): (String, Owner)| async move {
        let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host.as_str(), PORT))).await;
        let resolves = found.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.next().is_some()));
        (host, owner, resolves)
    };
    futures::future::join_all(hosts.into_iter().map(look)).await
}

/// What that means.
pub(super) fn judge(resolved: &Resolved) -> Report {
    let mut report = Report::default();
    for (host, owner, _) in resolved.iter().filter(|(_, _, resolves)| !resolves) {
        report.findings.push(match owner {
            Owner::Gateway(name, false) => Finding::new(
                format!("AIGateway {name}: its host {host} does not resolve here"),
                "look at the DNS record of the host (docs/operations.md#a-custom-domain), and at the resolver of this machine",
            ),
            Owner::Gateway(name, true) => Finding::new(
                format!("AIGateway {name}: its host {host} does not resolve here; it is private"),
                "ask from within its VPC; there the VPC endpoint needs private DNS, or spec.endpoint.url a name of your own",
            ),
            Owner::Service => Finding::new(
                format!("{host} does not resolve here"),
                "look at the resolver of this machine, and whether AWS has the service in this Region; the operator and the functions need the name where they run",
            ),
        });
    }
    let fine = resolved.iter().filter(|(_, _, resolves)| *resolves).count();
    if fine > 0 {
        report.fine.push(format!("{fine} of {} names of gateways and AWS resolve here", resolved.len()));
    }
    report
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gateway(kind: &str) -> AIGateway {
        serde_json::from_value(json!({
            "apiVersion": "aigateway.dev/v1alpha1", "kind": "AIGateway", "metadata": {"name": "prod", "namespace": "ai"},
            "spec": {"region": "cn-north-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
                     "endpoint": {"type": kind}, "tiers": [], "tenants": {"rules": []}},
            "status": {"endpoint": "https://a1.execute-api.cn-north-1.amazonaws.com.cn/v1"},
        }))
        .unwrap()
    }

    #[test]
    fn gateways_services_and_bedrock_are_asked_for_in_their_partition() {
        let asked = hosts(&[gateway("Regional")], None);
        assert_eq!(asked["a1.execute-api.cn-north-1.amazonaws.com.cn"], Owner::Gateway("ai/prod".into(), false));
        assert_eq!(asked["lambda.cn-north-1.amazonaws.com.cn"], Owner::Service);
        assert!(asked.keys().any(|host| host.starts_with("bedrock-runtime.")), "{asked:?}");
        let emulated = hosts(&[gateway("Regional")], Some("http://127.0.0.1:4566"));
        assert_eq!(emulated.len(), 2, "{emulated:?}");
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_told_with_whom_to_ask() {
        let resolved = resolve(hosts(&[gateway("Private")], Some("http://127.0.0.1:4566"))).await;
        assert!(resolved.iter().any(|(host, _, resolves)| host == "127.0.0.1" && *resolves), "{resolved:?}");
        let refused = vec![("a1.example".to_owned(), Owner::Gateway("ai/prod".into(), true), false)];
        let report = judge(&refused);
        assert!(
            report.findings[0].what.contains("a1.example") && report.findings[0].next.contains("VPC"),
            "{report:?}"
        );
        assert!(report.fine.is_empty());
    }
}
