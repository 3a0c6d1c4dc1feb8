//! The union of what a gateway's rules grant, as ARNs.

use std::collections::BTreeSet;

use aigw_contract::access::{ResourceGrant, without_geography};
use aigw_contract::model::Place;
use aigw_contract::{Family, glob};

use crate::gateway::validate::ValidGateway;
use crate::tenant::access::Ceiling;

/// Type of the ARNs of the profiles that accounts make for themselves.
const APPLICATION_PROFILE: &str = ":application-inference-profile/";

/// What any tenant may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Granted<'a> {
    /// Where.
    pub place: Place<'a>,
    /// Open families.
    pub families: &'a [Family],
    /// Patterns of models, without those another one covers.
    models: BTreeSet<String>,
    /// Shared resources.
    pub resources: BTreeSet<ResourceGrant>,
}

/// ARNs of models.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ModelArns {
    /// Models and profiles that are called themselves.
    pub called: BTreeSet<String>,
    /// Foundation models in any Region that a profile of AWS may send the call to.
    pub behind: BTreeSet<String>,
    /// Those profiles.
    pub profiles: BTreeSet<String>,
    /// Application profiles, behind which any model may be.
    pub application_profiles: BTreeSet<String>,
}

impl<'a> Granted<'a> {
    /// The union over all rules.
    pub fn of(valid: &'a ValidGateway) -> Self {
        let ceilings: Vec<Ceiling> = valid.rules.iter().map(Ceiling::of).collect();
        let patterns = ceilings.iter().flat_map(|ceiling| match ceiling.models.as_slice() {
            [] => vec!["*".to_owned()],
            patterns => patterns.to_vec(),
        });
        Self {
            place: valid.place(),
            families: &valid.families,
            models: widest(&patterns.collect()),
            resources: ceilings.iter().flat_map(|ceiling| ceiling.resources.clone()).collect(),
        }
    }

    /// ARNs of the granted models.
    pub fn model_arns(&self) -> ModelArns {
        let Place { partition, region, account_id } = self.place;
        let mut arns = ModelArns::default();
        for pattern in &self.models {
            if pattern.starts_with("arn:") {
                if pattern.contains(APPLICATION_PROFILE) {
                    arns.application_profiles.insert(pattern.clone());
                }
                arns.called.insert(pattern.clone());
                continue;
            }
            let bare = without_geography(pattern);
            if bare == pattern {
                arns.called.insert(format!("arn:{partition}:bedrock:{region}::foundation-model/{bare}"));
            }
            arns.behind.insert(format!("arn:{partition}:bedrock:*::foundation-model/{bare}"));
            arns.profiles.extend(
                profile_names(pattern)
                    .into_iter()
                    .map(|name| format!("arn:{partition}:bedrock:{region}:{account_id}:inference-profile/{name}")),
            );
        }
        arns.called.extend(arns.profiles.iter().cloned());
        arns
    }
}

/// The names of AWS's profiles that a pattern allows: it is compared with and without the geography.
fn profile_names(pattern: &str) -> Vec<String> {
    let first = pattern.split('.').next().unwrap_or_default();
    if without_geography(pattern) != pattern || pattern.starts_with('*') {
        vec![pattern.to_owned()]
    } else if first.contains('*') || first == pattern {
        vec![pattern.to_owned(), format!("*.{pattern}")]
    } else {
        vec![format!("*.{pattern}")]
    }
}

/// Without patterns that lie within another. ARNs of what is opaque lie in none.
fn widest(patterns: &BTreeSet<String>) -> BTreeSet<String> {
    let covered = |pattern: &String| {
        !pattern.starts_with("arn:") && patterns.iter().any(|other| other != pattern && glob::covers(other, pattern))
    };
    patterns.iter().filter(|pattern| !covered(pattern)).cloned().collect()
}
