//! What is wrong, as far as it can be seen through the API server: definitions, lease, conditions, the outcomes of probes.

use aigw_api::conditions::{kind, reason};
use aigw_api::{AIGateway, GROUP, Tenant, VERSION};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::super::PluginError;
use super::report::{Finding, Report};

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
    /// The gateways of the cluster.
    pub(super) fn gateways(&self) -> &[AIGateway] {
        &self.gateways
    }

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
    let spec = lease.spec.as_ref().filter(|_| lease.name_any().contains("aigw-operator"))?;
    let age = Timestamp::now().as_second() - spec.renew_time.as_ref()?.0.as_second();
    Some((age, i64::from(spec.lease_duration_seconds?)))
}

/// What that means.
pub(super) fn judge(seen: &Seen) -> Report {
    let mut report = Report::default();
    if !seen.served {
        let finding = Finding::new("the custom resource definitions are not installed", "install the chart aigw-crds");
        report.findings.push(finding);
        return report;
    }
    match seen.leases.as_deref() {
        Some([]) => {
            let why = "no lease of one is there; it has another name, or runs without leader election";
            report.unknown.push(format!("whether an operator works: {why}"));
        }
        Some(leases) if !leases.iter().any(|(age, duration)| *age <= duration * SILENT) => {
            let finding = Finding::new("no operator works: no lease of one was renewed lately", "look at its pods");
            report.findings.push(finding);
        }
        Some(_) => {}
        None => report.unknown.push("whether an operator works: you may not list leases".to_owned()),
    }
    for gateway in &seen.gateways {
        let status = gateway.status.clone().unwrap_or_default();
        let about = About { kind: "AIGateway", object: gateway, observed: status.observed_generation };
        about.judge(&status.conditions, &mut report);
    }
    for tenant in &seen.tenants {
        let status = tenant.status.clone().unwrap_or_default();
        let about = About { kind: "Tenant", object: tenant, observed: status.observed_generation };
        about.judge(&status.conditions, &mut report);
    }
    report
}

struct About<'a, K> {
    kind: &'static str,
    object: &'a K,
    observed: Option<i64>,
}

impl<K: kube::Resource> About<'_, K> {
    fn judge(&self, conditions: &[Condition], report: &mut Report) {
        let name = format!("{} {}/{}", self.kind, self.object.namespace().unwrap_or_default(), self.object.name_any());
        if self.observed != self.object.meta().generation {
            report.findings.push(Finding::new(
                format!("{name}: the operator has not looked at its present spec"),
                "see whether the operator runs, and whether it watches this namespace",
            ));
            return;
        }
        let mut told: Vec<String> = Vec::new();
        for condition in conditions.iter().filter(|condition| is_bad(condition)) {
            let why = format!("{}: {}", condition.reason, condition.message);
            // Several conditions often have one cause.
            if !told.contains(&why) {
                let next = format!("docs/troubleshooting.md#{}", condition.reason.to_lowercase());
                report.findings.push(Finding::new(format!("{name}: {why}"), next));
                told.push(why);
            }
        }
        let passed = |condition: &&Condition| condition.type_ == kind::PROBED && condition.status == "True";
        if let Some(probed) = conditions.iter().find(passed) {
            report.fine.push(format!("{name}: probes have passed since {}", probed.last_transition_time.0));
        }
    }
}

/// False, and yet as it should be: by the gateway's own choice, or because a roll-out takes its time.
const INTENDED: [&str; 3] = [reason::API_KEYS_DISABLED, reason::ROLLING_OUT, reason::AWAITING_TURN];

/// What is wrong although Ready may be True, beside Ready itself.
fn is_bad(condition: &Condition) -> bool {
    if INTENDED.contains(&condition.reason.as_str()) {
        return false;
    }
    match condition.type_.as_str() {
        kind::RECONCILING | kind::STALLED => false,
        kind::SUSPENDED => condition.status == "True",
        // Nothing is held against a gateway that the operator cannot reach, but whether it works is not known.
        kind::PROBED => condition.status == "False" || condition.reason == reason::UNREACHABLE,
        _ => condition.status == "False",
    }
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

    fn whats(seen: &Seen) -> Vec<String> {
        judge(seen).findings.into_iter().map(|finding| finding.what).collect()
    }

    fn of(tenant: Tenant) -> Vec<String> {
        whats(&Seen { served: true, tenants: vec![tenant], leases: Some(vec![(3, 15)]), ..Seen::default() })
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
    fn the_outcome_of_the_last_probe_is_told_and_what_to_do_about_it() {
        let seen = |probe| Seen {
            served: true,
            tenants: vec![tenant(2, &[probe])],
            leases: Some(vec![(3, 15)]),
            ..Seen::default()
        };
        let passed = judge(&seen(("Probed", "True", "ProbePassed")));
        assert!(passed.findings.is_empty() && passed.fine[0].contains("passed since 2026-11-25"), "{passed:?}");
        let failed = judge(&seen(("Probed", "False", "RoleDenied")));
        assert_eq!(failed.findings[0].next, "docs/troubleshooting.md#roledenied");
        // Unknown: of one nothing can be known, the other is on its way.
        assert_eq!(judge(&seen(("Probed", "Unknown", "Unreachable"))).findings.len(), 1);
        assert!(judge(&seen(("Probed", "Unknown", "Probing"))).findings.is_empty());
    }

    #[test]
    fn what_nobody_looks_at_is_told() {
        assert!(of(tenant(1, &[("Ready", "True", "Ready")]))[0].contains("has not looked at"));
        let silent = Seen { served: true, leases: Some(vec![(60, 15)]), ..Seen::default() };
        assert!(whats(&silent)[0].contains("no operator works"));
        assert!(whats(&Seen { served: true, leases: None, ..Seen::default() }).is_empty());
        assert!(judge(&Seen::default()).findings[0].next.contains("aigw-crds"));
    }
}
