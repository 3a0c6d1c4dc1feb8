//! Shared resources: the ARN a request means, and whether the tenant has a grant for it.
//!
//! All tenants share the forwarder's role, so AWS cannot tell one tenant's knowledge base from another's. The ARN is
//! built from the gateway's own Region and account; an id that holds more than an id's characters is refused, so that
//! no value can climb out of its place in the ARN.

use std::borrow::Cow;

use aigw_contract::Family;
use aigw_contract::model::Place;
use aigw_contract::operations::{Operation, Resource, resource_of};
use aigw_contract::policy::TenantPolicy;

use super::Values;
use crate::denial::Denial;

/// First characters of the ids of AWS's own browsers and code interpreters.
const MANAGED_PREFIX: &str = "aws.";
/// Where a value stands in a template.
const VALUE: &str = "{}";
/// Template of a whole ARN.
const ANY: &str = "*{}";

/// Refuses a call that names a resource its tenant has no grant for.
pub(super) fn check(
    resource: &Resource,
    values: &Values<'_>,
    operation: &Operation,
    policy: &TenantPolicy,
    place: Option<Place<'_>>,
) -> Result<(), Denial> {
    let incomplete = || Denial::unavailable("the gateway does not know its account yet; try again in a minute");
    let place = place.ok_or_else(incomplete)?;
    for named in combinations(resource, values, operation)? {
        let needed = arn(resource, &named, values.call.family, place).ok_or_else(|| {
            Denial::invalid(format!(
                "{} names something that is no id or ARN of its kind ({})",
                operation.name,
                resource.kind()
            ))
        })?;
        grant(&needed, operation, policy)?;
    }
    Ok(())
}

/// The values of a resource, one list per resource named: a body may name several of one kind.
fn combinations<'a>(
    resource: &Resource,
    values: &'a Values<'_>,
    operation: &Operation,
) -> Result<Vec<Vec<Cow<'a, str>>>, Denial> {
    let missing = || Denial::invalid(format!("{} must name its {}", operation.name, resource.kind()));
    match resource.at {
        [site] => {
            let found = values.at(*site)?;
            if found.is_empty() && resource.required {
                return Err(missing());
            }
            Ok(found.into_iter().map(|value| vec![value]).collect())
        }
        sites => {
            let one = |site| values.at(site)?.into_iter().next().ok_or_else(missing);
            Ok(vec![sites.iter().copied().map(one).collect::<Result<_, _>>()?])
        }
    }
}

fn grant(needed: &str, operation: &Operation, policy: &TenantPolicy) -> Result<(), Denial> {
    let access = operation.class.access();
    if policy.resources.iter().any(|grant| grant.covers(needed, access)) {
        return Ok(());
    }
    let rule = policy.models.as_ref().map_or("", |models| models.rule.as_str());
    Err(Denial::forbidden(format!(
        "{} needs a grant of {needed} (access: {access:?}), which tenant {} does not have; the Tenant has to ask for it \
         in spec.resources, and the platform team to allow it in allow.resources of rule {rule:?} in spec.tenants.rules of \
         the AIGateway",
        operation.name,
        policy.tenant()
    )))
}

/// The ARN that a template and its values make. `None` where a value cannot be part of it.
fn arn(resource: &Resource, values: &[Cow<'_, str>], family: Family, place: Place<'_>) -> Option<String> {
    let Place { partition, region, account_id } = place;
    let service = family.signing_name();
    if resource.template == ANY {
        let value = values.first()?;
        return is_arn(value).then(|| value.clone().into_owned());
    }
    if let (Some(id), Some(kind)) = (values.first(), resource.managed_kind())
        && id.starts_with(MANAGED_PREFIX)
    {
        return is_id(id).then(|| format!("arn:{partition}:{service}:{region}:aws:{kind}/{id}"));
    }
    let mut parts = resource.template.split(VALUE);
    let mut built = format!("arn:{partition}:{service}:{region}:{account_id}:{}", parts.next()?);
    for (value, after) in values.iter().zip(parts) {
        match value.strip_prefix(built.as_str()) {
            Some(rest) if is_arn(value) && !rest.is_empty() => built.push_str(rest),
            _ if is_id(value) => built.push_str(value),
            // Of another account or Region: only a grant of exactly that covers it.
            _ if values.len() == 1 && is_arn(value) && resource_of(value)?.starts_with(resource.kind()) => {
                return Some(value.clone().into_owned());
            }
            _ => return None,
        }
        built.push_str(after);
    }
    Some(built)
}

fn is_id(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    !text.is_empty() && !text.starts_with("arn:") && text.bytes().all(part)
}

fn is_arn(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
    text.starts_with("arn:")
        && text.bytes().all(part)
        && resource_of(text).is_some_and(|resource| resource.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };

    fn made(template: &'static str, values: &[&'static str]) -> Option<String> {
        let resource = Resource { template, at: &[], required: true };
        let values: Vec<_> = values.iter().map(|value| Cow::Borrowed(*value)).collect();
        let arn = arn(&resource, &values, Family::BedrockAgentRuntime, PLACE)?;
        Some(arn.strip_prefix("arn:aws:bedrock:eu-central-1:111122223333:").unwrap_or(&arn).to_owned())
    }

    #[test]
    fn ids_and_arns_mean_the_same_resource() {
        let own = "arn:aws:bedrock:eu-central-1:111122223333:flow/F";
        let alias = "arn:aws:bedrock:eu-central-1:111122223333:flow/F/alias/A";
        for values in [["F", "A"], [own, "A"], [own, alias], ["F", alias]] {
            assert_eq!(made("flow/{}/alias/{}", &values).as_deref(), Some("flow/F/alias/A"), "{values:?}");
        }
        assert_eq!(made("agent/*", &[]).as_deref(), Some("agent/*"));
        assert_eq!(made("*{}", &[own]).as_deref(), Some("flow/F"));
        assert_eq!(made("browser-custom/{}", &["mine-123"]).as_deref(), Some("browser-custom/mine-123"));
        let managed = made("browser-custom/{}", &["aws.browser.v1"]);
        assert_eq!(managed.as_deref(), Some("arn:aws:bedrock:eu-central-1:aws:browser/aws.browser.v1"));
    }

    #[test]
    fn an_arn_of_elsewhere_stays_what_it_is() {
        let foreign = "arn:aws:bedrock:us-east-1:999999999999:flow/F";
        assert_eq!(made("flow/{}", &[foreign]).as_deref(), Some(foreign));
        assert_eq!(made("agent/{}", &[foreign]), None, "of another type");
        assert_eq!(made("flow/{}/alias/{}", &[foreign, "A"]), None);
    }

    #[test]
    fn no_value_climbs_out_of_its_place() {
        for value in ["", "*", "A/B", "../A", "A?", "A B", "A%2FB", "arn:", "arn:aws:bedrock", "\u{e9}"] {
            assert_eq!(made("agent/{}", &[value]), None, "{value:?}");
        }
        assert_eq!(made("*{}", &["F"]), None);
    }
}
