//! Every credential that tests have seen issued, so that a test at the end can look for them where none may be.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes a credential.
pub fn note(credential: &str) {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(credential.to_owned());
}

/// The secret parts of all credentials noted: of one of ours what comes after the last `_`, with its check sum; of a token its
/// signature. Whoever prints the whole credential prints this.
pub fn secret_parts() -> Vec<String> {
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.iter().map(|credential| secret_part(credential).to_owned()).collect()
}

/// A signature may have a `_` anywhere: what follows it may be a single letter, which is in every log.
fn secret_part(credential: &str) -> &str {
    let separator = if credential.starts_with("aigw_") { '_' } else { '.' };
    credential.rsplit(separator).next().unwrap_or(credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_part_of_a_token_is_its_whole_signature() {
        assert_eq!(secret_part("aigw_t1_k1_SECRETsum"), "SECRETsum");
        assert_eq!(secret_part("e30.e30.abc_def-g_h"), "abc_def-g_h");
    }
}
