//! Every credential that tests have seen issued, so that a test at the end can look for them where none may be.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes a credential.
pub fn note(credential: &str) {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(credential.to_owned());
}

/// The secret parts (with their check sum) of all credentials noted: what comes after the last `_`. Whoever prints the
/// whole credential prints this.
pub fn secret_parts() -> Vec<String> {
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.iter().filter_map(|credential| credential.rsplit('_').next().map(str::to_owned)).collect()
}
