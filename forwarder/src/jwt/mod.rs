//! JSON Web Tokens in compact form: parsed strictly, then verified against one issuer's keys. Pure: no I/O, no clock.
//!
//! An own verifier of a few hundred lines over `ring`, which TLS brings along anyway: libraries for this are lenient
//! where we must not be (absent claims, `nbf`, repeated keys), and what a token may make us do is short enough to be
//! read here in whole. Only the parts of a header named in this module have any effect: keys and URLs a token brings
//! along (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.

mod claims;
mod json;
mod signature;

use aigw_contract::issuer::Algorithm;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

pub use claims::Claims;

/// Longest token, in bytes. API Gateway takes 10,240 bytes of headers in all.
pub const MAX_TOKEN: usize = 8_192;
/// Values of the header `typ` that mean a token for access. Others have a meaning of their own, such as a logout.
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];
/// Header parameters that change what the rest means. None is implemented, so none may be there.
const MEANINGFUL: [&str; 5] = ["crit", "b64", "enc", "zip", "cty"];

/// Why a token is not accepted. Holds nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum Refused {
    /// It is not a token at all.
    Malformed(&'static str),
    /// The issuer's keys do not include the one it names: they may have been replaced since they were read.
    UnknownKey,
    /// It is a token, and not one of this issuer for us now.
    Invalid(&'static str),
}

impl Refused {
    /// Why, in words for the log.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed(reason) | Self::Invalid(reason) => reason,
            Self::UnknownKey => "signed with a key the issuer is not known to have",
        }
    }
}

/// What a token is verified against.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// Exact `iss`.
    pub issuer: &'a str,
    /// `aud` must name one of them.
    pub audiences: &'a [String],
    /// `alg` must be one of them.
    pub algorithms: &'a [Algorithm],
    /// The issuer's keys.
    pub keys: &'a [&'a Map<String, Value>],
}

/// A well-formed token. Nothing in it is true before [`Token::verify`].
#[derive(Debug)]
pub struct Token<'a> {
    algorithm: Algorithm,
    key_id: String,
    /// An object.
    payload: Value,
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Parses the compact form.
    ///
    /// # Errors
    /// [`Refused::Malformed`].
    pub fn parse(text: &'a str) -> Result<Self, Refused> {
        let malformed = Refused::Malformed;
        if text.len() > MAX_TOKEN {
            return Err(malformed("the token is too large"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("not three parts"));
        };
        let signed = &text.as_bytes()[..header.len() + 1 + payload.len()];
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("not base64url without padding"));
        let object =
            |part: &str| json::object(&decode(part)?).ok_or(malformed("not a JSON object, or one with a key twice"));
        let header = object(header)?;
        if MEANINGFUL.iter().any(|name| header.get(*name).is_some()) {
            return Err(malformed("a header parameter that is not supported"));
        }
        if let Some(kind) = header.get("typ") {
            let known = kind.as_str().is_some_and(|kind| TYPES.iter().any(|known| kind.eq_ignore_ascii_case(known)));
            if !known {
                return Err(malformed("a token of another type"));
            }
        }
        let text_of = |name: &str| header.get(name).and_then(Value::as_str);
        let algorithm = text_of("alg").and_then(Algorithm::named).ok_or(malformed("no supported algorithm"))?;
        let key_id = text_of("kid").filter(|id| !id.is_empty()).ok_or(malformed("no key id"))?.to_owned();
        let signature = decode(signature)?;
        Ok(Self { algorithm, key_id, payload: object(payload)?, signed, signature })
    }

    /// The issuer it claims to be of; only to choose whom to verify it against.
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.payload.get("iss")?.as_str()
    }

    /// Verifies signature and claims at `now`, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`Refused`] for the first thing that is wrong.
    pub fn verify(&self, trust: &Trust<'_>, now: i64) -> Result<Claims<'_>, Refused> {
        if self.claimed_issuer() != Some(trust.issuer) {
            return Err(Refused::Invalid("of another issuer"));
        }
        if !trust.algorithms.contains(&self.algorithm) {
            return Err(Refused::Invalid("an algorithm the issuer's entry does not list"));
        }
        let mut named = trust.keys.iter().filter(|key| key.get("kid").and_then(Value::as_str) == Some(&self.key_id));
        let key = named.next().ok_or(Refused::UnknownKey)?;
        if named.next().is_some() {
            return Err(Refused::Invalid("the issuer has several keys of that id"));
        }
        signature::verify(self.algorithm, key, self.signed, &self.signature)?;
        claims::verify(&self.payload, trust, now)
    }
}

#[cfg(test)]
mod tests;
