//! Every operation of Bedrock: what it is to the gateway, and where a request names models and resources.
//!
//! The table is generated ([`generated`](self)) from AWS's service models and a hand-written classification
//! (`operations/classification.txt`); what AWS adds later is in no table and is *unclassified*. The forwarder looks
//! operations up on its hot path, so [`find`] neither allocates nor uses regular expressions; the operator derives the
//! forwarder's role from the same table, so that what the rules admit and what the role may do cannot drift apart.

mod class;
#[rustfmt::skip]
mod generated;
mod segments;

use std::borrow::Cow;

pub use class::{Access, Class, Prohibition, Resource, Shape, Site, Verb, resource_of};
pub use segments::decode;

use crate::Family;
use segments::{equals, segments};

/// One operation of one Bedrock service.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Name in the service model, for example `Converse`.
    pub name: &'static str,
    /// HTTP method.
    pub verb: Verb,
    /// Path with labels in braces, for example `/model/{modelId}/converse`.
    pub path: &'static str,
    /// What it is to the gateway.
    pub class: Class,
    /// Where the request names models. Those in bodies may be absent.
    pub models: &'static [Site],
    /// What has to be granted.
    pub resources: &'static [Resource],
    /// Where in the body a structure stands within another of its kind, as `(inner, outer)`: what is read below the outer
    /// one is read below the inner one as well, at any depth.
    pub recursions: &'static [(&'static str, &'static str)],
    /// Whether IAM policies can name resources for its action.
    pub scoped: bool,
    action: &'static str,
}

impl Operation {
    /// IAM action, without the service's prefix.
    pub const fn action_name(&self) -> &'static str {
        if self.action.is_empty() { self.name } else { self.action }
    }

    /// The paths in the body that models and resources are at. Where there are none, a request need not be parsed to know
    /// what it names.
    pub fn body_paths(&self) -> impl Iterator<Item = &'static str> {
        let sites = self.models.iter().chain(self.resources.iter().flat_map(|resource| resource.at));
        sites.filter_map(|site| match site {
            Site::Body(path) => Some(*path),
            Site::Segment(_) | Site::Query(_) => None,
        })
    }

    const fn new(name: &'static str, verb: Verb, path: &'static str, class: Class) -> Self {
        Self { name, verb, path, class, models: &[], resources: &[], recursions: &[], scoped: true, action: "" }
    }

    const fn action(self, action: &'static str) -> Self {
        Self { action, ..self }
    }

    const fn models(self, models: &'static [Site]) -> Self {
        Self { models, ..self }
    }

    const fn resources(self, resources: &'static [Resource]) -> Self {
        Self { resources, ..self }
    }

    const fn recursions(self, recursions: &'static [(&'static str, &'static str)]) -> Self {
        Self { recursions, ..self }
    }

    const fn unscoped(self) -> Self {
        Self { scoped: false, ..self }
    }

    fn matches(&self, verb: &str, path: &str) -> bool {
        if self.verb.as_str() != verb {
            return false;
        }
        let mut expected = segments(self.path);
        segments(path).all(|raw| expected.next().is_some_and(|literal| is_label(literal) || equals(raw, literal)))
            && expected.next().is_none()
    }

    /// As [`Self::matches`], by a reader that decodes the path before it splits it and does not mind case.
    fn resembles(&self, verb: &str, decoded: &str) -> bool {
        if !self.verb.as_str().eq_ignore_ascii_case(verb) {
            return false;
        }
        let mut expected = segments(self.path);
        let found = decoded.split('/').filter(|segment| !segment.is_empty());
        let mut all = found.map(|segment| {
            expected.next().is_some_and(|literal| is_label(literal) || literal.eq_ignore_ascii_case(segment))
        });
        all.all(|same| same) && expected.next().is_none()
    }
}

/// All operations of a family.
pub const fn of(family: Family) -> &'static [Operation] {
    match family {
        Family::BedrockRuntime => generated::BEDROCK_RUNTIME,
        Family::Bedrock => generated::BEDROCK,
        Family::BedrockAgent => generated::BEDROCK_AGENT,
        Family::BedrockAgentRuntime => generated::BEDROCK_AGENT_RUNTIME,
        Family::BedrockDataAutomation => generated::BEDROCK_DATA_AUTOMATION,
        Family::BedrockDataAutomationRuntime => generated::BEDROCK_DATA_AUTOMATION_RUNTIME,
        Family::BedrockAgentcore => generated::BEDROCK_AGENTCORE,
        Family::BedrockAgentcoreControl => generated::BEDROCK_AGENTCORE_CONTROL,
    }
}

/// The operation a request is for. `path` is raw, without mount segment and query; `target` is the value of
/// `X-Amz-Target`. Segments are compared decoded, since a server may do so; a trailing slash makes no difference,
/// as in AWS's own models some paths end in one and some do not. `None` means unclassified.
pub fn find(family: Family, verb: &str, path: &str, target: Option<&str>) -> Option<&'static Operation> {
    if let Some(service) = target_prefix(family) {
        // AWS JSON: the target alone selects the operation.
        let name = target?.strip_prefix(service)?;
        return of(family).iter().find(|operation| operation.name == name && verb == "POST");
    }
    of(family).iter().find(|operation| operation.matches(verb, path))
}

/// Whether an unclassified request would be a known operation to a server that reads paths more loosely: decoded
/// before it is split, decoded twice, or without regard to case. Such a request must not escape the rules of that
/// operation.
pub fn resembles_known(family: Family, verb: &str, path: &str, target: Option<&str>) -> bool {
    if target_prefix(family).is_some() {
        let name = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
        return of(family).iter().any(|operation| operation.name.eq_ignore_ascii_case(name));
    }
    // What is encoded twice could be anything.
    if path.contains("%25") {
        return true;
    }
    let Some(decoded) = decode(path) else { return true };
    of(family).iter().any(|operation| operation.resembles(verb, &decoded))
}

/// First characters of `X-Amz-Target` in a family that speaks AWS JSON.
pub const fn target_prefix(family: Family) -> Option<&'static str> {
    match family {
        Family::BedrockDataAutomationRuntime => Some("AmazonBedrockKeystoneRuntimeService."),
        _ => None,
    }
}

/// The decoded segment of a raw path at an index; `None` where there is none or it is not UTF-8.
pub fn segment(path: &str, index: u8) -> Option<Cow<'_, str>> {
    decode(segments(path).nth(usize::from(index))?)
}

fn is_label(segment: &str) -> bool {
    segment.starts_with('{')
}

#[cfg(test)]
mod tests;
