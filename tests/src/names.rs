//! What requests of Bedrock's operations may name, from the table that the forwarder judges them by: values for the client
//! program `operations.py`, and the grants that cover them.
//!
//! Every place has a short id, with the characters an id may have, and a whole ARN, which is what has to be encoded in a
//! path. Nothing here knows an operation or a type of resource by name, so a newer table needs no change.

use std::collections::BTreeSet;

use aigw_contract::Family;
use aigw_contract::model::Place;
use aigw_contract::operations::{self, Class, Operation, Resource, Site};
use serde_json::{Map, Value, json};

/// A model by name, through a profile of AWS.
pub const MODEL: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
/// Every character that an id may have.
const ID: &str = "K-1_a.b:2";
/// Where a value stands in a resource's template.
const VALUE: &str = "{}";

/// The class of an operation, as `operations/classification.txt` has it.
pub fn class(operation: &Operation) -> &'static str {
    use operations::Access::{Manage, Use};
    match operation.class {
        Class::Inference(_) => "inference",
        Class::Free => "free",
        Class::FixedPrice => "fixed",
        Class::Stateful(Use) => "use",
        Class::Stateful(Manage) => "manage",
        Class::Forbidden(_) => "forbidden",
    }
}

/// The table for `operations.py --names`.
pub fn table(place: Place<'_>) -> Value {
    let families = Family::ALL.map(|family| {
        let operations: Map<_, _> = operations::of(family)
            .iter()
            .map(|operation| {
                let about = json!({"class": class(operation), "places": places(family, operation, place)});
                (operation.name.to_owned(), about)
            })
            .collect();
        (family.endpoint_prefix().to_owned(), Value::Object(operations))
    });
    Value::Object(Map::from_iter(families))
}

/// Grants to manage all resources of every type that operations of a service name; `service` is the one in ARNs.
pub fn grants(service: &str, place: Place<'_>) -> Vec<Value> {
    let grant = |kind| json!({"arn": format!("{}{kind}/*", own(service, place)), "access": "Manage"});
    kinds(service).into_iter().map(grant).collect()
}

/// An application inference profile, which has to be granted by its ARN.
pub fn profile(place: Place<'_>) -> String {
    format!("{}application-inference-profile/a1b2c3d4e5f6", own("bedrock", place))
}

/// Types of the resources that operations of a service name.
fn kinds(service: &str) -> BTreeSet<&'static str> {
    let families = Family::ALL.into_iter().filter(|family| family.signing_name() == service);
    let resources = families.flat_map(operations::of).flat_map(|operation| operation.resources);
    resources.map(Resource::kind).filter(|kind| *kind != "*").collect()
}

/// An ARN up to the type.
fn own(service: &str, Place { partition, region, account_id }: Place<'_>) -> String {
    format!("arn:{partition}:{service}:{region}:{account_id}:")
}

fn places(family: Family, operation: &Operation, place: Place<'_>) -> Vec<Value> {
    let models = operation.models.iter().map(|at| at_site(*at, MODEL, &profile(place)));
    let resources = operation.resources.iter().flat_map(|resource| {
        resource.at.iter().enumerate().map(move |(index, at)| {
            let whole = whole(family, resource, index, place);
            // No id says of which type it is.
            let short = if resource.kind() == "*" { whole.as_str() } else { ID };
            at_site(*at, short, &whole)
        })
    });
    models.chain(resources).collect()
}

fn at_site(at: Site, short: &str, whole: &str) -> Value {
    let at = match at {
        Site::Segment(index) => json!({ "segment": index }),
        Site::Body(path) => json!({ "body": path }),
        Site::Query(name) => json!({ "query": name }),
    };
    json!({"at": at, "short": short, "whole": whole})
}

/// The ARN that ends with the resource's value at `index`; of a resource of any type where the template is of none.
fn whole(family: Family, resource: &Resource, index: usize, place: Place<'_>) -> String {
    let service = family.signing_name();
    let own = own(service, place);
    if resource.kind() == "*" {
        let kinds = kinds(service);
        return format!("{own}{}/{ID}", kinds.first().copied().unwrap_or_default());
    }
    let before: Vec<_> = resource.template.split(VALUE).take(index + 1).collect();
    format!("{own}{}{ID}", before.join(ID))
}
