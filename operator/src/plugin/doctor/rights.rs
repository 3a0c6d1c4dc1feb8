//! Which calls a role has to be allowed: the shipped policy of the operator, each statement as calls that it is meant to
//! allow. So a right that the policy gains is asked about here, too. Pure.

use std::collections::BTreeMap;

use aigw_cloud::Attempt;
use aigw_contract::partition::Partition;
use serde::Deserialize;

/// The policy, as `docs/iam.md` hands it out.
const POLICY: &str = include_str!("../../../../docs/iam/operator.json");
/// Stands for the part of a name that a policy leaves open.
const ANY_NAME: &str = "doctor";

/// Where the calls are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Region of the gateways.
    pub(super) region: &'a str,
    /// Their account.
    pub(super) account: &'a str,
    /// Installation, with which the values of identity tags begin.
    pub(super) installation: &'a str,
    /// Permissions boundary that roles are made with, if any.
    pub(super) boundary: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: Vec<String>,
    resource: Vec<String>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, Values>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Some(Vec<String>),
}

/// The calls.
pub(super) fn attempts(place: Place<'_>) -> Result<Vec<Attempt>, serde_json::Error> {
    let document: Document = serde_json::from_str(POLICY)?;
    Ok(document.statement.iter().flat_map(|statement| of(statement, place)).collect())
}

fn of(statement: &Statement, place: Place<'_>) -> Vec<Attempt> {
    let context: BTreeMap<_, _> = statement
        .condition
        .values()
        .flatten()
        .filter_map(|(key, values)| {
            let value = match values {
                Values::One(value) => value,
                Values::Some(values) => values.first()?,
            };
            // A tag's value: installation, kind, namespace and name.
            Some((key.clone(), value.replacen('*', place.installation, 1).replace('*', ANY_NAME)))
        })
        .collect();
    let attempt = |resource: &String| {
        let mut context = context.clone();
        let makes_roles = statement.action.iter().any(|action| action == "iam:CreateRole");
        context.extend(
            place.boundary.filter(|_| makes_roles).map(|arn| ("iam:PermissionsBoundary".to_owned(), arn.to_owned())),
        );
        Attempt { actions: on(&statement.action, resource), resource: concrete(resource, place), context }
    };
    statement.resource.iter().map(attempt).filter(|attempt| !attempt.actions.is_empty()).collect()
}

/// Of a statement's actions those that are made on such a resource: only an API has a policy.
fn on(actions: &[String], resource: &str) -> Vec<String> {
    let fits = |action: &&String| *action != "apigateway:UpdateRestApiPolicy" || resource.contains("/restapis");
    actions.iter().filter(fits).cloned().collect()
}

/// An ARN that `pattern` matches: its Region and account are the place's, what else is open any name.
fn concrete(pattern: &str, place: Place<'_>) -> String {
    let mut parts: Vec<String> = pattern.splitn(6, ':').map(str::to_owned).collect();
    let [_, partition, _, region, account, name] = parts.as_mut_slice() else { return pattern.to_owned() };
    Partition::of(place.region).id.clone_into(partition);
    for (part, value) in [(region, place.region), (account, place.account)] {
        if part == "*" {
            value.clone_into(part);
        }
    }
    *name = name.replace('*', ANY_NAME);
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> =
        Place { region: "eu-central-1", account: "111122223333", installation: "prod-eu", boundary: None };

    #[test]
    fn every_action_of_the_policy_is_asked_about_on_something_real() {
        let document: Document = serde_json::from_str(POLICY).unwrap();
        let asked = attempts(PLACE).unwrap();
        for action in document.statement.iter().flat_map(|statement| &statement.action) {
            assert!(asked.iter().any(|attempt| attempt.actions.contains(action)), "{action}");
        }
        for attempt in &asked {
            let open = attempt.resource != "*" && attempt.resource.contains('*');
            assert!(!open && !attempt.context.values().any(|value| value.contains('*')), "{attempt:?}");
        }
        assert!(asked.len() > 15, "{} attempts", asked.len());
    }

    #[test]
    fn names_tags_and_services_are_those_the_operator_would_use() {
        let asked = attempts(PLACE).unwrap();
        let of = |action: &str| asked.iter().find(|attempt| attempt.actions.iter().any(|each| each == action)).unwrap();
        assert_eq!(
            of("lambda:CreateFunction").resource,
            "arn:aws:lambda:eu-central-1:111122223333:function:aigw-doctor"
        );
        assert_eq!(of("iam:PassRole").context["iam:PassedToService"], "lambda.amazonaws.com");
        assert_eq!(of("apigateway:PATCH").context["aws:ResourceTag/aigateway.dev/id"], "prod-eu/AIGateway/doctor");
        let china = Place { region: "cn-north-1", boundary: Some("arn:b"), ..PLACE };
        let roles = attempts(china)
            .unwrap()
            .into_iter()
            .find(|one| one.actions.contains(&"iam:CreateRole".to_owned()))
            .unwrap();
        assert_eq!(roles.resource, "arn:aws-cn:iam::111122223333:role/aigw/doctor");
        assert_eq!(roles.context["iam:PermissionsBoundary"], "arn:b");
    }
}
