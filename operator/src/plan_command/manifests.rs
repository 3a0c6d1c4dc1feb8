//! Manifests from files, folders and standard input.
//!
//! No apiserver has seen them, so what a schema would refuse or drop has to be noticed here as far as the types tell:
//! wrong types, and fields that do not exist. Rules in the schema (ranges, patterns, CEL) are not applied.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use aigw_api::conditions::reason;
use aigw_api::{AIGateway, GROUP, Tenant, VERSION};
use aigw_plan::Violation;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::report::ObjectReport;

/// Namespace of objects that name none.
const DEFAULT_NAMESPACE: &str = "default";
/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// What the manifests hold.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    pub(super) gateways: Vec<AIGateway>,
    pub(super) tenants: Vec<Tenant>,
    /// Labels by namespace.
    pub(super) namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// Objects that are no object of ours, though they say so.
    pub(super) refused: Vec<ObjectReport>,
    /// How many objects of other kinds there were.
    pub(super) others: usize,
    seen: BTreeSet<(&'static str, String, String)>,
}

/// The manifests cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A file or folder.
    #[error("cannot read {path}")]
    Read {
        /// Path as given, or below a folder given.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Its text.
    #[error("{path} is not YAML: {message}")]
    Yaml {
        /// Path.
        path: String,
        /// What is wrong and where.
        message: String,
    },
}

/// Reads all of `files`: each a file, a folder (its .yaml, .yml and .json files, not those below), or `-`.
pub(super) fn load(files: &[PathBuf], input: &mut dyn Read) -> Result<Manifests, ManifestError> {
    let mut manifests = Manifests::default();
    for file in files {
        let name = file.display().to_string();
        let error = |path: &str| {
            let path = path.to_owned();
            move |source| ManifestError::Read { path, source }
        };
        if name == STANDARD_INPUT {
            let mut text = String::new();
            input.read_to_string(&mut text).map_err(error("standard input"))?;
            manifests.add("standard input", &text)?;
        } else if file.is_dir() {
            for path in manifests_in(file).map_err(error(&name))? {
                let name = path.display().to_string();
                manifests.add(&name, &std::fs::read_to_string(&path).map_err(error(&name))?)?;
            }
        } else {
            manifests.add(&name, &std::fs::read_to_string(file).map_err(error(&name))?)?;
        }
    }
    Ok(manifests)
}

fn manifests_in(folder: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let is_manifest = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default();
        path.is_file() && ["yaml", "yml", "json"].iter().any(|known| ending == *known)
    };
    let entries: Result<Vec<PathBuf>, std::io::Error> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths: Vec<PathBuf> = entries?.into_iter().filter(is_manifest).collect();
    paths.sort();
    Ok(paths)
}

impl Manifests {
    fn add(&mut self, path: &str, text: &str) -> Result<(), ManifestError> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| ManifestError::Yaml { path: path.to_owned(), message: error.to_string() })?;
        for document in documents.into_iter().filter(|document| !document.is_null()) {
            match document["items"].as_array() {
                Some(items) if document["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) => {
                    for item in items {
                        self.object(path, item);
                    }
                }
                _ => self.object(path, &document),
            }
        }
        Ok(())
    }

    fn object(&mut self, path: &str, document: &Value) {
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&document["apiVersion"]), text(&document["kind"]));
        let ours = version.split('/').next() == Some(GROUP);
        if ours && version != format!("{GROUP}/{VERSION}") {
            let message = format!("{version} is not known; use {GROUP}/{VERSION}");
            self.refuse("AIGateway or Tenant", document, path, Violation::new("apiVersion", reason::INVALID, message));
        } else if ours && kind == AIGateway::kind(&()) {
            if let Some(gateway) = self.parse("AIGateway", document, path) {
                self.gateways.push(gateway);
            }
        } else if ours && kind == Tenant::kind(&()) {
            if let Some(tenant) = self.parse("Tenant", document, path) {
                self.tenants.push(tenant);
            }
        } else if version == "v1" && kind == "Namespace" {
            let labels = serde_json::from_value(document["metadata"]["labels"].clone()).unwrap_or_default();
            self.namespaces.insert(text(&document["metadata"]["name"]), labels);
        } else {
            self.others += 1;
        }
    }

    fn parse<K>(&mut self, kind: &'static str, document: &Value, path: &str) -> Option<K>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Serialize,
    {
        let mut object: K = match serde_json::from_value(document.clone()) {
            Ok(object) => object,
            Err(error) => {
                self.refuse(kind, document, path, Violation::new("spec", reason::INVALID, error.to_string()));
                return None;
            }
        };
        let known = serde_json::to_value(&object).unwrap_or_default();
        if let Some(field) = unknown_field(&document["spec"], &known["spec"], "spec") {
            let violation = Violation::new(field, reason::INVALID, format!("is not a field of {kind}"));
            self.refuse(kind, document, path, violation);
            return None;
        }
        object.meta_mut().namespace.get_or_insert_with(|| DEFAULT_NAMESPACE.to_owned());
        let key = (kind, object.namespace().unwrap_or_default(), object.name_any());
        if key.2.is_empty() || !self.seen.insert(key) {
            let message = "is missing, or an object of this name came before";
            self.refuse(kind, document, path, Violation::new("metadata.name", reason::INVALID, message));
            return None;
        }
        Some(object)
    }

    fn refuse(&mut self, kind: &'static str, document: &Value, path: &str, violation: Violation) {
        let text = |field: &str, otherwise| document["metadata"][field].as_str().unwrap_or(otherwise).to_owned();
        let mut report = ObjectReport::new(kind, &text("namespace", DEFAULT_NAMESPACE), &text("name", "(no name)"));
        report.note(format!("from {path}"));
        report.violations.push(violation.into());
        self.refused.push(report);
    }
}

/// The first field that `given` has and the types do not know: it did not survive being parsed and written again. What
/// is empty may be left out in writing, so it does not count.
fn unknown_field(given: &Value, known: &Value, path: &str) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match known.get(name) {
                Some(known) => unknown_field(value, known, &path),
                None => (!is_empty(value)).then_some(path),
            }
        }),
        (Value::Array(given), Value::Array(known)) => given
            .iter()
            .zip(known)
            .enumerate()
            .find_map(|(index, (given, known))| unknown_field(given, known, &format!("{path}[{index}]"))),
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
#[path = "manifests_tests.rs"]
mod tests;
