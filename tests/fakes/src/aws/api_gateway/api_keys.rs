//! API keys. Names may repeat, values may not.

use std::time::Duration;

use aigw_plan::gateway::observed::Tags;
use aigw_plan::identity::TAG_ID;
use aigw_plan::tenant::step::ObservedApiKey;

use super::{Page, check_tags, page};
use crate::aws::refusal::{Answer, Refusal};
use crate::aws::server::Context;
use crate::aws::state::AccountState;

/// A key.
#[derive(Clone)]
pub struct ApiKey {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// Whether it is accepted.
    pub enabled: bool,
    /// Tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Duration,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ApiKey")
            .field("name", &self.name)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// Shortest and longest value.
const VALUE_LENGTH: std::ops::RangeInclusive<usize> = 20..=128;

pub(crate) fn list(
    state: &mut AccountState,
    context: &Context<'_>,
    prefix: &str,
    position: Option<&str>,
) -> Page<ObservedApiKey> {
    page(&state.region(context.region).api_keys, position, |id, key| {
        let shown = key.name.starts_with(prefix) && context.listed(key.created);
        shown.then(|| ObservedApiKey {
            id: id.to_owned(),
            name: key.name.clone(),
            enabled: key.enabled,
            tags: key.tags.get_key_value(TAG_ID).map(|(name, id)| (name.clone(), id.clone())).into_iter().collect(),
            usage_plans: Vec::new(),
        })
    })
}

pub(super) fn create(
    state: &mut AccountState,
    context: &Context<'_>,
    (name, value, tags): (String, String, Tags),
) -> Answer<String> {
    check_tags(tags.keys())?;
    if !VALUE_LENGTH.contains(&value.len()) {
        return Err(Refusal::bad_request("API Key value should be at least 20 and at most 128 characters"));
    }
    let keys = &state.region(context.region).api_keys;
    if keys.values().any(|key| key.value == value) {
        return Err(Refusal::conflict("API Key already exists"));
    }
    if keys.len() >= context.behaviour.limits.api_keys {
        return Err(Refusal::limit("Maximum number of API Keys reached for this account"));
    }
    let id = state.new_id();
    let key = ApiKey { name, value, enabled: true, tags, created: context.now };
    state.region(context.region).api_keys.insert(id.clone(), key);
    Ok(id)
}

pub(super) fn set_enabled(state: &mut AccountState, context: &Context<'_>, id: &str, enabled: bool) -> Answer {
    let key = state.region(context.region).api_keys.get_mut(id).ok_or_else(invalid)?;
    key.enabled = enabled;
    Ok(())
}

/// Takes it out of its plans, too.
pub(super) fn delete(state: &mut AccountState, context: &Context<'_>, id: &str) -> Answer {
    let region = state.region(context.region);
    region.api_keys.remove(id).ok_or_else(invalid)?;
    for plan in region.usage_plans.values_mut() {
        plan.keys.remove(id);
    }
    Ok(())
}

fn invalid() -> Refusal {
    Refusal::not_found("Invalid API Key identifier specified")
}
