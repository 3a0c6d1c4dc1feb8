//! What a caller may ask of Bedrock: forbidden and unknown operations, model rules, shared resources.
//!
//! Two stages, because the first needs no policy: [`identify`] finds the operation in the table of
//! `aigw_contract::operations` and refuses what nobody may call; [`judge`] holds what the request names, decoded,
//! against the tenant's policy. What is judged is what Bedrock will read: a request that two readers could take for
//! different ones is refused. Bodies are parsed only for operations that name something there, and never stored.

mod body;
mod models;
mod resources;

use std::borrow::Cow;

use aigw_contract::Family;
use aigw_contract::operations::{self, Class, Operation, Prohibition, Site};
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::{GatewayConfig, Unmetered};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Method};

use crate::denial::Denial;
use crate::query;
use crate::sign::TARGET;
use models::Models;

/// First segment of the paths whose second is a model id.
const MODEL_SEGMENT: &str = "model";
/// Where the model id is in such a path.
const MODEL_SITE: Site = Site::Segment(1);

/// A request on its way to one family.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Family.
    pub family: Family,
    /// Operation, `None` where no table has it.
    pub operation: Option<&'static Operation>,
    /// Raw path without the mount segment.
    pub path: &'a str,
    /// Encoded query.
    pub query: &'a str,
    /// Body.
    pub body: &'a [u8],
    /// Whether the body has a content encoding, so that it is not what it says.
    pub encoded: bool,
}

/// Whether a request's body has a content encoding.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// What a call that may pass is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Operation, `None` where no table has it.
    pub operation: Option<&'static Operation>,
    /// The model it names first, decoded.
    pub model: Option<String>,
}

/// Finds the operation of a request.
///
/// # Errors
/// [`Denial`] where it never passes, or could be read as two.
pub fn identify(
    family: Family,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Option<&'static Operation>, Denial> {
    let target = headers.get(TARGET).map(|value| value.to_str().unwrap_or_default());
    if target.is_some() && operations::target_prefix(family).is_none() {
        return Err(Denial::invalid(format!("the header {TARGET} selects no operation of {family}; leave it out")));
    }
    let Some(operation) = operations::find(family, method.as_str(), path, target) else {
        if operations::resembles_known(family, method.as_str(), path, target) {
            return Err(Denial::invalid(
                "the path can be read as an operation it does not spell; write method and path as the API reference \
                 does, and encode slashes only within an id",
            ));
        }
        return Ok(None);
    };
    if let Class::Forbidden(why @ Prohibition::TwoWayStream) = operation.class {
        return Err(forbidden(operation, why));
    }
    Ok(Some(operation))
}

/// Judges what a call names by the caller's policy.
///
/// # Errors
/// [`Denial`] that says which rule, whose, and who can change it.
pub fn judge(call: &Call<'_>, policy: &TenantPolicy, config: &GatewayConfig) -> Result<Subject, Denial> {
    // Written by an operator that knew no rules: what passed under it passes until its successor has written them.
    let Some(rules) = &policy.models else { return Ok(Subject { operation: call.operation, model: None }) };
    let place = config.place();
    let models = Models { policy, rules, place };
    let Some(operation) = call.operation else { return unclassified(call, &models, config.unmetered) };
    if let Class::Forbidden(why) = operation.class {
        return Err(forbidden(operation, why));
    }
    let body = read_body(call, operation)?;
    let values = Values { call, body: &body };
    let mut subject = Subject { operation: Some(operation), model: None };
    for site in operation.models {
        let first = models.check(operation.name, values.at(*site)?)?;
        subject.model = subject.model.or(first);
    }
    if subject.model.is_none() && matches!(operation.class, Class::Inference(_)) {
        return Err(Denial::invalid(format!("{} must name its model", operation.name)));
    }
    for resource in operation.resources {
        resources::check(resource, &values, operation, policy, place)?;
    }
    Ok(subject)
}

fn read_body(call: &Call<'_>, operation: &Operation) -> Result<body::Values, Denial> {
    let mut paths = operation.body_paths().peekable();
    // A body that names nothing is not read, so it may be encoded.
    if paths.peek().is_none() {
        return Ok(body::Values::default());
    }
    if call.encoded {
        let message = format!("the gateway reads the body of {}; send it without content-encoding", operation.name);
        return Err(Denial::invalid(message));
    }
    body::read(call.body, paths, operation.recursions).map_err(|problem| problem.denial(operation.name))
}

/// An operation of no table. Where its path has a model in the usual place, the model's rules bind all the same.
fn unclassified(call: &Call<'_>, models: &Models<'_>, unmetered: Unmetered) -> Result<Subject, Denial> {
    if unmetered == Unmetered::Deny {
        return Err(Denial::forbidden(
            "this is no operation the gateway knows, so it can be neither metered nor checked; the platform team can \
             let such calls pass with spec.bedrock.unmetered of the AIGateway (policy: Allow), or upgrade the gateway",
        ));
    }
    let mut subject = Subject::default();
    // No id stands first, so nothing there has to be encoded.
    let first = call.path.split('/').nth(1).unwrap_or_default();
    if first.contains('%') {
        return Err(Denial::invalid("the first segment of the path must not be percent-encoded"));
    }
    if first.eq_ignore_ascii_case(MODEL_SEGMENT) {
        let values = Values { call, body: &body::Values::default() };
        subject.model = models.check("this operation", values.at(MODEL_SITE)?)?;
    }
    Ok(subject)
}

/// The values of a request, by site.
struct Values<'a> {
    call: &'a Call<'a>,
    body: &'a body::Values,
}

impl Values<'_> {
    /// All values at a site; none where there are none.
    fn at(&self, site: Site) -> Result<Vec<Cow<'_, str>>, Denial> {
        match site {
            Site::Segment(index) => {
                let unreadable = || Denial::invalid("a segment of the path is not UTF-8 text");
                Ok(vec![operations::segment(self.call.path, index).ok_or_else(unreadable)?])
            }
            Site::Body(path) => Ok(self.body.at(path).map(Cow::Borrowed).collect()),
            Site::Query(name) => {
                let values: Vec<_> = query::values(self.call.query, name).collect();
                if values.len() > 1 {
                    return Err(Denial::invalid(format!("the query parameter {name} must be given once")));
                }
                Ok(values)
            }
        }
    }
}

fn forbidden(operation: &Operation, why: Prohibition) -> Denial {
    let name = operation.name;
    match why {
        Prohibition::TwoWayStream => Denial::invalid(format!(
            "{name} needs a two-way HTTP/2 stream, which cannot pass this gateway; use ConverseStream or \
             InvokeModelWithResponseStream"
        )),
        Prohibition::AccountSetting => Denial::forbidden(format!(
            "{name} is about the whole AWS account, so it does not pass this gateway; ask the team that runs the account"
        )),
        Prohibition::Commitment => Denial::forbidden(format!(
            "{name} commits the AWS account to costs that no tenant's limit can bound, so it does not pass this \
             gateway; ask the platform team"
        )),
        Prohibition::Credentials => Denial::forbidden(format!(
            "{name} is about credentials held for others, and all tenants share the gateway's role, so it does not pass \
             this gateway"
        )),
    }
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;
