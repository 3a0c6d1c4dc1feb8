//! What a server says about itself: groups, resources, version, health.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kinds::{Kind, Kinds};
use super::refusal::Refusal;
use super::request::{Head, Target};
use super::server::Answer;

/// The version claimed: that of the real server the conformance suite runs against.
const MINOR: &str = "36";

/// Answers a request that is about no object.
pub(super) fn answer(kinds: &Kinds, head: &Head, token_key: u32) -> Result<Answer, Refusal> {
    let Target::Other(path) = &head.target else {
        return Err(Refusal::plain(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ));
    };
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["version"] => Ok(Answer::ok(&json!({
            "major": "1", "minor": MINOR, "gitVersion": format!("v1.{MINOR}.0-fake"), "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
        }))),
        ["readyz" | "livez" | "healthz"] => Ok(Answer::Json { code: 200, body: "ok".into() }),
        [".well-known", "openid-configuration"] => Ok(Answer::ok(&json!({
            "issuer": "https://kubernetes.default.svc.cluster.local",
            "jwks_uri": "https://172.18.0.2:6443/openid/v1/jwks", "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
        }))),
        ["openid", "v1", "jwks"] => Ok(Answer::ok(&json!({"keys": [crate::issuers::key(&format!("sa-{token_key}"))]}))),
        ["api"] => {
            Ok(Answer::ok(&json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})))
        }
        ["apis"] => Ok(Answer::ok(&groups(kinds))),
        ["api", "v1"] => Ok(Answer::ok(&resources(kinds, "", "v1")?)),
        ["apis", group, version] => Ok(Answer::ok(&resources(kinds, group, version)?)),
        _ => Err(Refusal::no_path()),
    }
}

fn groups(kinds: &Kinds) -> Value {
    let named = kinds.values().filter(|kind| !kind.group.is_empty());
    let groups: BTreeSet<_> = named.map(|kind| (&kind.group, &kind.version)).collect();
    let group = |(group, version): (&String, &String)| {
        let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
        json!({"name": group, "versions": [version], "preferredVersion": version})
    };
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.into_iter().map(group).collect::<Vec<_>>()})
}

fn resources(kinds: &Kinds, group: &str, version: &str) -> Result<Value, Refusal> {
    let served: Vec<_> = kinds.values().filter(|kind| kind.group == group && kind.version == version).collect();
    if served.is_empty() {
        return Err(Refusal::no_path());
    }
    let resources: Vec<_> = served.iter().flat_map(|kind| resource(kind)).collect();
    let api_version = served[0].api_version();
    Ok(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}))
}

fn resource(kind: &Kind) -> Vec<Value> {
    let main = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": kind.short_names, "categories": kind.categories,
    });
    let status = json!({
        "name": format!("{}/status", kind.plural), "singularName": "", "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": ["get", "patch", "update"],
    });
    if kind.status { vec![main, status] } else { vec![main] }
}
