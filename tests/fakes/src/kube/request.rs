//! Requests of the Kubernetes API, parsed once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::kinds::{Kind, Kinds};
use super::refusal::Refusal;
use super::store::Id;

/// What a request asks for, in RBAC's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    pub fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// How objects are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Whole,
    Metadata,
    Table,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Objects of a kind.
    Resource {
        group: String,
        version: String,
        plural: String,
        namespace: Option<String>,
        name: Option<String>,
        subresource: Option<String>,
    },
    /// Anything else: discovery, version, health.
    Other(String),
}

/// A request's head.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub method: http::Method,
    pub target: Target,
    pub query: BTreeMap<String, String>,
    pub shape: Shape,
    pub content_type: String,
    pub user_agent: String,
}

impl Head {
    pub fn of<B>(request: &http::Request<B>) -> Self {
        let header = |name: http::HeaderName| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let accept = header(http::header::ACCEPT);
        let shape = if accept.contains("as=Table") {
            Shape::Table
        } else if accept.contains("as=PartialObjectMetadata") {
            Shape::Metadata
        } else {
            Shape::Whole
        };
        Self {
            method: request.method().clone(),
            target: target(request.uri().path()),
            query: query(request.uri().query().unwrap_or_default()),
            shape,
            content_type: header(http::header::CONTENT_TYPE),
            user_agent: header(http::header::USER_AGENT),
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value == "true" || value == "1")
    }

    pub fn text(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// The verb; `None` for what no resource understands.
    pub fn verb(&self) -> Option<Verb> {
        let Target::Resource { name, .. } = &self.target else { return None };
        let named = name.is_some();
        Some(match self.method.as_str() {
            "GET" if self.flag("watch") => Verb::Watch,
            "GET" if named => Verb::Get,
            "GET" => Verb::List,
            "POST" if !named => Verb::Create,
            "PUT" if named => Verb::Update,
            "PATCH" if named => Verb::Patch,
            "DELETE" if named => Verb::Delete,
            "DELETE" => Verb::DeleteCollection,
            _ => return None,
        })
    }

    /// The kind asked for.
    pub fn kind(&self, kinds: &Kinds) -> Result<Arc<Kind>, Refusal> {
        let Target::Resource { group, version, plural, namespace, subresource, .. } = &self.target else {
            return Err(Refusal::no_path());
        };
        let kind = kinds.get(&(group.clone(), plural.clone())).filter(|kind| kind.version == *version);
        let kind = kind.ok_or_else(Refusal::no_path)?;
        let known = match subresource.as_deref() {
            None => true,
            Some("status") => kind.status,
            Some("finalize") => kind.plural == "namespaces",
            Some(_) => false,
        };
        let placed = kind.namespaced || namespace.is_none();
        if known && placed { Ok(kind.clone()) } else { Err(Refusal::no_path()) }
    }

    /// Namespace, or empty.
    pub fn namespace(&self) -> &str {
        match &self.target {
            Target::Resource { namespace: Some(namespace), .. } => namespace,
            _ => "",
        }
    }

    /// Name, or empty.
    pub fn name(&self) -> &str {
        match &self.target {
            Target::Resource { name: Some(name), .. } => name,
            _ => "",
        }
    }

    pub fn subresource(&self) -> &str {
        match &self.target {
            Target::Resource { subresource: Some(subresource), .. } => subresource,
            _ => "",
        }
    }

    /// The object asked for.
    pub fn id(&self, kind: &Kind) -> Id {
        Id {
            kind: (kind.group.clone(), kind.plural.clone()),
            key: (self.namespace().to_owned(), self.name().to_owned()),
        }
    }

    /// The name of who writes, for field ownership.
    pub fn manager(&self) -> String {
        match self.text("fieldManager") {
            "" => match self.user_agent.split('/').next() {
                None | Some("") => "unknown".to_owned(),
                Some(agent) => agent.to_owned(),
            },
            name => name.to_owned(),
        }
    }

    /// `metadata.name=…` of the field selector: RBAC sees such a list or watch as one of that name.
    pub fn selected_name(&self) -> Option<&str> {
        self.text("fieldSelector")
            .split(',')
            .find_map(|term| term.strip_prefix("metadata.name="))
            .map(|name| name.trim_start_matches('='))
    }
}

fn target(path: &str) -> Target {
    let other = || Target::Other(path.to_owned());
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return other(),
    };
    let (namespace, rest) = match rest {
        // A namespace is an object of its own, unless something else follows its name.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        _ => (None, rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, None, None),
        [plural, name] => (*plural, Some(*name), None),
        [plural, name, subresource] => (*plural, Some(*name), Some(*subresource)),
        _ => return other(),
    };
    Target::Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: plural.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        subresource: subresource.map(str::to_owned),
    }
}

fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(&value.replace('+', " ")))
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let hex = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        if let Some(byte) = hex {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A body that has to be an object.
pub(super) fn object(body: &[u8]) -> Result<Value, Refusal> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("the body is not JSON: {error}")))?;
    if value.is_object() { Ok(value) } else { Err(Refusal::bad_request("the body is not an object")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, uri: &str) -> Head {
        Head::of(&http::Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    #[test]
    fn paths_and_verbs() {
        let list = head("GET", "/apis/aigateway.dev/v1alpha1/tenants?watch=1&labelSelector=a%3Db%2Cc");
        assert_eq!((list.verb(), list.text("labelSelector")), (Some(Verb::Watch), "a=b,c"));
        let status = head("PATCH", "/apis/g/v1/namespaces/team/tenants/one/status");
        assert_eq!((status.namespace(), status.name(), status.subresource()), ("team", "one", "status"));
        assert_eq!(status.verb(), Some(Verb::Patch));
        let namespace = head("GET", "/api/v1/namespaces/team");
        assert_eq!((namespace.namespace(), namespace.name(), namespace.verb()), ("", "team", Some(Verb::Get)));
        assert_eq!(head("DELETE", "/api/v1/namespaces/team/secrets").verb(), Some(Verb::DeleteCollection));
        assert_eq!(head("GET", "/version").verb(), None);
    }

    #[test]
    fn a_selected_name_is_seen() {
        let watch = head("GET", "/api/v1/namespaces?watch=true&fieldSelector=metadata.name%3Dteam");
        assert_eq!(watch.selected_name(), Some("team"));
    }
}
