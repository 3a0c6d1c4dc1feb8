//! AWS rights: the documents we ship, made from the calls that tests recorded, and a judge that says whether a document
//! allows a call.
//!
//! [`request`] knows which rights a call takes, [`documents`] how each right is scoped, [`policy`] how IAM decides. What is
//! recorded is a file, so that the documents can be checked without running what recorded it.

pub mod documents;
pub mod policy;
pub mod request;

use std::collections::BTreeSet;

use crate::{Outcome, repository};

/// Operations that the operator calls, one a line, as the scenarios recorded them.
pub const RECORDED: &str = "tests/fixtures/iam/operator-calls.txt";

/// Reads [`RECORDED`].
pub fn recorded() -> Outcome<BTreeSet<String>> {
    Ok(repository::read(RECORDED)?.lines().map(str::to_owned).collect())
}
