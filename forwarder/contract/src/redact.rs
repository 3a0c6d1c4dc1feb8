//! Takes credentials out of text that somebody else wrote: a server that refuses a value may repeat it in its message,
//! and messages end in logs, Events and conditions.

use std::borrow::Cow;

use crate::credential::PREFIX;

/// How a credential begins where it is encoded as in a Secret's data.
const ENCODED: &str = "YWlnd1";
/// Stands for what was taken out.
const GAP: &str = "***";

/// `text` with each credential in it, whole or cut off, ended after its ids. One that is encoded is taken out whole.
pub fn redacted(text: &str) -> Cow<'_, str> {
    // Every beginning counts, also one inside of what another began: whoever wrote the text may have put a secret behind
    // something that looks like a part of one.
    let plain = text.match_indices(PREFIX).map(|(at, _)| (at, credential(&text[at..])));
    let encoded = text.match_indices(ENCODED).map(|(at, _)| (at, encoded(&text[at..])));
    let mut secrets: Vec<(usize, usize)> = plain
        .chain(encoded)
        .map(|(at, (begin, end))| (at + begin, at + end))
        .filter(|(begin, end)| begin < end)
        .collect();
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    secrets.sort_unstable();
    let mut shown = String::with_capacity(text.len());
    let mut done = 0;
    for (begin, end) in secrets {
        if begin >= done {
            shown.push_str(&text[done..begin]);
            shown.push_str(GAP);
        }
        done = done.max(end);
    }
    shown.push_str(&text[done..]);
    Cow::Owned(shown)
}

/// Where the secret part of what begins like a credential begins and ends; the same where there is none.
fn credential(text: &str) -> (usize, usize) {
    let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let mut at = PREFIX.len();
    for _ in ["tenant", "key"] {
        at += run(&text[at..], is_id);
        if !text[at..].starts_with('_') {
            return (PREFIX.len(), PREFIX.len());
        }
        at += 1;
    }
    (at, at + run(&text[at..], |byte| byte.is_ascii_alphanumeric()))
}

fn encoded(text: &str) -> (usize, usize) {
    (0, run(text, |byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)))
}

/// Bytes at the beginning for which `holds`.
fn run(text: &str, holds: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| holds(*byte)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Credential;

    #[test]
    fn of_a_credential_the_ids_stay() {
        let cases = [
            ("value 'aigw_t1_k2_Abc123', again aigw_t1_k2_Abc.", "value 'aigw_t1_k2_***', again aigw_t1_k2_***."),
            ("data[key]: Invalid value: \"YWlnd190MV9rMl9BYmMxMjM=\": no", "data[key]: Invalid value: \"***\": no"),
            ("aigw_reconciliations_total is no credential", "aigw_reconciliations_total is no credential"),
            ("aigw_t1_k2_ and aigw_", "aigw_t1_k2_ and aigw_"),
            // What stands before a credential is no part of it.
            ("YWlnd1aigw_t1_k2_Abc123", "***_t1_k2_***"),
            ("aigw_aigw_t1_k2_Abc123", "aigw_aigw_t1_***_***"),
            ("aigw_t1_aigw_t1_k2_Abc123", "aigw_t1_aigw_***_k2_***"),
            ("aigw_aigw_k2_Abc123", "aigw_aigw_k2_***"),
            ("table aigw-3k9x0b2c4d", "table aigw-3k9x0b2c4d"),
        ];
        for (text, expected) in cases {
            assert_eq!(redacted(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_credential_is_left(random: [u8; 32], tenant in "[a-z0-9-]{1,32}", around in "(aigw_|YWlnd1|[ -~]){0,8}") {
            let made = Credential::new(&tenant, "k1", &random).unwrap();
            let text = format!("{around}{} {around}", made.expose());
            let secret = made.expose().rsplit('_').next().unwrap();
            let once = redacted(&text).into_owned();
            prop_assert!(!once.contains(secret));
            prop_assert_eq!(redacted(&once), once.as_str());
        }

        #[test]
        fn arbitrary_text_never_panics(text in "(aigw_|YWlnd1|\\PC|_){0,20}") {
            let _ = redacted(&text);
        }
    }
}
