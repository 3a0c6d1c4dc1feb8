//! The client credential: `aigw_<tenant>_<key>_<secret><checksum>`.
//!
//! The tenant and key ids are readable so that a lookup needs no search; the secret carries 256 random bits; the
//! checksum lets secret scanners, and us, refuse a mistyped or made-up value without a table read. Only the SHA-256
//! of the whole text leaves the cluster. The type's `Debug` hides the secret.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub(crate) const PREFIX: &str = "aigw_";
/// Characters of the secret part: 43 base-62 digits hold 256 bits.
const SECRET_LENGTH: usize = 43;
/// Characters of the checksum: six base-62 digits hold 32 bits and more.
const CHECKSUM_LENGTH: usize = 6;
/// Longest tenant or key id that is accepted.
const MAX_ID_LENGTH: usize = 32;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A well-formed client credential. Well-formed says nothing about validity: compare [`Credential::sha256`] for that.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    text: String,
    tenant_end: usize,
    key_end: usize,
}

/// The text is not one of our credentials. The message never contains any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed gateway credential")]
pub struct MalformedCredential;

impl Credential {
    /// Builds a credential from ids and 32 random bytes.
    ///
    /// # Errors
    /// [`MalformedCredential`] where an id is empty, too long, or not of `[a-z0-9-]`.
    pub fn new(tenant: &str, key: &str, random: &[u8; 32]) -> Result<Self, MalformedCredential> {
        let body = format!("{PREFIX}{tenant}_{key}_{}", base62(random, SECRET_LENGTH));
        let text = format!("{body}{}", checksum(&body));
        Self::parse(&text)
    }

    /// Parses the text a client presented.
    ///
    /// # Errors
    /// [`MalformedCredential`] for anything that [`Credential::new`] cannot have made.
    pub fn parse(text: &str) -> Result<Self, MalformedCredential> {
        let rest = text.strip_prefix(PREFIX).ok_or(MalformedCredential)?;
        let mut parts = rest.split('_');
        let (Some(tenant), Some(key), Some(tail), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedCredential);
        };
        let well_formed_tail =
            tail.len() == SECRET_LENGTH + CHECKSUM_LENGTH && tail.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id(tenant) || !is_id(key) || !well_formed_tail {
            return Err(MalformedCredential);
        }
        let (body, sum) = text.split_at(text.len() - CHECKSUM_LENGTH);
        if checksum(body) != sum {
            return Err(MalformedCredential);
        }
        let tenant_end = PREFIX.len() + tenant.len();
        Ok(Self { tenant_end, key_end: tenant_end + 1 + key.len(), text: text.to_owned() })
    }

    /// Id of the tenant.
    pub fn tenant(&self) -> &str {
        &self.text[PREFIX.len()..self.tenant_end]
    }

    /// Id of the key within the tenant.
    pub fn key(&self) -> &str {
        &self.text[self.tenant_end + 1..self.key_end]
    }

    /// The whole credential. Only for the tenant's own Secret and for the wire.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the whole credential as lower-case hex: what the table stores.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.text.as_bytes()))
    }

    /// Whether this credential's hash is `expected`, compared in constant time.
    pub fn matches(&self, expected: &str) -> bool {
        self.sha256().as_bytes().ct_eq(expected.as_bytes()).into()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credential({PREFIX}{}_{}_***)", self.tenant(), self.key())
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn checksum(body: &str) -> String {
    base62(&Sha256::digest(body.as_bytes())[..4], CHECKSUM_LENGTH)
}

/// The big-endian number in `bytes` as `length` base-62 digits, most significant first.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = Vec::with_capacity(length);
    for _ in 0..length {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = remainder * 256 + u32::from(*byte);
            // Both fit: the quotient of a value below 62 * 256 is below 256, the remainder below 62.
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            remainder = value % 62;
        }
        digits.push(char::from(ALPHABET[remainder as usize]));
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_made_credential_parses_back(random: [u8; 32], tenant in "[a-z0-9-]{1,32}", key in "k[0-9]{1,4}") {
            let made = Credential::new(&tenant, &key, &random).unwrap();
            let parsed = Credential::parse(made.expose()).unwrap();
            prop_assert_eq!(parsed.tenant(), &tenant);
            prop_assert_eq!(parsed.key(), &key);
            prop_assert!(parsed.matches(&made.sha256()));
            let shown = format!("{made:?}");
            prop_assert!(!shown.contains(&made.expose()[made.key_end + 1..]));
        }

        #[test]
        fn one_changed_character_is_noticed(random: [u8; 32], at in 0_usize..49) {
            let made = Credential::new("t1", "k1", &random).unwrap();
            let mut text = made.expose().as_bytes().to_vec();
            let position = text.len() - 49 + at;
            text[position] = if text[position] == b'a' { b'b' } else { b'a' };
            prop_assert!(Credential::parse(std::str::from_utf8(&text).unwrap()).is_err());
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC*") {
            let _ = Credential::parse(&text);
        }
    }

    #[test]
    fn distinct_random_bytes_make_distinct_secrets() {
        let low = Credential::new("t", "k", &[0; 32]).unwrap();
        let mut bytes = [0; 32];
        bytes[31] = 1;
        assert_ne!(low.expose(), Credential::new("t", "k", &bytes).unwrap().expose());
        assert_ne!(low.expose(), Credential::new("t", "k", &[255; 32]).unwrap().expose());
    }
}
