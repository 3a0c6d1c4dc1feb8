//! The checkout: where things are, and its YAML.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Outcome;

/// The root of the checkout.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// A path below the root.
pub fn path(relative: &str) -> PathBuf {
    root().join(relative)
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    built().parent().map_or_else(|| path("target"), Path::to_owned)
}

/// The folder of what cargo built with this program, from where it runs: `target/debug/deps/suite-…` or
/// `target/debug/scale`.
fn built() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program.parent().unwrap_or(Path::new("."));
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.to_owned()
}

/// A program of the workspace, as cargo built it beside this one.
pub fn program(name: &str) -> PathBuf {
    built().join(name)
}

/// Where the functions' zips are.
pub fn functions() -> PathBuf {
    std::env::var_os("AIGW_FUNCTIONS_DIR").map_or_else(|| path("target/functions"), PathBuf::from)
}

/// The instruction set of this machine, as Lambda calls it.
pub fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

/// The text of a file, by a path below the root.
pub fn read(relative: &str) -> Outcome<String> {
    Ok(fs::read_to_string(path(relative)).map_err(|error| format!("{relative}: {error}"))?)
}

/// Files below a folder with a given ending, sorted, as paths below the root.
pub fn files(relative: &str, ending: &str) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![path(relative)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let entry = entry?.path();
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.to_string_lossy().ends_with(ending) {
                found.push(entry.strip_prefix(root())?.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The documents of a YAML text.
pub fn documents(text: &str) -> Outcome<Vec<Value>> {
    let parsed: Vec<Value> = serde_saphyr::from_multiple(text)?;
    Ok(parsed.into_iter().filter(|document| !document.is_null()).collect())
}

/// The documents of a YAML file, by a path below the root.
pub fn yaml(relative: &str) -> Outcome<Vec<Value>> {
    documents(&read(relative)?).map_err(|error| format!("{relative}: {}", crate::harness::text(&error)).into())
}
