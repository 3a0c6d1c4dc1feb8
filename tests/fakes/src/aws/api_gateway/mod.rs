//! API Gateway: REST APIs with deployments and stages, custom domains, usage plans, API keys.

mod api_keys;
mod api_keys_port;
mod domains;
mod domains_port;
mod import;
mod rest_apis;
mod rest_apis_port;
mod stages;
mod usage_plans;
mod usage_plans_port;

pub use api_keys::ApiKey;
pub(crate) use api_keys::list as list_api_keys;
pub(crate) use api_keys_port::ApiKeysPort;
pub use domains::Domain;
pub(crate) use domains::Foreign;
pub(crate) use domains_port::DomainsPort;
pub(crate) use rest_apis::list as list_rest_apis;
pub use rest_apis::{Definition, Deployment, RestApi, Stage};
pub(crate) use rest_apis_port::RestApisPort;
pub use usage_plans::UsagePlan;
pub(crate) use usage_plans_port::UsagePlansPort;

use std::collections::BTreeMap;
use std::ops::Bound;

use super::refusal::{Answer, Refusal};

/// Largest page API Gateway gives.
const PAGE: usize = 500;

/// One page of a list, and where the next one begins.
type Page<T> = (Vec<T>, Option<String>);

/// A page of what `show` makes of a map's values, after `position`.
fn page<V, T>(map: &BTreeMap<String, V>, position: Option<&str>, show: impl Fn(&str, &V) -> Option<T>) -> Page<T> {
    let start = position.map_or(Bound::Unbounded, Bound::Excluded);
    let mut items = Vec::new();
    let mut last = None;
    for (id, value) in map.range::<str, _>((start, Bound::Unbounded)) {
        if items.len() == PAGE {
            return (items, last);
        }
        if let Some(item) = show(id, value) {
            items.push(item);
            last = Some(id.clone());
        }
    }
    (items, None)
}

/// At most fifty tags, none of AWS's own.
fn check_tags<'a>(tags: impl ExactSizeIterator<Item = &'a String>) -> Answer {
    if tags.len() > 50 {
        return Err(Refusal::bad_request("A resource may have up to 50 tags"));
    }
    let mut tags = tags;
    if tags.any(|key| key.starts_with("aws:") || key.is_empty() || key.len() > 128) {
        return Err(Refusal::bad_request("Invalid tag key"));
    }
    Ok(())
}
