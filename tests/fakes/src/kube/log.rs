//! What users did: for budgets, for the comparison with the chart's rules, for messages of failed tests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::request::{Head, Target, Verb};

/// Where a server tells who issues its tokens.
pub(super) const ISSUER_PATHS: [&str; 2] = ["/.well-known/openid-configuration", "/openid/v1/jwks"];

/// A kind of access, as rules grant it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    /// Who.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// API group; empty for core.
    pub group: String,
    /// Plural; or a path that is no resource.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Namespace, or empty for cluster-scoped kinds and for all namespaces.
    pub namespace: String,
    /// Name, or empty where rules cannot see one.
    pub name: String,
}

/// A write that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Who.
    pub user: String,
    /// Verb.
    pub verb: String,
    /// Plural, with the subresource after a slash.
    pub resource: String,
    /// Namespace, or empty.
    pub namespace: String,
    /// Name, or empty for a create whose name the server chose.
    pub name: String,
    /// HTTP status the server came to, whatever the caller was told.
    pub code: u16,
    /// Time since the server's epoch.
    pub at: Duration,
}

/// The log of one server.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub accesses: BTreeSet<Access>,
    pub writes: Vec<Write>,
    pub requests: BTreeMap<(String, String), usize>,
    /// Custom objects, one for each set of conditions they ever had.
    pub states: BTreeMap<String, Value>,
}

impl Log {
    /// Notes an object of ours if no other had the same conditions before.
    pub fn note_state(&mut self, object: &Value) {
        if !object["apiVersion"].as_str().unwrap_or_default().starts_with("aigateway.dev/") {
            return;
        }
        let Some(conditions) = object["status"]["conditions"].as_array() else { return };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let each = |condition: &Value| ["type", "status", "reason"].map(|field| text(&condition[field])).join("=");
        let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        let deleted = !object["metadata"]["deletionTimestamp"].is_null();
        let mut key = vec![text(&object["kind"]), format!("current={current}"), format!("deleted={deleted}")];
        key.extend(conditions.iter().map(each));
        self.states.entry(key.join(" ")).or_insert_with(|| object.clone());
    }
}

/// The accesses a request needs.
pub(super) fn access(user: &str, head: &Head) -> Option<Access> {
    let (group, plural) = match &head.target {
        Target::Resource { group, plural, .. } => (group, plural),
        // Of paths that are no resources everybody may read all but these.
        Target::Other(path) if ISSUER_PATHS.contains(&path.as_str()) => return Some(path_access(user, path)),
        Target::Other(_) => return None,
    };
    let verb = head.verb()?;
    let name = match verb {
        Verb::List | Verb::Watch => head.selected_name().unwrap_or_default(),
        _ => head.name(),
    };
    // A namespace by its name is in itself, so a Role there can allow to read it; of a list that is not so.
    let itself = group.is_empty() && plural == "namespaces" && !matches!(verb, Verb::List | Verb::Watch);
    let namespace = if itself { name } else { head.namespace() };
    Some(Access {
        user: user.to_owned(),
        verb: verb.name().to_owned(),
        group: group.clone(),
        resource: plural.clone(),
        subresource: head.subresource().to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

fn path_access(user: &str, path: &str) -> Access {
    let (user, verb, resource) = (user.to_owned(), "get".to_owned(), path.to_owned());
    let (group, subresource, namespace, name) = Default::default();
    Access { user, verb, group, resource, subresource, namespace, name }
}

impl Access {
    /// `tenants/status`.
    pub fn path(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}
