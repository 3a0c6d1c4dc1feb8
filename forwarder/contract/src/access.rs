//! Which models and resources a tenant may reach: the rules, and what they come to for one model or resource.
//!
//! The gateway's rule binds and the tenant's own list narrows; a call has to satisfy both. They are kept apart, so that
//! a rule that became narrower binds at once, whatever the tenant's spec still asks for, and so that a refusal can say
//! whose rule it was.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::glob;
use crate::model::{Geography, ModelId, Named, Place};
use crate::operations::Access;

/// Which models a tenant may call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelRules {
    /// Rule of the gateway that admitted the tenant, for messages.
    #[serde(default)]
    pub rule: String,
    /// What that rule allows; empty: every model that has a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub granted: Vec<String>,
    /// What the tenant narrows that to; empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// What the tenant excludes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Where the tenant's calls have to stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Residency>,
}

/// Where calls have to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Residency {
    /// The gateway's Region: no cross-Region profile.
    Region,
    /// AWS Regions in member states of the European Union.
    #[serde(rename = "EU")]
    Eu,
    /// AWS Regions in the United States.
    #[serde(rename = "US")]
    Us,
    /// AWS Regions in Asia and the Pacific.
    #[serde(rename = "APAC")]
    Apac,
    /// AWS Regions in Japan.
    #[serde(rename = "JP")]
    Jp,
    /// AWS Regions in Australia.
    #[serde(rename = "AU")]
    Au,
    /// AWS GovCloud (US).
    #[serde(rename = "USGov")]
    UsGov,
}

/// Why a model may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelDenial<'a> {
    /// The text is no model id.
    Malformed,
    /// The tenant excludes it by this pattern.
    Excluded(&'a str),
    /// The gateway's rule does not allow it.
    NotGranted,
    /// The tenant's own list does not have it.
    NotListed,
    /// It may be answered outside the tenant's residency, or that cannot be known.
    Elsewhere(Residency),
}

impl ModelRules {
    /// Judges one decoded model id.
    ///
    /// # Errors
    /// The first reason against it; the platform's before the tenant's own.
    pub fn check(&self, text: &str, place: Option<Place<'_>>) -> Result<(), ModelDenial<'_>> {
        let model = ModelId::read(text, place).ok_or(ModelDenial::Malformed)?;
        if !allowed(&self.granted, text, model) {
            return Err(ModelDenial::NotGranted);
        }
        if let Some(pattern) = self.deny.iter().find(|pattern| excludes(pattern, text, model)) {
            return Err(ModelDenial::Excluded(pattern));
        }
        // A list of nothing narrows nothing, not even what has to be listed.
        if !self.allow.is_empty() && !allowed(&self.allow, text, model) {
            return Err(ModelDenial::NotListed);
        }
        match self.residency {
            Some(residency) if !self.stays(residency, text, model, place) => Err(ModelDenial::Elsewhere(residency)),
            _ => Ok(()),
        }
    }

    fn stays(&self, residency: Residency, text: &str, model: ModelId<'_>, place: Option<Place<'_>>) -> bool {
        match model {
            ModelId::Named(Named { geography: Some(geography), .. }) => residency.has_profile(geography),
            ModelId::Named(Named { geography: None, .. }) => {
                place.is_some_and(|place| residency.has_region(place.region))
            }
            // Nothing tells where it answers: only the team's own word for exactly this one does.
            ModelId::Opaque(_) => listed(&self.allow, text),
        }
    }
}

/// Whether all that a tenant's pattern allows is within what a rule allows. The forwarder holds calls against both;
/// this is to tell the author of the pattern.
pub fn within(granted: &[String], pattern: &str, place: Option<Place<'_>>) -> bool {
    if pattern.contains('*') {
        let fits = |id: &str| granted.iter().any(|outer| glob::covers(outer, id));
        return granted.is_empty() || fits(pattern) || fits(without_geography(pattern));
    }
    ModelId::read(pattern, place).is_some_and(|model| allowed(granted, pattern, model))
}

/// A pattern or id without a geography that it begins with.
pub fn without_geography(pattern: &str) -> &str {
    match pattern.split_once('.') {
        Some((label, rest)) if Geography::of_prefix(label).is_some() => rest,
        _ => pattern,
    }
}

/// Whether a list of patterns allows a model; an empty one allows every model with a name.
fn allowed(patterns: &[String], text: &str, model: ModelId<'_>) -> bool {
    let Some(named) = named(model) else { return listed(patterns, text) };
    let fits =
        |pattern: &String| glob::matches(pattern, named.id) || glob::matches(pattern, named.model) || pattern == text;
    patterns.is_empty() || patterns.iter().any(fits)
}

fn listed(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| pattern == text)
}

/// A pattern excludes however the id is written: AWS may not mind case.
fn excludes(pattern: &str, text: &str, model: ModelId<'_>) -> bool {
    let fits = |id| glob::matches_ignoring_case(pattern, id);
    fits(text) || named(model).is_some_and(|named| fits(named.id) || fits(named.model))
}

fn named(model: ModelId<'_>) -> Option<Named<'_>> {
    match model {
        ModelId::Named(named) => Some(named),
        ModelId::Opaque(_) => None,
    }
}

impl Residency {
    /// As written in a spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Region => "Region",
            Self::Eu => "EU",
            Self::Us => "US",
            Self::Apac => "APAC",
            Self::Jp => "JP",
            Self::Au => "AU",
            Self::UsGov => "USGov",
        }
    }

    /// Whether a profile of that geography never leaves it.
    pub const fn has_profile(self, geography: Geography) -> bool {
        matches!(
            (self, geography),
            (Self::Eu, Geography::Eu)
                | (Self::Us, Geography::Us)
                | (Self::Apac, Geography::Apac | Geography::Jp | Geography::Au)
                | (Self::Jp, Geography::Jp)
                | (Self::Au, Geography::Au)
                | (Self::UsGov, Geography::UsGov)
        )
    }

    /// Whether a Region is in it. London and Zurich are in Europe and not in the Union.
    pub fn has_region(self, region: &str) -> bool {
        match self {
            Self::Region => true,
            Self::Eu => {
                (region.starts_with("eu-") || region.starts_with("eusc-"))
                    && !matches!(region, "eu-west-2" | "eu-central-2")
            }
            Self::Us => region.starts_with("us-") && !region.starts_with("us-gov-") && !region.starts_with("us-iso"),
            Self::Apac => region.starts_with("ap-"),
            Self::Jp => matches!(region, "ap-northeast-1" | "ap-northeast-3"),
            Self::Au => matches!(region, "ap-southeast-2" | "ap-southeast-4"),
            Self::UsGov => region.starts_with("us-gov-"),
        }
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A resource a tenant may reach, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceGrant {
    /// ARN; `*` stands for any characters.
    pub arn: String,
    /// What for.
    #[serde(default)]
    pub access: Access,
}

impl ResourceGrant {
    /// Whether it grants this access to an ARN, which may itself hold a star (all of a type). What lies below a resource,
    /// such as an alias of a flow or a version of a prompt, is granted with it.
    pub fn covers(&self, arn: &str, access: Access) -> bool {
        let below = || {
            arn.rmatch_indices(['/', ':']).any(|(end, _)| glob::covers(&self.arn, &arn[..end]) && end > self.depth())
        };
        self.access >= access && (glob::covers(&self.arn, arn) || below())
    }

    /// Where the resource's type ends: a grant of `…:agent/A` is one of what lies below the agent, not of its type.
    fn depth(&self) -> usize {
        self.arn.find('/').unwrap_or(self.arn.len())
    }
}

#[cfg(test)]
mod tests;
