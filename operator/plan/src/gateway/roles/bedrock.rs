//! What the forwarder may do in Bedrock: the actions of the operations that the rules grant, on the ARNs they grant.
//!
//! Derived from the table of operations the forwarder judges calls by, so the role is a second fence around the same
//! ground. Action names are never patterns. A resource is `*` only for actions for which IAM knows no resource type.
//! Source of the statements about profiles: Bedrock user guide, "Prerequisites for inference profiles".

use std::collections::{BTreeMap, BTreeSet};

use aigw_contract::Family;
use aigw_contract::access::ResourceGrant;
use aigw_contract::operations::{self, Class, Operation, Resource, resource_of};
use serde_json::{Value, json};

use super::granted::{Granted, ModelArns};

/// Types of resources below which there are others, by the character that leads to them.
const BELOW: [(&str, char); 8] = [
    ("agent-alias", '/'),
    ("automated-reasoning-policy", ':'),
    ("flow", '/'),
    ("policy-engine", '/'),
    ("prompt", ':'),
    ("runtime", '/'),
    ("token-vault", '/'),
    ("workload-identity-directory", '/'),
];
/// Actions by which services of other families call a model with the caller's own rights.
pub(super) const MODEL_ACTIONS: [&str; 2] = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"];

/// Actions, by what they may be done to.
#[derive(Debug, Default)]
struct Actions {
    /// On the models granted.
    models: BTreeSet<String>,
    /// That have no resource type.
    unscoped: BTreeSet<String>,
    /// On granted resources.
    resources: BTreeMap<String, BTreeSet<String>>,
    /// On what AWS publishes about models.
    metadata: BTreeSet<String>,
}

/// The statements.
pub(super) fn statements(granted: &Granted<'_>) -> Vec<Value> {
    let mut actions = Actions::default();
    for family in granted.families {
        for operation in operations::of(*family) {
            actions.add(*family, operation, granted);
        }
    }
    let mut statements = models(&actions.models, &granted.model_arns());
    if !actions.metadata.is_empty() {
        statements.push(allow("Metadata", &actions.metadata, &published(granted)));
    }
    if !actions.unscoped.is_empty() {
        statements.push(allow("NoResourceType", &actions.unscoped, &BTreeSet::from(["*".to_owned()])));
    }
    // One statement per set of actions, however many resources have it.
    let mut groups: BTreeMap<&BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
    for (arn, actions) in &actions.resources {
        groups.entry(actions).or_default().extend(with_below(arn));
    }
    let shared = groups.into_iter().enumerate();
    statements.extend(shared.map(|(number, (actions, arns))| allow(&format!("Shared{number}"), actions, &arns)));
    statements
}

impl Actions {
    fn add(&mut self, family: Family, operation: &Operation, granted: &Granted<'_>) {
        // What needs a resource that no rule grants is nobody's to call.
        let Some(grants) = grants(family, operation, granted) else { return };
        let action = format!("{}:{}", family.signing_name(), operation.action_name());
        if !operation.scoped {
            self.unscoped.insert(action.clone());
        }
        for grant in grants.iter().filter(|_| operation.scoped) {
            self.resources.entry(grant.arn.clone()).or_default().insert(action.clone());
        }
        let plain = operation.resources.is_empty() && operation.models.is_empty();
        if plain && operation.scoped {
            self.metadata.insert(action.clone());
        }
        match family {
            _ if operation.models.is_empty() => {}
            // Their actions are allowed on models; those of the other families call models with the caller's rights.
            Family::BedrockRuntime | Family::Bedrock if operation.scoped => drop(self.models.insert(action)),
            _ => self.models.extend(MODEL_ACTIONS.map(str::to_owned)),
        }
    }
}

/// The grants under which an operation may be called; `None` where it may not: a required resource is not granted, or,
/// of several that are all optional, none is.
fn grants<'a>(family: Family, operation: &Operation, granted: &'a Granted<'_>) -> Option<Vec<&'a ResourceGrant>> {
    if matches!(operation.class, Class::Forbidden(_)) {
        return None;
    }
    let access = operation.class.access();
    let mut found = Vec::new();
    for resource in operation.resources {
        let suits = |grant: &&ResourceGrant| grant.access >= access && concerns(resource, grant, family);
        let suiting: Vec<_> = granted.resources.iter().filter(suits).collect();
        if suiting.is_empty() && resource.required {
            return None;
        }
        found.extend(suiting);
    }
    (operation.resources.is_empty() || !found.is_empty()).then_some(found)
}

/// Whether a grant is of the type that an operation names.
fn concerns(resource: &Resource, grant: &ResourceGrant, family: Family) -> bool {
    let (Some(service), Some(named)) = (grant.arn.split(':').nth(2), resource_of(&grant.arn)) else { return false };
    let kind = named.split('/').next().unwrap_or_default();
    let wanted = resource.kind();
    // To list or make any of a type takes a grant of all of it.
    if resource.template.ends_with("/*") && !named.ends_with('*') {
        return false;
    }
    service == family.signing_name() && (wanted == "*" || wanted == kind || resource.managed_kind() == Some(kind))
}

/// Calls of models, of AWS's profiles, and of the models behind profiles, which may be in other Regions but are called
/// through a granted profile only.
fn models(actions: &BTreeSet<String>, arns: &ModelArns) -> Vec<Value> {
    let ModelArns { called, behind, profiles, application_profiles } = arns;
    if actions.is_empty() || called.is_empty() {
        return Vec::new();
    }
    let mut statements = vec![allow("Models", actions, called)];
    let mut through = |sid: &str, models: &BTreeSet<String>, profiles: &BTreeSet<String>| {
        if !profiles.is_empty() {
            let mut statement = allow(sid, actions, models);
            statement["Condition"] = json!({"ArnLike": {"bedrock:InferenceProfileArn": profiles}});
            statements.push(statement);
        }
    };
    through("BehindProfiles", behind, profiles);
    let any = application_profiles.iter().filter_map(|arn| arn.split(':').nth(1));
    let any = any.map(|partition| format!("arn:{partition}:bedrock:*::foundation-model/*")).collect();
    through("BehindApplicationProfiles", &any, application_profiles);
    statements
}

fn published(granted: &Granted<'_>) -> BTreeSet<String> {
    let place = granted.place;
    let (partition, region, account) = (place.partition, place.region, place.account_id);
    [
        format!("arn:{partition}:bedrock:{region}::foundation-model/*"),
        format!("arn:{partition}:bedrock:{region}:{account}:inference-profile/*"),
        format!("arn:{partition}:bedrock:{region}:{account}:application-inference-profile/*"),
    ]
    .into()
}

/// An ARN, and what lies below it where the type has such.
fn with_below(arn: &str) -> Vec<String> {
    let kind = resource_of(arn).and_then(|resource| resource.split('/').next());
    let below = BELOW.iter().find(|(parent, _)| Some(*parent) == kind && !arn.ends_with('*'));
    let mut arns = vec![arn.to_owned()];
    arns.extend(below.map(|(_, separator)| format!("{arn}{separator}*")));
    arns
}

fn allow(sid: &str, actions: &BTreeSet<String>, resources: &BTreeSet<String>) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources})
}
