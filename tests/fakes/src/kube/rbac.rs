//! Authorization by the Role and ClusterRole objects in the store. Users without any binding are not held to rules: a
//! test that does not speak of rights needs none.

use serde_json::Value;

use super::kinds::RBAC;
use super::log::{Access, ISSUER_PATHS, access};
use super::refusal::Refusal;
use super::request::{Head, Target};
use super::store::Store;

/// Refuses what no rule bound to `user` allows. A user is `name` or `system:serviceaccount:<namespace>:<name>`.
pub(super) fn authorize(store: &Store, user: &str, head: &Head) -> Result<(), Refusal> {
    let Some(wanted) = access(user, head) else { return Ok(()) };
    // system:service-account-issuer-discovery, which Kubernetes binds to all ServiceAccounts unless somebody unbinds it.
    if user.starts_with("system:serviceaccount:") && ISSUER_PATHS.contains(&wanted.resource.as_str()) {
        return Ok(());
    }
    let bindings = bindings(store, user);
    if bindings.is_empty() {
        return Ok(());
    }
    let allowed = bindings.iter().any(|(namespace, role)| {
        let placed = namespace.as_ref().is_none_or(|namespace| *namespace == wanted.namespace);
        placed && rules(store, namespace.as_deref(), role).iter().any(|rule| allows(rule, &wanted))
    });
    if allowed { Ok(()) } else { Err(refusal(store, &wanted, head)) }
}

fn refusal(store: &Store, wanted: &Access, head: &Head) -> Refusal {
    let Target::Resource { group, plural, .. } = &head.target else {
        let why = format!("forbidden: User {:?} cannot get path {:?}", wanted.user, wanted.resource);
        return Refusal::plain(403, "Forbidden", why);
    };
    let scope = if wanted.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", wanted.namespace)
    };
    let why = format!(
        "User {:?} cannot {} resource {:?} in API group {group:?} {scope}",
        wanted.user,
        wanted.verb,
        wanted.path()
    );
    match store.kinds.get(&(group.clone(), plural.clone())) {
        Some(kind) => Refusal::forbidden(kind, &wanted.name, &why),
        None => Refusal::plain(403, "Forbidden", format!("{plural} is forbidden: {why}")),
    }
}

/// The roles bound to a user: namespace of the binding (none: everywhere) and the reference.
fn bindings(store: &Store, user: &str) -> Vec<(Option<String>, Value)> {
    let mut found = Vec::new();
    for (plural, cluster) in [("clusterrolebindings", true), ("rolebindings", false)] {
        for (key, stored) in store.all(&(RBAC.to_owned(), plural.to_owned())).iter() {
            let subjects = stored.value["subjects"].as_array().into_iter().flatten();
            if subjects.into_iter().any(|subject| is(subject, user)) {
                found.push(((!cluster).then(|| key.0.clone()), stored.value["roleRef"].clone()));
            }
        }
    }
    found
}

fn is(subject: &Value, user: &str) -> bool {
    let text = |field: &str| subject[field].as_str().unwrap_or_default();
    match text("kind") {
        "User" => text("name") == user,
        "ServiceAccount" => format!("system:serviceaccount:{}:{}", text("namespace"), text("name")) == user,
        _ => false,
    }
}

fn rules(store: &Store, namespace: Option<&str>, role: &Value) -> Vec<Value> {
    let name = role["name"].as_str().unwrap_or_default().to_owned();
    let (plural, namespace) = match role["kind"].as_str() {
        Some("Role") => ("roles", namespace.unwrap_or_default().to_owned()),
        _ => ("clusterroles", String::new()),
    };
    let roles = store.all(&(RBAC.to_owned(), plural.to_owned()));
    let role = roles.get(&(namespace, name));
    role.and_then(|role| role.value["rules"].as_array()).cloned().unwrap_or_default()
}

fn allows(rule: &Value, wanted: &Access) -> bool {
    let holds = |field: &str, value: &str| {
        rule[field].as_array().into_iter().flatten().any(|entry| entry == "*" || entry == value)
    };
    let names = rule["resourceNames"].as_array().is_none_or(|names| {
        names.is_empty() || (!wanted.name.is_empty() && names.iter().any(|name| *name == wanted.name))
    });
    if wanted.resource.starts_with('/') {
        return holds("verbs", &wanted.verb) && holds("nonResourceURLs", &wanted.resource);
    }
    holds("verbs", &wanted.verb) && holds("apiGroups", &wanted.group) && holds("resources", &wanted.path()) && names
}
