//! What is wrong, as far as it can be seen through the API server: definitions, lease, conditions. Reading is apart from
//! judging, which is pure.

use aigw_api::conditions::kind;
use aigw_api::{AIGateway, GROUP, Tenant, VERSION};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::PluginError;

/// A lease that was not renewed for this many times its duration is nobody's.
const SILENT: i64 = 2;

/// What was read. `None`: it could not be, for lack of a right, and nothing is said about it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    served: bool,
    gateways: Vec<AIGateway>,
    tenants: Vec<Tenant>,
    /// Seconds since the lease of an operator was renewed, and its duration.
    leases: Option<Vec<(i64, i64)>>,
}

impl Seen {
    /// Reads the cluster.
    pub(super) async fn read(client: &Client) -> Result<Self, PluginError> {
        if client.list_api_group_resources(&format!("{GROUP}/{VERSION}")).await.is_err() {
            // Either nothing answers, which this tells, or the definitions are not there.
            client.apiserver_version().await?;
            return Ok(Self::default());
        }
        let all = ListParams::default();
        let leases = Api::<Lease>::all(client.clone()).list(&all).await.ok();
        Ok(Self {
            served: true,
            gateways: Api::all(client.clone()).list(&all).await?.items,
            tenants: Api::all(client.clone()).list(&all).await?.items,
            leases: leases.map(|leases| leases.items.iter().filter_map(renewed).collect()),
        })
    }
}

/// Seconds since the renewal of an operator's lease, and its duration.
fn renewed(lease: &Lease) -> Option<(i64, i64)> {
    let spec = lease.spec.as_ref().filter(|_| lease.name_any().ends_with("aigw-operator"))?;
    let age = Timestamp::now().as_second() - spec.renew_time.as_ref()?.0.as_second();
    Some((age, i64::from(spec.lease_duration_seconds?)))
}

/// What is wrong, worst first: each is a sentence with what to do.
pub(super) fn findings(seen: &Seen) -> Vec<String> {
    if !seen.served {
        return vec!["the custom resource definitions are not installed: install the chart aigw-crds".into()];
    }
    let mut found = Vec::new();
    if let Some(leases) = &seen.leases
        && !leases.iter().any(|(age, duration)| *age <= duration * SILENT)
    {
        found.push("no operator works: no lease of one was renewed lately; look at its pods, or it runs without leader election".into());
    }
    for gateway in &seen.gateways {
        let status = gateway.status.clone().unwrap_or_default();
        let about = About { kind: "AIGateway", object: gateway, observed: status.observed_generation };
        about.judge(&status.conditions, &mut found);
    }
    for tenant in &seen.tenants {
        let status = tenant.status.clone().unwrap_or_default();
        let about = About { kind: "Tenant", object: tenant, observed: status.observed_generation };
        about.judge(&status.conditions, &mut found);
    }
    found
}

struct About<'a, K> {
    kind: &'static str,
    object: &'a K,
    observed: Option<i64>,
}

impl<K: kube::Resource> About<'_, K> {
    fn judge(&self, conditions: &[Condition], found: &mut Vec<String>) {
        let name = format!("{} {}/{}", self.kind, self.object.namespace().unwrap_or_default(), self.object.name_any());
        if self.observed != self.object.meta().generation {
            found.push(format!("{name}: the operator has not looked at its present spec; does it run, and does it watch this namespace?"));
            return;
        }
        // What is wrong although Ready may be True, beside Ready itself.
        let bad = |condition: &&Condition| match condition.type_.as_str() {
            kind::RECONCILING | kind::STALLED => false,
            kind::SUSPENDED => condition.status == "True",
            _ => condition.status == "False",
        };
        let mut told: Vec<String> = Vec::new();
        for condition in conditions.iter().filter(bad) {
            let why = format!("{}: {}", condition.reason, condition.message);
            // Several conditions often have one cause.
            if !told.contains(&why) {
                told.push(why);
            }
        }
        found.extend(told.into_iter().map(|why| format!("{name}: {why}")));
    }
}

/// For people.
pub(super) fn text(findings: &[String]) -> String {
    if findings.is_empty() {
        return "nothing is wrong, as far as the Kubernetes API shows\n".into();
    }
    let lines = findings.iter().map(|finding| format!("- {finding}")).collect::<Vec<_>>().join("\n");
    format!("{lines}\nWhat reasons mean, and what to do: docs/troubleshooting.md\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tenant(observed: i64, conditions: &[(&str, &str, &str)]) -> Tenant {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(kind, status, reason)| {
                json!({"type": kind, "status": status, "reason": reason, "message": "m", "lastTransitionTime": "2026-11-25T00:00:00Z"})
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "aigateway.dev/v1alpha1", "kind": "Tenant",
            "metadata": {"name": "search", "namespace": "team", "generation": 2},
            "spec": {"gatewayRef": {"name": "prod"}},
            "status": {"observedGeneration": observed, "conditions": conditions},
        }))
        .unwrap()
    }

    fn of(tenant: Tenant) -> Vec<String> {
        findings(&Seen { served: true, tenants: vec![tenant], leases: Some(vec![(3, 15)]), ..Seen::default() })
    }

    #[test]
    fn what_is_fine_is_not_told() {
        assert!(
            of(tenant(
                2,
                &[("Ready", "True", "Ready"), ("Stalled", "False", "Idle"), ("Suspended", "False", "Active")]
            ))
            .is_empty()
        );
    }

    #[test]
    fn one_cause_is_told_once_and_a_suspension_although_ready() {
        let refused = of(tenant(
            2,
            &[("Ready", "False", "NotAllowed"), ("Accepted", "False", "NotAllowed"), ("Stalled", "True", "NotAllowed")],
        ));
        assert_eq!(refused, ["Tenant team/search: NotAllowed: m"]);
        let suspended = of(tenant(2, &[("Ready", "True", "Ready"), ("Suspended", "True", "SuspendedByTeam")]));
        assert_eq!(suspended, ["Tenant team/search: SuspendedByTeam: m"]);
    }

    #[test]
    fn what_nobody_looks_at_is_told() {
        assert!(of(tenant(1, &[("Ready", "True", "Ready")]))[0].contains("has not looked at"));
        let silent = Seen { served: true, leases: Some(vec![(60, 15)]), ..Seen::default() };
        assert!(findings(&silent)[0].contains("no operator works"));
        assert!(findings(&Seen { served: true, leases: None, ..Seen::default() }).is_empty());
        assert!(findings(&Seen::default())[0].contains("aigw-crds"));
    }
}
