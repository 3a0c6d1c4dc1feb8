//! The functions' code as the operator carries it: one zip per function and architecture.
//!
//! Zips stay on disk until one is uploaded, which is rare: together they are a tenth of what the operator needs itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aigw_plan::Function;

/// One zip.
#[derive(Clone, PartialEq, Eq)]
pub struct FunctionCode {
    zip: Zip,
    /// SHA-256 of the content, base64: what Lambda reports as `CodeSha256`.
    pub sha256: String,
}

/// Where the content is.
#[derive(Clone, PartialEq, Eq)]
enum Zip {
    Held(Arc<[u8]>),
    File(PathBuf),
}

impl FunctionCode {
    /// Code that is at hand, for tests.
    pub fn held(zip: &[u8], sha256: impl Into<String>) -> Self {
        Self { zip: Zip::Held(zip.into()), sha256: sha256.into() }
    }

    /// The content.
    ///
    /// # Errors
    /// [`CodeError::Unreadable`] where the file is no longer there.
    pub fn zip(&self) -> Result<Vec<u8>, CodeError> {
        match &self.zip {
            Zip::Held(zip) => Ok(zip.to_vec()),
            Zip::File(path) => read(path),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CodeError> {
    std::fs::read(path).map_err(|source| CodeError::Unreadable { path: path.to_owned(), source })
}

/// Every zip of this build of the operator, by function and architecture (`arm64`, `x86_64`).
#[derive(Clone, Default)]
pub struct FunctionCodes(BTreeMap<(Function, String), FunctionCode>);

/// The zips cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// No architecture is complete.
    #[error(
        "no function code below {0}: expected {{arm64,x86_64}}/{{forwarder,authorizer}}.zip; build it with forwarder/build-functions.sh or set --functions-dir"
    )]
    Missing(PathBuf),
    /// A file cannot be read.
    #[error("cannot read function code {path}")]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl FunctionCodes {
    /// Architectures looked for.
    pub const ARCHITECTURES: [&'static str; 2] = ["arm64", "x86_64"];

    /// Codes from values, for tests.
    pub fn from_codes(codes: impl IntoIterator<Item = ((Function, String), FunctionCode)>) -> Self {
        Self(codes.into_iter().collect())
    }

    /// Reads `{architecture}/{function}.zip` below `directory`; `hash` gives base64 SHA-256.
    ///
    /// # Errors
    /// [`CodeError`] where no architecture has both zips, or a file cannot be read.
    pub fn load(directory: &Path, hash: impl Fn(&[u8]) -> String) -> Result<Self, CodeError> {
        let mut codes = BTreeMap::new();
        for architecture in Self::ARCHITECTURES {
            for function in Function::ALL {
                let path = directory.join(architecture).join(format!("{}.zip", function.as_str()));
                if !path.exists() {
                    continue;
                }
                let sha256 = hash(&read(&path)?);
                codes.insert((function, architecture.to_owned()), FunctionCode { zip: Zip::File(path), sha256 });
            }
        }
        let complete = Self::ARCHITECTURES.iter().any(|architecture| {
            Function::ALL.iter().all(|function| codes.contains_key(&(*function, (*architecture).to_owned())))
        });
        if complete { Ok(Self(codes)) } else { Err(CodeError::Missing(directory.to_owned())) }
    }

    /// The zip of `function` for `architecture`.
    pub fn get(&self, function: Function, architecture: &str) -> Option<&FunctionCode> {
        self.0.get(&(function, architecture.to_owned()))
    }

    /// The zip whose hash is `sha256`.
    pub fn by_hash(&self, sha256: &str) -> Option<&FunctionCode> {
        self.0.values().find(|code| code.sha256 == sha256)
    }

    /// Hashes by function and architecture, for the plan.
    pub fn hashes(&self) -> BTreeMap<(Function, String), String> {
        self.0.iter().map(|(key, code)| (key.clone(), code.sha256.clone())).collect()
    }
}
