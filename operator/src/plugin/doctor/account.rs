//! One Region of an account, asked with the credentials of whoever runs the doctor: whose they are and whether the guards
//! of the gateways agree, how many calls at once there is room for, and what the operator's role may do.

use aigw_api::AIGateway;
use aigw_cloud::{Caller, CallerIdentity, CloudError};
use kube::ResourceExt as _;

use super::Asked;
use super::report::{Finding, Report};
use super::rights::{self, Place};

/// Calls at once below which a gateway is hardly of use to several teams. New accounts of AWS have ten.
const FEW_AT_ONCE: i32 = 100;

/// What was asked, and what AWS answered.
#[derive(Debug)]
pub(super) struct Seen {
    identity: Result<CallerIdentity, CloudError>,
    /// `None`: not asked, because whose account it is is not known.
    concurrency: Option<Result<i32, CloudError>>,
    rights: Rights,
}

/// What came of asking for rights.
#[derive(Debug)]
enum Rights {
    /// Not asked, and why.
    NotAsked(&'static str),
    /// AWS would not say.
    Unanswered(CloudError),
    /// Of the role, what it is refused: actions and resource.
    Refused(String, Vec<(Vec<String>, String)>),
}

impl Seen {
    pub(super) async fn read(caller: &dyn Caller, region: &str, gateways: &[&AIGateway], asked: &Asked) -> Self {
        let identity = caller.identity().await;
        let (concurrency, rights) = match &identity {
            Err(_) => (None, Rights::NotAsked("AWS does not say whose credentials these are")),
            Ok(CallerIdentity { account, .. })
                if gateways.iter().all(|gateway| gateway.spec.account_id != *account) =>
            {
                (None, Rights::NotAsked("the credentials here are of an account without a gateway"))
            }
            Ok(CallerIdentity { account, .. }) => {
                (Some(caller.concurrency().await), rights(caller, region, account, asked).await)
            }
        };
        Self { identity, concurrency, rights }
    }
}

async fn rights(caller: &dyn Caller, region: &str, account: &str, asked: &Asked) -> Rights {
    let Some(role) = &asked.arguments.role_arn else {
        return Rights::NotAsked("give the operator's role by --role-arn");
    };
    let Some(installation) = asked.installation.as_deref().filter(|name| !name.is_empty()) else {
        return Rights::NotAsked("they depend on the installation, which --installation names");
    };
    let place = Place { region, account, installation, boundary: asked.boundary.as_deref() };
    let Ok(attempts) = rights::attempts(place) else {
        return Rights::NotAsked("this program's own list of them cannot be read");
    };
    let mut refused = Vec::new();
    for attempt in attempts {
        match caller.refused(role, &attempt).await {
            Ok(actions) if actions.is_empty() => {}
            Ok(actions) => refused.push((actions, attempt.resource)),
            Err(error) => return Rights::Unanswered(error),
        }
    }
    Rights::Refused(role.clone(), refused)
}

/// What that means for the gateways of the Region.
pub(super) fn judge(seen: &Seen, region: &str, gateways: &[&AIGateway]) -> Report {
    let mut report = Report::default();
    match &seen.identity {
        Err(error) => report
            .unknown
            .push(format!("account in {region}: {error}; give this command credentials of AWS to have it asked")),
        Ok(identity) => guards(identity, gateways, &mut report),
    }
    match &seen.concurrency {
        None => {}
        Some(Err(error)) => report.unknown.push(format!("Lambda's concurrency in {region}: {error}")),
        Some(Ok(limit)) if *limit < FEW_AT_ONCE => report.findings.push(Finding::new(
            format!("Lambda runs at most {limit} functions at once in {region}: so many calls can stream at a time, of all tenants together"),
            "ask AWS for more: Service Quotas, AWS Lambda, Concurrent executions (docs/operations.md#quotas)",
        )),
        Some(Ok(limit)) => report.fine.push(format!("Lambda runs up to {limit} functions at once in {region}")),
    }
    match &seen.rights {
        Rights::NotAsked(why) => report.unknown.push(format!("rights of the operator in {region}: {why}")),
        Rights::Unanswered(error) => report.unknown.push(format!(
            "rights of the operator in {region}: {error}; to ask takes iam:SimulatePrincipalPolicy on its role"
        )),
        Rights::Refused(role, refused) if refused.is_empty() => {
            report.fine.push(format!("{role} may do what docs/iam/operator.json allows, as far as IAM simulates it"));
        }
        Rights::Refused(role, refused) => {
            for (actions, resource) in refused {
                report.findings.push(Finding::new(
                    format!("{role} may not do {} on {resource}", actions.join(", ")),
                    "give it docs/iam/operator.json, or the stack docs/iam/prerequisites.yaml, and look for a boundary or a service control policy; rights in IAM are not needed where both roles of each gateway are given by ARN (docs/iam.md)",
                ));
            }
        }
    }
    report
}

fn guards(identity: &CallerIdentity, gateways: &[&AIGateway], report: &mut Report) {
    let CallerIdentity { account, arn } = identity;
    for gateway in gateways {
        let (name, guard) =
            (format!("{}/{}", gateway.namespace().unwrap_or_default(), gateway.name_any()), &gateway.spec.account_id);
        if guard == account {
            report.fine.push(format!("AIGateway {name}: you are {arn}, in its account {guard}"));
        } else {
            // The operator's credentials may be others; of those the condition tells.
            report.unknown.push(format!(
                "AIGateway {name}: spec.accountId is {guard}, and your credentials ({arn}) are of {account}, so AWS was not asked about it; use credentials of {guard}, or, where they are the operator's, correct spec.accountId"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aigw_cloud::Attempt;
    use aigw_plan::Class;
    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::args::DoctorArgs;

    const ROLE: &str = "arn:aws:iam::111122223333:role/aigw-operator";

    /// An account that refuses one action, or does not say.
    struct Account {
        id: &'static str,
        concurrency: i32,
        refuses: &'static str,
        silent: bool,
        asked: Mutex<usize>,
    }

    /// One that is as it should be.
    fn sound() -> Account {
        Account { id: "111122223333", concurrency: 1_000, refuses: "", silent: false, asked: Mutex::new(0) }
    }

    #[async_trait]
    impl Caller for Account {
        async fn identity(&self) -> Result<CallerIdentity, CloudError> {
            Ok(CallerIdentity { account: self.id.into(), arn: format!("arn:aws:iam::{}:user/me", self.id) })
        }

        async fn refused(&self, principal: &str, attempt: &Attempt) -> Result<Vec<String>, CloudError> {
            *self.asked.lock().unwrap() += 1;
            assert_eq!(principal, ROLE);
            if self.silent {
                return Err(CloudError::new("iam:SimulatePrincipalPolicy", Class::Denied, "AccessDenied", "not you"));
            }
            Ok(attempt.actions.iter().filter(|action| **action == self.refuses).cloned().collect())
        }

        async fn concurrency(&self) -> Result<i32, CloudError> {
            Ok(self.concurrency)
        }
    }

    fn asked(role: Option<&str>) -> Asked {
        let arguments = DoctorArgs { offline: false, role_arn: role.map(str::to_owned) };
        Asked { arguments, installation: Some("prod-eu".into()), boundary: None, callers: None }
    }

    async fn report(account: &Account, role: Option<&str>) -> Report {
        let gateway: AIGateway = serde_json::from_value(json!({
            "apiVersion": "aigateway.dev/v1alpha1", "kind": "AIGateway", "metadata": {"name": "prod", "namespace": "ai"},
            "spec": {"region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
                     "endpoint": {"type": "Regional"}, "tiers": [], "tenants": {"rules": []}},
        }))
        .unwrap();
        let seen = Seen::read(account, "eu-central-1", &[&gateway], &asked(role)).await;
        judge(&seen, "eu-central-1", &[&gateway])
    }

    #[tokio::test]
    async fn a_role_that_may_do_everything_is_fine_and_one_that_lacks_a_right_is_told_which() {
        let fine = report(&sound(), Some(ROLE)).await;
        assert!(fine.findings.is_empty() && fine.unknown.is_empty(), "{fine:?}");
        assert!(fine.fine.iter().any(|line| line.contains(ROLE)), "{fine:?}");
        let lacking = report(&Account { refuses: "lambda:CreateAlias", ..sound() }, Some(ROLE)).await;
        let [finding] = lacking.findings.as_slice() else { panic!("{lacking:?}") };
        assert!(
            finding.what.contains("lambda:CreateAlias on arn:aws:lambda:eu-central-1:111122223333:function:aigw-"),
            "{finding:?}"
        );
        assert!(finding.next.contains("docs/iam/operator.json"));
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_said_and_is_no_finding() {
        let silent = report(&Account { silent: true, ..sound() }, Some(ROLE)).await;
        assert!(
            silent.findings.is_empty() && silent.unknown[0].contains("iam:SimulatePrincipalPolicy: AccessDenied"),
            "{silent:?}"
        );
        let no_role = report(&sound(), None).await;
        assert!(no_role.findings.is_empty() && no_role.unknown[0].contains("--role-arn"), "{no_role:?}");
        let elsewhere = Account { id: "999999999999", ..sound() };
        let other = report(&elsewhere, Some(ROLE)).await;
        assert!(other.findings.is_empty() && other.unknown[0].contains("spec.accountId is 111122223333"), "{other:?}");
        assert_eq!(*elsewhere.asked.lock().unwrap(), 0, "another account's role was asked about");
    }

    #[tokio::test]
    async fn an_account_with_room_for_few_calls_is_told() {
        let new = report(&Account { concurrency: 10, ..sound() }, None).await;
        assert!(
            new.findings[0].what.contains("at most 10") && new.findings[0].next.contains("Service Quotas"),
            "{new:?}"
        );
    }
}
